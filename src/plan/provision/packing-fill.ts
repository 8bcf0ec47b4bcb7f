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
  /** Working memory: a number per dimension, a number per class. */
  scratch: Float64Array;
  density: Float64Array;
};

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
 */
export function bestFill(work: Filling, vessel: Vessel, orders: readonly Int32Array[]): Fill | undefined {
  let best: Fill | undefined;
  for (const order of orders) {
    const fill = fillInOrder(work, vessel, order);
    if (fill !== undefined && (best === undefined || fill.value > best.value + 1e-12)) best = fill;
  }
  return best;
}

export function fillOrders(work: Filling, { table, offset }: Vessel, takers: readonly number[]): Int32Array[] {
  if (takers.length === 1) return [Int32Array.from(takers)];
  const { density, values } = work;
  work.budget.left -= takers.length * (CORE_DIMS + 4) * STRESS.length;
  return STRESS.map((stress) => {
    for (const c of takers) density[c] = (values[c] ?? 0) / shareOf(work.problem, table, offset, c, stress);
    return sortedByDensity(takers, density);
  });
}

/** What a pod takes of the room, as the sum of its shares; the stressed dimension counts four times. */
function shareOf({ sparse }: PackingProblem, table: Float64Array, offset: number, c: number, stress: number): number {
  let share = 0;
  const end = sparse.start[c + 1] ?? 0;
  for (let i = sparse.start[c] ?? 0; i < end; i += 1) {
    const d = sparse.dim[i] ?? 0;
    share += ((d === stress ? 4 : 1) * (sparse.amount[i] ?? 0)) / Math.max(table[offset + d] ?? 0, 1e-9);
  }
  return share;
}

/** Densest first, then by number. The lists are short, and mostly in order already: insertion needs no callbacks. */
function sortedByDensity(takers: readonly number[], density: Float64Array): Int32Array {
  const order = Int32Array.from(takers);
  if (order.length > INSERTION_MAX) return order.sort((a, b) => (density[b] ?? 0) - (density[a] ?? 0) || a - b);
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
  }
  return order;
}

const INSERTION_MAX = 64;

function fillInOrder(work: Filling, { table, offset, kind }: Vessel, order: Int32Array): Fill | undefined {
  const { dims } = work.problem;
  const room = work.scratch;
  for (let d = 0; d < dims; d += 1) room[d] = table[offset + d] ?? 0;
  const fill: Fill = { content: [], value: 0 };
  let opens = kind < 0;
  for (let i = 0; i < order.length; i += 1) {
    const c = order[i] ?? 0;
    const count = howMany(work, room, c);
    if (count <= 0) continue;
    put(work, room, fill, c, count);
    opens ||= mayOpen(work, c, kind);
  }
  work.budget.left -= order.length * CORE_DIMS + dims;
  if (fill.content.length === 0) return undefined;
  return opens ? fill : ownFirst(work, { table, offset, kind }, order);
}

/** Guests took all the room: now those that may open the node go in first. */
function ownFirst(work: Filling, { table, offset, kind }: Vessel, order: Int32Array): Fill | undefined {
  const { dims } = work.problem;
  const room = work.scratch;
  for (let d = 0; d < dims; d += 1) room[d] = table[offset + d] ?? 0;
  const fill: Fill = { content: [], value: 0 };
  for (const turn of [true, false]) {
    for (const c of order) {
      const count = mayOpen(work, c, kind) === turn ? howMany(work, room, c) : 0;
      if (count > 0) put(work, room, fill, c, count);
    }
    if (fill.content.length === 0) return undefined;
  }
  return fill;
}

function mayOpen(work: Filling, c: number, kind: number): boolean {
  return stage(work, c)?.own[kind] === 1;
}

function put(work: Filling, room: Float64Array, fill: Fill, c: number, count: number): void {
  takeFrom(work.problem, room, c, count);
  fill.content.push({ podClass: c, stage: work.stageOf[c] ?? 0, count });
  fill.value += count * (work.values[c] ?? 0);
}

/** How many of the class's pods the room takes. */
function howMany(work: Filling, room: Float64Array, c: number): number {
  const { sparse } = work.problem;
  let count = work.demand[c] ?? 0;
  const end = sparse.start[c + 1] ?? 0;
  for (let i = sparse.start[c] ?? 0; i < end && count > 0; i += 1) {
    count = Math.min(count, Math.floor((room[sparse.dim[i] ?? 0] ?? 0) / (sparse.amount[i] ?? 1)));
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
