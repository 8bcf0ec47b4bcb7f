import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { findCondition, NODE_POOL_CONDITIONS, setCondition, withConditions } from "../lifecycle/conditions.ts";

/** The last outcomes of a pool's registrations, oldest first: true for a node that came. */
export type RegistrationRing = readonly boolean[];

const RING_SIZE = 4;
const FAILURES_UNHEALTHY = 2;
const TYPE = "NodeRegistrationHealthy";

/** The ring after a restart: what the condition still tells of it. */
export function ringOf(pool: NodePool): RegistrationRing {
  const status = findCondition(pool, TYPE)?.status;
  return status === "True" ? [true] : status === "False" ? [false, false] : [];
}

export function withOutcome(ring: RegistrationRing, isSuccess: boolean): RegistrationRing {
  return [...ring, isSuccess].slice(-RING_SIZE);
}

/**
 * The pool after an outcome has joined its ring. Two failures among the last four make it unhealthy; a success makes it
 * healthy when at most one failure is left.
 * @param claim the claim whose node came or did not
 */
export function poolAfterOutcome(pool: NodePool, ring: RegistrationRing, claim: NodeClaim, nowMs: number): NodePool {
  const failures = ring.filter((isSuccess) => !isSuccess).length;
  if (failures >= FAILURES_UNHEALTHY) {
    if (ring.at(-1) === true) return pool;
    return withConditions(pool, setCondition(pool, NODE_POOL_CONDITIONS, failureOf(claim), nowMs));
  }
  if (ring.at(-1) !== true) return pool;
  return withConditions(pool, setCondition(pool, NODE_POOL_CONDITIONS, { type: TYPE, status: "True" }, nowMs));
}

/** The pool or its class has changed: nothing is known of the new one. The same pool when it has not. */
export function poolAfterEdit(pool: NodePool, classGeneration: number | undefined, nowMs: number): NodePool {
  const condition = findCondition(pool, TYPE);
  const isSamePool = condition !== undefined && condition.observedGeneration === pool.metadata.generation;
  const isSameClass = pool.status?.nodeClassObservedGeneration === classGeneration;
  if (isSamePool && isSameClass) return pool;
  const seen: NodePool = {
    ...pool,
    status: {
      ...pool.status,
      ...(classGeneration === undefined ? {} : { nodeClassObservedGeneration: classGeneration }),
    },
  };
  const message = "no node has come or failed to come since the last change";
  const unknown = { type: TYPE, status: "Unknown", reason: "AwaitingReconciliation", message } as const;
  return withConditions(seen, setCondition(seen, NODE_POOL_CONDITIONS, unknown, nowMs));
}

function failureOf(claim: NodeClaim): { type: string; status: "False"; reason: string; message: string } {
  const launched = findCondition(claim, "Launched");
  if (launched?.status === "True") {
    return { type: TYPE, status: "False", reason: "RegistrationFailed", message: "instances run but do not join" };
  }
  const reason = launched?.reason ?? "";
  return {
    type: TYPE,
    status: "False",
    reason: reason === "" ? "LaunchFailed" : reason,
    message: launched?.message ?? "",
  };
}
