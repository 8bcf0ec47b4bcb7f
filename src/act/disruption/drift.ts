import { MINUTE_MS, parseTime } from "../../base/time.ts";
import { NODE_POOLS } from "../../model/kinds.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import type { DisruptionCommand } from "../../plan/disrupt/command.ts";
import { type DriftPlan, planDrift } from "../../plan/disrupt/drift.ts";
import {
  clearCondition,
  findCondition,
  isTrue,
  NODE_POOL_CONDITIONS,
  setCondition,
  withConditions,
} from "../../plan/lifecycle/conditions.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { Needs } from "../ports.ts";
import { snapshotNow } from "../snapshot-now.ts";
import { patchObject } from "../write.ts";
import { observeEvaluation } from "./evaluation-time.ts";
import type { DisruptionQueue, QueueResult } from "./queue.ts";
import { reportDrift } from "./report.ts";
import { refreshCluster, startCommand } from "./start.ts";

/** Of a pool whose replacements do not come up: False while its rollout is paused. Absent otherwise. */
const ROLLOUT_CONDITION = "DriftRolloutHealthy";
/** So many replacements in a row may fail. */
const FAILURES_MAX = 2;
/** A paused rollout is tried again after the first, then ever later, up to the last. */
const PROBE_MS = { first: 10 * MINUTE_MS, last: 60 * MINUTE_MS };
/** Why nodes stay is told no more often. */
const REPORT_MS = 10_000;

type Trouble = { failures: number; nextTryMs: number; generation: number | undefined };

/**
 * Replaces drifted nodes. A pool whose replacements fail again and again is paused: a bad image must not cost one good
 * node after the other. It is tried again from time to time, and at once when the pool is changed.
 */
