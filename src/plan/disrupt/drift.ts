import { byText } from "../../base/order.ts";
import { parseTime, SECOND_MS } from "../../base/time.ts";
import { keyOf } from "../../model/object.ts";
import { budgetIndexOf, isCurrentlyReschedulable } from "../../model/pod-disruption-budgets.ts";
import { isReschedulable } from "../../model/pod-predicates.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { findCondition, isTrue } from "../lifecycle/conditions.ts";
import { freeName } from "../provision/claim-name.ts";
import { bareClaim, countStatic } from "../provision/static-pool.ts";
import { type PoolBudget, poolBudgets } from "./budgets.ts";
import { type Blocked, type Candidate, findCandidates } from "./candidates.ts";
import type { DisruptionCommand } from "./command.ts";
import { rehome } from "./rehome.ts";

/** A node whose pods had no other place is not tried again before. */
const RETRY_MS = 10 * SECOND_MS;
/** So many nodes are tried in one plan; the next plan goes on behind them. */
const TRIES_MAX = 10;

export type DriftPlan = {
  /** Empty nodes first, then nodes of static pools, then at most one other node with pods. */
  commands: DisruptionCommand[];
  /** Drifted, and neither blocked nor under way. */
  eligible: Candidate[];
  /** Drifted nodes that may not go now. */
  blocked: Blocked[];
  /** Candidates that cannot go because their pods have no other place, with why. */
  stuck: { candidate: Candidate; reason: string }[];
  budgets: ReadonlyMap<string, PoolBudget>;
};

export type DriftOptions = {
  /** Names of claims that are being disrupted already. */
  underway: ReadonlySet<string>;
  /** When each pool had its last turn, by name: who has waited longest is next. Pools that had none are first. */
  lastTurnMs: ReadonlyMap<string, number>;
  /** When each claim was last tried in vain, by name: others go before it. */
  lastTriedMs: ReadonlyMap<string, number>;
  /** Names of pools whose drift is not carried out at the moment. */
  paused: ReadonlySet<string>;
};

/**
 * Which drifted nodes are replaced next. Within each pool the empty ones, then those that drifted first; among the pools
 * by turns, so that a pool which gets no nodes holds up no other. The pods of a node must all find a place, on new nodes
 * if need be, and never on another drifted node: they would be moved twice.
 * @source reference of disruption, section 11
 */
export function planDrift(snapshot: Snapshot, options: DriftOptions): DriftPlan {
  const budgets = poolBudgets(snapshot, "Drifted");
  const found = findCandidates(snapshot, options.underway, "eventual");
  const eligible = found.candidates.filter(isDrifted).sort((a, b) => driftedMs(a) - driftedMs(b));
  const blocked = found.blocked.filter(({ claim }) => isTrue(claim, "Drifted"));
  const room = new Map([...budgets].map(([name, { remaining }]) => [name, remaining]));
  const hasTurn = ({ pool }: Candidate): boolean =>
    (room.get(pool.metadata.name) ?? 0) > 0 && !options.paused.has(pool.metadata.name);
  const commands: DisruptionCommand[] = [];
  for (const candidate of eligible.filter(isEmpty)) {
    const name = candidate.pool.metadata.name;
    if (!hasTurn(candidate)) continue;
    room.set(name, (room.get(name) ?? 0) - 1);
    commands.push(commandFor(candidate, [], new Map()));
  }
  commands.push(...staticCommands(snapshot, found.candidates, hasTurn, room));
  const stuck: DriftPlan["stuck"] = [];
  const avoid = new Set(eligible.map(({ claim }) => claim.metadata.name));
  const isDue = ({ claim }: Candidate): boolean =>
    snapshot.nowMs - (options.lastTriedMs.get(claim.metadata.name) ?? Number.NEGATIVE_INFINITY) >= RETRY_MS;
  const waiting = eligible.filter((candidate) => !isEmpty(candidate) && hasTurn(candidate) && isDue(candidate));
  for (const candidate of inTurn(waiting, options).slice(0, TRIES_MAX)) {
    const { replacements, moves, problem } = rehome(snapshot, {
      leaving: new Set([candidate.claim.metadata.name]),
      avoid,
    });
    if (problem === undefined) {
      commands.push(commandFor(candidate, replacements, moves));
      break;
    }
    stuck.push({ candidate, reason: problem });
  }
  return { commands, eligible, blocked, stuck, budgets };
}

