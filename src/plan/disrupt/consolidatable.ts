import { parseTime } from "../../base/time.ts";
import { parseNillableDuration } from "../../model/duration.ts";
import { LAST_LASTING_POD_EVENT_ANNOTATION } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { findCondition, isTrue } from "../lifecycle/conditions.ts";

export type Consolidatable =
  /** Pods came or went long enough ago. */
  | { kind: "yes" }
  /** It never will be, as things are. */
  | { kind: "no" }
  | { kind: "not-yet"; afterMs: number };

/**
 * Whether a node has been quiet for its pool's consolidateAfter: since the last pod event, or since it was initialized. Pods
 * of Jobs do not count: what comes every few minutes would keep the node for ever.
 */
export function consolidatable(claim: NodeClaim, pool: NodePool, nowMs: number): Consolidatable {
  if (pool.spec.replicas !== undefined) return { kind: "no" };
  const wantedMs = consolidateAfterMs(pool);
  if (wantedMs === Number.POSITIVE_INFINITY || !isTrue(claim, "Initialized")) return { kind: "no" };
  const afterMs = wantedMs - quietFor(claim, nowMs);
  return afterMs <= 0 ? { kind: "yes" } : { kind: "not-yet", afterMs };
}

/** Whether an empty node may go. Here Jobs count: a node that the next one is about to come to need not be bought anew. */
export function hasStoodEmpty(claim: NodeClaim, pool: NodePool, nowMs: number): boolean {
  const wantedMs = consolidateAfterMs(pool);
  return wantedMs < Number.POSITIVE_INFINITY && ago(claim, claim.status?.lastPodEventTime, nowMs) >= wantedMs;
}

/** How long ago pods last came or left, Jobs' aside; of a node that has seen none, how long ago it was initialized. */
export function quietFor(claim: NodeClaim, nowMs: number): number {
  const withoutJobs = claim.metadata.annotations?.[LAST_LASTING_POD_EVENT_ANNOTATION];
  const known = withoutJobs !== undefined && parseTime(withoutJobs) !== undefined ? withoutJobs : undefined;
  return ago(claim, known ?? claim.status?.lastPodEventTime, nowMs);
}

function ago(claim: NodeClaim, written: string | undefined, nowMs: number): number {
  const initialized = findCondition(claim, "Initialized")?.lastTransitionTime ?? "";
  const writtenMs = parseTime(written ?? initialized) ?? nowMs;
  // A time that is still to come was written by a clock that was wrong; the server's own is not.
  const sinceMs = writtenMs <= nowMs ? writtenMs : (parseTime(claim.metadata.creationTimestamp) ?? nowMs);
  return Math.max(0, nowMs - sinceMs);
}

function consolidateAfterMs({ spec }: NodePool): number {
  return parseNillableDuration(spec.disruption?.consolidateAfter ?? "0s") ?? Number.POSITIVE_INFINITY;
}