export class DriftMethod {
  readonly #needs: Needs;
  readonly #lastTurnMs = new Map<string, number>();
  readonly #lastTriedMs = new Map<string, number>();
  readonly #trouble = new Map<string, Trouble>();
  #reportedMs = Number.NEGATIVE_INFINITY;

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** Plans, and starts what is found; true when something was started. */
  async run(queue: DisruptionQueue, paused: ReadonlySet<string>): Promise<boolean> {
    const { mirror } = this.#needs;
    await this.#cure();
    if (![...mirror.live.nodeClaims.values()].some((claim) => isTrue(claim, "Drifted"))) return false;
    const first = await this.#plan(queue, paused);
    this.#report(first.snapshot, first.plan);
    if (first.plan.commands.length === 0) return false;
    await refreshCluster(this.#needs);
    const { snapshot, plan } = await this.#plan(queue, paused);
    let isAnyStarted = false;
    for (const command of plan.commands) {
      this.#noteTurn(command, snapshot.nowMs);
      const started = await startCommand(this.#needs, queue, snapshot, command);
      if (started.length > 0) isAnyStarted = true;
    }
    return isAnyStarted;
  }

  #noteTurn({ candidates, replacements }: DisruptionCommand, nowMs: number): void {
    for (const { pool } of candidates) {
      this.#lastTurnMs.set(pool.metadata.name, nowMs);
      const trouble = this.#trouble.get(pool.metadata.name);
      // One node shows whether the pool is cured; the others wait for how it fares.
      if (replacements.length > 0 && trouble !== undefined) trouble.nextTryMs = nowMs + PROBE_MS.last;
    }
  }

  /** Hears how replacements fared. */
  async note({ reason, nodePools, failure }: QueueResult): Promise<void> {
    if (reason !== "Drifted") return;
    for (const name of nodePools) {
      const pool = this.#needs.mirror.live.nodePools.get(name);
      if (pool === undefined) this.#trouble.delete(name);
      else if (failure === undefined) await this.#noteSuccess(pool);
      else await this.#noteFailure(pool, failure);
    }
  }

  async #plan(queue: DisruptionQueue, paused: ReadonlySet<string>): Promise<{ snapshot: Snapshot; plan: DriftPlan }> {
    const { clock, metrics } = this.#needs;
    const startMs = clock.nowMs();
    const snapshot = await snapshotNow(this.#needs);
    const { nowMs } = snapshot;
    const plan = planDrift(snapshot, {
      underway: queue.underway(),
      lastTurnMs: this.#lastTurnMs,
      lastTriedMs: this.#lastTriedMs,
      paused: new Set([...paused, ...this.#inTrouble(nowMs)]),
    });
    for (const { candidate } of plan.stuck) this.#lastTriedMs.set(candidate.claim.metadata.name, nowMs);
    for (const name of this.#lastTriedMs.keys()) {
      if (!snapshot.view.nodeClaims.has(name)) this.#lastTriedMs.delete(name);
    }
    const labels = { reason: "drifted", consolidation_type: "" };
    const seconds = (clock.nowMs() - startMs) / 1_000;
    observeEvaluation(metrics, seconds, labels);
    return { snapshot, plan };
  }

  /** Pools that are not to be tried now. */
  #inTrouble(nowMs: number): string[] {
    const { nodePools } = this.#needs.mirror.live;
    for (const [name, pool] of nodePools) {
      const condition = findCondition(pool, ROLLOUT_CONDITION);
      if (condition?.status !== "False" || this.#trouble.has(name)) continue;
      // Another process has paused it.
      const sinceMs = parseTime(condition.lastTransitionTime) ?? nowMs;
      const generation = condition.observedGeneration;
      this.#trouble.set(name, { failures: FAILURES_MAX, nextTryMs: sinceMs + PROBE_MS.first, generation });
    }
    return [...this.#trouble]
      .filter(([, { failures, nextTryMs }]) => failures >= FAILURES_MAX && nowMs < nextTryMs)
      .map(([name]) => name);
  }

  /** A pool that has been changed is tried at once. */
  async #cure(): Promise<void> {
    const { nodePools } = this.#needs.mirror.live;
    for (const [name, { generation }] of this.#trouble) {
      const pool = nodePools.get(name);
      if (pool !== undefined && pool.metadata.generation === generation) continue;
      if (pool !== undefined) await this.#noteSuccess(pool);
      this.#trouble.delete(name);
    }
  }

  async #noteSuccess(pool: NodePool): Promise<void> {
    this.#trouble.delete(pool.metadata.name);
    if (findCondition(pool, ROLLOUT_CONDITION) === undefined) return;
    const conditions = clearCondition(pool, NODE_POOL_CONDITIONS, ROLLOUT_CONDITION);
    await patchObject(this.#needs, NODE_POOLS, pool, withConditions(pool, conditions), "status");
  }

  async #noteFailure(pool: NodePool, why: string): Promise<void> {
    const { clock, events } = this.#needs;
    const { name, generation } = pool.metadata;
    const nowMs = clock.nowMs();
    const failures = (this.#trouble.get(name)?.failures ?? 0) + 1;
    const waitMs = Math.min(PROBE_MS.last, PROBE_MS.first * 2 ** Math.max(0, failures - FAILURES_MAX));
    this.#trouble.set(name, { failures, nextTryMs: nowMs + waitMs, generation });
    if (failures < FAILURES_MAX) return;
    const minutes = waitMs / MINUTE_MS;
    const message = `The rollout of drift is paused: ${failures} replacements in a row failed, the last because ${why}. It goes on in ${minutes} minutes, or when the NodePool is changed`;
    events.record({ object: pool, type: "Warning", reason: "DriftRolloutPaused", message });
    const condition = { type: ROLLOUT_CONDITION, status: "False", reason: "ReplacementsFailed", message } as const;
    const conditions = setCondition(pool, NODE_POOL_CONDITIONS, condition, nowMs);
    await patchObject(this.#needs, NODE_POOLS, pool, withConditions(pool, conditions), "status");
  }

  #report(snapshot: Snapshot, plan: DriftPlan): void {
    if (snapshot.nowMs - this.#reportedMs < REPORT_MS) return;
    this.#reportedMs = snapshot.nowMs;
    reportDrift(this.#needs, snapshot, plan);
  }
}
