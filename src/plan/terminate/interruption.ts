import { formatTime, MINUTE_MS, parseTime, SECOND_MS } from "../../base/time.ts";
import { TERMINATION_TIMESTAMP_ANNOTATION } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { isTrue, NODE_CLAIM_CONDITIONS, setCondition, withConditions } from "../lifecycle/conditions.ts";

/** What follows from a notice, whatever the cloud that sent it. */
export type Interruption = {
  /** Of the event on node and claim, and of the claim's condition. */
  reason: string;
  /** In words, what the cloud has announced. */
  what: string;
  /** Nothing but the event; the node goes as others do; or it goes by a time that nobody can move. */
  effect: "tell" | "delete" | "delete-by-deadline";
  /** From the notice to the deadline. */
  noticeMs: number;
};

/** A cloud gives an instance so long from its notice on. */
const NOTICE_MS = 2 * MINUTE_MS;
/** EC2 takes the instances of a capacity block half an hour before its end: ten minutes after we hear of it. */
const BLOCK_NOTICE_MS = 10 * MINUTE_MS;

const INTERRUPTIONS: ReadonlyMap<string, Interruption> = new Map<string, Interruption>([
  ["spot_interrupted", row("SpotInterrupted", "the spot instance is taken back", "delete-by-deadline")],
  [
    "capacity_reservation_interrupted",
    row("CapacityReservationInstanceInterrupted", "the reserved instance is taken back", "delete-by-deadline"),
  ],
  ["rebalance_recommendation", row("SpotRebalanceRecommendation", "the spot instance is at risk", "tell")],
  ["scheduled_change", row("InstanceUnhealthy", "work on the machine is scheduled", "delete")],
  ["instance_stopped", row("InstanceStopping", "the instance stops", "delete-by-deadline")],
  ["instance_terminated", row("InstanceTerminating", "the instance terminates", "delete-by-deadline")],
  ["instance_status", row("InstanceUnhealthy", "the instance does not work", "delete-by-deadline", 0)],
  ["system_status", row("InstanceUnhealthy", "the machine below the instance does not work", "delete-by-deadline", 0)],
  ["event_status", row("InstanceUnhealthy", "work on the machine is scheduled", "delete")],
  [
    "capacity_block_expiring",
    row("CapacityReservationInstanceInterrupted", "the capacity block ends", "delete-by-deadline", BLOCK_NOTICE_MS),
  ],
]);

function row(reason: string, what: string, effect: Interruption["effect"], noticeMs: number = NOTICE_MS): Interruption {
  return { reason, what, effect, noticeMs };
}

/** Undefined for kinds that mean nothing here. */
export function interruptionOf(kind: string): Interruption | undefined {
  return INTERRUPTIONS.get(kind);
}

const CONDITION = "Interrupted";

/**
 * The claim that knows of its interruption: by when its pods are gone, and why. A deadline that is earlier already stays;
 * a later one (of its terminationGracePeriod) does not.
 */
export function interruptedClaim(
  claim: NodeClaim,
  { reason, what, effect, noticeMs }: Interruption,
  sentAtMs: number,
  nowMs: number,
): NodeClaim {
  const { annotations = {} } = claim.metadata;
  const knownMs = parseTime(annotations[TERMINATION_TIMESTAMP_ANNOTATION] ?? "") ?? Number.POSITIVE_INFINITY;
  const deadlineMs = sentAtMs + noticeMs;
  const hasDeadline = effect === "delete-by-deadline";
  const message = hasDeadline ? `${what}; it is gone by ${formatTime(deadlineMs)}` : what;
  const dated: NodeClaim =
    hasDeadline && deadlineMs < knownMs
      ? {
          ...claim,
          metadata: {
            ...claim.metadata,
            annotations: { ...annotations, [TERMINATION_TIMESTAMP_ANNOTATION]: formatTime(deadlineMs) },
          },
        }
      : claim;
  const condition = { type: CONDITION, status: "True", reason, message } as const;
  return withConditions(dated, setCondition(dated, NODE_CLAIM_CONDITIONS, condition, nowMs));
}

/** A pod that no eviction has moved is deleted this long before its instance is gone, also if it may take longer. */
const INTERRUPTED_GRACE_MAX_MS = MINUTE_MS;

/**
 * How long before its node's deadline a pod is deleted at most. Ordinarily its own grace decides; where the cloud decides,
 * even a pod with a long one is asked politely for a while.
 */
export function forcedGraceMaxSeconds(claim: NodeClaim | undefined): number {
  return claim !== undefined && isTrue(claim, CONDITION)
    ? INTERRUPTED_GRACE_MAX_MS / SECOND_MS
    : Number.POSITIVE_INFINITY;
}

/** Whatever holds the pods of a node that must be empty so soon will not hold them for long: places are made for all. */
const NEAR_MS = 5 * MINUTE_MS;

/** Whether all pods of the claim's node are about to go, protected or not. */
export function isDeadlineNear(claim: NodeClaim | undefined, nowMs: number): boolean {
  const deadlineMs = parseTime(claim?.metadata.annotations?.[TERMINATION_TIMESTAMP_ANNOTATION] ?? "");
  return deadlineMs !== undefined && deadlineMs - nowMs <= NEAR_MS;
}
