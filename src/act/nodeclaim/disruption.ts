import { MINUTE_MS } from "../../base/time.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import { NODE_CLAIMS, NODE_POOLS } from "../../model/kinds.ts";
import { NODE_POOL_HASH_ANNOTATION, NODE_POOL_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { consolidatable } from "../../plan/disrupt/consolidatable.ts";
import { driftOf, isTypeJudged } from "../../plan/disrupt/drift-reason.ts";
import {
  clearCondition,
  findCondition,
  isTrue,
  NODE_CLAIM_CONDITIONS,
  setCondition,
  withConditions,
} from "../../plan/lifecycle/conditions.ts";
import { InstanceNotFoundError } from "../../ports/cloud-provider.ts";
import { after, type Change, type Controller, onChange } from "../../runtime/controller.ts";
import { workerCount } from "../../runtime/worker-count.ts";
import { classOf } from "../node-class/node-class.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";
import { patchObject, SHARED_OBJECT_BACKOFF_MS } from "../write.ts";

/** A drift that nothing announces (a new image, a changed catalogue) is looked for so often. */
const DRIFT_RECHECK_MS = 5 * MINUTE_MS;

/** Keeps the conditions of each claim that say whether it may be consolidated, and whether it has drifted. */
export function nodeClaimDisruptionController(needs: Needs): Controller {
  const { mirror, provider, clock, settings } = needs;
  return {
    name: "nodeclaim.disruption",
    workers: workerCount({ min: 10, max: 1_000, cpuMilli: settings.cpuRequestsMilli }),
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor: (change) => claimsOf(needs, change),
    async reconcile(key) {
      const before = mirror.live.nodeClaims.get(key);
      const drift = before === undefined ? undefined : await findDrift(needs, before);
      const claim = mirror.live.nodeClaims.get(key);
      if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return onChange;
      const pool = mirror.live.nodePools.get(claim.metadata.labels?.[NODE_POOL_LABEL] ?? "");
      if (pool === undefined || !isServed(provider, claim)) return onChange;
      const nowMs = clock.nowMs();
      const state = consolidatable(claim, pool, nowMs);
      const quiet = withCondition(
        claim,
        state.kind === "yes" ? { type: "Consolidatable" } : undefined,
        "Consolidatable",
        nowMs,
      );
      const judged = withCondition(
        quiet,
        drift === undefined ? undefined : { type: "Drifted", ...drift },
        "Drifted",
        nowMs,
      );
      await patchObject(needs, NODE_CLAIMS, claim, judged, "status");
      const waitMs = state.kind === "not-yet" ? state.afterMs : DRIFT_RECHECK_MS;
      return after(Math.min(waitMs, DRIFT_RECHECK_MS), "it may become quiet, or drift");
    },
  };
}

/** Why the claim has drifted; undefined while it is not launched, or going already. */
async function findDrift(needs: Needs, claim: NodeClaim): Promise<{ reason: string; message: string } | undefined> {
  const { mirror, provider, clock } = needs;
  if (claim.metadata.deletionTimestamp !== undefined || !isTrue(claim, "Launched")) return undefined;
  const pool = mirror.live.nodePools.get(claim.metadata.labels?.[NODE_POOL_LABEL] ?? "");
  if (pool === undefined || !isServed(provider, claim)) return undefined;
  const nowMs = clock.nowMs();
  const early = driftOf({ claim, pool, nowMs, instanceTypes: undefined });
  const instanceTypes = early === undefined && isTypeJudged(claim, nowMs) ? await typesOf(needs, pool) : undefined;
  const own = early ?? driftOf({ claim, pool, nowMs, instanceTypes });
  if (own !== undefined) return own;
  const reason = await providersReason(needs, claim);
  return reason === undefined ? undefined : { reason, message: `The provider reports ${reason}` };
}

/** While the provider cannot tell, no type counts as gone. */
async function typesOf({ provider, log, mirror }: Needs, pool: NodePool): Promise<readonly InstanceType[] | undefined> {
  try {
    return await provider.instanceTypes(pool, classOf(mirror.live, pool.spec.template.spec.nodeClassRef));
  } catch (error) {
    log.debug("the pool's instance types cannot be had", { NodePool: pool.metadata.name, error });
    return undefined;
  }
}

/** An instance that is gone is a matter for collection. */
async function providersReason({ provider, mirror }: Needs, claim: NodeClaim): Promise<string | undefined> {
  try {
    return await provider.driftReason(claim, classOf(mirror.live, claim.spec.nodeClassRef));
  } catch (error) {
    if (error instanceof InstanceNotFoundError) return undefined;
    throw error;
  }
}

/** The claim with or without the condition; the same claim where that is so already. */
function withCondition(
  claim: NodeClaim,
  condition: { type: string; reason?: string; message?: string } | undefined,
  type: string,
  nowMs: number,
): NodeClaim {
  if (condition === undefined) {
    if (findCondition(claim, type) === undefined) return claim;
    return withConditions(claim, clearCondition(claim, NODE_CLAIM_CONDITIONS, type));
  }
  return withConditions(claim, setCondition(claim, NODE_CLAIM_CONDITIONS, { ...condition, status: "True" }, nowMs));
}

/** A pool's new consolidateAfter or template concerns all its claims; a node class those that use it. */
function claimsOf({ mirror, provider }: Needs, { kind, key, before, after: now }: Change): readonly string[] {
  if (kind === NODE_CLAIMS) return now === undefined ? [] : [key];
  const named = (isMeant: (claim: NodeClaim) => boolean): string[] =>
    [...mirror.live.nodeClaims.values()].filter(isMeant).map(({ metadata }) => metadata.name);
  if (kind === NODE_POOLS) {
    if (before !== undefined && now !== undefined && isSamePool(before, now)) return [];
    return named(({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] === key);
  }
  const isClass = provider.nodeClasses.some((one) => one.group === kind.group && one.kind === kind.kind);
  if (!isClass) return [];
  return named(({ spec }) => spec.nodeClassRef.kind === kind.kind && spec.nodeClassRef.name === key);
}

/** The hash is written a moment after the template has changed. */
function isSamePool(before: KubeObject, now: KubeObject): boolean {
  const hashOf = ({ metadata }: KubeObject): string | undefined => metadata.annotations?.[NODE_POOL_HASH_ANNOTATION];
  return before.metadata.generation === now.metadata.generation && hashOf(before) === hashOf(now);
}
