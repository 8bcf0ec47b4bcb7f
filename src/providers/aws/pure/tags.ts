import type { Tags } from "../aws-api.ts";
import { CLUSTER_TAG, NODE_CLAIM_TAG, NODE_CLASS_TAG, NODE_POOL_TAG } from "./labels.ts";

/** What everything that is made for nodes of the class is tagged with; ours win over the user's. */
export function baseTags(
  clusterName: string,
  nodeClass: { name: string; tags: Tags | undefined },
  nodePool: string,
): Tags {
  return {
    ...nodeClass.tags,
    [`kubernetes.io/cluster/${clusterName}`]: "owned",
    [NODE_POOL_TAG]: nodePool,
    [CLUSTER_TAG]: clusterName,
    [NODE_CLASS_TAG]: nodeClass.name,
  };
}

/** A tag of the user's that only Karpenter may set. The schema refuses them, but an older one may have let them in. */
export function reservedTag(tags: Tags | undefined): string | undefined {
  const ours: readonly string[] = [NODE_POOL_TAG, CLUSTER_TAG, NODE_CLASS_TAG, NODE_CLAIM_TAG];
  return Object.keys(tags ?? {}).find((key) => ours.includes(key) || /^kubernetes\.io\/cluster\/[\w-]+$/.test(key));
}
