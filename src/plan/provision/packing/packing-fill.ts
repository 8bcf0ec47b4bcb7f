import type { PackingProblem, Portion, Stage, StepBudget } from "./packing-problem.ts";

/** What a fill looks at of a construction under way. */
export type Filling = {
  problem: PackingProblem;
  /** Pods still to place, per class. */
  demand: Int32Array;
  /** Worth of a pod of each class, in USD per hour: what it ought to cost. */
  values: Float64Array;
  /** Per class its present stage. */
  stageOf: Int32Array;
  budget: StepBudget;
  scratch: FillScratch;
};

/** Working memory of fills, so that trying one costs no allocation. */
export type FillScratch = {
  /** What is left, per dimension. */
  room: Float64Array;
  /** Per stress a number per class. */
  densities: readonly Float64Array[];
  best: Draft;
  trial: Draft;
};
/** A fill in the making: so many entries of class and count. */
type Draft = { classes: Int32Array; counts: Int32Array; size: number; value: number };

export function fillScratch({ dims, classes }: PackingProblem): FillScratch {
  return {
    room: new Float64Array(dims),
    densities: STRESS.map(() => new Float64Array(classes)),
    best: draft(classes),
    trial: draft(classes),
  };
}

function draft(classes: number): Draft {
  return { classes: new Int32Array(classes), counts: new Int32Array(classes), size: 0, value: 0 };
}

/** Cpu, memory and pods come first among the dimensions. */
export const CORE_DIMS = 3;

export function holds({ sparse }: PackingProblem, room: Float64Array, c: number): boolean {
  const end = sparse.start[c + 1] ?? 0;
  for (let i = sparse.start[c] ?? 0; i < end; i += 1) {
    if ((sparse.amount[i] ?? 0) > (room[sparse.dim[i] ?? 0] ?? 0)) return false;
  }
  return true;
}

export type Fill = { content: Portion[]; value: number };
/** Fill orders: by value per balanced share of the room, with the stress on the first dimension, on the second. */
const STRESS = [-1, 0, 1] as const;

/** What is filled: a row of a table of rooms, and the kind to open (-1: it is open already, any taker will do). */
export type Vessel = { table: Float64Array; offset: number; kind: number };

/**
 * The most valuable of three greedy fills, or undefined when nothing fits. Something that may open the kind must be in it.
 * @param orders the takers in the order of each fill, as `fillOrders` gives them
 * @param least  of cpu, memory and pods the least that any taker needs: with less left, the room is full
 */
export function bestFill(
  work: Filling,
  vessel: Vessel,
  orders: readonly Int32Array[],
  least: Float64Array,
): Fill | undefined {
  const { scratch } = work;
  scratch.best.size = 0;
  for (const order of orders) {
    if (!fillInOrder(work, vessel, order, least)) continue;
    const { best, trial } = scratch;
    if (best.size > 0 && trial.value <= best.value + 1e-12) continue;
    scratch.best = trial;
    scratch.trial = best;
  }
  return scratch.best.size === 0 ? undefined : fillOf(work, scratch.best);
}

function fillOf({ stageOf }: Filling, { classes, counts, size, value }: Draft): Fill {
  const content: Portion[] = [];
  for (let i = 0; i < size; i += 1) {
    const c = classes[i] ?? 0;
    content.push({ podClass: c, stage: stageOf[c] ?? 0, count: counts[i] ?? 0 });
  }
  return { content, value };
}

/**
 * The takers in three orders, densest first.
 * @param similar the takers in the orders of a similar vessel, which are mostly right already; or in any order
 */
export function fillOrders(work: Filling, { table, offset }: Vessel, similar: readonly Int32Array[]): Int32Array[] {
  const takers = similar[0]?.length ?? 0;
  if (takers < 2) return [Int32Array.from(similar[0] ?? [])];
  work.budget.left -= takers * (CORE_DIMS + 4) * STRESS.length;
  densities(work, table, offset, similar[0] ?? new Int32Array());
  return STRESS.map((_, s) =>
    sortedByDensity(similar[s] ?? similar[0] ?? new Int32Array(), work.scratch.densities[s] ?? new Float64Array()),
  );
}

/** Value per share that a pod takes of the room: the sum of its shares of everything, the stressed one four times. */
function densities(
  { problem, values, scratch }: Filling,
  table: Float64Array,
  offset: number,
  takers: Int32Array,
): void {
  const { start, dim, amount } = problem.sparse;
  for (let i = 0; i < takers.length; i += 1) {
    const c = takers[i] ?? 0;
    const end = start[c + 1] ?? 0;
    let share = 0;
    let first = 0;
    let second = 0;
    for (let n = start[c] ?? 0; n < end; n += 1) {
      const d = dim[n] ?? 0;
      const part = (amount[n] ?? 0) / Math.max(table[offset + d] ?? 0, 1e-9);
      share += part;
      if (d === 0) first = part;
      else if (d === 1) second = part;
    }
    const value = values[c] ?? 0;
    set(scratch.densities[0], c, value / share);
    set(scratch.densities[1], c, value / (share + 3 * first));
    set(scratch.densities[2], c, value / (share + 3 * second));
  }
}

