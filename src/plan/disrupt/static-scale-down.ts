import { byText } from "../../base/order.ts";
import { parseTime } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import { parseNillableDuration } from "../../model/duration.ts";
import { isActive, isDisruptable, isOwnedByDaemonSet } from "../../model/pod-predicates.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { isTrue } from "../lifecycle/conditions.ts";
import { countStatic } from "../provision/static-pool.ts";
import { evictionCost } from "./eviction-cost.ts";

/**
 * The claims that a static pool has too many: first those that are not launched, then empty nodes, then those without
 * protected pods; among equals the ones whose pods cost least to move, weighed with the time that is left to them.
 * Budgets do not count: the user has asked for fewer nodes.
 * @source reference of disruption, section 14
 */
export function planStaticScaleDown(snapshot: Snapshot, pool: NodePool): NodeClaim[] {
  const { active } = countStatic(snapshot, pool);
  const excess = active.length - (pool.spec.replicas ?? active.length);
  if (excess <= 0) return [];
  const podsOf = podsByClaim(snapshot);
  const ranked = active.map((claim) => {
    const pods = podsOf.get(claim.metadata.name) ?? [];
    return { claim, rank: rankOf(claim, pods, snapshot.nowMs), cost: costOf(claim, pods, snapshot.nowMs) };
  });
  ranked.sort((a, b) => a.rank - b.rank || a.cost - b.cost || byText(a.claim.metadata.name, b.claim.metadata.name));
  return ranked.slice(0, excess).map(({ claim }) => claim);
}

function podsByClaim({ stateNodes, view }: Snapshot): ReadonlyMap<string, readonly Pod[]> {
  return new Map(
    stateNodes.map(({ claim, podKeys }) => [
      claim?.metadata.name ?? "",
      podKeys.map((key) => view.pods.get(key)).filter((pod) => pod !== undefined),
    ]),
  );
}

function rankOf(claim: NodeClaim, pods: readonly Pod[], nowMs: number): number {
  if (!isTrue(claim, "Launched")) return 0;
  const isProtected = pods.some((pod) => isActive(pod) && !isDisruptable(pod, nowMs));
  if (isProtected) return 3;
  return pods.every(isOwnedByDaemonSet) ? 1 : 2;
}

function costOf({ metadata, spec }: NodeClaim, pods: readonly Pod[], nowMs: number): number {
  const lifeMs = parseNillableDuration(spec.expireAfter ?? "Never") ?? Number.POSITIVE_INFINITY;
  const ageMs = nowMs - (parseTime(metadata.creationTimestamp) ?? nowMs);
  const left = Number.isFinite(lifeMs) ? Math.min(1, Math.max(0, (lifeMs - ageMs) / Math.max(1, lifeMs))) : 1;
  return left * pods.reduce((sum, pod) => sum + evictionCost(pod), 0);
}
