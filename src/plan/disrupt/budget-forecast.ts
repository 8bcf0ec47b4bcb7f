import { nextAfterMs, parseCron } from "../../model/cron.ts";
import { parseDuration } from "../../model/duration.ts";
import type { Budget, NodePool } from "../../model/resources/node-pool.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { allowedDisruptions, budgetsOf, DISRUPTION_REASONS, type DisruptionReason, poolBudgets } from "./budgets.ts";
import { pausedFor, pausedPools } from "./paused-pools.ts";

/** What a pool allows from a moment on, up to the next change. */
export type BudgetWindow = {
  /** Included. */
  fromMs: number;
  /** Not included. */
  untilMs: number;
  /** In the order of DISRUPTION_REASONS. */
  reasons: readonly DisruptionReason[];
  /** Nodes at once, before those are taken off that are going already; UNLIMITED: all. */
  allowed: number;
  /** Why not more, in words. */
  limitedBy: readonly string[];
};

export type PoolForecast = {
  nodePool: string;
  /** Nodes that percentages are of. */
  nodes: number;
  /** Of these, not ready or about to go: they take places in every budget. */
  consuming: number;
  /** Budgets that cannot be read: nothing is disrupted. */
  problems: readonly string[];
  /** In order of time, then of reasons. */
  windows: readonly BudgetWindow[];
};

/** A schedule of every minute changes often; a day of it is enough to see. */
const CHANGES_MAX = 3_000;

/**
 * What the budgets and pauses of every pool allow until then, with the nodes that there are now.
 * @param nodesOf instead of the nodes of the snapshot, for files without nodes
 */
export function forecastBudgets(snapshot: Snapshot, untilMs: number, nodesOf?: number): PoolForecast[] {
  const now = poolBudgets(snapshot, "Empty");
  return [...snapshot.view.nodePools.values()].map((pool) => {
    const { total = 0, consuming = 0 } = now.get(pool.metadata.name) ?? {};
    const nodes = nodesOf ?? total;
    const { problems } = allowedDisruptions(pool, "Empty", nodes, snapshot.nowMs);
    const changes = changesOf(pool, snapshot.nowMs, untilMs);
    const windows = DISRUPTION_REASONS.flatMap((reason) => windowsOf(pool, reason, nodes, changes));
    return { nodePool: pool.metadata.name, nodes, consuming, problems, windows: sameTogether(windows) };
  });
}

/** Every moment at which something may begin or end, with the first and the last. */
function changesOf(pool: NodePool, nowMs: number, untilMs: number): number[] {
  const moments = new Set([nowMs, untilMs]);
  for (const budget of budgetsOf(pool)) {
    for (const ms of hitsOf(budget, nowMs, untilMs)) if (ms > nowMs && ms < untilMs) moments.add(ms);
  }
  for (const pause of pausedPools([pool], undefined, nowMs).get(pool.metadata.name) ?? []) {
    const { untilMs: endMs } = pause;
    if (endMs !== undefined && endMs > nowMs && endMs < untilMs) moments.add(endMs);
  }
  return [...moments].sort((a, b) => a - b);
}

function hitsOf({ schedule, duration }: Budget, nowMs: number, untilMs: number): number[] {
  const cron = parseCron(schedule ?? "");
  const durationMs = parseDuration(duration ?? "");
  if ("error" in cron || durationMs === undefined) return [];
  const hits: number[] = [];
  let startMs = nextAfterMs(cron.schedule, nowMs - durationMs - 1);
  while (startMs !== undefined && startMs < untilMs && hits.length < CHANGES_MAX) {
    hits.push(startMs, startMs + durationMs);
    startMs = nextAfterMs(cron.schedule, startMs);
  }
  return hits;
}

function windowsOf(
  pool: NodePool,
  reason: DisruptionReason,
  nodes: number,
  changes: readonly number[],
): BudgetWindow[] {
  const windows: BudgetWindow[] = [];
  for (const [i, fromMs] of changes.slice(0, -1).entries()) {
    const untilMs = changes[i + 1] ?? fromMs;
    // In between nothing changes; at the very moment of an end the budget still counts.
    const atMs = (fromMs + untilMs) / 2;
    const { allowed, limitedBy } = allowanceAt(pool, reason, nodes, atMs);
    const last = windows.at(-1);
    if (last !== undefined && last.allowed === allowed && last.limitedBy.join() === limitedBy.join()) {
      last.untilMs = untilMs;
    } else windows.push({ fromMs, untilMs, reasons: [reason], allowed, limitedBy });
  }
  return windows;
}

function allowanceAt(
  pool: NodePool,
  reason: DisruptionReason,
  nodes: number,
  atMs: number,
): Pick<BudgetWindow, "allowed" | "limitedBy"> {
  const paused = pausedPools([pool], undefined, atMs);
  if (pausedFor(paused, reason).size > 0) {
    return { allowed: 0, limitedBy: (paused.get(pool.metadata.name) ?? []).map(({ message }) => message) };
  }
  const { allowed, limitedBy, problems } = allowedDisruptions(pool, reason, nodes, atMs);
  if (problems.length > 0) return { allowed, limitedBy: problems };
  return { allowed, limitedBy: limitedBy.map((index) => inWords(budgetsOf(pool)[index], index)) };
}

function inWords(budget: Budget | undefined, index: number): string {
  const when = budget?.schedule === undefined ? "" : ` (${budget.schedule} for ${budget.duration ?? ""})`;
  return `budgets[${index}]: ${budget?.nodes ?? ""}${when}`;
}

/** Windows that differ in their reason only are one. */
function sameTogether(windows: readonly BudgetWindow[]): BudgetWindow[] {
  const byKey = new Map<string, BudgetWindow>();
  for (const window of windows) {
    const key = [window.fromMs, window.untilMs, window.allowed, ...window.limitedBy].join();
    const known = byKey.get(key);
    byKey.set(key, known === undefined ? window : { ...known, reasons: [...known.reasons, ...window.reasons] });
  }
  const rank = ({ reasons }: BudgetWindow): number => DISRUPTION_REASONS.indexOf(reasons[0] ?? "Empty");
  return [...byKey.values()].sort((a, b) => a.fromMs - b.fromMs || rank(a) - rank(b));
}
