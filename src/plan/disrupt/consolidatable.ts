import { parseTime } from "../../base/time.ts";
import { parseNillableDuration } from "../../model/duration.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { findCondition } from "../lifecycle/conditions.ts";

export type Consolidatable =
  /** Pods came or went long enough ago. */
  | { kind: "yes" }
  /** It never will be, as things are. */
  | { kind: "no" }
  | { kind: "not-yet"; afterMs: number };

/** Whether a node has been quiet for its pool's consolidateAfter: since the last pod event, or since it was initialized. */
export function consolidatable(claim: NodeClaim, pool: NodePool, nowMs: number): Consolidatable {
  if (pool.spec.replicas !== undefined) return { kind: "no" };
  const quietMs = parseNillableDuration(pool.spec.disruption?.consolidateAfter ?? "0s");
  if (quietMs === undefined || quietMs === Number.POSITIVE_INFINITY) return { kind: "no" };
  const initialized = findCondition(claim, "Initialized");
  if (initialized?.status !== "True") return { kind: "no" };
  if (quietMs === 0) return { kind: "yes" };
  const writtenMs = parseTime(claim.status?.lastPodEventTime ?? initialized.lastTransitionTime) ?? nowMs;
  // A time that is still to come was written by a clock that was wrong; the server's own is not.
  const sinceMs = writtenMs <= nowMs ? writtenMs : (parseTime(claim.metadata.creationTimestamp) ?? nowMs);
  const afterMs = sinceMs + quietMs - nowMs;
  return afterMs <= 0 ? { kind: "yes" } : { kind: "not-yet", afterMs };
}
