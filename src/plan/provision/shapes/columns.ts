import { byText } from "../../../base/order.ts";
import type { InstanceType, Offering } from "../../../model/instance-type.ts";
import {
  allows,
  formatRequirements,
  hasIntersection,
  type Requirement,
  type Requirements,
} from "../../../model/requirements.ts";
import { labelFits, mayBeAbsent } from "../../fit/label-fit.ts";
import type { Pool } from "../pools.ts";

/**
 * Everything that a pool can launch, one column each: an instance type, where its labels leave a choice (operating systems)
 * one way to choose, and an offering that is to be had.
 */
export type Columns = {
  readonly count: number;
  /** Index into the pool's types. */
  readonly typeOf: Int32Array;
  readonly priceOf: Float64Array;
  /** Values chosen for labels of the type that leave a choice. */
  readonly variantOf: readonly Variant[];
  readonly offeringOf: readonly Offering[];
};
type Variant = ReadonlyMap<string, string>;

const NO_CHOICE: Variant = new Map();

/** By list of types the columns that were made of it lately, each with what else they follow from. */
const lately = new WeakMap<readonly InstanceType[], { text: string; columns: Columns }[]>();
const KNOWN_MAX = 8;

/** The columns that the pool's requirements allow: the very same ones as long as these, its types and reservations are. */
export function columnsOf(pool: Pool): Columns {
  const text = JSON.stringify([formatRequirements(pool.requirements), [...pool.reservations]]);
  const known = lately.get(pool.types) ?? [];
  const found = known.find((one) => one.text === text) ?? { text, columns: makeColumns(pool) };
  if (known[0] !== found) lately.set(pool.types, [found, ...known.filter((one) => one !== found)].slice(0, KNOWN_MAX));
  return found.columns;
}

function makeColumns(pool: Pool): Columns {
  const types: number[] = [];
  const prices: number[] = [];
  const variants: Variant[] = [];
  const offerings: Offering[] = [];
  pool.types.forEach((type, index) => {
    if (!isWhole(type) || typeMisfit(pool.requirements, type) !== undefined) return;
    for (const variant of variantsOf(type, pool.requirements)) {
      for (const offering of type.offerings) {
        if (!isToBeHad(pool, offering) || !offeringFits(pool.requirements, offering)) continue;
        types.push(index);
        prices.push(offering.priceUsdPerHour);
        variants.push(variant);
        offerings.push(offering);
      }
    }
  });
  return {
    count: types.length,
    typeOf: Int32Array.from(types),
    priceOf: Float64Array.from(prices),
    variantOf: variants,
    offeringOf: offerings,
  };
}

/** Whether the pool's requirements allow anything at all. */
export function hasColumns(pool: Pool): boolean {
  const { types, requirements } = pool;
  return types.some(
    (type) =>
      isWhole(type) &&
      typeMisfit(requirements, type) === undefined &&
      variantsOf(type, requirements).length > 0 &&
      hasOffering(pool, type, requirements),
  );
}

/** The value of a label on a node of the column; undefined when the node will lack it; null when the pool must say. */
export function columnValue(pool: Pool, columns: Columns, column: number, key: string): string | undefined | null {
  const offered = columns.offeringOf[column]?.requirements.get(key);
  if (offered !== undefined) return only(offered);
  const chosen = columns.variantOf[column]?.get(key);
  if (chosen !== undefined) return chosen;
  const typed = pool.types[columns.typeOf[column] ?? 0]?.requirements.get(key);
  return typed === undefined ? null : only(typed);
}

/** An amount that is no number, or without end, is a mistake of the catalogue: such a type does not count. */
function isWhole({ allocatable, capacity }: InstanceType): boolean {
  for (const name in allocatable) if (!Number.isFinite(allocatable[name])) return false;
  for (const name in capacity) if (!Number.isFinite(capacity[name])) return false;
  return true;
}

/** The first key on which type and pool cannot agree. */
export function typeMisfit(requirements: Requirements, type: InstanceType): string | undefined {
  for (const [key, r] of requirements) {
    const own = type.requirements.get(key);
    if (own !== undefined && !hasIntersection(r, own) && !(mayBeAbsent(r) && mayBeAbsent(own))) return key;
  }
  return undefined;
}

/** True when the pool has what the requirements ask for, but nothing of it is to be had at the moment. */
export function isSoldOut({ types }: Pick<Pool, "types">, requirements: Requirements): boolean {
  return types.some(
    (type) =>
      typeMisfit(requirements, type) === undefined &&
      type.offerings.some((offering) => !offering.available && offeringFits(requirements, offering)),
  );
}

/** True when something of the type that meets the requirements is to be had now. */
export function hasOffering(pool: Pool, { offerings }: InstanceType, requirements: Requirements): boolean {
  return offerings.some((offering) => isToBeHad(pool, offering) && offeringFits(requirements, offering));
}

/** In USD per hour. */
const PRICE_MAX = 1e9;

/**
 * Reserved capacity only in a reservation with places left. A price that is none is a mistake of the catalogue: the offering
 * does not count.
 */
function isToBeHad({ reservations }: Pool, offering: Offering): boolean {
  const { available, capacityType, priceUsdPerHour, reservationId = "" } = offering;
  if (!(priceUsdPerHour >= 0 && priceUsdPerHour < PRICE_MAX)) return false;
  return available && (capacityType !== "reserved" || (reservations.get(reservationId) ?? 0) > 0);
}

function offeringFits(requirements: Requirements, offering: Offering): boolean {
  for (const [key, own] of offering.requirements) {
    const r = requirements.get(key);
    if (r !== undefined && !labelFits(r, only(own))) return false;
  }
  return true;
}

function only(r: Requirement): string | undefined {
  if (r.complement) return undefined;
  for (const value of r.values) return value;
  return undefined;
}

/** All ways to settle the labels that the type leaves open and no offering decides, as far as the pool allows. */
function variantsOf(type: InstanceType, requirements: Requirements): readonly Variant[] {
  let variants: Variant[] = [NO_CHOICE];
  for (const [key, r] of type.requirements) {
    if (r.complement || r.values.size < 2 || type.offerings.some((offering) => offering.requirements.has(key)))
      continue;
    const wanted = requirements.get(key);
    const values = [...r.values].filter((value) => wanted === undefined || allows(wanted, value)).sort(byText);
    variants = variants.flatMap((variant) => values.map((value) => new Map([...variant, [key, value]])));
  }
  return variants;
}
