import { byText } from "../../base/order.ts";
import type { Reduction } from "./reduce.ts";
import { CAPACITY_TYPE_BITS } from "./shapes.ts";

/** A type that a claim may launch: at its cheapest offering within the claim's requirements. */
export type ClaimType = {
  type: number;
  name: string;
  price: number;
  capacityTypes: number;
  /** What pods get of it, wherever within the requirements it is launched. */
  room: Float64Array;
};

/** As many types a claim lists; more when minValues need them. */
const TYPES_MAX = 100;
/** Never more than this. */
const TYPES_LIMIT = 600;
/** Dearer types than so many times the cheapest are not worth launching while there are enough others. */
const PRICE_FACTOR = 3;
const TYPES_ENOUGH = 15;

/** Types by the terms that a claim's pods chose; equal questions get the same list. */
export class ClaimTypes {
  readonly #reduction: Reduction;
  readonly #known = new Map<string, readonly ClaimType[]>();

  constructor(reduction: Reduction) {
    this.#reduction = reduction;
  }

  /** Everything in the pool that meets all the terms, cheapest first, then by name. */
  of(pool: number, terms: readonly number[]): readonly ClaimType[] {
    const id = `${pool}|${terms.join()}`;
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const merged = new Map<number, ClaimType>();
    this.#reduction.kinds.forEach((kind, k) => {
      if (kind.pool !== pool || !terms.every((term) => kind.meets[term] === 1)) return;
      for (const one of this.#reduction.kindTypes[k] ?? []) merge(merged, one);
    });
    const sorted = [...merged.values()].sort((a, b) => a.price - b.price || byText(a.name, b.name));
    this.#known.set(id, sorted);
    return sorted;
  }
}

/**
 * The types worth listing of those that hold the pods: all that are not much dearer than the cheapest, and some more where
 * those are few, so that one sold-out type changes nothing.
 * @param holding cheapest first
 * @param isEnough called with the list so far: minValues may want it longer
 */
export function worthListing(
  holding: readonly ClaimType[],
  isEnough: (types: readonly ClaimType[]) => boolean,
): ClaimType[] {
  const cheapest = holding[0]?.price ?? 0;
  let count = 0;
  while (count < Math.min(TYPES_MAX, holding.length)) {
    if (count >= TYPES_ENOUGH && (holding[count]?.price ?? 0) > cheapest * PRICE_FACTOR) break;
    count += 1;
  }
  while (count < Math.min(TYPES_LIMIT, holding.length) && !isEnough(holding.slice(0, count))) count += 1;
  return holding.slice(0, count);
}

/** The capacity types that any of them can be had as, sorted. */
export function capacityTypesOf(types: readonly ClaimType[]): string[] {
  let bits = 0;
  for (const { capacityTypes } of types) bits |= capacityTypes;
  return Object.entries(CAPACITY_TYPE_BITS).flatMap(([name, bit]) => ((bits & bit) === 0 ? [] : [name]));
}

function merge(merged: Map<number, ClaimType>, one: ClaimType): void {
  const known = merged.get(one.type);
  if (known === undefined) {
    merged.set(one.type, { ...one });
    return;
  }
  known.price = Math.min(known.price, one.price);
  known.capacityTypes |= one.capacityTypes;
  // Daemons may differ by zone: the pods must fit wherever the node comes up.
  known.room = known.room.map((amount, d) => Math.min(amount, one.room[d] ?? 0));
}
