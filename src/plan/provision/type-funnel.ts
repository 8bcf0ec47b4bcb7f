import { byText } from "../../base/order.ts";
import type { Columns } from "./columns.ts";
import type { Pool } from "./pools.ts";
import type { KindType } from "./shapes.ts";

/**
 * Which of the pool's types were out of question before their size was looked at, in words that follow a reason; "" when
 * none were.
 * @param left how many types the pod's own rules left
 */
export function ruledOutText(pool: Pool, columns: Columns | undefined, left: number): string {
  const allowed = new Set(columns?.typeOf ?? []).size;
  const byPool = pool.types.length - allowed;
  const byPod = allowed - left;
  const parts = [
    ...(byPool > 0 ? [`${byPool} by the pool's requirements or as sold out`] : []),
    ...(byPod > 0 ? [`${byPod} by what the pod asks of labels`] : []),
  ];
  return parts.length === 0 ? "" : `; of the pool's ${pool.types.length} types ruled out before: ${parts.join(", ")}`;
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
