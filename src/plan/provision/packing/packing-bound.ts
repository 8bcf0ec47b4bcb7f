import { CORE_DIMS, type Filling } from "./packing-fill.ts";

/** What limits the value of any fill of a kind's nodes, with the pods that are left. */
export type Worth = {
  /** Of all pods left that the kind takes, and of those among them that take cpu, memory and pods only. */
  left: number;
  plainLeft: number;
  /** Per dimension the most value that one unit can bring: by any pod (the first three), and by those plain ones. */
  perUnit: Float64Array;
  plainPerUnit: Float64Array;
  /** Per further dimension the pods that take of it, each with one dimension: their value, and the most that a unit brings. */
  furtherLeft: Float64Array;
  furtherPerUnit: Float64Array;
};

export function noWorth(dims: number): Worth {
  return {
    left: 0,
    plainLeft: 0,
    perUnit: new Float64Array(CORE_DIMS),
    plainPerUnit: new Float64Array(CORE_DIMS),
    furtherLeft: new Float64Array(dims),
    furtherPerUnit: new Float64Array(dims),
  };
}

/** Brings the worth of a kind that takes these classes up to date. */
export function renewWorth({ problem, values, demand, budget }: Filling, takers: Int32Array, worth: Worth): void {
  const { start, dim, amount } = problem.sparse;
  const { perUnit, plainPerUnit, furtherLeft, furtherPerUnit } = worth;
  for (const list of [perUnit, plainPerUnit, furtherLeft, furtherPerUnit]) list.fill(0);
  worth.left = 0;
  worth.plainLeft = 0;
  for (let i = 0; i < takers.length; i += 1) {
    const c = takers[i] ?? 0;
    const count = demand[c] ?? 0;
    if (count === 0) continue;
    const value = values[c] ?? 0;
    worth.left += count * value;
    raise(perUnit, problem.need, c * problem.dims, value);
    const last = (start[c + 1] ?? 0) - 1;
    const d = dim[last] ?? 0;
    if (d < CORE_DIMS) {
      worth.plainLeft += count * value;
      raise(plainPerUnit, problem.need, c * problem.dims, value);
    } else {
      furtherLeft[d] = (furtherLeft[d] ?? 0) + count * value;
      furtherPerUnit[d] = Math.max(furtherPerUnit[d] ?? 0, value / (amount[last] ?? 1));
    }
  }
  budget.left -= takers.length * CORE_DIMS;
}

function raise(perUnit: Float64Array, need: Float64Array, row: number, value: number): void {
  for (let d = 0; d < CORE_DIMS; d += 1) {
    const amount = need[row + d] ?? 0;
    perUnit[d] = Math.max(perUnit[d] ?? 0, amount > 0 ? value / amount : Number.POSITIVE_INFINITY);
  }
}

/** No fill of the shape is worth more. */
export function mostValue({ problem }: Filling, worth: Worth, shape: number): number {
  const { dims, capacity } = problem;
  const row = shape * dims;
  let most = Math.min(worth.plainLeft, worthOfRoom(capacity, row, worth.plainPerUnit));
  for (let d = CORE_DIMS; d < dims; d += 1) {
    const left = worth.furtherLeft[d] ?? 0;
    if (left > 0) most += Math.min(left, (capacity[row + d] ?? 0) * (worth.furtherPerUnit[d] ?? 0));
  }
  return Math.min(most, worth.left, worthOfRoom(capacity, row, worth.perUnit));
}

function worthOfRoom(capacity: Float64Array, row: number, perUnit: Float64Array): number {
  let most = Number.POSITIVE_INFINITY;
  for (let d = 0; d < CORE_DIMS; d += 1) {
    const unit = perUnit[d] ?? 0;
    // What some pod does not need says nothing (and infinity times zero is no number).
    if (unit < Number.POSITIVE_INFINITY) most = Math.min(most, (capacity[row + d] ?? 0) * unit);
  }
  return most;
}
