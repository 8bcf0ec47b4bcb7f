/**
 * Provisioning with everything named taken away: classes of equal pods, shapes of nodes that can be bought, and bins, the
 * room on nodes that exist. Numbers only, in typed arrays, so that the search touches neither strings nor objects.
 */
export type PackingProblem = {
  /** Countable things: resources, then host ports and the like. Number of columns of the tables below. */
  readonly dims: number;
  readonly classes: number;
  /** What one pod of a class takes: classes x dims. Every pod takes at least one of `pods`. */
  readonly need: Float64Array;
  /** The same without its zeros: most pods need three things of perhaps a hundred. */
  readonly sparse: SparseNeeds;
  /** Pods to place, per class. */
  readonly demand: Int32Array;
  /** Per class, from the most wished for to the least; a pod moves on only when nothing takes it. Never empty. */
  readonly stages: readonly (readonly Stage[])[];
  readonly shapes: number;
  /** What pods get of a node of a shape, daemons taken off: shapes x dims. */
  readonly capacity: Float64Array;
  /** USD per hour. Shapes are sorted by it within their kind. */
  readonly price: Float64Array;
  /** Per dimension the most that any shape has. */
  readonly largest: Float64Array;
  readonly kinds: number;
  readonly kindOf: Int32Array;
  /** Shapes of a kind, cheapest first. */
  readonly shapesOf: readonly Int32Array[];
  /** Of these the ones that nodes are opened as while a plan is made; in the end each node gets the cheapest of all. */
  readonly rungsOf: readonly Int32Array[];
  /** Limits of pools: how many there are, what a node of a shape takes of each (shapes x limits), what is left. */
  readonly limits: number;
  readonly limitUse: Float64Array;
  readonly limitLeft: Float64Array;
  readonly bins: number;
  /** bins x dims */
  readonly binRoom: Float64Array;
};

/** Of class c: the entries from start[c] up to, not including, start[c + 1]. */
export type SparseNeeds = { readonly start: Int32Array; readonly dim: Int32Array; readonly amount: Float64Array };

export function sparseNeeds(classes: number, dims: number, need: Float64Array): SparseNeeds {
  const start = new Int32Array(classes + 1);
  const dim: number[] = [];
  const amount: number[] = [];
  for (let c = 0; c < classes; c += 1) {
    for (let d = 0; d < dims; d += 1) {
      const value = need[c * dims + d] ?? 0;
      if (value <= 0) continue;
      dim.push(d);
      amount.push(value);
    }
    start[c + 1] = dim.length;
  }
  return { start, dim: Int32Array.from(dim), amount: Float64Array.from(amount) };
}

/** What the cheapest shape of the kind that holds a pod of the class costs, in USD per hour; infinite where none does. */
export function leastPriceHolding(problem: PackingProblem, kind: number, c: number): number {
  const { dims, sparse, capacity, price, shapesOf } = problem;
  const [start, end] = [sparse.start[c] ?? 0, sparse.start[c + 1] ?? 0];
  // Cheapest first within a kind.
  for (const shape of shapesOf[kind] ?? []) {
    let i = start;
    while (i < end && (sparse.amount[i] ?? 0) <= (capacity[shape * dims + (sparse.dim[i] ?? 0)] ?? 0)) i += 1;
    if (i === end) return price[shape] ?? 0;
  }
  return Number.POSITIVE_INFINITY;
}

/** Where the pods of a class may go. Bytes, 1 for yes. */
export type Stage = {
  /** Kinds of which nodes may be opened for these pods. */
  readonly own: Uint8Array;
  /** Kinds whose nodes take these pods once they are open for others; contains `own`. */
  readonly guest: Uint8Array;
  readonly bins: Uint8Array;
};

/** Pods on one node. Content lists are shared between equal nodes and never changed in place. */
export type FilledNode = {
  /** The shape bought, or -1 for a bin. */
  readonly shape: number;
  /** The bin, or -1 for a bought node. */
  readonly bin: number;
  readonly content: readonly Portion[];
};
export type Portion = { readonly podClass: number; readonly stage: number; readonly count: number };

export type Packing = {
  readonly nodes: readonly FilledNode[];
  /** Pods without a place, per class. */
  readonly left: Int32Array;
  readonly leftTotal: number;
  /** What the search minimizes among packings that leave equally many: prices with the surcharge per node. */
  readonly cost: number;
  /** What the packing was after each phase of the search. */
  readonly phases?: readonly SearchPhase[];
};

export type SearchPhase = { phase: string; pricePerHour: number; nodes: number; podsLeft: number };

/** A line of the story of a packing. */
export function phaseOf(problem: PackingProblem, phase: string, { nodes, leftTotal }: Packing): SearchPhase {
  const bought = nodes.filter(({ shape }) => shape >= 0).length;
  return { phase, pricePerHour: priceOf(problem, nodes), nodes: bought, podsLeft: leftTotal };
}

/** Counts work, so that effort is bounded without a clock. One step is about one number looked at. */
export type StepBudget = { left: number };

/** What a node of each shape counts as: its price, a surcharge against many tiny nodes, a shadow price on scarce limits. */
export function shapeCosts(problem: PackingProblem, surcharge: number, scarcity = 0): Float64Array {
  const costs = new Float64Array(problem.shapes);
  for (let s = 0; s < problem.shapes; s += 1) {
    const price = problem.price[s] ?? 0;
    costs[s] = price + surcharge + (scarcity > 0 ? scarcity * limitShare(problem, s) : 0);
  }
  return costs;
}

function limitShare(problem: PackingProblem, shape: number): number {
  let share = 0;
  for (let l = 0; l < problem.limits; l += 1) {
    const left = problem.limitLeft[l] ?? 0;
    if (left > 0) share += (problem.limitUse[shape * problem.limits + l] ?? 0) / left;
  }
  return share;
}

/** The prices of the bought nodes, without surcharges. */
export function priceOf(problem: PackingProblem, nodes: readonly FilledNode[]): number {
  let sum = 0;
  for (const node of nodes) if (node.shape >= 0) sum += problem.price[node.shape] ?? 0;
  return sum;
}

/** True when `a` leaves fewer pods, or as many for less. */
export function isBetter(a: Packing, b: Packing): boolean {
  return a.leftTotal < b.leftTotal || (a.leftTotal === b.leftTotal && a.cost < b.cost - 1e-9);
}
