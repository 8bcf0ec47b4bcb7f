import { byText } from "../../base/order.ts";
import { keyOf } from "../../model/object.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { afterCommand } from "./after-command.ts";
import type { PoolScore } from "./balanced.ts";
import { type PoolBudget, poolBudgets } from "./budgets.ts";
import { findCandidates } from "./candidates.ts";
import { type Consolidatee, closedTargets, consolidatees, type Kept } from "./consolidate-candidates.ts";
import { type Move, type MoveRules, moveOf, type NoMove, paying, tooEarly } from "./consolidate-move.ts";
import { bestMove, type Effort, rankedByWaste, type Search, spend, withinRoom } from "./consolidate-search.ts";
import { costOfMove, prematureMs } from "./move-cost.ts";

export type ConsolidationPlan = {
  /** Each pays back by itself; those that bring most for the trouble first. */
  moves: Move[];
  /** Nodes that might have gone, before it was asked whether that pays. */
  eligible: readonly Consolidatee[];
  /** How pools looked at moves that one of them objected to. */
  rejected: readonly (readonly PoolScore[])[];
  /** How long from now until a move that was too early may pay; infinite without one, and with moves that are made now. */
  nextMs: number;
  /** Managed nodes that stay, in order of name. */
  kept: Kept[];
  budgets: ReadonlyMap<string, PoolBudget>;
};

export type ConsolidationOptions = {
  /** Names of claims that are being disrupted already. */
  underway: ReadonlySet<string>;
  /** Whether a spot node may make way for a cheaper spot node. */
  spotToSpot: boolean;
  /** Names of pools whose nodes stay for now. */
  paused?: ReadonlySet<string>;
  /** Names of claims whose nodes take no pods, since they are to go for other reasons. */
  avoid?: ReadonlySet<string>;
  /**
   * What evicting a usual pod is worth in USD, in a cluster that goes on living: moves wait until it has been quiet long
   * enough for what they cost. Default 0: what can be saved is saved at once.
   */
  evictionCostUsd?: number;
  /** About one pod or node looked at each. */
  steps?: number;
};

/** What-ifs over the whole cluster at most, in a large one; a small one has some more. */
const WHOLE_LOOKS = 60;
const STEPS_MIN = 60_000;
const COMMANDS_MAX = 1_000;
/** As in provisioning: a node more is not worth less than this. */
const SURCHARGE = 0.01;

/**
 * Nodes whose pods can be had for less: on room that is there, on cheaper nodes, or both; any number of nodes for any number. The
 * bill is lower after every command, so none can be undone by a later one. Pure: equal snapshots give equal plans.
 */
export function planConsolidation(snapshot: Snapshot, options: ConsolidationOptions): ConsolidationPlan {
  const budgets = poolBudgets(snapshot, "Underutilized");
  const { able, kept, blocked, rules } = considered(snapshot, options);
  const effort: Effort = { left: options.steps ?? Math.max(STEPS_MIN, WHOLE_LOOKS * snapshot.stateNodes.length) };
  const why = new Map<string, NoMove>();
  const room = new Map([...budgets].map(([name, { remaining }]) => [name, remaining]));
  const ripe = able.filter((one) => !isTooEarly(one, rules, why));
  const moves = allMoves(snapshot, ripe, { rules, effort, why, room });
  const perTrouble = ({ savings, members }: Move): number =>
    savings / members.reduce((sum, { disruptionCost }) => sum + disruptionCost, 0);
  return {
    moves: moves.sort((a, b) => perTrouble(b) - perTrouble(a)),
    eligible: able,
    rejected: [...new Set([...why.values()].map(({ scores }) => scores).filter((scores) => scores !== undefined))],
    // After a move everything is looked at anew.
    nextMs: soonestMs(moves.length > 0 ? [] : [...new Set(why.values())]),
    kept: [...kept, ...blocked, ...stillThere(able, moves, { why, room: budgets })].sort(byNode),
    budgets,
  };
}

/** When the first of the moves that are too early may pay. Plans that were spared are made only for those that may be the first. */
function soonestMs(refusals: readonly NoMove[]): number {
  const early = refusals.flatMap((one) => (one.afterMs === undefined ? [] : [{ one, leastMs: one.afterMs }]));
  let soonest = Number.POSITIVE_INFINITY;
  for (const { one, leastMs } of early.sort((a, b) => a.leastMs - b.leastMs)) {
    if (leastMs >= soonest) break;
    const made = one.planned?.() ?? one;
    if (made.kind === "none") soonest = Math.min(soonest, made.afterMs ?? soonest);
  }
  return soonest;
}

