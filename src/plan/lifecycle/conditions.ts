import { formatTime } from "../../base/time.ts";
import type { Condition, KubeObject } from "../../model/object.ts";

/**
 * The conditions of one of our kinds. Every function returns a new list, or the same one when nothing changed, so that
 * nothing is written without need.
 * @source reference of the v1 API, section 6. There a root's message follows the newest transition; here it follows the
 *   declared order, so that equal states read the same.
 */
export type ConditionOwner = KubeObject & { status?: { conditions?: Condition[] } };

/** Which conditions make up Ready, in the order they are reached. */
export type ConditionTypes = { dependents: readonly string[] };
export const NODE_CLAIM_CONDITIONS: ConditionTypes = { dependents: ["Launched", "Registered", "Initialized"] };
export const NODE_POOL_CONDITIONS: ConditionTypes = { dependents: ["ValidationSucceeded", "NodeClassReady"] };

export type NewCondition = { type: string; status: Condition["status"]; reason?: string; message?: string };

const ROOT = "Ready";
const AWAITING = "AwaitingReconciliation";

/** The condition of that type as it is, or undefined. */
export function findCondition(owner: ConditionOwner, type: string): Condition | undefined {
  return owner.status?.conditions?.find((condition) => condition.type === type);
}

/** Whether the condition is there and "True". */
export function isTrue(owner: ConditionOwner, type: string): boolean {
  return findCondition(owner, type)?.status === "True";
}

/** The owner's conditions with Ready and all it depends on: missing ones are Unknown since the creation. */
export function startedConditions(owner: ConditionOwner, { dependents }: ConditionTypes): Condition[] {
  const present = owner.status?.conditions ?? [];
  const missing = [...dependents, ROOT].filter((type) => !present.some((condition) => condition.type === type));
  if (missing.length === 0) return present;
  const added = missing.map(
    (type): Condition => ({
      type,
      status: "Unknown",
      lastTransitionTime: owner.metadata.creationTimestamp,
      reason: AWAITING,
      message: "nothing has been found out yet",
      ...observed(owner),
    }),
  );
  return sorted([...present, ...added]);
}

/** With one condition set. Its time moves only with its status. */
export function setCondition(
  owner: ConditionOwner,
  types: ConditionTypes,
  { type, status, reason = type, message = "" }: NewCondition,
  nowMs: number,
): Condition[] {
  const conditions = startedConditions(owner, types);
  const before = conditions.find((condition) => condition.type === type);
  const now = formatTime(nowMs);
  const after: Condition = {
    type,
    status,
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
    reason,
    message,
    ...observed(owner),
  };
  const next = before === undefined ? [...conditions, after] : replaced(conditions, after);
  return rooted(next, owner, types.dependents, now);
}

/** Without an extra condition; Ready and what it depends on cannot be taken away. */
export function clearCondition(owner: ConditionOwner, types: ConditionTypes, type: string): Condition[] {
  const conditions = startedConditions(owner, types);
  if (type === ROOT || types.dependents.includes(type)) return conditions;
  const rest = conditions.filter((condition) => condition.type !== type);
  return rest.length === conditions.length ? conditions : rest;
}

/** Sets the conditions on a copy of the owner; the same owner when they are the same. */
export function withConditions<T extends ConditionOwner>(owner: T, conditions: Condition[]): T {
  return conditions === owner.status?.conditions ? owner : { ...owner, status: { ...owner.status, conditions } };
}

function rooted(
  conditions: readonly Condition[],
  owner: ConditionOwner,
  dependents: readonly string[],
  now: string,
): Condition[] {
  const bumped = owner.metadata.deletionTimestamp === undefined ? conditions : conditions.map((c) => bump(c, owner));
  const unhealthy = dependents
    .map((type) => bumped.find((condition) => condition.type === type))
    .filter((condition) => condition !== undefined)
    .filter((condition) => condition.status !== "True" || isStale(condition, owner));
  const isFalse = unhealthy.some((condition) => condition.status === "False" && !isStale(condition, owner));
  const before = bumped.find((condition) => condition.type === ROOT);
  const status = unhealthy.length === 0 ? "True" : isFalse ? "False" : "Unknown";
  const root: Condition = {
    type: ROOT,
    status,
    lastTransitionTime: before === undefined || before.status === status ? (before?.lastTransitionTime ?? now) : now,
    reason: unhealthy.length === 0 ? ROOT : isFalse ? "UnhealthyDependents" : "ReconcilingDependents",
    message: unhealthy.map((condition) => `${condition.type}=${condition.status}`).join(", "),
    ...observed(owner),
  };
  return sorted([...bumped.filter((condition) => condition.type !== ROOT), root]);
}

/** By time of the last transition, Ready last; the sort keeps the order of equals. */
function sorted(conditions: Condition[]): Condition[] {
  const rank = (condition: Condition): string =>
    condition.type === ROOT ? "~" : condition.lastTransitionTime.slice(0, 19);
  return conditions.sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}

function replaced(conditions: readonly Condition[], after: Condition): Condition[] {
  return conditions.map((condition) => (condition.type === after.type ? after : condition));
}

function bump(condition: Condition, owner: ConditionOwner): Condition {
  return { ...condition, ...observed(owner) };
}

function isStale(condition: Condition, owner: ConditionOwner): boolean {
  return (condition.observedGeneration ?? 0) < (owner.metadata.generation ?? 0);
}

function observed(owner: ConditionOwner): { observedGeneration?: number } {
  const { generation } = owner.metadata;
  return generation === undefined ? {} : { observedGeneration: generation };
}
