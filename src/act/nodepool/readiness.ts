import { byText } from "../../base/order.ts";
import { NODE_POOLS } from "../../model/kinds.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { poolWithoutProvider, poolWithReadiness } from "../../plan/nodepool/readiness.ts";
import { type Controller, onChange } from "../../runtime/controller.ts";
import { workerCount } from "../../runtime/worker-count.ts";
import { classOf, poolKeys } from "../node-class/node-class.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";
import { patchObject, SHARED_OBJECT_BACKOFF_MS } from "../write.ts";

/** Shows in each pool whether its node class can be used. */
export function nodePoolReadinessController(needs: Needs): Controller {
  const { mirror, provider, clock, settings } = needs;
  const served = provider.nodeClasses.map(({ group, kind }) => `${kind}.${group}`).sort(byText);
  return {
    name: "nodepool.readiness",
    workers: workerCount({ min: 10, max: 1_000, cpuMilli: settings.cpuRequestsMilli }),
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor: (change) => poolKeys(mirror.live, change),
    async reconcile(key) {
      const pool = mirror.live.nodePools.get(key);
      if (pool === undefined) return onChange;
      const nowMs = clock.nowMs();
      const next: NodePool = isServed(provider, pool)
        ? poolWithReadiness(pool, classOf(mirror.live, pool.spec.template.spec.nodeClassRef), nowMs)
        : poolWithoutProvider(pool, served, nowMs);
      await patchObject(needs, NODE_POOLS, pool, next, "status");
      return onChange;
    },
  };
}
