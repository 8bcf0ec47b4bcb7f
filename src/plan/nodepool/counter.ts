import type { NodePool } from "../../model/resources/node-pool.ts";
import { addResources, formatResources, type Resources } from "../../model/resources.ts";
import type { StateNode } from "../../snapshot/snapshot.ts";

const NOTHING: Resources = { cpu: 0, memory: 0, pods: 0, "ephemeral-storage": 0, nodes: 0 };

/** The pool with the sum of its nodes' capacity, claims on their way included, nodes about to go not. */
export function poolWithCount(pool: NodePool, states: readonly StateNode[]): NodePool {
  const own = states.filter((state) => state.nodePool === pool.metadata.name && !state.markedForDeletion);
  const sum = own.reduce((total, state) => addResources(total, state.capacity), NOTHING);
  const resources = { ...formatResources({ ...sum, nodes: own.length }) };
  return { ...pool, status: { ...pool.status, resources, nodes: own.length } };
}
