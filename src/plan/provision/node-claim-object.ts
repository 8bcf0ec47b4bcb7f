import {
  MIN_VALUES_RELAXED_ANNOTATION,
  NODE_POOL_HASH_ANNOTATION,
  NODE_POOL_HASH_VERSION_ANNOTATION,
  SHAPE_REASON_ANNOTATION,
  TERMINATION_FINALIZER,
} from "../../model/labels.ts";
import { NODE_POOL_HASH_VERSION } from "../../model/node-pool-hash.ts";
import type { Draft } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { formatResources } from "../../model/resources.ts";
import type { PlannedClaim } from "./provision-plan.ts";

/**
 * The NodeClaim to create for a planned node.
 * @param pool     as it was when the plan was made: a later change shows as drift
 * @param poolHash the pool's hash of version v3, from that same object
 */
export function nodeClaimObject(planned: PlannedClaim, pool: NodePool, poolHash: string): Draft<NodeClaim> {
  const template = pool.spec.template;
  const { nodeClassRef, taints, startupTaints, expireAfter, terminationGracePeriod } = template.spec;
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: {
      name: planned.name,
      labels: planned.labels,
      annotations: {
        ...template.metadata?.annotations,
        [NODE_POOL_HASH_ANNOTATION]: poolHash,
        [NODE_POOL_HASH_VERSION_ANNOTATION]: NODE_POOL_HASH_VERSION,
        [MIN_VALUES_RELAXED_ANNOTATION]: planned.minValuesRelaxed ? "true" : "false",
        [SHAPE_REASON_ANNOTATION]: `${planned.why.code}: ${planned.why.reason}`,
      },
      ownerReferences: [
        {
          apiVersion: "karpenter.sh/v1",
          kind: "NodePool",
          name: pool.metadata.name,
          uid: pool.metadata.uid,
          blockOwnerDeletion: true,
        },
      ],
      finalizers: [TERMINATION_FINALIZER],
    },
    spec: {
      nodeClassRef,
      requirements: planned.requirements,
      resources: { requests: formatResources(planned.requests) },
      ...(taints === undefined ? {} : { taints }),
      ...(startupTaints === undefined ? {} : { startupTaints }),
      ...(expireAfter === undefined ? {} : { expireAfter }),
      ...(terminationGracePeriod === undefined ? {} : { terminationGracePeriod }),
    },
  };
}
