/** Labels, annotations, finalizers and taint keys of Karpenter. Source: reference of the v1 API, sections 7 to 9. */
export const NODE_POOL_LABEL = "karpenter.sh/nodepool";
export const CAPACITY_TYPE_LABEL = "karpenter.sh/capacity-type";
export const REGISTERED_LABEL = "karpenter.sh/registered";
export const INITIALIZED_LABEL = "karpenter.sh/initialized";
export const DO_NOT_SYNC_TAINTS_LABEL = "karpenter.sh/do-not-sync-taints";

export const INSTANCE_TYPE_LABEL = "node.kubernetes.io/instance-type";
export const ZONE_LABEL = "topology.kubernetes.io/zone";
export const REGION_LABEL = "topology.kubernetes.io/region";
export const ARCH_LABEL = "kubernetes.io/arch";
export const OS_LABEL = "kubernetes.io/os";
export const HOSTNAME_LABEL = "kubernetes.io/hostname";
export const WINDOWS_BUILD_LABEL = "node.kubernetes.io/windows-build";
/** On nodes of EKS Fargate, "fargate": each runs one pod of its own, whatever room it seems to have. */
export const EKS_COMPUTE_TYPE_LABEL = "eks.amazonaws.com/compute-type";
/** On pods that EKS Fargate runs. */
export const FARGATE_PROFILE_LABEL = "eks.amazonaws.com/fargate-profile";
export const EXCLUDE_BALANCERS_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers";

export const DO_NOT_DISRUPT_ANNOTATION = "karpenter.sh/do-not-disrupt";
export const NODE_POOL_HASH_ANNOTATION = "karpenter.sh/nodepool-hash";
export const NODE_POOL_HASH_VERSION_ANNOTATION = "karpenter.sh/nodepool-hash-version";
export const TERMINATION_TIMESTAMP_ANNOTATION = "karpenter.sh/nodeclaim-termination-timestamp";
export const MIN_VALUES_RELAXED_ANNOTATION = "karpenter.sh/nodeclaim-min-values-relaxed";
/** On a claim that was bought in place of others: which command, so that a restarted controller goes on with it. */
export const REPLACEMENT_ANNOTATION = "karpenter.sh/disruption-command";
/** On a claim: why it has the shape that it has. */
export const SHAPE_REASON_ANNOTATION = "karpenter.sh/shape-reason";
/** On a claim that came of a consolidation: of how many in a row, and what pods asked for at that time. */
export const CONSOLIDATION_ROUND_ANNOTATION = "karpenter.sh/consolidation-round";
/** On a claim to whose node only Jobs' pods have come of late: when another pod last came or left. */
export const LAST_LASTING_POD_EVENT_ANNOTATION = "karpenter.sh/last-lasting-pod-event";
/** On a NodePool: when a node was last bought in it for pods that had none. */
export const LAST_GROWTH_ANNOTATION = "karpenter.sh/last-growth";
/** On a NodePool: until when, for which reasons, and why its nodes are not disrupted. */
export const DISRUPTION_PAUSE_ANNOTATION = "karpenter.sh/disruption-pause";

/** On a pod or a NodePool, "true": where a pod cannot be spared, its successor is brought up before it leaves its node. */
export const SURGE_ANNOTATION = "karpenter.sh/surge";

export const TERMINATION_FINALIZER = "karpenter.sh/termination";

/** On a Node, beside the disrupted taint: why it goes. */
export const DISRUPTION_REASON_ANNOTATION = "karpenter.sh/disruption-reason";
export const DISRUPTED_TAINT_KEY = "karpenter.sh/disrupted";
export const UNREGISTERED_TAINT_KEY = "karpenter.sh/unregistered";

/** The labels every provider knows; a provider adds its own. */
export const WELL_KNOWN_LABELS: readonly string[] = [
  NODE_POOL_LABEL,
  CAPACITY_TYPE_LABEL,
  ZONE_LABEL,
  REGION_LABEL,
  INSTANCE_TYPE_LABEL,
  ARCH_LABEL,
  OS_LABEL,
  WINDOWS_BUILD_LABEL,
];

const LABEL_ALIASES: ReadonlyMap<string, string> = new Map([
  ["failure-domain.beta.kubernetes.io/zone", ZONE_LABEL],
  ["failure-domain.beta.kubernetes.io/region", REGION_LABEL],
  ["beta.kubernetes.io/arch", ARCH_LABEL],
  ["beta.kubernetes.io/os", OS_LABEL],
  ["beta.kubernetes.io/instance-type", INSTANCE_TYPE_LABEL],
]);

/** The label's present name: old beta names are read as what they became. */
export function normalizedLabel(key: string): string {
  return LABEL_ALIASES.get(key) ?? key;
}
