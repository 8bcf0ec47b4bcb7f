import { byText } from "../../../base/order.ts";
import { type Requirement, requirement } from "../../../model/requirements.ts";
import type { Reduction } from "../reduce.ts";
import type { Columns } from "./columns.ts";
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

/** Never more types than this: the API takes no longer lists. */
const TYPES_MAX = 600;
export const LAUNCH_PRICE_FACTOR = 1.2;
/** The cloud chooses spot machines by how likely they are to stay: it needs some to choose from. */
const SPOT_TYPES_LEAST = 15;

/** Types by the terms that a claim's pods chose; equal questions get the same list. */
export class ClaimTypes {
  readonly #reduction: Reduction;
  readonly #known = new Map<string, readonly ClaimType[]>();

  constructor(reduction: Reduction) {
    this.#reduction = reduction;
  }

  /**
   * Everything in the pool that meets all the terms, cheapest first, then by name.
   * @param reservation only what is in it; undefined: only what is in none
   */
  of(pool: number, terms: readonly number[], reservation: string | undefined): readonly ClaimType[] {
    const id = `${pool}|${terms.join()}|${reservation ?? ""}`;
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const merged = new Map<number, ClaimType>();
    this.#reduction.kinds.forEach((kind, k) => {
      if (kind.pool !== pool || kind.reservation !== reservation || !terms.every((term) => kind.meets[term] === 1))
        return;
      for (const one of this.#reduction.kindTypes[k] ?? []) merge(merged, one);
    });
    const sorted = [...merged.values()].sort((a, b) => a.price - b.price || byText(a.name, b.name));
    this.#known.set(id, sorted);
    return sorted;
  }
}

/**
 * The types worth listing of those that hold the pods: all that are not much dearer than the cheapest; for spot some more
 * where those are few.
 * @param holding     cheapest first
 * @param priceFactor times the price of the cheapest, at least 1
 * @param isEnough    called with the list so far: minValues may want it longer
 */
export function worthListing(
  holding: readonly ClaimType[],
  priceFactor: number,
  isEnough: (types: readonly ClaimType[]) => boolean,
): ClaimType[] {
  const dearest = (holding[0]?.price ?? 0) * priceFactor;
  const most = Math.min(TYPES_MAX, holding.length);
  let spot = isSpot(holding[0]) ? 0 : SPOT_TYPES_LEAST;
  let count = 0;
  while (count < most && (spot < SPOT_TYPES_LEAST || (holding[count]?.price ?? 0) <= dearest)) {
    if (isSpot(holding[count])) spot += 1;
    count += 1;
  }
  while (count < most && !isEnough(holding.slice(0, count))) count += 1;
  return holding.slice(0, count);
}

function isSpot(one: ClaimType | undefined): boolean {
  return ((one?.capacityTypes ?? 0) & CAPACITY_TYPE_BITS.spot) !== 0;
}

/** The capacity types that any of them can be had as, sorted. */
export function capacityTypesOf(types: readonly ClaimType[]): string[] {
  let bits = 0;
  for (const { capacityTypes } of types) bits |= capacityTypes;
  return Object.entries(CAPACITY_TYPE_BITS).flatMap(([name, bit]) => ((bits & bit) === 0 ? [] : [name]));
}

/**
 * Where daemons differ from zone to zone, the pods may fit in the planned one only: the labels that pin a claim to where
 * its type was planned, and the types that can be had just there.
 */
export function pinned(
  reduction: Reduction,
  kind: number,
  planned: number,
): { labels: Requirement[]; types: readonly ClaimType[] } {
  const launchKind = reduction.kinds[kind];
  const columns = reduction.columns[launchKind?.pool ?? 0];
  if (launchKind === undefined || columns === undefined) return { labels: [], types: [] };
  const own = [...launchKind.columns].filter((column) => columns.typeOf[column] === planned);
  const cheapest = own.sort((a, b) => (columns.priceOf[a] ?? 0) - (columns.priceOf[b] ?? 0) || a - b)[0] ?? 0;
  const place = placeOf(columns, cheapest);
  const here = [...launchKind.columns].filter((column) => samePlace(placeOf(columns, column), place));
  const known = new Map((reduction.kindTypes[kind] ?? []).map((one) => [one.type, one]));
  const merged = new Map<number, ClaimType>();
  for (const column of here) {
    const one = known.get(columns.typeOf[column] ?? 0);
    const bit = CAPACITY_TYPE_BITS[columns.offeringOf[column]?.capacityType ?? "on-demand"];
    if (one !== undefined) merge(merged, { ...one, price: columns.priceOf[column] ?? 0, capacityTypes: bit });
  }
  const labels = [...place].map(([key, value]) => requirement(key, "In", [value]));
  return { labels, types: [...merged.values()].sort((a, b) => a.price - b.price || byText(a.name, b.name)) };
}

/** What the offering and the type's variant say of the node's labels. */
function placeOf(columns: Columns, column: number): ReadonlyMap<string, string> {
  const place = new Map<string, string>(columns.variantOf[column]);
  for (const [key, r] of columns.offeringOf[column]?.requirements ?? []) {
    if (!r.complement) for (const value of r.values) place.set(key, value);
  }
  return place;
}

function samePlace(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return [...b].every(([key, value]) => a.get(key) === undefined || a.get(key) === value);
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
