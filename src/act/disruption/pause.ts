import { NODE_POOLS } from "../../model/kinds.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { type PausedPool, pausedPools } from "../../plan/disrupt/paused-pools.ts";
import {
  clearCondition,
  findCondition,
  NODE_POOL_CONDITIONS,
  setCondition,
  withConditions,
} from "../../plan/lifecycle/conditions.ts";
import { clockProblem } from "../clock-problem.ts";
import type { Needs } from "../ports.ts";
import { patchObject } from "../write.ts";

const CONDITION = "DisruptionPaused";

/** The pools that are paused now. Each says so in a condition; beginning and end are events and log lines. */
export async function keepPauses(needs: Needs): Promise<ReadonlyMap<string, readonly PausedPool[]>> {
  const pools = [...needs.mirror.live.nodePools.values()];
  const paused = pausesNow(needs, pools);
  for (const pool of pools) {
    if (pool.metadata.deletionTimestamp === undefined) await show(needs, pool, paused.get(pool.metadata.name) ?? []);
  }
  return paused;
}

/** By annotation or setting, or for all because the clock is wrong. */
export function pausesNow(needs: Needs, pools: readonly NodePool[]): ReadonlyMap<string, readonly PausedPool[]> {
  const paused = pausedPools(pools, needs.settings.disruptionPause, needs.clock.nowMs());
  const problem = clockProblem(needs);
  if (problem === undefined) return paused;
  const all: PausedPool = { reasons: [], message: `Nothing is disrupted: ${problem}`, cause: "WrongClock" };
  return new Map(pools.map(({ metadata: { name } }) => [name, [...(paused.get(name) ?? []), all]]));
}

async function show(needs: Needs, pool: NodePool, pauses: readonly PausedPool[]): Promise<void> {
  const { clock, events, log } = needs;
  const before = findCondition(pool, CONDITION);
  const message = pauses.map((pause) => pause.message).join("; ");
  if (before?.message === message || (before === undefined && pauses.length === 0)) return;
  const trouble = pauses.find(({ cause }) => cause !== "Paused");
  if (pauses.length === 0) {
    const conditions = clearCondition(pool, NODE_POOL_CONDITIONS, CONDITION);
    await patchObject(needs, NODE_POOLS, pool, withConditions(pool, conditions), "status");
  } else {
    const reason = trouble?.cause ?? "Paused";
    const condition = { type: CONDITION, status: "True", reason, message } as const;
    const conditions = setCondition(pool, NODE_POOL_CONDITIONS, condition, clock.nowMs());
    await patchObject(needs, NODE_POOLS, pool, withConditions(pool, conditions), "status");
  }
  const told = pauses.length === 0 ? "Disruption goes on" : message;
  log.info("disruption is paused or goes on", { NodePool: pool.metadata.name, message: told });
  events.record({
    object: pool,
    type: trouble === undefined ? "Normal" : "Warning",
    reason: pauses.length === 0 ? "DisruptionResumed" : "DisruptionPaused",
    message: told,
    dedupeValues: [pool.metadata.uid, told],
  });
}
