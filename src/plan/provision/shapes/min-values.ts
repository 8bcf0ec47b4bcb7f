import { lazilySorted } from "../../../base/lazily-sorted.ts";
import { byText } from "../../../base/order.ts";
import type { InstanceType } from "../../../model/instance-type.ts";
import { allows, formatRequirement, type Requirements, requirementFor } from "../../../model/requirements.ts";
import type { Pool } from "../pools.ts";
import { typeMisfit } from "./columns.ts";
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
    const others = types.map((other) => ({ other, likeness: likeness(one.room, other.room) }));
    const group = firstEnough(pool, lazilySorted(others, closestFirst));
    if (group !== undefined) shapes.push(common(group));
  }
  return shapes.sort((a, b) => a.price - b.price || a.type - b.type);
}

type Likened = { other: KindType; likeness: number };

function closestFirst(a: Likened, b: Likened): number {
  return b.likeness - a.likeness || a.other.price - b.other.price || byText(a.other.name, b.other.name);
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

/**
 * The minValues that no choice among all of the pool's types could reach, and which values are lost to which other
 * requirement; undefined: every one can be reached.
 */
export function minValuesOutOfReach(pool: Pool): string | undefined {
  for (const [key, least] of [...pool.minValues].sort(([a], [b]) => byText(a, b))) {
    const byValue = typesByValue(pool, key);
    const isLeft = (types: readonly InstanceType[]) =>
      types.some((type) => typeMisfit(pool.requirements, type) === undefined);
    const left = [...byValue].flatMap(([value, types]) => (isLeft(types) ? [value] : []));
    if (left.length >= least) continue;
    const lost = [...byValue].filter(([value]) => !left.includes(value));
    const named = left.length <= VALUES_NAMED_MAX && left.length > 0 ? ` (${left.sort(byText).join(", ")})` : "";
    return `${key} must keep ${least} different values and has ${left.length} left${named}${lostText(pool, key, lost)}`;
  }
  return undefined;
}

/** More values than this are not told one by one. */
const VALUES_NAMED_MAX = 8;

/** Values that the pool asks for, each with all types that have it. */
function typesByValue(pool: Pool, key: string): ReadonlyMap<string, readonly InstanceType[]> {
  const asked = pool.requirements.get(key);
  const found = new Map<string, InstanceType[]>();
  if (asked !== undefined && !asked.complement) for (const value of asked.values) found.set(value, []);
  for (const [index, type] of pool.types.entries()) {
    for (const value of valuesOf(pool, pool.requirements, index, key)) {
      const types = found.get(value) ?? [];
      types.push(type);
      found.set(value, types);
    }
  }
  return found;
}

function lostText(pool: Pool, key: string, lost: readonly (readonly [string, readonly InstanceType[]])[]): string {
  const byCause = new Map<string, string[]>();
  for (const [value, types] of lost) {
    const cause = causeOf(pool, key, types);
    byCause.set(cause, [...(byCause.get(cause) ?? []), value]);
  }
  const texts = [...byCause]
    .sort(([a], [b]) => byText(a, b))
    .map(([cause, values]) => {
      const shown = values.sort(byText).slice(0, VALUES_NAMED_MAX);
      const more = values.length > shown.length ? ` and ${values.length - shown.length} more` : "";
      return `${shown.join(", ")}${more} ${values.length === 1 ? "is" : "are"} ${cause}`;
    });
  return texts.length === 0 ? "" : `: ${texts.join("; ")}`;
}

/** The requirement that rules out all of these types. */
function causeOf(pool: Pool, key: string, types: readonly InstanceType[]): string {
  if (types.length === 0) return "not on offer";
  const ruling = [...pool.requirements.keys()].sort(byText).find((other) => {
    if (other === key) return false;
    const alone = new Map([[other, requirementFor(pool.requirements, other)]]);
    return types.every((type) => typeMisfit(alone, type) !== undefined);
  });
  if (ruling === undefined) return "ruled out by the other requirements together";
  return `ruled out by ${formatRequirement(requirementFor(pool.requirements, ruling))}`;
}

function firstEnough(pool: Pool, likened: Iterable<Likened>): readonly KindType[] | undefined {
  const missing = new Map([...pool.minValues].map(([key, least]) => [key, { least, found: new Set<string>() }]));
  const group: KindType[] = [];
  for (const { other: one } of likened) {
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
