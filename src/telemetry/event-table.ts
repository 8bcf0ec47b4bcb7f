export type EventRow = {
  readonly reason: string;
  readonly type: "Normal" | "Warning";
  /** Kinds of the objects it is recorded on. */
  readonly kinds: readonly string[];
  readonly meaning: string;
  /** How long an equal one is not published again, where the caller does not say. */
  readonly dedupeMs?: number;
  /** Shares one limit of 5 per second, 10 at once, with all other such events. */
  readonly isRateLimited?: boolean;
};

const FIVE_MINUTES_MS = 300_000;
const QUARTER_HOUR_MS = 900_000;
const MINUTE_MS = 60_000;

/**
 * The reasons of the events that Karpenter records. Beside them, each change of a status condition is an event whose
 * reason is the condition's type.
 * @source reference of the Kubernetes Events
 */
export const EVENT_TABLE: readonly EventRow[] = [
  row("Normal", "Evicted", "Pod", "its eviction was accepted"),
  row("Normal", "Disrupted", "Pod", "it was deleted ahead of its node's deadline"),
  row("Warning", "FailedDraining", "Node", "pods are still there, or may not be evicted"),
  row("Normal", "AwaitingVolumeDetachment", "Node", "volumes are still attached"),
  row("Warning", "TerminationGracePeriodExpiring", "Node NodeClaim", "all pods will be gone by the time given"),
  {
    ...row("Warning", "NodeRepairBlocked", "Node NodeClaim NodePool", "too many nodes are sick"),
    dedupeMs: QUARTER_HOUR_MS,
  },
  row("Normal", "DisruptionLaunching", "NodeClaim", "it is launched in place of another"),
  row("Normal", "DisruptionWaitingReadiness", "NodeClaim", "a disruption waits for it to become ready"),
  row("Normal", "DisruptionTerminating", "Node NodeClaim", "it is disrupted"),
  { ...row("Normal", "Unconsolidatable", "Node NodeClaim", "why it is kept"), dedupeMs: QUARTER_HOUR_MS },
  row("Normal", "DisruptionBlocked", "Node NodeClaim NodePool", "why it may not be disrupted"),
  {
    ...row("Warning", "DriftRolloutPaused", "NodePool", "replacements of its drifted nodes fail"),
    dedupeMs: MINUTE_MS,
  },
  { ...row("Warning", "UnreadableBudget", "NodePool", "its budgets are nonsense"), dedupeMs: QUARTER_HOUR_MS },
  row("Normal", "DisruptionPaused", "NodePool", "until when, for what and why its nodes stay"),
  row("Normal", "DisruptionResumed", "NodePool", "a pause is over"),
  row("Normal", "ConsolidationCandidate", "Node NodeClaim", "a plan would replace it"),
  row("Normal", "ConsolidationRejected", "Node NodeClaim", "a plan did not hold when looked at again"),
  row("Normal", "ConsolidationApproved", "Node NodeClaim NodePool", "a plan saves enough"),
  { ...row("Normal", "Nominated", "Pod", "where it should go"), isRateLimited: true },
  {
    ...row("Warning", "NoCompatibleInstanceTypes", "NodePool", "its requirements rule out all types"),
    dedupeMs: MINUTE_MS,
  },
  { ...row("Warning", "FailedScheduling", "Pod", "why there is no place for it"), dedupeMs: FIVE_MINUTES_MS },
  row("Warning", "FailedConsistencyCheck", "NodeClaim", "its node is not what was bought"),
  row("Warning", "InsufficientCapacityError", "NodeClaim", "the provider is sold out"),
  {
    ...row("Warning", "LaunchFailed", "NodeClaim", "why EC2 or another cloud launched nothing"),
    dedupeMs: FIVE_MINUTES_MS,
  },
  row("Warning", "ReservationUsed", "NodeClaim", "its pool says on-demand, and it is in a capacity reservation"),
  row("Warning", "ZonalShiftActive", "NodePool", "a zone in which nothing is launched for now"),
  row("Normal", "ZonalShiftCleared", "NodePool", "a zone in which nodes are launched again"),
  row(
    "Warning",
    "AccessDenied",
    "EC2NodeClass",
    "the permission that the controller lacks, and the statement that gives it",
  ),
  row(
    "Warning",
    "CredentialsNotTaken",
    "EC2NodeClass",
    "the controller's credentials have expired, or were never good",
  ),
  row("Warning", "NodeClassNotReady", "NodeClaim", "its node class cannot be launched with"),
  row("Warning", "UnregisteredTaintMissing", "NodeClaim", "its node joined without the taint that keeps pods away"),
  row("Normal", "SurgeStarted", "Pod", "its successor is brought up before it leaves its node"),
  { ...row("Warning", "SurgeImpossible", "Pod", "why that cannot be done"), dedupeMs: QUARTER_HOUR_MS },
  row("Warning", "FinalizerRemains", "Node NodeClaim", "finalizers of others keep it"),
  row("Warning", "NodeRenamed", "NodeClaim", "its node has come back under another name"),
  row("Warning", "SpotInterrupted", "NodeClaim Node", "the cloud takes the spot instance back"),
  row(
    "Warning",
    "CapacityReservationInstanceInterrupted",
    "NodeClaim Node",
    "the cloud takes the reserved instance back",
  ),
  row("Normal", "SpotRebalanceRecommendation", "NodeClaim Node", "the spot instance is at risk"),
  row("Warning", "InstanceStopping", "NodeClaim Node", "the instance stops, and not by us"),
  row("Warning", "InstanceTerminating", "NodeClaim Node", "the instance terminates, and not by us"),
  row("Warning", "InstanceUnhealthy", "NodeClaim Node", "work on the machine is scheduled"),
  row("Warning", "TerminatingOnInterruption", "NodeClaim Node", "it is deleted because of an interruption"),
  row("Warning", "InvalidDoNotDisruptAnnotation", "Pod Node", "the annotation's value cannot be read"),
  row("Normal", "DoNotDisruptUntil", "Pod", "until when it is protected"),
  row("Normal", "DoNotDisruptGracePeriodElapsed", "Pod", "it is no longer protected"),
  row("Normal", "Finalized", "NodeClaim NodePool Node", "a finalizer was removed"),
  row("Normal", "LeaderElection", "Lease", "who began or ended to lead"),
];

function row(type: EventRow["type"], reason: string, kinds: string, meaning: string): EventRow {
  return { reason, type, kinds: kinds.split(" "), meaning };
}
