import { SECOND_MS } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { NODE_CLAIMS, NODE_POOLS, NODES } from "../../model/kinds.ts";
import { INITIALIZED_LABEL, NODE_POOL_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import { poolWithCount } from "../../plan/nodepool/counter.ts";
import { after, type Change, type Controller, onChange } from "../../runtime/controller.ts";
import { workerCount } from "../../runtime/worker-count.ts";
import { stateNodesOf } from "../../snapshot/state-nodes.ts";
import { mergeDiff } from "../merge-diff.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";
import { patchObject, SHARED_OBJECT_BACKOFF_MS } from "../write.ts";

/** A pool's numbers are written at most so often. */
const PERIOD_MS = 5 * SECOND_MS;

/** Keeps in each pool's status what its nodes add up to. */
export function nodePoolCounterController(needs: Needs): Controller {
  const { mirror, provider, clock, memory, settings } = needs;
  const writtenMs = new Map<string, number>();
  return {
    name: "nodepool.counter",
    workers: workerCount({ min: 10, max: 1_000, cpuMilli: settings.cpuRequestsMilli }),
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor: countedPools,
    async reconcile(key) {
      const pool = mirror.live.nodePools.get(key);
      if (pool === undefined || !isServed(provider, pool)) {
        writtenMs.delete(key);
        return onChange;
      }
      const nowMs = clock.nowMs();
      const waitMs = (writtenMs.get(key) ?? Number.NEGATIVE_INFINITY) + PERIOD_MS - nowMs;
      if (waitMs > 0) return after(waitMs, "counts are written now and then");
      writtenMs.set(key, nowMs);
      const states = stateNodesOf(mirror.view(), memory.snapshot(nowMs));
      await patchObject(needs, NODE_POOLS, pool, poolWithCount(pool, states), "status");
      return onChange;
    },
  };
}

function countedPools({ kind, key, before, after: now }: Change): readonly string[] {
  if (kind === NODE_POOLS) return now === undefined ? [] : [key];
  const isCounted =
    kind === NODE_CLAIMS || (kind === NODES && !isSameSize(before as Node | undefined, now as Node | undefined));
  if (!isCounted) return [];
  const pools = [before, now].map(poolNameOf).filter((name) => name !== undefined);
  return [...new Set(pools)];
}

function poolNameOf(object: KubeObject | undefined): string | undefined {
  return object?.metadata.labels?.[NODE_POOL_LABEL];
}

/** A heartbeat changes no sums. */
function isSameSize(before: Node | undefined, now: Node | undefined): boolean {
  if (before === undefined || now === undefined) return false;
  const [was, is] = [before.metadata.labels ?? {}, now.metadata.labels ?? {}];
  if (was[INITIALIZED_LABEL] !== is[INITIALIZED_LABEL] || was[NODE_POOL_LABEL] !== is[NODE_POOL_LABEL]) return false;
  return mergeDiff(before.status?.capacity ?? {}, now.status?.capacity ?? {}) === undefined;
}
