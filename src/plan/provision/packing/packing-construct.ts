import { mostValue, noWorth, renewWorth, type Worth } from "./packing-bound.ts";
import {
  bestFill,
  CORE_DIMS,
  type Fill,
  type Filling,
  fillOrders,
  fillScratch,
  holds,
  stage,
  takeFrom,
  type Vessel,
} from "./packing-fill.ts";
import type { FilledNode, Packing, PackingProblem, Portion, StepBudget } from "./packing-problem.ts";

/** What a construction starts from. */
export type Start = {
  /** Pods to place, per class; not changed. */
  demand: Int32Array;
  /** Worth of a pod of each class, in USD per hour: what it ought to cost. */
  values: Float64Array;
  /** What a node of each shape counts as. */
  costs: Float64Array;
  /** What is left of the limits; not changed. */
  limitLeft: Float64Array;
  /** Room that is free of charge: bins and nodes already open. Filled first, in order. */
  rooms: readonly Room[];
  budget: StepBudget;
};

/** A node that is there anyway. Its room is not changed: a copy is. */
export type Room = { shape: number; bin: number; room: Float64Array; content: readonly Portion[] };

export type Construction = Packing & {
  /** The rooms that got pods, with their whole new content. */
  readonly refilled: readonly Refilled[];
  readonly limitLeft: Float64Array;
};

/**
 * Places the pods greedily: free room first, then, while pods are left, the node with the least cost per value of what
 * goes in, as often as there are pods for it. Where one node takes all the rest for less, that node it is.
 * Classes that nothing took are tried again at their next stage.
 */
export function construct(problem: PackingProblem, start: Start): Construction {
  const work: Work = {
    problem,
    ...start,
    demand: Int32Array.from(start.demand),
    limitLeft: Float64Array.from(start.limitLeft),
    active: [],
    stageOf: new Int32Array(problem.classes),
    nodes: [],
    cost: 0,
    scratch: fillScratch(problem),
  };
  const refilled = new Map<number, Refilled>();
  for (let turn = 0; activate(work, turn); turn += 1) {
    fillRooms(work, refilled);
    openNodes(work);
  }
  let leftTotal = 0;
  for (const count of work.demand) leftTotal += count;
  return {
    nodes: work.nodes,
    left: work.demand,
    leftTotal,
    cost: work.cost,
    refilled: [...refilled.values()],
    limitLeft: work.limitLeft,
  };
}

type Work = Start &
  Filling & {
    /** Classes with pods to place, at their present stage. */
    active: number[];
    nodes: FilledNode[];
    cost: number;
  };

/** Takes up the classes that still have pods and a stage for this turn; false when there are none. */
function activate(work: Work, turn: number): boolean {
  work.active = [];
  for (let c = 0; c < work.problem.classes; c += 1) {
    if ((work.demand[c] ?? 0) === 0 || turn >= (work.problem.stages[c]?.length ?? 0)) continue;
    work.stageOf[c] = turn;
    work.active.push(c);
  }
  return work.active.length > 0;
}

type Refilled = { index: number; node: FilledNode; room: Float64Array };

function fillRooms(work: Work, refilled: Map<number, Refilled>): void {
  let live: readonly number[] = work.active;
  let least = leastNeed(work, live);
  for (const [index, given] of work.rooms.entries()) {
    const present = refilled.get(index);
    const room = present?.room ?? given.room;
    work.budget.left -= work.problem.dims;
    if (!covers(room, least)) continue;
    const takers = live.filter((c) => holds(work.problem, room, c) && takes(work, given, c));
    work.budget.left -= live.length;
    if (takers.length === 0) continue;
    const vessel: Vessel = { table: room, offset: 0, kind: -1 };
    const fill = bestFill(work, vessel, fillOrders(work, vessel, [Int32Array.from(takers)]), least);
    if (fill === undefined) continue;
    refilled.set(index, refill(work, { index, given, room, before: present?.node.content ?? given.content }, fill));
    if (takers.every((c) => (work.demand[c] ?? 0) > 0)) continue;
    live = live.filter((c) => (work.demand[c] ?? 0) > 0);
    least = leastNeed(work, live);
  }
}

function refill(
  work: Work,
  { index, given, room, before }: { index: number; given: Room; room: Float64Array; before: readonly Portion[] },
  fill: Fill,
): Refilled {
  const after = Float64Array.from(room);
  for (const { podClass, count } of fill.content) {
    work.demand[podClass] = (work.demand[podClass] ?? 0) - count;
    takeFrom(work.problem, after, podClass, count);
  }
  return { index, node: { shape: given.shape, bin: given.bin, content: [...before, ...fill.content] }, room: after };
}

