import type { NodePool } from "../../model/resources/node-pool.ts";
import { NODE_POOL_CONDITIONS, setCondition, withConditions } from "../lifecycle/conditions.ts";

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
