import type { NodePool } from "../../model/resources/node-pool.ts";
import { allowedDisruptions } from "../disrupt/budgets.ts";
import {
  clearCondition,
  findCondition,
  NODE_POOL_CONDITIONS,
  setCondition,
  withConditions,
} from "../lifecycle/conditions.ts";

const TYPE = "ValidationSucceeded";

/** The pool with what is wrong with it, in one condition. */
export function poolWithProblems(pool: NodePool, problems: readonly string[], nowMs: number): NodePool {
  const message = problems.join("; ");
  const condition =
    problems.length === 0
      ? ({ type: TYPE, status: "True" } as const)
      : ({ type: TYPE, status: "False", reason: "NodePoolValidationFailed", message } as const);
  return withConditions(pool, setCondition(pool, NODE_POOL_CONDITIONS, condition, nowMs));
}

const BUDGETS_TYPE = "DisruptionBudgetsReadable";

/** What of the pool's budgets cannot be read, which closes them all: an older version of the schema may have let it in. */
export function budgetProblems(pool: NodePool, nowMs: number): string[] {
  return allowedDisruptions(pool, "Empty", 1, nowMs).problems;
}

/** The pool that says so, and only as long as it is so: it stays usable, but nothing of it is disrupted. */
export function poolWithBudgetProblems(pool: NodePool, problems: readonly string[], nowMs: number): NodePool {
  if (problems.length > 0) {
    const message = `Nothing is disrupted: ${problems.join("; ")}`;
    const condition = { type: BUDGETS_TYPE, status: "False", reason: "UnreadableBudget", message } as const;
    return withConditions(pool, setCondition(pool, NODE_POOL_CONDITIONS, condition, nowMs));
  }
  if (findCondition(pool, BUDGETS_TYPE) === undefined) return pool;
  return withConditions(pool, clearCondition(pool, NODE_POOL_CONDITIONS, BUDGETS_TYPE));
}
