import { byText } from "../../base/order.ts";
import { DAY_MS, MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import type { PodDisruptionBudget } from "../../model/core.ts";
import { parseDuration } from "../../model/duration.ts";
import { keyOf } from "../../model/object.ts";
import { type BudgetIndex, budgetsOf, indexBudgets } from "../../model/pod-disruption-budgets.ts";
import { isEvictable, isReschedulable } from "../../model/pod-predicates.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { allowedDisruptions } from "../disrupt/budgets.ts";
import { pausedFor, pausedPools } from "../disrupt/paused-pools.ts";
import { nodeLoad } from "../fit/node-load.ts";

/** What the estimate takes for granted. */
export type RolloutPace = {
  /** From the decision to buy a node until pods can start on it. */
  nodeReadyMs: number;
  /** From a pod's eviction until its successor is ready: only then does its budget allow the next. */
  podReadyMs: number;
};

export type PoolRollout = {
  nodePool: string;
  nodes: number;
  /** Most nodes that are under way at one time. */
  atOnce: number;
  /** From now until the last one is gone; undefined: not within two weeks. */
  takesMs: number | undefined;
  /** What nodes wait for longest. */
  slowedBy: string;
};

export type Rollout = { pools: readonly PoolRollout[]; takesMs: number | undefined };

/** The controller looks so often, and starts at most one node with pods each time. */
const LOOK_MS = 10 * SECOND_MS;
const HORIZON_MS = 14 * DAY_MS;

/**
 * How long it takes until these nodes are replaced, under the pools' budgets and the pods' PodDisruptionBudgets: the steps of
 * the controller, with a fixed time for each. All else stays as it is: no other disruption, no pod that fails, no stock-out.
 */
export function estimateRollout(
  snapshot: Snapshot,
  nodes: readonly { state: StateNode }[],
  pace: RolloutPace,
): Rollout {
  const run = new RolloutRun(snapshot, pace);
  for (const { state } of nodes) run.add(state);
  return run.play();
}

type Moving = {
  pool: PoolRun;
  /** Per budget how many pods are still to be evicted; "" has none. */
  waiting: Map<string, number>;
  drainsFromMs: number;
  /** When the claim's grace for its pods is over, counted from the start of the drain. */
  graceMs: number;
  goneMs: number | undefined;
};

type PoolRun = {
  name: string;
  queue: StateNode[];
  nodes: number;
  underway: number;
  atOnce: number;
  takesMs: number | undefined;
  waits: Map<string, number>;
  /** All nodes of the pool, which its budgets are shares of. */
  total: number;
  /** What its budgets allow at a minute from now. */
  allowed: { minute: number; nodes: number } | undefined;
};

class RolloutRun {
  readonly #snapshot: Snapshot;
  readonly #pace: RolloutPace;
  readonly #budgets: BudgetIndex;
  readonly #pools = new Map<string, PoolRun>();
  readonly #free = new Map<string, number>();
  readonly #returns: { atMs: number; budget: string }[] = [];
  #moving: Moving[] = [];

  constructor(snapshot: Snapshot, pace: RolloutPace) {
    this.#snapshot = snapshot;
    this.#pace = pace;
    this.#budgets = indexBudgets(snapshot.view.podDisruptionBudgets.values());
    for (const budget of snapshot.view.podDisruptionBudgets.values()) {
      this.#free.set(keyOf(budget), roomWhenWell(budget));
    }
  }

  add(state: StateNode): void {
    const name = state.nodePool ?? "";
    const pool = this.#pools.get(name) ?? newPool(name, this.#snapshot);
    this.#pools.set(name, pool);
    pool.queue.push(state);
    pool.nodes += 1;
  }

  play(): Rollout {
    let atMs = 0;
    while (atMs < HORIZON_MS && [...this.#pools.values()].some(({ takesMs }) => takesMs === undefined)) {
      this.#giveBack(atMs);
      this.#finish(atMs);
      this.#start(atMs);
      this.#drain(atMs);
      atMs += this.#moving.length === 0 && this.#returns.length === 0 ? MINUTE_MS : LOOK_MS;
    }
    const pools = [...this.#pools.values()].sort((a, b) => byText(a.name, b.name)).map(poolRollout);
    const unfinished = pools.some(({ takesMs }) => takesMs === undefined);
    return { pools, takesMs: unfinished ? undefined : Math.max(0, ...pools.map(({ takesMs }) => takesMs ?? 0)) };
  }

  #giveBack(atMs: number): void {
    while (this.#returns[0] !== undefined && this.#returns[0].atMs <= atMs) {
      const { budget } = this.#returns.shift() ?? { budget: "" };
      this.#free.set(budget, (this.#free.get(budget) ?? 0) + 1);
    }
  }

  #finish(atMs: number): void {
    for (const one of this.#moving) {
      if (one.goneMs === undefined || one.goneMs > atMs) continue;
      one.pool.underway -= 1;
      if (one.pool.underway === 0 && one.pool.queue.length === 0) one.pool.takesMs = one.goneMs;
    }
    this.#moving = this.#moving.filter(({ goneMs }) => goneMs === undefined || goneMs > atMs);
  }

  /** Empty nodes as many as the budget allows; of the others one, by turns. */
  #start(atMs: number): void {
    const pools = [...this.#pools.values()].filter(({ queue }) => queue.length > 0);
    let hasStarted = false;
    for (const pool of pools.sort((a, b) => a.underway - b.underway || byText(a.name, b.name))) {
      const room = this.#allowed(pool, atMs) - pool.underway;
      if (room <= 0) {
        wait(pool, `the budgets of NodePool ${pool.name}`, pool.queue.length);
        continue;
      }
      if (!hasStarted) this.#startOne(pool, atMs);
      else wait(pool, "one node is started at a time", pool.queue.length);
      hasStarted = true;
    }
  }

  #startOne(pool: PoolRun, atMs: number): void {
    const state = pool.queue.shift();
    if (state === undefined) return;
    const waiting = this.#podsByBudget(state);
    const grace = state.claim?.spec.terminationGracePeriod;
    pool.underway += 1;
    pool.atOnce = Math.max(pool.atOnce, pool.underway);
    this.#moving.push({
      pool,
      waiting,
      drainsFromMs: atMs + (waiting.size === 0 ? 0 : this.#pace.nodeReadyMs),
      graceMs: (grace === undefined ? undefined : parseDuration(grace)) ?? Number.POSITIVE_INFINITY,
      goneMs: undefined,
    });
  }

  #podsByBudget(state: StateNode): Map<string, number> {
    const counts = new Map<string, number>();
    for (const pod of nodeLoad(this.#snapshot.view, state).pods) {
      if (!isReschedulable(pod)) continue;
      const [budget] = isEvictable(pod, this.#snapshot.nowMs) ? budgetsOf(pod, this.#budgets) : [];
      const key = budget === undefined ? "" : keyOf(budget);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  }

  #drain(atMs: number): void {
    for (const one of this.#moving) {
      if (one.goneMs !== undefined || one.drainsFromMs > atMs) continue;
      const isForced = atMs - one.drainsFromMs >= one.graceMs;
      for (const [budget, pods] of one.waiting) {
        const left = isForced || budget === "" ? 0 : this.#evict(one.pool, budget, pods, atMs);
        if (left === 0) one.waiting.delete(budget);
        else one.waiting.set(budget, left);
      }
      if (one.waiting.size === 0) one.goneMs = atMs + this.#pace.podReadyMs;
    }
  }

  #evict(pool: PoolRun, budget: string, pods: number, atMs: number): number {
    const taken = Math.min(pods, this.#free.get(budget) ?? 0);
    this.#free.set(budget, (this.#free.get(budget) ?? 0) - taken);
    for (let i = 0; i < taken; i += 1) this.#returns.push({ atMs: atMs + this.#pace.podReadyMs, budget });
    if (taken < pods) wait(pool, `PodDisruptionBudget ${budget}`, 1);
    return pods - taken;
  }

  #allowed(pool: PoolRun, atMs: number): number {
    const object = this.#snapshot.view.nodePools.get(pool.name);
    if (object === undefined) return pool.nodes;
    // Windows open and close at whole minutes.
    const minute = Math.floor(atMs / MINUTE_MS);
    if (pool.allowed?.minute !== minute) {
      const nowMs = this.#snapshot.nowMs + minute * MINUTE_MS;
      const isPaused = pausedFor(pausedPools([object], undefined, nowMs), "Drifted").has(pool.name);
      const nodes = isPaused ? 0 : allowedDisruptions(object, "Drifted", pool.total, nowMs).allowed;
      pool.allowed = { minute, nodes };
    }
    return pool.allowed.nodes;
  }
}

function newPool(name: string, { stateNodes }: Snapshot): PoolRun {
  const total = stateNodes.filter(({ managed, nodePool }) => managed && nodePool === name).length;
  const none = { underway: 0, atOnce: 0, takesMs: undefined, allowed: undefined };
  return { ...none, name, total, queue: [], nodes: 0, waits: new Map() };
}

function wait({ waits }: PoolRun, cause: string, nodes: number): void {
  waits.set(cause, (waits.get(cause) ?? 0) + nodes);
}

function poolRollout({ name, nodes, atOnce, takesMs, waits }: PoolRun): PoolRollout {
  const [longest] = [...waits].sort(([a, x], [b, y]) => y - x || byText(a, b));
  return { nodePool: name, nodes, atOnce, takesMs, slowedBy: longest?.[0] ?? "starting nodes and pods" };
}

/** How many evictions the budget allows at once while all its pods are ready. */
function roomWhenWell({ status }: PodDisruptionBudget): number {
  const { disruptionsAllowed = 0, expectedPods = 0, desiredHealthy = expectedPods } = status ?? {};
  return Math.max(disruptionsAllowed, expectedPods - desiredHealthy, 0);
}