/**
 * Nodes of static pools: one for one, as many at once as budget and limits allow. They are not planned for: the pool's
 * size is what the user wants, and its nodes are alike. While the pool has too many nodes, those go first.
 */
function staticCommands(
  snapshot: Snapshot,
  candidates: readonly Candidate[],
  hasTurn: (candidate: Candidate) => boolean,
  room: Map<string, number>,
): DisruptionCommand[] {
  const commands: DisruptionCommand[] = [];
  const limits = new Map<string, number>();
  const budgets = budgetIndexOf(snapshot.view.podDisruptionBudgets, snapshot.memory.surging);
  const drifted = candidates.filter(({ claim, pool }) => pool.spec.replicas !== undefined && isTrue(claim, "Drifted"));
  for (const candidate of drifted.sort((a, b) => driftedMs(a) - driftedMs(b))) {
    const { claim, pool, pods } = candidate;
    const { name } = pool.metadata;
    const count = countStatic(snapshot, pool);
    const limit = limits.get(name) ?? count.room;
    const isTooLarge = count.active.length + count.leaving > (pool.spec.replicas ?? 0);
    if (!hasTurn(candidate) || isTooLarge || limit <= 0) continue;
    limits.set(name, limit - 1);
    room.set(name, (room.get(name) ?? 0) - 1);
    const bare = bareClaim(pool, claim.metadata.uid);
    const moving = pods.filter((pod) => isCurrentlyReschedulable(pod, budgets, snapshot.nowMs)).map(keyOf);
    const planned = { ...bare, name: freeName(snapshot.view.nodeClaims, bare.name), pods: moving };
    commands.push(commandFor(candidate, [planned], new Map(moving.map((key) => [key, planned.name]))));
  }
  return commands;
}

function isDrifted({ claim, pool }: Candidate): boolean {
  return pool.spec.replicas === undefined && isTrue(claim, "Drifted");
}

function driftedMs({ claim }: Candidate): number {
  return parseTime(findCondition(claim, "Drifted")?.lastTransitionTime ?? "") ?? 0;
}

function isEmpty({ pods }: Candidate): boolean {
  return !pods.some(isReschedulable);
}

/** One node of each pool, pools that have waited longest first; then the next node of each. */
function inTurn(waiting: readonly Candidate[], { lastTurnMs, lastTriedMs }: DriftOptions): Candidate[] {
  const byPool = new Map<string, Candidate[]>();
  for (const candidate of waiting) {
    const name = candidate.pool.metadata.name;
    byPool.set(name, [...(byPool.get(name) ?? []), candidate]);
  }
  const triedMs = ({ claim }: Candidate): number => lastTriedMs.get(claim.metadata.name) ?? 0;
  for (const list of byPool.values()) list.sort((a, b) => triedMs(a) - triedMs(b));
  const turnMs = (name: string): number => lastTurnMs.get(name) ?? 0;
  const pools = [...byPool.keys()].sort((a, b) => turnMs(a) - turnMs(b) || byText(a, b));
  const longest = Math.max(0, ...[...byPool.values()].map(({ length }) => length));
  const order: Candidate[] = [];
  for (let row = 0; row < longest; row += 1) {
    for (const name of pools) order.push(...(byPool.get(name)?.slice(row, row + 1) ?? []));
  }
  return order;
}

function commandFor(
  candidate: Candidate,
  replacements: DisruptionCommand["replacements"],
  moves: DisruptionCommand["moves"],
): DisruptionCommand {
  return { reason: "Drifted", consolidationType: "", candidates: [candidate], replacements, moves };
}