function set(list: Float64Array | undefined, at: number, value: number): void {
  if (list !== undefined) list[at] = value;
}

/** Densest first, then by number. Mostly in order already: insertion needs no callbacks, but must not take for ever. */
function sortedByDensity(given: Int32Array, density: Float64Array): Int32Array {
  const order = Int32Array.from(given);
  let moves = order.length * MOVES_EACH_MAX;
  for (let i = 1; i < order.length; i += 1) {
    const c = order[i] ?? 0;
    const own = density[c] ?? 0;
    let at = i;
    for (; at > 0; at -= 1) {
      const before = order[at - 1] ?? 0;
      const other = density[before] ?? 0;
      if (other > own || (other === own && before < c)) break;
      order[at] = before;
    }
    order[at] = c;
    moves -= i - at;
    if (moves < 0) return order.sort((a, b) => (density[b] ?? 0) - (density[a] ?? 0) || a - b);
  }
  return order;
}

const MOVES_EACH_MAX = 16;

/** Makes the trial; true when something is in it, and may be. */
function fillInOrder(work: Filling, vessel: Vessel, order: Int32Array, least: Float64Array): boolean {
  const { trial } = work.scratch;
  empty(work, vessel);
  let opens = vessel.kind < 0;
  let looked = 0;
  for (; looked < order.length; looked += 1) {
    const c = order[looked] ?? 0;
    const count = howMany(work, c);
    if (count === 0) continue;
    put(work, c, count);
    opens ||= mayOpen(work, c, vessel.kind);
    if (isFull(work.scratch.room, least)) break;
  }
  work.budget.left -= looked * CORE_DIMS + work.problem.dims;
  if (trial.size === 0) return false;
  return opens || ownFirst(work, vessel, order);
}

/** Guests took all the room: now those that may open the node go in first. */
function ownFirst(work: Filling, vessel: Vessel, order: Int32Array): boolean {
  empty(work, vessel);
  for (const turn of [true, false]) {
    for (const c of order) {
      const count = mayOpen(work, c, vessel.kind) === turn ? howMany(work, c) : 0;
      if (count > 0) put(work, c, count);
    }
    if (work.scratch.trial.size === 0) return false;
  }
  return true;
}

function empty({ problem, scratch }: Filling, { table, offset }: Vessel): void {
  for (let d = 0; d < problem.dims; d += 1) scratch.room[d] = table[offset + d] ?? 0;
  scratch.trial.size = 0;
  scratch.trial.value = 0;
}

function isFull(room: Float64Array, least: Float64Array): boolean {
  for (let d = 0; d < least.length; d += 1) if ((room[d] ?? 0) < (least[d] ?? 0)) return true;
  return false;
}

function mayOpen(work: Filling, c: number, kind: number): boolean {
  return stage(work, c)?.own[kind] === 1;
}

function put({ problem, scratch, values }: Filling, c: number, count: number): void {
  const { trial, room } = scratch;
  takeFrom(problem, room, c, count);
  trial.classes[trial.size] = c;
  trial.counts[trial.size] = count;
  trial.size += 1;
  trial.value += count * (values[c] ?? 0);
}

/** How many of the class's pods the room takes. Mostly none or all: those are told without a division. */
function howMany({ problem, demand, scratch }: Filling, c: number): number {
  const { start, dim, amount } = problem.sparse;
  let count = demand[c] ?? 0;
  if (count === 0) return 0;
  const end = start[c + 1] ?? 0;
  for (let i = start[c] ?? 0; i < end; i += 1) {
    const each = amount[i] ?? 0;
    const room = scratch.room[dim[i] ?? 0] ?? 0;
    if (each > room) return 0;
    if (each * count > room) count = Math.floor(room / each);
  }
  return count;
}

export function stage(work: Filling, c: number): Stage | undefined {
  return work.problem.stages[c]?.[work.stageOf[c] ?? 0];
}

export function takeFrom({ sparse }: PackingProblem, room: Float64Array, c: number, count: number): void {
  const end = sparse.start[c + 1] ?? 0;
  for (let i = sparse.start[c] ?? 0; i < end; i += 1) {
    const d = sparse.dim[i] ?? 0;
    room[d] = (room[d] ?? 0) - count * (sparse.amount[i] ?? 0);
  }
}
