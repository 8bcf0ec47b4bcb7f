import { leastPriceHolding, type Packing, type PackingProblem } from "./packing-problem.ts";

/** Directions tried: shares of the first three dimensions in tenths, and some further dimensions by themselves. */
const GRID = 10;
const MORE_DIRECTIONS_MAX = 8;

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
  const places = placesOf(problem, placed);
  let best = cheapestSingle(problem, places);
  for (const direction of directions(problem, placed)) {
    best = Math.max(best, boundAlong(problem, placed, places, direction));
  }
  return best;
}

/**
 * True when no packing of the problem is better: no pod is left, and what is bought, if anything, is the one node that some class
 * needs at least.
 * @param costs per shape, cheapest first within a kind
 */
export function isUnbeatable(problem: PackingProblem, { nodes, leftTotal }: Packing, costs: Float64Array): boolean {
  const bought = nodes.filter(({ shape }) => shape >= 0);
  const [only, ...others] = bought;
  if (leftTotal > 0 || others.length > 0) return false;
  if (only === undefined) return true;
  const least = cheapestSingle({ ...problem, price: costs }, placesOf(problem, problem.demand));
  return (costs[only.shape] ?? 0) <= least + 1e-9;
}

/** Where each placed class may go at any of its stages, and the bins that take any of them. */
type Places = { classes: readonly { c: number; kinds: Uint8Array; bins: Uint8Array }[]; bins: readonly number[] };

function placesOf(problem: PackingProblem, placed: Int32Array): Places {
  const classes = problem.stages.flatMap((stages, c) => {
    if ((placed[c] ?? 0) === 0) return [];
    return [{ c, kinds: union(stages.map(({ guest }) => guest)), bins: union(stages.map(({ bins }) => bins)) }];
  });
  const any = new Uint8Array(problem.bins);
  for (const { bins } of classes) for (let b = 0; b < bins.length; b += 1) if (bins[b] === 1) any[b] = 1;
  return { classes, bins: [...any.keys()].filter((b) => any[b] === 1) };
}

function union(sets: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array(), ...others] = sets;
  const isSame = others.every((other) => other === first);
  return isSame ? first : first.map((member, i) => (member === 1 || others.some((other) => other[i] === 1) ? 1 : 0));
}

/** Unit prices of some dimensions; all others cost nothing. */
type Direction = readonly { d: number; unit: number }[];

function* directions(problem: PackingProblem, placed: Int32Array): Generator<Direction> {
  const total = new Float64Array(problem.dims);
  for (let c = 0; c < problem.classes; c += 1) {
    for (let d = 0; d < problem.dims; d += 1) {
      total[d] = (total[d] ?? 0) + (placed[c] ?? 0) * (problem.need[c * problem.dims + d] ?? 0);
    }
  }
  const unit = (d: number): number => ((total[d] ?? 0) > 0 ? 1 / (total[d] ?? 1) : 0);
  for (let cpu = 0; cpu <= GRID; cpu += 1) {
    for (let memory = 0; cpu + memory <= GRID; memory += 1) {
      const shares = [cpu, memory, GRID - cpu - memory];
      yield shares.map((share, d) => ({ d, unit: share * unit(d) })).filter((one) => one.unit > 0);
    }
  }
  for (let d = 3; d < Math.min(problem.dims, 3 + MORE_DIRECTIONS_MAX); d += 1) {
    yield [{ d, unit: unit(d) }];
  }
}

function boundAlong(problem: PackingProblem, placed: Int32Array, places: Places, direction: Direction): number {
  const rates = ratesAlong(problem, places, direction);
  let sum = 0;
  for (const { c } of places.classes) {
    const need = along(problem.need, c * problem.dims, direction);
    if (need > 0) sum += (placed[c] ?? 0) * need * (rates[c] ?? 0);
  }
  return sum - savedByBins(problem, places, direction, rates);
}

/** Per class the least price per worth among the shapes that could take it; 0 where only bins do. */
function ratesAlong(problem: PackingProblem, places: Places, direction: Direction): Float64Array {
  const perKind = new Float64Array(problem.kinds).fill(Number.POSITIVE_INFINITY);
  for (let s = 0; s < problem.shapes; s += 1) {
    const worth = along(problem.capacity, s * problem.dims, direction);
    if (worth <= 0) continue;
    const kind = problem.kindOf[s] ?? 0;
    perKind[kind] = Math.min(perKind[kind] ?? 0, (problem.price[s] ?? 0) / worth);
  }
  const rates = new Float64Array(problem.classes);
  for (const { c, kinds } of places.classes) {
    let least = Number.POSITIVE_INFINITY;
    for (let k = 0; k < kinds.length; k += 1) if (kinds[k] === 1) least = Math.min(least, perKind[k] ?? 0);
    rates[c] = least === Number.POSITIVE_INFINITY ? 0 : least;
  }
  return rates;
}

/** Each bin saves at most its room at the rate of the dearest class that it takes. */
function savedByBins(problem: PackingProblem, places: Places, direction: Direction, rates: Float64Array): number {
  if (places.bins.length === 0) return 0;
  const dearestFirst = [...places.classes].sort((a, b) => (rates[b.c] ?? 0) - (rates[a.c] ?? 0) || a.c - b.c);
  let saved = 0;
  for (const b of places.bins) {
    const dearest = dearestFirst.find(({ bins }) => bins[b] === 1);
    if (dearest !== undefined) saved += along(problem.binRoom, b * problem.dims, direction) * (rates[dearest.c] ?? 0);
  }
  return saved;
}

/** @param start of a row */
function along(table: Float64Array, start: number, direction: Direction): number {
  let sum = 0;
  for (const { d, unit } of direction) sum += (table[start + d] ?? 0) * unit;
  return sum;
}

/** The dearest class that no bin takes needs one node at least. */
function cheapestSingle(problem: PackingProblem, places: Places): number {
  let dearest = 0;
  for (const { c, kinds, bins } of places.classes) {
    if (bins.includes(1)) continue;
    let least = Number.POSITIVE_INFINITY;
    for (let k = 0; k < kinds.length; k += 1) {
      if (kinds[k] === 1) least = Math.min(least, leastPriceHolding(problem, k, c));
    }
    if (least < Number.POSITIVE_INFINITY) dearest = Math.max(dearest, least);
  }
  return dearest;
}
