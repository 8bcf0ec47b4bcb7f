import { EC2_LABELS } from "../../ec2/labels.ts";

/** Labels, annotations and tags of the AWS provider. Source: reference of the AWS provider's API, sections 5 to 7. */
export const AWS_GROUP = "karpenter.k8s.aws";
export const ZONE_ID_LABEL = "topology.k8s.aws/zone-id";
export const TENANCY_LABEL = "karpenter.k8s.aws/instance-tenancy";
export const RESERVATION_ID_LABEL = "karpenter.k8s.aws/capacity-reservation-id";
export const RESERVATION_TYPE_LABEL = "karpenter.k8s.aws/capacity-reservation-type";
export const RESERVATION_INTERRUPTIBLE_LABEL = "karpenter.k8s.aws/capacity-reservation-interruptible";
export const PLACEMENT_GROUP_LABEL = "karpenter.k8s.aws/placement-group-id";
export const PARTITION_LABEL = "karpenter.k8s.aws/placement-group-partition";
export const GPU_COUNT_LABEL = "karpenter.k8s.aws/instance-gpu-count";
export const ACCELERATOR_COUNT_LABEL = "karpenter.k8s.aws/instance-accelerator-count";

/** What requirements may name beside the labels that every provider knows. */
export const AWS_WELL_KNOWN_LABELS: readonly string[] = [
  ...EC2_LABELS,
  ZONE_ID_LABEL,
  TENANCY_LABEL,
  RESERVATION_ID_LABEL,
  RESERVATION_TYPE_LABEL,
  RESERVATION_INTERRUPTIBLE_LABEL,
  PLACEMENT_GROUP_LABEL,
  PARTITION_LABEL,
];

export const HASH_ANNOTATION = "karpenter.k8s.aws/ec2nodeclass-hash";
export const HASH_VERSION_ANNOTATION = "karpenter.k8s.aws/ec2nodeclass-hash-version";
export const PROFILE_ANNOTATION = "karpenter.k8s.aws/instance-profile-name";
export const LEARNED_MEMORY_ANNOTATION = "karpenter.k8s.aws/learned-memory";
export const NODE_CLASS_FINALIZER = "karpenter.k8s.aws/termination";

export const NODE_POOL_TAG = "karpenter.sh/nodepool";
export const NODE_CLAIM_TAG = "karpenter.sh/nodeclaim";
export const NODE_CLASS_TAG = "karpenter.k8s.aws/ec2nodeclass";
export const CLUSTER_TAG = "eks:eks-cluster-name";
/** On instances that were launched by one request: the claims they are for, in the order of the instances' ids. */
export const LAUNCHED_FOR_TAG = "karpenter.k8s.aws/launched-for";

/** Pods that ask for it get a type that can run enclaves, and the node gets them switched on. */
export const NITRO_SANDBOX_RESOURCE = "eks.amazonaws.com/nitro-sandbox";
export const EFA_RESOURCE = "vpc.amazonaws.com/efa";