/** Of cpu, memory and pods the least that any of the classes needs: a room with less is full for all of them. */
function leastNeed({ problem }: Work, classes: readonly number[]): Float64Array {
  const { dims, need } = problem;
  const least = new Float64Array(Math.min(CORE_DIMS, dims)).fill(Number.POSITIVE_INFINITY);
  for (const c of classes) {
    for (let d = 0; d < least.length; d += 1) least[d] = Math.min(least[d] ?? 0, need[c * dims + d] ?? 0);
  }
  return least;
}

function covers(room: Float64Array, need: Float64Array): boolean {
  for (let d = 0; d < need.length; d += 1) if ((need[d] ?? 0) > (room[d] ?? 0)) return false;
  return true;
}

function takes(work: Work, room: Room, c: number): boolean {
  const at = stage(work, c);
  if (at === undefined) return false;
  return room.bin >= 0 ? at.bins[room.bin] === 1 : at.guest[work.problem.kindOf[room.shape] ?? 0] === 1;
}

/** Per kind: the classes it takes, those that may open it first. */
type Takers = {
  classes: number[];
  ownCount: number;
  /** Of cpu, memory and pods the least that any of them needs. */
  least: Float64Array;
  /** The classes in the fill orders of the shape looked at last. */
  orders: readonly Int32Array[];
  /** What fills can be worth, as of when so many nodes were open. */
  worth: Worth;
  worthAt: number;
};

const NO_TAKERS: Takers = {
  classes: [],
  ownCount: 0,
  least: new Float64Array(),
  orders: [],
  worth: noWorth(0),
  worthAt: -1,
};

/** A shape that might be bought next, with its best fill for the demand at the time it was made. */
type Candidate = { shape: number; fill: Fill | undefined; orders: Int32Array[] | undefined };

function openNodes(work: Work): void {
  const takers = takersPerKind(work);
  const ranking = rankingOf(work, takers);
  const finish: Finish = { cost: Number.POSITIVE_INFINITY, nodes: 0, shape: -1, content: [] };
  for (;;) {
    const group = leastScore(ranking.best);
    work.budget.left -= ranking.best.length;
    const at = ranking.bestAt[group] ?? -1;
    const candidate = ranking.candidates[at];
    if (candidate === undefined) break;
    const { shape, fill } = candidate;
    if (fill === undefined || isStale(work, fill)) {
      // With what is left it may be too dear already, filled or not.
      const bound = boundOf(work, takers, shape);
      const isDearer = bound > (ranking.scores[at] ?? 0);
      if (!isDearer) evaluate(work, takers, candidate);
      rescore(work, ranking, group, at, isDearer ? bound : scoreOf(work, candidate));
    } else if (affordable(work, shape) < 1) {
      rescore(work, ranking, group, at, Number.POSITIVE_INFINITY);
    } else {
      considerFinish(work, takers, finish);
      take(work, shape, fill);
    }
  }
  applyFinish(work, finish);
}

/** Candidates in groups, one for each kind, so that a changed score concerns its group only. */
type Ranking = {
  candidates: Candidate[];
  scores: Float64Array;
  /** Group g has the candidates from start[g] up to, not including, start[g + 1]. */
  start: number[];
  /** Per group the least score, and whose it is (-1: none can be bought). */
  best: Float64Array;
  bestAt: Int32Array;
};

function rescore(work: Work, ranking: Ranking, group: number, at: number, score: number): void {
  ranking.scores[at] = score;
  const from = ranking.start[group] ?? 0;
  const within = leastScore(ranking.scores.subarray(from, ranking.start[group + 1]));
  work.budget.left -= (ranking.start[group + 1] ?? 0) - from;
  ranking.bestAt[group] = within < 0 ? -1 : from + within;
  ranking.best[group] = within < 0 ? Number.POSITIVE_INFINITY : (ranking.scores[from + within] ?? 0);
}

function takersPerKind(work: Work): Takers[] {
  const result: Takers[] = [];
  for (let k = 0; k < work.problem.kinds; k += 1) {
    const own: number[] = [];
    const guests: number[] = [];
    for (const c of work.active) {
      const at = stage(work, c);
      if ((work.demand[c] ?? 0) === 0 || at === undefined) continue;
      if (at.own[k] === 1) own.push(c);
      else if (at.guest[k] === 1) guests.push(c);
    }
    const classes = [...own, ...guests];
    result.push({
      classes,
      ownCount: own.length,
      least: leastNeed(work, classes),
      orders: [Int32Array.from(classes)],
      worth: noWorth(work.problem.dims),
      worthAt: -1,
    });
  }
  work.budget.left -= work.problem.kinds * work.active.length;
  return result;
}

