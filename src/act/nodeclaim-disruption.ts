import { NODE_CLAIMS, NODE_POOLS } from "../model/kinds.ts";
import { NODE_POOL_LABEL } from "../model/labels.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import { consolidatable } from "../plan/disrupt/consolidatable.ts";
import {
  clearCondition,
  findCondition,
  NODE_CLAIM_CONDITIONS,
  setCondition,
  withConditions,
} from "../plan/lifecycle/conditions.ts";
import { after, type Change, type Controller, onChange } from "../runtime/controller.ts";
import { workerCount } from "../runtime/worker-count.ts";
import type { Needs } from "./ports.ts";
import { isServed } from "./snapshot-now.ts";
import { patchObject, SHARED_OBJECT_BACKOFF_MS } from "./write.ts";

/** Timers longer than a day are set again then: none must overflow. */
const WAIT_MAX_MS = 86_400_000;

/** Keeps the condition of each claim that says whether it may be consolidated. */
export function nodeClaimDisruptionController(needs: Needs): Controller {
  const { mirror, provider, clock, settings } = needs;
  return {
    name: "nodeclaim.disruption",
    workers: workerCount({ min: 10, max: 1_000, cpuMilli: settings.cpuRequestsMilli }),
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor: (change) => claimsOf(needs, change),
    async reconcile(key) {
      const claim = mirror.live.nodeClaims.get(key);
      if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return onChange;
      const pool = mirror.live.nodePools.get(claim.metadata.labels?.[NODE_POOL_LABEL] ?? "");
      if (pool === undefined || !isServed(provider, claim)) return onChange;
      const nowMs = clock.nowMs();
      const state = consolidatable(claim, pool, nowMs);
      await patchObject(needs, NODE_CLAIMS, claim, noted(claim, state.kind === "yes", nowMs), "status");
      return state.kind === "not-yet"
        ? after(Math.min(state.afterMs, WAIT_MAX_MS), "pods came or went a short while ago")
        : onChange;
    },
  };
}

/** The claim with or without the condition; the same claim where that is so already. */
function noted(claim: NodeClaim, isConsolidatable: boolean, nowMs: number): NodeClaim {
  const type = "Consolidatable";
  if (isConsolidatable) {
    return withConditions(claim, setCondition(claim, NODE_CLAIM_CONDITIONS, { type, status: "True" }, nowMs));
  }
  if (findCondition(claim, type) === undefined) return claim;
  return withConditions(claim, clearCondition(claim, NODE_CLAIM_CONDITIONS, type));
}

/** A pool's new consolidateAfter concerns all its claims. */
function claimsOf({ mirror }: Needs, { kind, key, before, after: now }: Change): readonly string[] {
  if (kind === NODE_CLAIMS) return now === undefined ? [] : [key];
  if (kind !== NODE_POOLS || before?.metadata.generation === now?.metadata.generation) return [];
  return [...mirror.live.nodeClaims.values()]
    .filter(({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] === key)
    .map(({ metadata }) => metadata.name);
}
