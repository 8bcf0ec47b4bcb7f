import type { Pod } from "../../../model/core.ts";
import type { PackingProblem } from "../packing/packing-problem.ts";
import { type ClassStage, type NumberedClass, needOf, type PlacementFacts, stagesOf } from "../stages.ts";

/** Pods that are dealt to domains together: those of a class, or equal bundles. */
export type DealClass = {
  readonly one: NumberedClass;
  readonly pods: readonly Pod[];
  readonly unit: number;
  readonly parts: readonly NumberedClass[];
  readonly owns: readonly { rule: number; isWish: boolean; text: string }[];
  /** How many pods of a unit each rule counts. */
  readonly selected: ReadonlyMap<number, number>;
  /** How many of these have the rule themselves. */
  readonly selectedOwners: ReadonlyMap<number, number>;
  readonly reach: Reach;
};

/** Where pods may go and what they cost there, before any rule about domains. */
export type Reach = {
  readonly key: string;
  readonly need: Float64Array;
  readonly stages: readonly ClassStage[];
  /** Per kind: the first stage at which a node may be opened, -1 for never; and what a pod costs there at best. */
  readonly rankOfKind: Int32Array;
  readonly costOfKind: Float64Array;
  /** Per bin: the first stage at which it is open to the pods, -1 for never. */
  readonly rankOfBin: Int32Array;
};

/** Values of the labels that a class is dealt over, by number; -1: the node has no such label. */
export type Place = ReadonlyMap<number, number>;

/** A place that a class can be in, with the wish it fulfils (the stage) and what a pod costs there. */
export type Choice = {
  place: Place;
  rank: number;
  cost: number;
  bins: readonly number[];
  /** True where nodes can be bought. */
  hasKinds: boolean;
  id: string;
  /** The same with the labels that it is about: equal for classes of any reach. */
  openedId: string;
};

/** Pods to places: `places` has one unless any of them will do. */
export type Dealt = { one: DealClass; pods: readonly Pod[]; keys: readonly number[]; places: readonly Place[] };

/** The name under which the room for a class in a place is known. */
export function capOf({ reach }: DealClass, place: Place): string {
  return `${reach.key} @${[...place].map(([key, value]) => `${key}=${value}`).join()}`;
}

/** Reaches of classes, each made once for all classes with equal needs and wishes. */
export class Reaches {
  readonly #facts: PlacementFacts;
  readonly #known = new Map<string, Reach>();

  constructor(facts: PlacementFacts) {
    this.#facts = facts;
  }

  of(one: NumberedClass): Reach {
    const known = this.#known.get(one.baseKey);
    if (known !== undefined) return known;
    const reach = this.make(one.baseKey, needOf(one, this.#facts.dimensions), stagesOf(one, this.#facts));
    this.#known.set(one.baseKey, reach);
    return reach;
  }

  make(key: string, need: Float64Array, stages: readonly ClassStage[]): Reach {
    const { kinds, bins, shapeTable } = this.#facts;
    const rankOfKind = Int32Array.from(kinds, (_, k) => stages.findIndex(({ own }) => own[k] === 1));
    return {
      key,
      need,
      stages,
      rankOfKind,
      costOfKind: Float64Array.from(kinds, (_, k) =>
        (rankOfKind[k] ?? -1) < 0 ? Number.POSITIVE_INFINITY : leastShare(shapeTable.numbers, k, need),
      ),
      rankOfBin: ranksOfBins(stages, bins.length),
    };
  }
}

/** Per bin the first stage at which it is open, -1 for never. */
function ranksOfBins(stages: readonly ClassStage[], bins: number): Int32Array {
  const ranks = new Int32Array(bins).fill(-1);
  for (const [rank, stage] of [...stages.entries()].reverse()) {
    for (let b = 0; b < bins; b += 1) if (stage.bins[b] === 1) ranks[b] = rank;
  }
  return ranks;
}

/** The reach within some nodes that exist. */
export function onHosts(reach: Reach, hosts: ReadonlySet<string>, { bins, kinds }: PlacementFacts): Reach {
  const allowed = bins.map(({ hostname }) => hosts.has(hostname));
  const none = new Uint8Array(kinds.length);
  const stages = reach.stages.flatMap(({ level, bins: open }) => {
    const kept = open.map((takes, b) => (takes === 1 && allowed[b] === true ? 1 : 0));
    return kept.includes(1) ? [{ level, own: none, guest: none, bins: kept }] : [];
  });
  return {
    key: `${reach.key} on ${[...hosts].sort().join()}`,
    need: reach.need,
    stages,
    rankOfKind: new Int32Array(kinds.length).fill(-1),
    costOfKind: new Float64Array(kinds.length).fill(Number.POSITIVE_INFINITY),
    rankOfBin: ranksOfBins(stages, bins.length),
  };
}

type Numbers = Pick<PackingProblem, "rungsOf" | "capacity" | "price">;

/** The cheapest share of a node of the kind that holds the need. */
function leastShare({ rungsOf, capacity, price }: Numbers, kind: number, need: Float64Array): number {
  let least = Number.POSITIVE_INFINITY;
  const asked = [...need.keys()].filter((d) => (need[d] ?? 0) > 0);
  for (const s of rungsOf[kind] ?? []) {
    let share = 0;
    for (const d of asked) share = Math.max(share, (need[d] ?? 0) / (capacity[s * need.length + d] ?? 0));
    if (share <= 1) least = Math.min(least, share * (price[s] ?? 0));
  }
  return least;
}