/**
 * The shapes of kinds that somebody may open, each with the least cost per value that it could have at best: most are
 * never filled, as this is already too much.
 */
function rankingOf(work: Work, takers: readonly Takers[]): Ranking {
  const { problem } = work;
  const candidates: Candidate[] = [];
  const scores: number[] = [];
  const start = [0];
  for (let k = 0; k < problem.kinds; k += 1) {
    if ((takers[k]?.ownCount ?? 0) === 0) continue;
    for (const shape of problem.rungsOf[k] ?? []) {
      const bound = boundOf(work, takers, shape);
      if (bound === Number.POSITIVE_INFINITY) continue;
      candidates.push({ shape, fill: undefined, orders: undefined });
      scores.push(bound);
    }
    work.budget.left -= (problem.rungsOf[k]?.length ?? 0) * problem.dims;
    start.push(candidates.length);
  }
  const groups = start.length - 1;
  const ranking: Ranking = {
    candidates,
    scores: Float64Array.from(scores),
    start,
    best: new Float64Array(groups),
    bestAt: new Int32Array(groups),
  };
  for (let g = 0; g < groups; g += 1) {
    const first = start[g] ?? 0;
    rescore(work, ranking, g, first, ranking.scores[first] ?? Number.POSITIVE_INFINITY);
  }
  return ranking;
}

/** The least cost per value that a node of the shape can have with the pods that are left. */
function boundOf(work: Work, takers: readonly Takers[], shape: number): number {
  const own = takers[work.problem.kindOf[shape] ?? 0] ?? NO_TAKERS;
  if (own.worthAt !== work.nodes.length) {
    renewWorth(work, own.orders[0] ?? new Int32Array(), own.worth);
    own.worthAt = work.nodes.length;
  }
  const most = mostValue(work, own.worth, shape);
  return most > 0 ? (work.costs[shape] ?? 0) / most : Number.POSITIVE_INFINITY;
}

function leastScore(scores: Float64Array): number {
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let s = 0; s < scores.length; s += 1) {
    const score = scores[s] ?? 0;
    if (score < least) {
      least = score;
      best = s;
    }
  }
  return best;
}

/** A fill stays the greedy one while there are pods enough for it: demand only falls. */
function isStale(work: Work, fill: Fill): boolean {
  for (const { podClass, count } of fill.content) if (count > (work.demand[podClass] ?? 0)) return true;
  return false;
}

/** Values do not change while nodes are opened, so a shape's fill orders are made once. */
function evaluate(work: Work, takers: readonly Takers[], candidate: Candidate): void {
  const { capacity, dims, kindOf } = work.problem;
  const kind = kindOf[candidate.shape] ?? 0;
  const vessel: Vessel = { table: capacity, offset: candidate.shape * dims, kind };
  const own = takers[kind] ?? NO_TAKERS;
  if (candidate.orders === undefined) {
    candidate.orders = fillOrders(work, vessel, own.orders);
    own.orders = candidate.orders;
  }
  candidate.fill = bestFill(work, vessel, candidate.orders, own.least);
}

function scoreOf(work: Work, { shape, fill }: Candidate): number {
  if (fill === undefined || fill.value <= 0) return Number.POSITIVE_INFINITY;
  return (work.costs[shape] ?? 0) / fill.value;
}

/** How many nodes of the shape the limits allow. */
function affordable(work: Work, shape: number): number {
  const { limits, limitUse } = work.problem;
  let most = Number.POSITIVE_INFINITY;
  for (let l = 0; l < limits; l += 1) {
    const use = limitUse[shape * limits + l] ?? 0;
    if (use > 0) most = Math.min(most, Math.floor((work.limitLeft[l] ?? 0) / use));
  }
  return Math.max(most, 0);
}

