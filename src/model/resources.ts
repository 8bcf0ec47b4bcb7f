import { byText } from "../base/order.ts";
import type { ResourceList } from "./core.ts";
import { formatQuantity, milliValue, parseQuantity, quantityOfMilli, quantityOfWhole, wholeValue } from "./quantity.ts";

/**
 * Amounts by resource name, whole numbers: cpu in milli-cores, everything else in its base unit (bytes, devices, pods).
 * Fractions of a unit are rounded up where a quantity is parsed. An absent name is zero. Immutable.
 */
export type Resources = Readonly<Record<string, number>>;

export const NO_RESOURCES: Resources = Object.freeze({});

/** Reads a list as on the wire. What is no quantity counts as zero: the API server has refused it long before. */
export function parseResources(list: ResourceList | undefined): Resources {
  if (list === undefined) return NO_RESOURCES;
  const result: Record<string, number> = {};
  for (const name of Object.keys(list)) result[name] = parseAmount(name, list[name] ?? 0);
  return result;
}

/** One amount: cpu in milli-cores, everything else in whole units; 0 for what is no quantity. */
export function parseAmount(resource: string, written: string | number): number {
  const cache = resource === "cpu" ? milliCache : wholeCache;
  const known = cache.get(written);
  if (known !== undefined) return known;
  const quantity = parseQuantity(written);
  const amount = quantity === undefined ? 0 : resource === "cpu" ? milliValue(quantity) : wholeValue(quantity);
  // A cluster uses some hundreds of different texts; a flood of new ones must not grow the process.
  if (cache.size >= CACHE_MAX) cache.clear();
  cache.set(written, amount);
  return amount;
}

/** The sum by name of any number of them. */
export function addResources(...all: readonly Resources[]): Resources {
  const sum: Record<string, number> = {};
  for (const one of all) {
    for (const name of Object.keys(one)) sum[name] = (sum[name] ?? 0) + (one[name] ?? 0);
  }
  return sum;
}

/** a minus b by name; may become negative. */
export function subtractResources(a: Resources, b: Resources): Resources {
  const rest: Record<string, number> = { ...a };
  for (const name of Object.keys(b)) rest[name] = (rest[name] ?? 0) - (b[name] ?? 0);
  return rest;
}

/** The larger amount by name. */
export function maxResources(...all: readonly Resources[]): Resources {
  const max: Record<string, number> = {};
  for (const one of all) {
    for (const name of Object.keys(one)) {
      const amount = one[name] ?? 0;
      if (amount > (max[name] ?? Number.NEGATIVE_INFINITY)) max[name] = amount;
    }
  }
  return max;
}

/** True when every amount of `need` is there. A room that is overdrawn anywhere holds nothing more. */
export function fits(need: Resources, room: Resources): boolean {
  for (const name of Object.keys(room)) if ((room[name] ?? 0) < 0) return false;
  for (const name of Object.keys(need)) if ((need[name] ?? 0) > (room[name] ?? 0)) return false;
  return true;
}

/** True when no amount differs from zero. */
export function isZero(resources: Resources): boolean {
  return Object.values(resources).every((amount) => amount === 0);
}

/** As canonical quantities, sorted by name: what goes into specs and status. */
export function formatResources(resources: Resources): Record<string, string> {
  const list: Record<string, string> = {};
  for (const name of Object.keys(resources).sort(byText)) list[name] = formatAmount(name, resources[name] ?? 0);
  return list;
}

/** One amount as a canonical quantity: "1500m" cpu, "4Gi" memory, "110" pods. */
export function formatAmount(resource: string, amount: number): string {
  if (resource === "cpu") return formatQuantity(quantityOfMilli(amount));
  return formatQuantity(quantityOfWhole(amount, countsBytes(resource) ? "BinarySI" : "DecimalSI"));
}

const CACHE_MAX = 10_000;
const milliCache = new Map<string | number, number>();
const wholeCache = new Map<string | number, number>();

function countsBytes(resource: string): boolean {
  return resource === "memory" || resource.endsWith("storage") || resource.startsWith("hugepages-");
}
