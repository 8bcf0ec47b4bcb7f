import { isReschedulable } from "../../model/pod-predicates.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { isTrue } from "../lifecycle/conditions.ts";
import { type PoolBudget, poolBudgets } from "./budgets.ts";
import { type Blocked, type Candidate, findCandidates } from "./candidates.ts";
import { hasStoodEmpty } from "./consolidatable.ts";

export type EmptinessPlan = {
  /** To be deleted: within the budgets, those proposed earlier first, then in order of name. */
  chosen: Candidate[];
  /** Empty and ready to go; more than `chosen` where a budget holds some back. */
  eligible: Candidate[];
  blocked: Blocked[];
  /** Candidates whose pool has switched consolidation off. */
  switchedOff: Candidate[];
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
  const { candidates, blocked } = findCandidates(snapshot, underway);
  const dynamic = candidates.filter(({ pool }) => pool.spec.replicas === undefined);
  const isOff = ({ pool }: Candidate): boolean => pool.spec.disruption?.consolidateAfter === "Never";
  const isFirst = ({ claim }: Candidate): boolean => proposed?.has(claim.metadata.uid) === true;
  const eligible = dynamic
    .filter((candidate) => !isOff(candidate) && isSpare(candidate, snapshot.nowMs))
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
  return { chosen, eligible, blocked, switchedOff: dynamic.filter(isOff), budgets };
}

function isSpare({ claim, pool, pods }: Candidate, nowMs: number): boolean {
  return isTrue(claim, "Consolidatable") && hasStoodEmpty(claim, pool, nowMs) && !pods.some(isReschedulable);
}