function take(work: Work, shape: number, fill: Fill): void {
  const { limits, limitUse } = work.problem;
  let times = affordable(work, shape);
  for (const { podClass, count } of fill.content) {
    times = Math.min(times, Math.floor((work.demand[podClass] ?? 0) / count));
  }
  for (const { podClass, count } of fill.content) {
    work.demand[podClass] = (work.demand[podClass] ?? 0) - times * count;
  }
  for (let l = 0; l < limits; l += 1) {
    work.limitLeft[l] = (work.limitLeft[l] ?? 0) - times * (limitUse[shape * limits + l] ?? 0);
  }
  for (let i = 0; i < times; i += 1) work.nodes.push({ shape, bin: -1, content: fill.content });
  work.cost += times * (work.costs[shape] ?? 0);
}

/** The cheapest way found to end with one node for all the rest. */
type Finish = { cost: number; nodes: number; shape: number; content: Portion[] };

function considerFinish(work: Work, takers: readonly Takers[], finish: Finish): void {
  const { problem } = work;
  const rest = restOf(work);
  work.budget.left -= work.active.length * CORE_DIMS;
  if (!covers(problem.largest, rest.need)) return;
  work.budget.left -= problem.kinds * work.active.length;
  for (let k = 0; k < problem.kinds; k += 1) {
    const { classes, ownCount } = takers[k] ?? NO_TAKERS;
    const taken = classes.filter((c) => (work.demand[c] ?? 0) > 0);
    if (taken.length !== rest.classes || !classes.slice(0, ownCount).some((c) => (work.demand[c] ?? 0) > 0)) continue;
    const shape = cheapestHolding(work, k, rest.need);
    if (shape < 0) continue;
    const cost = work.cost + (work.costs[shape] ?? 0);
    if (cost >= finish.cost - 1e-12) continue;
    finish.cost = cost;
    finish.nodes = work.nodes.length;
    finish.shape = shape;
    finish.content = taken.map((c) => ({ podClass: c, stage: work.stageOf[c] ?? 0, count: work.demand[c] ?? 0 }));
  }
}

function restOf(work: Work): { need: Float64Array; classes: number } {
  const { dims, sparse } = work.problem;
  const sum = new Float64Array(dims);
  let classes = 0;
  for (const c of work.active) {
    const count = work.demand[c] ?? 0;
    if (count === 0) continue;
    classes += 1;
    const end = sparse.start[c + 1] ?? 0;
    for (let i = sparse.start[c] ?? 0; i < end; i += 1) {
      const d = sparse.dim[i] ?? 0;
      sum[d] = (sum[d] ?? 0) + count * (sparse.amount[i] ?? 0);
    }
  }
  return { need: sum, classes };
}

function cheapestHolding(work: Work, kind: number, need: Float64Array): number {
  const { problem } = work;
  let best = -1;
  for (const s of problem.shapesOf[kind] ?? []) {
    if (best >= 0 && (work.costs[s] ?? 0) >= (work.costs[best] ?? 0)) continue;
    if (hasRoom(problem, s, need) && affordable(work, s) >= 1) best = s;
  }
  work.budget.left -= problem.shapesOf[kind]?.length ?? 0;
  return best;
}

function hasRoom(problem: PackingProblem, shape: number, need: Float64Array): boolean {
  const { dims, capacity } = problem;
  for (let d = 0; d < dims; d += 1) if ((need[d] ?? 0) > (capacity[shape * dims + d] ?? 0)) return false;
  return true;
}

/** Goes back to where one node for all the rest was cheaper than what came of it. */
function applyFinish(work: Work, finish: Finish): void {
  if (finish.shape < 0) return;
  const isComplete = work.active.every((c) => (work.demand[c] ?? 0) === 0);
  if (isComplete && work.cost <= finish.cost + 1e-12) return;
  for (const node of work.nodes.splice(finish.nodes)) {
    giveBack(work, node);
  }
  const { limits, limitUse } = work.problem;
  for (let l = 0; l < limits; l += 1) {
    work.limitLeft[l] = (work.limitLeft[l] ?? 0) - (limitUse[finish.shape * limits + l] ?? 0);
  }
  for (const { podClass, count } of finish.content) {
    work.demand[podClass] = (work.demand[podClass] ?? 0) - count;
  }
  work.nodes.push({ shape: finish.shape, bin: -1, content: finish.content });
  work.cost = finish.cost;
}

function giveBack(work: Work, node: FilledNode): void {
  const { limits, limitUse } = work.problem;
  for (const { podClass, count } of node.content) work.demand[podClass] = (work.demand[podClass] ?? 0) + count;
  for (let l = 0; l < limits; l += 1) {
    work.limitLeft[l] = (work.limitLeft[l] ?? 0) + (limitUse[node.shape * limits + l] ?? 0);
  }
}
