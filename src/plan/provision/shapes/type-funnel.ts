import { byText } from "../../../base/order.ts";
import {
  formatRequirement,
  formatRequirements,
  intersectAll,
  type Requirements,
  requirementFor,
} from "../../../model/requirements.ts";
import type { Pool } from "../pools.ts";
import { hasOffering, isSoldOut, typeMisfit } from "./columns.ts";
import type { KindType } from "./shapes.ts";

/**
 * Which rule put how many of the pool's types out of question before their size was looked at, in words that follow a
 * reason; "" when none did, or one alone put all. Each type counts for the first rule that it breaks: the pool's, by key, then what is sold out,
 * then the pod's.
 * @param terms alternatives of what the pod asks of labels
 */
export function ruledOutText(pool: Pool, terms: readonly Requirements[]): string {
  const texts = known.get(pool) ?? new Map<string, string>();
  known.set(pool, texts);
  const id = terms.map(formatRequirements).join(" or ");
  const text = texts.get(id) ?? ruledOut(pool, terms);
  texts.set(id, text);
  return text;
}

/** Many pods ask for the same. */
const known = new WeakMap<Pool, Map<string, string>>();

function ruledOut(pool: Pool, terms: readonly Requirements[]): string {
  const rules = new Map<string, number>();
  for (const rule of pool.types.flatMap((type) => firstRule(pool, type, terms) ?? [])) {
    rules.set(rule, (rules.get(rule) ?? 0) + 1);
  }
  // What rules out all has been told.
  if (rules.size === 0 || [...rules.values()].includes(pool.types.length)) return "";
  const parts = [...rules].sort(([a, most], [b, more]) => more - most || byText(a, b));
  const texts = parts.map(([rule, count]) => `${count} by ${rule}`);
  return `; of the pool's ${pool.types.length} types ruled out before: ${texts.join(", ")}`;
}

function firstRule(pool: Pool, type: Pool["types"][number], terms: readonly Requirements[]): string | undefined {
  const own = brokenBy(pool, type, pool.requirements);
  if (own !== undefined) return own === SOLD_OUT ? own : `the pool's ${own}`;
  let first: string | undefined;
  for (const term of terms) {
    const broken = brokenBy(pool, type, intersectAll(pool.requirements, term), term);
    if (broken === undefined) return undefined;
    first ??= broken;
  }
  if (first === undefined || first === SOLD_OUT) return first;
  return terms.length > 1 ? "every alternative of the pod's node affinity" : `the pod's ${first}`;
}

const SOLD_OUT = "being sold out";

/** The requirement that the type, or all its offerings, cannot meet. */
function brokenBy(
  pool: Pool,
  type: Pool["types"][number],
  requirements: Requirements,
  named: Requirements = requirements,
): string | undefined {
  const key = typeMisfit(requirements, type);
  if (key !== undefined) return formatRequirement(requirementFor(named, key));
  if (hasOffering(pool, type, requirements)) return undefined;
  if (isSoldOut({ types: [type] }, requirements)) return SOLD_OUT;
  const single = [...named.keys()]
    .sort(byText)
    .find((one) => !hasOffering(pool, type, new Map([[one, requirementFor(requirements, one)]])));
  return single === undefined ? "requirements together" : formatRequirement(requirementFor(named, single));
}

/** The type that lacks least, with the thing that it lacks most of: needed and present amounts. */
export type NearestMiss = { name: string; dimension: number; has: number };

/** Undefined when every type holds the need, or there is none. Of equal misses the smaller name. */
export function nearestMiss(types: readonly KindType[], need: Float64Array): NearestMiss | undefined {
  let nearest: (NearestMiss & { shortage: number }) | undefined;
  for (const { name, room } of types) {
    const worst = worstShortage(room, need);
    if (worst.shortage <= 1) continue;
    const isNearer =
      nearest === undefined ||
      worst.shortage < nearest.shortage ||
      (worst.shortage === nearest.shortage && byText(name, nearest.name) < 0);
    if (isNearer) nearest = { name, ...worst };
  }
  return nearest;
}

/** The dimension that is asked for most in relation to what is there; a shortage above 1 is one. */
export function worstShortage(
  room: Float64Array,
  need: Float64Array,
): { dimension: number; has: number; shortage: number } {
  const worst = { dimension: -1, has: 0, shortage: 0 };
  for (const [dimension, amount] of need.entries()) {
    const has = Math.max(room[dimension] ?? 0, 0);
    const shortage = amount > 0 ? amount / has : 0;
    if (shortage > worst.shortage) Object.assign(worst, { dimension, has, shortage });
  }
  return worst;
}
