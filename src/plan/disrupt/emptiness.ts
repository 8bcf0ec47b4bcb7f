import type { ClusterView } from "../../model/cluster-view.ts";
import { isReschedulable } from "../../model/pod-predicates.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { nodeLoad } from "../fit/node-load.ts";
import { isTrue } from "../lifecycle/conditions.ts";
import { type PoolBudget, poolBudgets } from "./budgets.ts";
import { type Candidate, candidateJudge } from "./candidates.ts";
import { hasStoodEmpty } from "./consolidatable.ts";

export type EmptinessPlan = {
  /** To be deleted: within the budgets, those proposed earlier first, then in order of name. */
  chosen: Candidate[];
  /** Empty and ready to go; more than `chosen` where a budget holds some back. */
  eligible: Candidate[];
  budgets: ReadonlyMap<string, PoolBudget>;
};

export type EmptinessOptions = {
  /** Names of claims that are being disrupted already. */
  underway: ReadonlySet<string>;
  /** When a decision is checked again: uids of the claims that were chosen then. */
  only?: ReadonlySet<string>;
  /** Names of pools whose empty nodes stay for now. */
  paused?: ReadonlySet<string>;
  /** Uids of claims that wait for their check: they keep their place in the budget before others. */
  proposed?: ReadonlySet<string>;
};

/**
 * Nodes that no pod needs. Pods that come back elsewhere keep a node; DaemonSets' and static pods, ended pods and those
 * on their way out do not. (Upstream also takes nodes whose pods all have an extremely low priority for empty.)
 */
export function planEmptiness(
  snapshot: Snapshot,
  { underway, only, proposed, paused }: EmptinessOptions,
): EmptinessPlan {
  const budgets = poolBudgets(snapshot, "Empty");
  const judge = candidateJudge(snapshot, underway, "graceful");
  const isFirst = ({ claim }: Candidate): boolean => proposed?.has(claim.metadata.uid) === true;
  // Most nodes are in use: what else there is to know of those is not asked.
  const eligible = snapshot.stateNodes
    .filter((state) => isSpare(state, snapshot.view))
    .flatMap((state) => {
      const judged = judge(state);
      return judged === undefined || "code" in judged || !isReady(judged, snapshot.nowMs) ? [] : [judged];
    })
    .sort((a, b) => Number(isFirst(b)) - Number(isFirst(a)));
  const room = new Map([...budgets].map(([name, { remaining }]) => [name, remaining]));
  const chosen: Candidate[] = [];
  for (const candidate of eligible) {
    const name = candidate.pool.metadata.name;
    const left = room.get(name) ?? 0;
    if (paused?.has(name) === true) continue;
    if (left <= 0 || (only !== undefined && !only.has(candidate.claim.metadata.uid))) continue;
    room.set(name, left - 1);
    chosen.push(candidate);
  }
  return { chosen, eligible, budgets };
}

/** Consolidation is switched off for the node's pool. */
export function isSwitchedOff({ pool }: Candidate): boolean {
  return pool.spec.disruption?.consolidateAfter === "Never";
}

function isReady(candidate: Candidate, nowMs: number): boolean {
  const { claim, pool } = candidate;
  return pool.spec.replicas === undefined && !isSwitchedOff(candidate) && hasStoodEmpty(claim, pool, nowMs);
}

/** Quiet for long enough, and without a pod that comes back elsewhere. */
export function isSpare(state: StateNode, view: ClusterView): boolean {
  const { claim } = state;
  return claim !== undefined && isTrue(claim, "Consolidatable") && !nodeLoad(view, state).isNeeded;
}

/** Whether any of the pods comes back elsewhere when its node goes. */
export function hasPodsToMove(podKeys: Iterable<string>, view: Pick<ClusterView, "pods">): boolean {
  for (const key of podKeys) {
    const pod = view.pods.get(key);
    if (pod !== undefined && isReschedulable(pod)) return true;
  }
  return false;
}
