import { settleAll } from "../../base/settle-all.ts";
import { NODE_CLAIMS, NODE_POOLS } from "../../model/kinds.ts";
import { NODE_POOL_LABEL } from "../../model/labels.ts";
import { hashedPool, isHashOutdated, migratedClaim } from "../../plan/nodepool/claim-hash.ts";
import { type Controller, onChange } from "../../runtime/controller.ts";
import { workerCount } from "../../runtime/worker-count.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";
import { patchObject, SHARED_OBJECT_BACKOFF_MS } from "../write.ts";

/** Keeps each pool's hash in its annotations; claims follow first when the algorithm has changed. */
export function nodePoolHashController(needs: Needs): Controller {
  const { mirror, provider, settings } = needs;
  return {
    name: "nodepool.hash",
    workers: workerCount({ min: 10, max: 1_000, cpuMilli: settings.cpuRequestsMilli }),
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor: ({ kind, key, after }) => (kind === NODE_POOLS && after !== undefined ? [key] : []),
    async reconcile(key) {
      const pool = mirror.live.nodePools.get(key);
      if (pool === undefined || !isServed(provider, pool)) return onChange;
      if (isHashOutdated(pool)) {
        const claims = [...mirror.live.nodeClaims.values()].filter((c) => c.metadata.labels?.[NODE_POOL_LABEL] === key);
        await settleAll(claims.map((claim) => patchObject(needs, NODE_CLAIMS, claim, migratedClaim(claim, pool))));
      }
      await patchObject(needs, NODE_POOLS, pool, hashedPool(pool));
      return onChange;
    },
  };
}
