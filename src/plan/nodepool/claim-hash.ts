import { NODE_POOL_HASH_ANNOTATION, NODE_POOL_HASH_VERSION_ANNOTATION } from "../../model/labels.ts";
import { NODE_POOL_HASH_VERSION, nodePoolHash } from "../../model/node-pool-hash.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { isTrue } from "../lifecycle/conditions.ts";

/** The pool with the hash that its claims are compared with. */
export function hashedPool(pool: NodePool): NodePool {
  return annotated(pool, {
    [NODE_POOL_HASH_ANNOTATION]: nodePoolHash(pool.spec.template),
    [NODE_POOL_HASH_VERSION_ANNOTATION]: NODE_POOL_HASH_VERSION,
  });
}

/** Whether the pool's hash was made by another algorithm than ours: then its claims' hashes mean nothing any more. */
export function isHashOutdated(pool: NodePool): boolean {
  return pool.metadata.annotations?.[NODE_POOL_HASH_VERSION_ANNOTATION] !== NODE_POOL_HASH_VERSION;
}

/** A claim of a pool whose hash is outdated, brought over; one that had drifted before keeps the hash that says so. */
export function migratedClaim(claim: NodeClaim, pool: NodePool): NodeClaim {
  if (claim.metadata.annotations?.[NODE_POOL_HASH_VERSION_ANNOTATION] === NODE_POOL_HASH_VERSION) return claim;
  const version = { [NODE_POOL_HASH_VERSION_ANNOTATION]: NODE_POOL_HASH_VERSION };
  if (isTrue(claim, "Drifted")) return annotated(claim, version);
  return annotated(claim, { ...version, [NODE_POOL_HASH_ANNOTATION]: nodePoolHash(pool.spec.template) });
}

function annotated<T extends NodePool | NodeClaim>(object: T, annotations: Record<string, string>): T {
  const { metadata } = object;
  return { ...object, metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } } };
}
