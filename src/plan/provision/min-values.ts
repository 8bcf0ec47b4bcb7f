import { byText } from "../../base/order.ts";
import { allows, type Requirements } from "../../model/requirements.ts";
import type { Pool } from "./pools.ts";
import type { KindType, Shape } from "./shapes.ts";

/** The room that some types have in common: any of them may be launched. */
type SharedShape = Omit<Shape, "use"> & { members: readonly number[] };

/**
 * Shapes of a pool with minValues: each is the room that several types have in common, enough of them for every key's
 * count of different values, so that whatever fits the shape leaves the claim its choice. Cheapest first.
 */
export function minValuesShapes(pool: Pool, types: readonly KindType[]): SharedShape[] {
  const shapes: SharedShape[] = [];
  for (const one of types) {
    const closest = types
      .map((other) => ({ other, likeness: likeness(one.room, other.room) }))
      .sort((a, b) => b.likeness - a.likeness || a.other.price - b.other.price || byText(a.other.name, b.other.name));
    const group = firstEnough(
      pool,
      closest.map(({ other }) => other),
    );
    if (group !== undefined) shapes.push(common(group));
  }
  return shapes.sort((a, b) => a.price - b.price || a.type - b.type);
}

/**
 * Keys whose count of different values the types do not reach, with the count they do reach.
 * @param requirements the claim's: values that it rules out do not count
 */
export function unmetMinValues(
  pool: Pool,
  requirements: Requirements,
  types: readonly { type: number }[],
): ReadonlyMap<string, number> {
  const unmet = new Map<string, number>();
  for (const [key, least] of pool.minValues) {
    const found = new Set<string>();
    for (const { type } of types) for (const value of valuesOf(pool, requirements, type, key)) found.add(value);
    if (found.size < least) unmet.set(key, found.size);
  }
  return unmet;
}

/** The type's own values for the key that are allowed, whether or not they are to be had at the moment. */
function valuesOf(pool: Pool, requirements: Requirements, type: number, key: string): Iterable<string> {
  const own = pool.types[type]?.requirements.get(key);
  const allowed = requirements.get(key);
  if (own === undefined || own.complement) return [];
  return [...own.values].filter((value) => allowed === undefined || allows(allowed, value));
}

function firstEnough(pool: Pool, types: readonly KindType[]): readonly KindType[] | undefined {
  const missing = new Map([...pool.minValues].map(([key, least]) => [key, { least, found: new Set<string>() }]));
  const group: KindType[] = [];
  for (const one of types) {
    let isNews = group.length === 0;
    for (const [key, { least, found }] of missing) {
      const before = found.size;
      if (before < least) for (const value of valuesOf(pool, pool.requirements, one.type, key)) found.add(value);
      isNews ||= found.size > before;
    }
    if (isNews) group.push(one);
    if ([...missing.values()].every(({ least, found }) => found.size >= least)) return group;
  }
  return undefined;
}

/** How much of the one's room the other has, in the dimension where it has least: 1 when all. */
function likeness(one: Float64Array, other: Float64Array): number {
  let least = 1;
  for (let d = 0; d < one.length; d += 1) {
    const wanted = one[d] ?? 0;
    if (wanted > 0) least = Math.min(least, (other[d] ?? 0) / wanted);
  }
  return least;
}

function common(group: readonly KindType[]): SharedShape {
  const [first] = group;
  if (first === undefined) throw new RangeError("a group has members");
  const room = Float64Array.from(first.room);
  let cheapest = first;
  for (const one of group) {
    for (let d = 0; d < room.length; d += 1) room[d] = Math.min(room[d] ?? 0, one.room[d] ?? 0);
    if (one.price < cheapest.price) cheapest = one;
  }
  return { room, price: cheapest.price, type: cheapest.type, members: group.map(({ type }) => type) };
}
