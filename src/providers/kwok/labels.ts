/** Labels of the kwok provider. Source: reference of the v1 API, sections 4 and 7. */
export const KWOK_GROUP = "karpenter.kwok.sh";
export const KWOK_SIZE_LABEL = "karpenter.kwok.sh/instance-size";
export const KWOK_FAMILY_LABEL = "karpenter.kwok.sh/instance-family";
export const KWOK_CPU_LABEL = "karpenter.kwok.sh/instance-cpu";
export const KWOK_MEMORY_LABEL = "karpenter.kwok.sh/instance-memory";

/** Marks nodes that kwok's own controllers keep alive: a label and an annotation. */
export const KWOK_NODE_KEY = "kwok.x-k8s.io/node";
export const KWOK_NODE_VALUE = "fake";
export const KWOK_PARTITION_LABEL = "kwok-partition";
/** What eks-node-viewer shows as the price of a node, in USD per hour with six places. */
export const PRICE_LABEL = "eks-node-viewer/instance-price";

export const PROVIDER_ID_PREFIX = "kwok://";

/** On a fake node, by a user: what befalls it, as a cloud would say (see labelledNotices). */
export const INTERRUPTION_LABEL = "karpenter.kwok.sh/interruption";

/** On our nodes: the claim they were launched for. */
export const CLAIM_ANNOTATION = "karpenter.kwok.sh/nodeclaim";
