import { MINUTE_MS, parseTime } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import { DISRUPTED_TAINT_KEY, NODE_POOL_LABEL } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";

/* What judges ask about nodes and pods that are about to go. */

/** Reasons that are the product's choice; others (age, a dead instance, a user) are not. */
export const VOLUNTARY: ReadonlySet<string> = new Set(["Empty", "Underutilized", "Drifted"]);

export function disruptionReason({ status }: NodeClaim): string | undefined {
  const condition = status?.conditions?.find(({ type, status: is }) => type === "DisruptionReason" && is === "True");
  return condition?.reason;
}

export function isTrue({ status }: NodeClaim, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === "True") === true;
}

export function poolOf({ metadata }: NodeClaim): string {
  return metadata.labels?.[NODE_POOL_LABEL] ?? "";
}

/** Runs, or is about to, and nobody has told it to end. */
export function isAlive({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase !== "Succeeded" && status?.phase !== "Failed";
}

export function isOwnedBy({ metadata }: Pod, kind: string): boolean {
  return metadata.ownerReferences?.some((owner) => owner.kind === kind) === true;
}

/** Has to leave before its instance goes: not done, not the node's own, not one that stays to the end, not stuck. */
export function mustLeaveFirst(pod: Pod, nowMs: number): boolean {
  const { metadata, spec, status } = pod;
  if (status?.phase === "Succeeded" || status?.phase === "Failed" || isOwnedBy(pod, "Node")) return false;
  const staysToTheEnd = spec.tolerations?.some(
    ({ key, operator, effect }) =>
      (key === DISRUPTED_TAINT_KEY || ((key ?? "") === "" && operator === "Exists")) &&
      (effect === undefined || effect === "" || effect === "NoSchedule"),
  );
  const deletedMs = parseTime(metadata.deletionTimestamp ?? "");
  const isStuck = deletedMs !== undefined && nowMs - deletedMs > MINUTE_MS;
  return staysToTheEnd !== true && !isStuck;
}
