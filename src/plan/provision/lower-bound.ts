import type { PackingProblem } from "./packing-problem.ts";

/** Directions tried: shares of the first three dimensions in tenths, and each further dimension by itself. */
const GRID = 10;

/**
 * USD per hour that no plan for the given pods can stay below.
 *
 * For any unit prices of the dimensions, a node of a shape is worth at most its room at those unit prices; so a pod of a
 * class costs at least its need at unit prices times the best "price per worth" among the shapes that could take it. The
 * sum of that over the pods is a bound, whatever the unit prices: several are tried. Free room on existing nodes can save
 * at most its own worth at the dearest class's rate. Beside that, no pod that needs a new node gets one below the price of
 * the cheapest shape that holds it.
 * @param placed pods per class that the plan places
 */
export function lowerBound(problem: PackingProblem, placed: Int32Array): number {
  let best = cheapestSingle(problem, placed);
  for (const direction of directions(problem, placed)) best = Math.max(best, boundAlong(problem, placed, direction));
  return best;
}

function* directions(problem: PackingProblem, placed: Int32Array): Generator<Float64Array> {
  const total = new Float64Array(problem.dims);
  for (let c = 0; c < problem.classes; c += 1) {
    for (let d = 0; d < problem.dims; d += 1) {
      total[d] = (total[d] ?? 0) + (placed[c] ?? 0) * (problem.need[c * problem.dims + d] ?? 0);
    }
  }
  const unit = (d: number): number => ((total[d] ?? 0) > 0 ? 1 / (total[d] ?? 1) : 0);
  for (let cpu = 0; cpu <= GRID; cpu += 1) {
    for (let memory = 0; cpu + memory <= GRID; memory += 1) {
      const direction = new Float64Array(problem.dims);
      const shares = [cpu, memory, GRID - cpu - memory];
      for (const [d, share] of shares.entries()) if (d < problem.dims) direction[d] = share * unit(d);
      yield direction;
    }
  }
  for (let d = 3; d < problem.dims; d += 1) {
    const direction = new Float64Array(problem.dims);
    direction[d] = unit(d);
    yield direction;
  }
}

function boundAlong(problem: PackingProblem, placed: Int32Array, direction: Float64Array): number {
  const rates = ratesAlong(problem, direction);
  let sum = 0;
  for (let c = 0; c < problem.classes; c += 1) {
    if ((placed[c] ?? 0) === 0) continue;
    const need = along(problem.need, c, direction);
    if (need > 0) sum += (placed[c] ?? 0) * need * (rates[c] ?? 0);
  }
  return sum - savedByBins(problem, placed, direction, rates);
}

/** Per class the least price per worth among the shapes that could take it; 0 where only bins do. */
function ratesAlong(problem: PackingProblem, direction: Float64Array): Float64Array {
  const perKind = new Float64Array(problem.kinds).fill(Number.POSITIVE_INFINITY);
  for (let s = 0; s < problem.shapes; s += 1) {
    const worth = along(problem.capacity, s, direction);
    if (worth <= 0) continue;
    const kind = problem.kindOf[s] ?? 0;
    perKind[kind] = Math.min(perKind[kind] ?? 0, (problem.price[s] ?? 0) / worth);
  }
  return Float64Array.from({ length: problem.classes }, (_, c) => {
    let least = Number.POSITIVE_INFINITY;
    for (const { guest } of problem.stages[c] ?? []) {
      for (let k = 0; k < problem.kinds; k += 1) if (guest[k] === 1) least = Math.min(least, perKind[k] ?? 0);
    }
    return least === Number.POSITIVE_INFINITY ? 0 : least;
  });
}

function savedByBins(
  problem: PackingProblem,
  placed: Int32Array,
  direction: Float64Array,
  rates: Float64Array,
): number {
  let saved = 0;
  for (let b = 0; b < problem.bins; b += 1) {
    let dearest = 0;
    for (let c = 0; c < problem.classes; c += 1) {
      if ((placed[c] ?? 0) === 0 || (rates[c] ?? 0) <= dearest) continue;
      if ((problem.stages[c] ?? []).some(({ bins }) => bins[b] === 1)) dearest = rates[c] ?? 0;
    }
    if (dearest > 0) saved += along(problem.binRoom, b, direction) * dearest;
  }
  return saved;
}

function along(table: Float64Array, row: number, direction: Float64Array): number {
  const dims = direction.length;
  let sum = 0;
  for (let d = 0; d < dims; d += 1) sum += (table[row * dims + d] ?? 0) * (direction[d] ?? 0);
  return sum;
}

/** The dearest class that no bin takes needs one node at least. */
function cheapestSingle(problem: PackingProblem, placed: Int32Array): number {
  let dearest = 0;
  for (let c = 0; c < problem.classes; c += 1) {
    const stages = problem.stages[c] ?? [];
    if ((placed[c] ?? 0) === 0 || stages.some(({ bins }) => bins.includes(1))) continue;
    let least = Number.POSITIVE_INFINITY;
    for (let s = 0; s < problem.shapes; s += 1) {
      const kind = problem.kindOf[s] ?? 0;
      if (stages.some(({ guest }) => guest[kind] === 1) && holds(problem, s, c))
        least = Math.min(least, problem.price[s] ?? 0);
    }
    if (least < Number.POSITIVE_INFINITY) dearest = Math.max(dearest, least);
  }
  return dearest;
}

function holds({ dims, need, capacity }: PackingProblem, shape: number, c: number): boolean {
  for (let d = 0; d < dims; d += 1) if ((need[c * dims + d] ?? 0) > (capacity[shape * dims + d] ?? 0)) return false;
  return true;
}
