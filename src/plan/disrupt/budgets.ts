import { nextAfterMs, parseCron } from "../../model/cron.ts";
import { parseDuration } from "../../model/duration.ts";
import { scaledValue } from "../../model/percent.ts";
import type { Budget, NodePool } from "../../model/resources/node-pool.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { isTrue } from "../lifecycle/conditions.ts";

/** Why nodes are disrupted by choice; budgets may be limited to some of them. */
export type DisruptionReason = "Underutilized" | "Empty" | "Drifted";
export const DISRUPTION_REASONS: readonly DisruptionReason[] = ["Underutilized", "Empty", "Drifted"];

/** Why a command disrupts nodes. Expiration is not budgeted: a node's age is no choice. */
export type CommandReason = DisruptionReason | "Expired";

export function isCommandReason(value: unknown): value is CommandReason {
  return value === "Expired" || DISRUPTION_REASONS.some((reason) => reason === value);
}

/** Upstream's "no limit", as its gauge shows it. */
export const UNLIMITED = 2_147_483_647;

/** What one pool's budgets leave at a moment, for one reason. */
export type PoolBudget = {
  /** Nodes that count: ours, initialized, their instance not on its way out. */
  total: number;
  /** Of these, not ready or about to go for whatever reason. */
  consuming: number;
  /** By the strictest active budget, before `consuming` is taken off. */
  allowed: number;
  /** How many more may be disrupted. */
  remaining: number;
  /** Budgets that cannot be read: nothing at all may be disrupted then. */
  problems: readonly string[];
};

/** The budgets of every pool for one reason. Pools without nodes have theirs too. */
export function poolBudgets(snapshot: Snapshot, reason: DisruptionReason): ReadonlyMap<string, PoolBudget> {
  const counts = countsOf(snapshot.stateNodes);
  const budgets = new Map<string, PoolBudget>();
  for (const [name, pool] of snapshot.view.nodePools) {
    const { total, consuming } = counts.get(name) ?? { total: 0, consuming: 0 };
    const { allowed, problems } = allowedDisruptions(pool, reason, total, snapshot.nowMs);
    budgets.set(name, { total, consuming, allowed, problems, remaining: Math.max(0, allowed - consuming) });
  }
  return budgets;
}

type Counts = ReadonlyMap<string, Pick<PoolBudget, "total" | "consuming">>;
/** The same for every reason. */
const known = new WeakMap<Snapshot["stateNodes"], Counts>();

/** By pool. */
function countsOf(stateNodes: Snapshot["stateNodes"]): Counts {
  const before = known.get(stateNodes);
  if (before !== undefined) return before;
  const counts = new Map<string, { total: number; consuming: number }>();
  for (const state of stateNodes) {
    if (state.nodePool === undefined || !isCounted(state)) continue;
    const count = counts.get(state.nodePool) ?? { total: 0, consuming: 0 };
    count.total += 1;
    if (state.markedForDeletion || !isNodeReady(state)) count.consuming += 1;
    counts.set(state.nodePool, count);
  }
  known.set(stateNodes, counts);
  return counts;
}

/**
 * The strictest active budget that applies to the reason, of `total` nodes; UNLIMITED when none does. A budget that
 * cannot be read closes the whole pool, also for other reasons: better no disruption than an unlimited one.
 */
export function allowedDisruptions(pool: NodePool, reason: DisruptionReason, total: number, nowMs: number): Allowance {
  const problems: string[] = [];
  let allowed = UNLIMITED;
  let limitedBy: number[] = [];
  for (const [index, budget] of budgetsOf(pool).entries()) {
    const judged = judge(budget, total, nowMs);
    if (typeof judged === "string") problems.push(`budgets[${index}]: ${judged}`);
    else if (judged.isActive && appliesTo(budget, reason) && judged.nodes <= allowed) {
      limitedBy = judged.nodes < allowed ? [index] : [...limitedBy, index];
      allowed = judged.nodes;
    }
  }
  return problems.length > 0 ? { allowed: 0, problems, limitedBy: [] } : { allowed, problems, limitedBy };
}

export type Allowance = {
  allowed: number;
  problems: string[];
  /** Places in the list of the active budgets that allow no more than this. */
  limitedBy: readonly number[];
};

/** The pool's budgets, or the one that it has without a list. */
export function budgetsOf(pool: NodePool): readonly Budget[] {
  return pool.spec.disruption?.budgets ?? DEFAULT_BUDGETS;
}

/** What the CRD fills in where a pool has no list of budgets. An empty list means: no limit. */
const DEFAULT_BUDGETS: readonly Budget[] = [{ nodes: "10%" }];

function isCounted({ managed, initialized, claim }: StateNode): boolean {
  // A node that was up and has vanished counts until its claim knows that the instance goes.
  const wasUp = initialized || (claim !== undefined && isTrue(claim, "Initialized"));
  return managed && wasUp && claim !== undefined && !isTrue(claim, "InstanceTerminating");
}

function isNodeReady({ node }: StateNode): boolean {
  return node?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}

function appliesTo({ reasons }: Budget, reason: DisruptionReason): boolean {
  return reasons === undefined || reasons.includes(reason);
}

function judge(budget: Budget, total: number, nowMs: number): { isActive: boolean; nodes: number } | string {
  const written = /^[0-9]+$/.test(budget.nodes) ? Number(budget.nodes) : budget.nodes;
  const nodes = scaledValue(written, total, "up");
  if (nodes === undefined) return `nodes "${budget.nodes}" is neither a number nor a percentage`;
  if (budget.schedule === undefined && budget.duration === undefined) return { isActive: true, nodes };
  const cron = parseCron(budget.schedule ?? "");
  if ("error" in cron) return `schedule "${budget.schedule ?? ""}": ${cron.error}`;
  const durationMs = parseDuration(budget.duration ?? "");
  if (durationMs === undefined) return `duration "${budget.duration ?? ""}" is none`;
  // A schedule that never comes (31 February) counts as always active, as in upstream: the careful reading.
  // A window that began exactly so long ago is still open: both of its ends belong to it.
  const startMs = nextAfterMs(cron.schedule, nowMs - durationMs - 1);
  return { isActive: startMs === undefined || startMs <= nowMs, nodes };
}
