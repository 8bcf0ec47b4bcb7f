import type { NodeClass } from "../../model/cluster-view.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import {
  findCondition,
  type NewCondition,
  NODE_POOL_CONDITIONS,
  setCondition,
  withConditions,
} from "../lifecycle/conditions.ts";

const TYPE = "NodeClassReady";
const NOT_SERVED = "NodeClassNotServed";

/** The pool with the state of its node class; `nodeClass` is undefined when there is none of that name. */
export function poolWithReadiness(pool: NodePool, nodeClass: NodeClass | undefined, nowMs: number): NodePool {
  return withCondition(pool, readinessOf(pool, nodeClass), nowMs);
}

/**
 * The pool of a class kind that no provider here serves, saying so. A pool that another controller looks after keeps
 * what that one says.
 */
export function poolWithoutProvider(pool: NodePool, served: readonly string[], nowMs: number): NodePool {
  const present = findCondition(pool, TYPE);
  const isOurs = present === undefined || present.status === "Unknown" || present.reason === NOT_SERVED;
  if (!isOurs) return pool;
  const { group, kind } = pool.spec.template.spec.nodeClassRef;
  const message = `no provider here serves ${kind}.${group}; served: ${served.join(", ")}`;
  return withCondition(pool, { type: TYPE, status: "False", reason: NOT_SERVED, message }, nowMs);
}

function readinessOf(pool: NodePool, nodeClass: NodeClass | undefined): NewCondition {
  const { kind, name } = pool.spec.template.spec.nodeClassRef;
  if (nodeClass === undefined) {
    return { type: TYPE, status: "False", reason: "NodeClassNotFound", message: `there is no ${kind} "${name}"` };
  }
  if (nodeClass.metadata.deletionTimestamp !== undefined) {
    const message = `${kind} "${name}" is being deleted`;
    return { type: TYPE, status: "False", reason: "NodeClassTerminating", message };
  }
  const ready = nodeClass.status?.conditions?.find(({ type }) => type === "Ready");
  if (ready?.status === "True") return { type: TYPE, status: "True" };
  if (ready === undefined || ready.status === "Unknown") {
    const message = `${kind} "${name}" does not say whether it is ready`;
    return { type: TYPE, status: "False", reason: "NodeClassReadinessUnknown", message };
  }
  return { type: TYPE, status: "False", reason: ready.reason ?? "NodeClassNotReady", message: ready.message ?? "" };
}

function withCondition(pool: NodePool, condition: NewCondition, nowMs: number): NodePool {
  return withConditions(pool, setCondition(pool, NODE_POOL_CONDITIONS, condition, nowMs));
}
