import { DAY_MS, MINUTE_MS, parseTime } from "../../base/time.ts";
import { parseDuration } from "../../model/duration.ts";
import { NODE_CLAIMS, NODE_POOLS, PODS } from "../../model/kinds.ts";
import { TERMINATION_TIMESTAMP_ANNOTATION } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { type Amounts, addTo, amountsOf } from "../cache/amounts.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import type { ProductCall } from "../faults/faulty-call.ts";
import type { Judge, JudgeNeeds } from "./judge.ts";
import { disruptionReason, isTrue, poolOf, VOLUNTARY } from "./leaving.ts";
import { asksForPeace } from "./protection.ts";

/** Law 2: limits, budgets, PodDisruptionBudgets and do-not-disrupt are never broken by the product. */
export function judgeLimitsAndBudgets(needs: JudgeNeeds): Judge {
  const { state, report } = needs;
  const claims = state.of(NODE_CLAIMS);
  claims.onChange((before, after) => {
    if (after === undefined) return;
    const pool = state.of(NODE_POOLS).get(poolOf(after));
    if (pool === undefined) return;
    if (before === undefined || before.status?.capacity !== after.status?.capacity) checkLimits(needs, pool);
    const reason = disruptionReason(after);
    if (reason !== undefined && (before === undefined || disruptionReason(before) === undefined)) {
      if (VOLUNTARY.has(reason)) checkBudgets(needs, pool, after, reason);
    }
  });
  return {
    onCall(call) {
      if (call.kind === "pods" && call.verb === "delete") checkPodDelete(state, call, report);
      if (call.kind === "pods" && call.verb === "eviction") {
        const pod = state.of(PODS).get(call.key);
        if (pod !== undefined && asksForPeace(pod, needs.clock.nowMs()))
          report("do-not-disrupt", `evicts ${call.key}, which says do-not-disrupt`);
      }
    },
  };
}

function checkPodDelete(state: ClusterState, { key }: ProductCall, report: JudgeNeeds["report"]): void {
  const pod = state.of(PODS).get(key);
  const nodeName = pod?.spec.nodeName;
  const claim = [...state.of(NODE_CLAIMS).values()].find(({ status }) => status?.nodeName === nodeName);
  const hasDeadline = claim?.metadata.annotations?.[TERMINATION_TIMESTAMP_ANNOTATION] !== undefined;
  if (pod !== undefined && !hasDeadline) report("budgets of pods", `deletes ${key} past the eviction API`);
}

function claimsOf(state: ClusterState, pool: string): NodeClaim[] {
  return [...state.of(NODE_CLAIMS).values()].filter((claim) => poolOf(claim) === pool);
}

function checkLimits({ state, report }: JudgeNeeds, pool: NodePool): void {
  const limits = amountsOf(pool.spec.limits);
  if (Object.keys(limits).length === 0) return;
  const used: Amounts = {};
  for (const claim of claimsOf(state, pool.metadata.name)) {
    // As upstream: what is on its way out makes room for its replacement.
    if (claim.metadata.deletionTimestamp !== undefined || disruptionReason(claim) !== undefined) continue;
    addTo(used, amountsOf(claim.status?.capacity));
    addTo(used, { nodes: 1 });
  }
  for (const [name, limit] of Object.entries(limits)) {
    const amount = used[name] ?? 0;
    if (amount > limit) report("limits", `pool ${pool.metadata.name} has ${amount} of ${name}, its limit is ${limit}`);
  }
}

/** What went by itself (expired, deleted by a user) at the moment of a decision could not be counted in it. */
const UNSEEN_MS = 5_000;

function checkBudgets({ clock, state, report }: JudgeNeeds, pool: NodePool, claim: NodeClaim, reason: string): void {
  // As the product's own rule: nodes count from when they are initialized until their instance is on its way out.
  const claims = claimsOf(state, pool.metadata.name).filter(
    (one) => isTrue(one, "Initialized") && !isTrue(one, "InstanceTerminating"),
  );
  const disrupted = claims.filter((one) => {
    const deletedMs = parseTime(one.metadata.deletionTimestamp ?? "");
    const hasLongGone = deletedMs !== undefined && clock.nowMs() - deletedMs > UNSEEN_MS;
    return hasLongGone || disruptionReason(one) !== undefined || one === claim;
  }).length;
  for (const budget of pool.spec.disruption?.budgets ?? [{ nodes: "10%" }]) {
    const isMeant = budget.reasons === undefined || (budget.reasons as string[]).includes(reason);
    if (!isMeant || !isOpen(budget, clock.nowMs())) continue;
    const { nodes } = budget;
    const allowed = nodes.endsWith("%") ? Math.ceil((Number.parseFloat(nodes) * claims.length) / 100) : Number(nodes);
    if (disrupted <= allowed) continue;
    const what = `pool ${pool.metadata.name} loses ${disrupted} of ${claims.length} nodes at once (${reason}), budget ${nodes}`;
    report("budgets", `${what}: ${claim.metadata.name}`);
  }
}

/** Whether a budget counts at a moment, well within its window: of schedules only those once a day are read. */
function isOpen({ schedule, duration }: { schedule?: string; duration?: string }, nowMs: number): boolean {
  if (schedule === undefined) return true;
  const [, minute, hour] = /^([0-9]+) ([0-9]+) \* \* \*$/.exec(schedule) ?? [];
  if (minute === undefined) return false;
  const beganMs = (Number(hour) * 60 + Number(minute)) * MINUTE_MS;
  const sinceMs = (((nowMs % DAY_MS) - beganMs + DAY_MS) % DAY_MS) - MINUTE_MS;
  return sinceMs >= 0 && sinceMs < (parseDuration(duration ?? "") ?? 0) - 2 * MINUTE_MS;
}