type Considered = { able: Consolidatee[]; kept: Kept[]; blocked: readonly Kept[]; rules: MoveRules };

/** @param only name of the one claim that is asked about; absent: all */
function considered(
  snapshot: Snapshot,
  { underway, paused, avoid, spotToSpot, evictionCostUsd = 0 }: ConsolidationOptions,
  only?: string,
): Considered {
  const states = snapshot.stateNodes.filter(({ claim }) => only === undefined || claim?.metadata.name === only);
  const found = findCandidates(snapshot, underway, "graceful", states);
  const { able, kept } = consolidatees(snapshot, found.candidates);
  const isPaused = ({ poolName }: Consolidatee): boolean => paused?.has(poolName) === true;
  const waiting = able.filter(isPaused).map(({ candidate: { state, claim }, poolName }): Kept => {
    return { state, claim, code: "Paused", reason: `NodePool ${poolName} is paused` };
  });
  const rules: MoveRules = {
    closed: new Set([...closedTargets(snapshot), ...(avoid ?? [])]),
    surchargePerNode: snapshot.settings.surchargePerNode ?? SURCHARGE,
    spotToSpot,
    evictionCostUsd,
  };
  return { able: able.filter((one) => !isPaused(one)), kept: [...kept, ...waiting], blocked: found.blocked, rules };
}

/** Whether the node would have to stand still even if all that it costs could be saved: then no set with it is looked at. */
function isTooEarly(one: Consolidatee, rules: MoveRules, why: Map<string, NoMove>): boolean {
  const costUsd = costOfMove([one], 0, rules.evictionCostUsd);
  const most = one.price + rules.surchargePerNode;
  const afterMs = prematureMs([one], costUsd, most);
  if (afterMs > 0) why.set(one.claimName, tooEarly(one.price, costUsd, afterMs));
  return afterMs > 0;
}

/** Why a move that was decided on some time ago is given up. */
export type Rejection = { kind: "rejected"; cause: "churn" | "budget" | "scheduling"; reason: string };

/**
 * A move of exactly these nodes as the cluster is now. It is planned anew, so that every pod that came meanwhile has its
 * place too, and must still pay back.
 * @param claims names
 */
export function checkMove(
  snapshot: Snapshot,
  claims: ReadonlySet<string>,
  options: ConsolidationOptions,
): Move | Rejection {
  const { able, kept, blocked, rules } = considered(snapshot, options);
  const members = able.filter(({ claimName }) => claims.has(claimName));
  if (members.length < claims.size) {
    const first = [...kept, ...blocked].find(({ claim }) => claims.has(claim.metadata.name));
    return { kind: "rejected", cause: "churn", reason: first?.reason ?? "a node of the command is gone, or going" };
  }
  const budgets = poolBudgets(snapshot, "Underutilized");
  const room = new Map([...budgets].map(([name, { remaining }]) => [name, remaining]));
  if (withinRoom(members, room).length < members.length) {
    return { kind: "rejected", cause: "budget", reason: "the disruption budgets do not allow it any more" };
  }
  const move = moveOf(snapshot, members, rules);
  if (move.kind === "move") return move;
  // Pods have come or gone meanwhile, and the nodes have to be quiet anew.
  return { kind: "rejected", cause: move.code === "TooEarly" ? "churn" : "scheduling", reason: move.reason };
}

/**
 * The move of one node by itself, or why it stays; undefined for a node that is nobody's business here. Together with others
 * it may still go.
 * @param claim name
 */
export function judgeAlone(snapshot: Snapshot, claim: string, options: ConsolidationOptions): Move | Kept | undefined {
  const { able, kept, blocked, rules } = considered(snapshot, options, claim);
  const one = able.find(({ claimName }) => claimName === claim);
  if (one === undefined) return [...kept, ...blocked].find((other) => other.claim.metadata.name === claim);
  const why = new Map<string, NoMove>();
  const budgets = poolBudgets(snapshot, "Underutilized");
  const isEarly = isTooEarly(one, rules, why);
  const isOpen = (budgets.get(one.poolName)?.remaining ?? 0) > 0;
  if (!isEarly && isOpen) {
    const move = moveOf(snapshot, [one], rules);
    if (move.kind === "move") return move;
    why.set(claim, move);
  }
  return stillThere([one], [], { why, room: budgets })[0];
}

