import { isUnbeatable } from "./lower-bound.ts";
import { type Construction, construct, type Room } from "./packing-construct.ts";
import { cheapestShape, improve } from "./packing-improve.ts";
import {
  isBetter,
  type Packing,
  type PackingProblem,
  phaseOf,
  priceOf,
  type StepBudget,
  shapeCosts,
} from "./packing-problem.ts";

export type SearchOptions = {
  /** USD per hour that every node counts as dearer than it is: without it the cheapest plan is full of the smallest nodes. */
  surchargePerNode: number;
  /** The most that fewer nodes may cost, as a share of the price. */
  surchargeShareMax: number;
  /** About one number looked at each. */
  steps: number;
};

/** Rounds in which the values of classes are corrected by what their pods really paid. */
const CORRECTIONS = 12;
const ATTEMPTS = 2_000;
const SEED = 20_180_611;

/**
 * The best packing found within the budget: fewest pods left, then cheapest with the surcharge, unless that costs too much
 * more than without.
 */
export function searchPacking(problem: PackingProblem, options: SearchOptions): Packing {
  const surcharges = [options.surchargePerNode, options.surchargePerNode / 20];
  const [few, cheap] = surcharges.map((surcharge) => searchWith(problem, surcharge, options.steps / surcharges.length));
  if (few === undefined || cheap === undefined) throw new RangeError("two searches give two packings");
  const allowed = priceOf(problem, cheap.nodes) * (1 + options.surchargeShareMax);
  const isFewFine =
    cheap.leftTotal === few.leftTotal ? priceOf(problem, few.nodes) <= allowed + 1e-9 : few.leftTotal < cheap.leftTotal;
  const [chosen, other, name] = isFewFine
    ? [few, cheap, "instead: more and smaller nodes"]
    : [cheap, few, "instead: fewer and larger nodes"];
  return { ...chosen, phases: [...(chosen.phases ?? []), phaseOf(problem, name, other)] };
}

function searchWith(problem: PackingProblem, surcharge: number, steps: number): Packing {
  const budget: StepBudget = { left: steps };
  let best = optimize(problem, shapeCosts(problem, surcharge), budget);
  if (best.leftTotal === 0 || problem.limits === 0) return best;
  for (const scarcity of [0.1, 1, 10, 1_000]) {
    const costs = shapeCosts(problem, surcharge, scarcity);
    const other = optimize(problem, costs, { left: steps / 4 });
    if (isBetter(other, best)) best = other;
    if (best.leftTotal === 0) break;
  }
  return best;
}

function optimize(problem: PackingProblem, costs: Float64Array, budget: StepBudget): Packing {
  const share = budget.left / 2;
  const bins = binRooms(problem);
  let values = firstValues(problem, costs);
  let first: Packing | undefined;
  let best: Packing | undefined;
  let bestValues = values;
  for (let round = 0; round <= CORRECTIONS; round += 1) {
    const made = construct(problem, {
      demand: problem.demand,
      values,
      costs,
      limitLeft: problem.limitLeft,
      rooms: bins,
      budget,
    });
    const packing = whole(problem, made, costs);
    first ??= packing;
    if (best === undefined || isBetter(packing, best)) {
      best = packing;
      bestValues = values;
    }
    if (budget.left < share || isUnbeatable(problem, best, costs)) break;
    values = corrected(problem, packing, values, costs);
  }
  if (best === undefined || first === undefined) throw new RangeError("at least one round is made");
  const last = isUnbeatable(problem, best, costs)
    ? best
    : improve(problem, best, { values: bestValues, costs, budget, attempts: ATTEMPTS, seed: SEED });
  const phases = [
    phaseOf(problem, "nodes filled greedily", first),
    phaseOf(problem, "pods valued by what they paid", best),
    phaseOf(problem, "nodes taken apart and rebuilt", last),
  ];
  return { ...last, phases };
}

function binRooms(problem: PackingProblem): Room[] {
  const { dims } = problem;
  return Array.from({ length: problem.bins }, (_, bin) => ({
    shape: -1,
    bin,
    room: problem.binRoom.subarray(bin * dims, (bin + 1) * dims),
    content: [],
  }));
}

/** Bins that got pods and nodes bought, each in the cheapest shape for what is on it. */
function whole(problem: PackingProblem, made: Construction, costs: Float64Array): Packing {
  const shrink = cheapestShape(problem, costs);
  const seen = new Map<object, number>();
  const nodes = made.refilled.map(({ node }) => node);
  let cost = 0;
  for (const node of made.nodes) {
    const known = seen.get(node.content);
    const shrunk = known === undefined ? shrink(node) : { ...node, shape: known };
    seen.set(node.content, shrunk.shape);
    cost += costs[shrunk.shape] ?? 0;
    nodes.push(shrunk);
  }
  return { nodes, left: made.left, leftTotal: made.leftTotal, cost };
}

/** At first a pod is worth the cheapest share of a node that it can have. One that only fits on bins goes before all others. */
function firstValues(problem: PackingProblem, costs: Float64Array): Float64Array {
  const values = new Float64Array(problem.classes);
  let most = 1e-6;
  for (let c = 0; c < problem.classes; c += 1) {
    const least = cheapestShare(problem, c, costs);
    values[c] = Math.max(least, 1e-9);
    if (least < Number.POSITIVE_INFINITY) most = Math.max(most, least);
  }
  return values.map((value) => Math.min(value, most * 1_000));
}

function cheapestShare(problem: PackingProblem, c: number, costs: Float64Array): number {
  let least = Number.POSITIVE_INFINITY;
  for (let k = 0; k < problem.kinds; k += 1) {
    if (!(problem.stages[c] ?? []).some((stage) => stage.own[k] === 1)) continue;
    for (const s of problem.rungsOf[k] ?? []) {
      const share = largestShare(problem, c, s);
      if (share <= 1) least = Math.min(least, share * (costs[s] ?? 0));
    }
  }
  return least;
}

/** The largest share of anything on the shape that one pod takes; above 1 it does not fit. */
function largestShare({ dims, sparse, capacity }: PackingProblem, c: number, shape: number): number {
  let share = 0;
  const end = sparse.start[c + 1] ?? 0;
  for (let i = sparse.start[c] ?? 0; i < end; i += 1) {
    share = Math.max(share, (sparse.amount[i] ?? 0) / (capacity[shape * dims + (sparse.dim[i] ?? 0)] ?? 0));
  }
  return share;
}

/** The middle (geometric) between a class's value and the share that its pods paid of the nodes bought for them. */
function corrected(problem: PackingProblem, packing: Packing, values: Float64Array, costs: Float64Array): Float64Array {
  const paid = new Float64Array(problem.classes);
  const pods = new Float64Array(problem.classes);
  for (const node of packing.nodes) {
    if (node.shape < 0) continue;
    let total = 0;
    for (const { podClass, count } of node.content) total += count * (values[podClass] ?? 0);
    const perValue = (costs[node.shape] ?? 0) / Math.max(total, 1e-12);
    for (const { podClass, count } of node.content) {
      paid[podClass] = (paid[podClass] ?? 0) + count * (values[podClass] ?? 0) * perValue;
      pods[podClass] = (pods[podClass] ?? 0) + count;
    }
  }
  return values.map((value, c) =>
    (pods[c] ?? 0) > 0 ? Math.max(Math.sqrt(value * ((paid[c] ?? 0) / (pods[c] ?? 1))), 1e-9) : value,
  );
}
