import { parseTime } from "../../base/time.ts";
import { parseNillableDuration } from "../../model/duration.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";

/** Whether the claim has outlived its expireAfter, or when it will have; never for "Never". */
export function expiry(
  claim: NodeClaim,
  nowMs: number,
): { kind: "never" | "due" } | { kind: "later"; afterMs: number } {
  const ageMaxMs = parseNillableDuration(claim.spec.expireAfter ?? "Never");
  const createdMs = parseTime(claim.metadata.creationTimestamp);
  if (ageMaxMs === undefined || ageMaxMs === Number.POSITIVE_INFINITY || createdMs === undefined)
    return { kind: "never" };
  const afterMs = createdMs + ageMaxMs - nowMs;
  return afterMs <= 0 ? { kind: "due" } : { kind: "later", afterMs };
}