/** Move after move, each planned for what the ones before leave. */
function allMoves(snapshot: Snapshot, able: readonly Consolidatee[], search: Search): Move[] {
  const room = new Map(search.room);
  const moves: Move[] = [];
  let present = snapshot;
  let rest: readonly Consolidatee[] = able.length === 0 ? [] : rankedByWaste(snapshot, able, search);
  while (rest.length > 0 && moves.length < COMMANDS_MAX && search.effort.left > 0) {
    const { best, seen } = bestMove(present, rest, { ...search, room });
    if (seen.length === 0) break;
    const done = best === undefined ? [] : settled(present, best, search);
    for (const move of done) {
      moves.push(move);
      present = afterCommand(present, move.command);
      for (const { poolName } of move.members) room.set(poolName, (room.get(poolName) ?? 0) - 1);
    }
    // Nodes that get pods stay for now: these would be moved twice. What was looked at in vain is not looked at again.
    const targets = new Set(done.flatMap(({ command }) => [...command.moves.values()]));
    const gone = new Set(done.length === 0 ? seen : done.flatMap(({ members }) => members));
    rest = rest.filter((one) => !gone.has(one) && !targets.has(one.candidate.state.name));
  }
  return moves;
}

/** The move with the usual effort for its new nodes, in parts that pay by themselves where it falls into such. */
function settled(snapshot: Snapshot, best: Move, { rules, effort }: Search): Move[] {
  spend(effort, snapshot, best.members);
  const whole = moveOf(snapshot, best.members, rules);
  const complete = whole.kind === "move" && whole.gain >= best.gain ? whole : best;
  const parts = partsOf(complete).map((members) => partOf(snapshot, complete, members, rules));
  const moves = parts.filter((part) => part.kind === "move");
  // A part that has to wait by itself does not go along with the others.
  const isEach = parts.every((part) => part.kind === "move" || part.code === "TooEarly");
  return isEach && moves.length > 0 ? moves : [complete];
}

function partOf(snapshot: Snapshot, whole: Move, members: readonly Consolidatee[], rules: MoveRules): Move | NoMove {
  const keys = new Set(members.flatMap(({ candidate }) => candidate.pods.map(keyOf)));
  const moves = new Map([...whole.command.moves].filter(([key]) => keys.has(key)));
  const targets = new Set(moves.values());
  const planned = whole.planned.filter(({ name }) => targets.has(name));
  const sorted = [...members].sort((a, b) => byText(a.claimName, b.claimName));
  return paying(snapshot, sorted, { planned, moves, isFollowed: whole.stragglers === 0 }, rules);
}

/** Members that share new nodes belong together; the others can go by themselves. */
function partsOf({ members, command }: Move): Consolidatee[][] {
  const bought = new Set(command.replacements.map(({ name }) => name));
  const parts: { members: Consolidatee[]; names: Set<string> }[] = [];
  for (const member of members) {
    const part = { members: [member], names: new Set<string>() };
    for (const pod of member.candidate.pods) {
      const name = command.moves.get(keyOf(pod));
      if (name !== undefined && bought.has(name)) part.names.add(name);
    }
    for (const other of parts.filter(({ names }) => [...names].some((name) => part.names.has(name)))) {
      parts.splice(parts.indexOf(other), 1);
      part.members.unshift(...other.members);
      for (const name of other.names) part.names.add(name);
    }
    parts.push(part);
  }
  return parts.map((part) => part.members);
}

function stillThere(
  able: readonly Consolidatee[],
  moves: readonly Move[],
  { why, room }: { why: ReadonlyMap<string, NoMove>; room: ReadonlyMap<string, PoolBudget> },
): Kept[] {
  const gone = new Set(moves.flatMap(({ members }) => members));
  return able
    .filter((one) => !gone.has(one))
    .map(({ candidate: { state, claim }, claimName, poolName }): Kept => {
      const refusal = why.get(claimName);
      if (refusal !== undefined) return { state, claim, code: refusal.code, reason: refusal.reason };
      const budget = room.get(poolName);
      const used = moves.flatMap(({ members }) => members).filter((one) => one.poolName === poolName).length;
      if (budget !== undefined && budget.remaining <= used) {
        const reason = `the budgets of NodePool ${poolName} allow ${budget.allowed} of ${budget.total} nodes for reason Underutilized`;
        return { state, claim, code: "BudgetUsedUp", reason };
      }
      return { state, claim, code: "NotTried", reason: "other nodes promised more" };
    });
}

function byNode(a: Kept, b: Kept): number {
  return byText(a.state.name, b.state.name);
}
