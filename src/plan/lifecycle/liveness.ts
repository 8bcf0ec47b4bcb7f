import { MINUTE_MS, parseTime } from "../../base/time.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { findCondition, isTrue } from "./conditions.ts";

const LAUNCH_TIMEOUT_MS = 5 * MINUTE_MS;
const REGISTRATION_TIMEOUT_MS = 15 * MINUTE_MS;

export type Liveness =
  | { kind: "alive" }
  /** To be looked at again after `ms`. */
  | { kind: "waiting"; ms: number }
  /** The node will not come: the claim is given up, and its pods are planned anew. */
  | { kind: "lost"; reason: "launch_timeout" | "registration_timeout" };

/** Whether to go on waiting for the node: launched within 5 minutes, registered 15 minutes after the creation. */
export function livenessOf(claim: NodeClaim, nowMs: number): Liveness {
  if (isTrue(claim, "Registered")) return { kind: "alive" };
  if (!isTrue(claim, "Launched")) return verdict(claim, "Launched", LAUNCH_TIMEOUT_MS, nowMs);
  return verdict(claim, "Registered", REGISTRATION_TIMEOUT_MS, nowMs);
}

function verdict(claim: NodeClaim, type: "Launched" | "Registered", timeoutMs: number, nowMs: number): Liveness {
  const createdMs = parseTime(claim.metadata.creationTimestamp) ?? nowMs;
  const writtenMs = parseTime(findCondition(claim, type)?.lastTransitionTime ?? "") ?? createdMs;
  // A time that is still to come was written by a clock that was wrong; the server's own is not.
  const sinceMs = writtenMs <= nowMs ? writtenMs : createdMs;
  const ms = sinceMs + timeoutMs - nowMs;
  if (ms > 0) return { kind: "waiting", ms };
  return { kind: "lost", reason: type === "Launched" ? "launch_timeout" : "registration_timeout" };
}
