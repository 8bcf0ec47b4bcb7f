import { byText } from "../../base/order.ts";
import { NODE_POOL_LABEL, WELL_KNOWN_LABELS } from "../../model/labels.ts";
import { anyValue, operatorOf, requirementsOf } from "../../model/requirements.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { parseResources } from "../../model/resources.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { isTrue } from "../lifecycle/conditions.ts";
import { claimName } from "./claim-name.ts";
import type { PlannedClaim } from "./provision-plan.ts";

/** The claims of a pool with a fixed number of nodes. */
export type StaticCount = {
  /** Staying, in order of name. */
  active: readonly NodeClaim[];
  /** About to be replaced: their successors count as active. */
  leaving: number;
  /** Being deleted. */
  deleting: number;
  /** How many more limits.nodes allows, whatever the present ones are about to do. */
  room: number;
};

export function countStatic({ view, memory }: Snapshot, pool: NodePool): StaticCount {
  const own = [...view.nodeClaims.values()].filter(
    ({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] === pool.metadata.name,
  );
  const staying = own.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const isLeaving = (claim: NodeClaim): boolean =>
    isTrue(claim, "DisruptionReason") || memory.markedForDeletion.has(claim.metadata.name);
  const limit = parseResources(pool.spec.limits)["nodes"] ?? Number.POSITIVE_INFINITY;
  return {
    active: staying.filter((claim) => !isLeaving(claim)).sort((a, b) => byText(a.metadata.name, b.metadata.name)),
    leaving: staying.filter(isLeaving).length,
    deleting: own.length - staying.length,
    room: Math.max(0, limit - own.length),
  };
}

/** What a static pool lacks, as claims to create: a node that is about to be replaced is not lacking. */
export function planStaticPool(snapshot: Snapshot, pool: NodePool): PlannedClaim[] {
  const { active, leaving, room } = countStatic(snapshot, pool);
  const lacking = Math.min((pool.spec.replicas ?? 0) - active.length - leaving, room);
  const planned: PlannedClaim[] = [];
  for (let ordinal = 0; planned.length < lacking; ordinal += 1) {
    const claim = bareClaim(pool, String(ordinal));
    if (!snapshot.view.nodeClaims.has(claim.name)) planned.push(claim);
  }
  return planned;
}

/**
 * A claim that is nothing but the pool's template: the provider picks the cheapest that it allows.
 * @param seed equal ones give equal names
 */
export function bareClaim(pool: NodePool, seed: string): PlannedClaim {
  const { template } = pool.spec;
  const { nodeClassRef, requirements = [] } = template.spec;
  const labels: Record<string, string> = { ...template.metadata?.labels };
  for (const r of requirementsOf(requirements).values()) {
    const isOwn = !WELL_KNOWN_LABELS.includes(r.key) && ["In", "Exists"].includes(operatorOf(r));
    if (isOwn) labels[r.key] = anyValue(r);
  }
  return {
    name: claimName(pool.metadata.name, [pool.metadata.uid, seed]),
    nodePool: pool.metadata.name,
    pods: [],
    instanceTypes: [],
    requirements,
    requests: {},
    labels: {
      ...labels,
      [NODE_POOL_LABEL]: pool.metadata.name,
      [`${nodeClassRef.group}/${nodeClassRef.kind.toLowerCase()}`]: nodeClassRef.name,
    },
    cheapestPrice: 0,
    minValuesRelaxed: false,
    why: {
      code: "FixedNumber",
      reason: `one of the ${pool.spec.replicas ?? 0} nodes that NodePool ${pool.metadata.name} keeps`,
    },
  };
}
