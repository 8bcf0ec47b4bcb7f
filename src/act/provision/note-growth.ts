import { settleAll } from "../../base/settle-all.ts";
import { formatTime, MINUTE_MS, parseTime } from "../../base/time.ts";
import { NODE_POOLS } from "../../model/kinds.ts";
import { LAST_GROWTH_ANNOTATION } from "../../model/labels.ts";
import type { Needs } from "../ports.ts";
import { patchObject } from "../write.ts";
import type { Created } from "./create-claims.ts";

/** Written at most so often for a pool. */
const PERIOD_MS = MINUTE_MS;

/**
 * Writes into each pool when a node was last bought in it: consolidation is the slower the sooner it may be needed again. The
 * claim would say so too, but it may be gone before long. Never rejects: it is not worth holding up pods.
 */
export async function noteGrowth(needs: Needs, created: readonly Created[]): Promise<void> {
  const names = new Set(created.filter(({ isNew }) => isNew).map(({ planned }) => planned.nodePool));
  await settleAll([...names].map((name) => notePool(needs, name)));
}

async function notePool(needs: Needs, name: string): Promise<void> {
  const { mirror, clock, log } = needs;
  const pool = mirror.live.nodePools.get(name);
  const nowMs = clock.nowMs();
  const knownMs = parseTime(pool?.metadata.annotations?.[LAST_GROWTH_ANNOTATION] ?? "");
  if (pool === undefined || (knownMs !== undefined && nowMs - knownMs < PERIOD_MS)) return;
  const annotations = { ...pool.metadata.annotations, [LAST_GROWTH_ANNOTATION]: formatTime(nowMs) };
  try {
    await patchObject(needs, NODE_POOLS, pool, { ...pool, metadata: { ...pool.metadata, annotations } });
  } catch (error) {
    log.debug("when a pool last grew cannot be written", { NodePool: name, error });
  }
}
