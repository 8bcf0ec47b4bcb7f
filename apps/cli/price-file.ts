import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { UserError } from "../../src/base/errors.ts";
import type { InstanceType } from "../../src/model/instance-type.ts";
import { isJsonObject } from "../../src/model/schema/schema.ts";

const KINDS = ["on-demand", "spot", "reserved"];

/**
 * The types at your own prices. The file is YAML or JSON: per instance type a number for on-demand, or one per capacity type:
 *   m7g.large: 0.061
 *   c7g.xlarge: { on-demand: 0.10, spot: 0.045 }
 * Types and capacity types that it does not name keep their list price.
 * @param name as the user gave it
 * @throws UserError KARP_NO_SUCH_FILE, KARP_BAD_PRICES naming the entry
 */
export function withOwnPrices(types: readonly InstanceType[], path: string, name: string): readonly InstanceType[] {
  const prices = readPrices(path, name);
  const known = new Set(types.map((type) => type.name));
  for (const type of prices.keys()) {
    if (!known.has(type)) throw badPrices(name, `there is no instance type "${type}" to be had`);
  }
  return types.map((type) => {
    const own = prices.get(type.name);
    if (own === undefined) return type;
    const offerings = type.offerings.map((one) => ({
      ...one,
      priceUsdPerHour: own.get(one.capacityType) ?? one.priceUsdPerHour,
    }));
    return { ...type, offerings };
  });
}

function readPrices(path: string, name: string): ReadonlyMap<string, ReadonlyMap<string, number>> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new UserError({
      code: "KARP_NO_SUCH_FILE",
      what: `${name} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: "name a file that is there and that you may read",
      cause,
    });
  }
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw badPrices(name, cause instanceof Error ? cause.message : String(cause));
  }
  if (!isJsonObject(value)) throw badPrices(name, "it is no map of instance types");
  return new Map(Object.entries(value).map(([type, entry]) => [type, pricesOf(type, entry, name)]));
}

function pricesOf(type: string, entry: unknown, name: string): ReadonlyMap<string, number> {
  const all = isJsonObject(entry) ? entry : { "on-demand": entry };
  return new Map(
    Object.entries(all).map(([kind, price]) => {
      if (!KINDS.includes(kind)) throw badPrices(name, `${type} has "${kind}", which is none of ${KINDS.join(", ")}`);
      if (typeof price !== "number" || !(price >= 0))
        throw badPrices(name, `the ${kind} price of ${type} is no number`);
      return [kind, price];
    }),
  );
}

function badPrices(name: string, what: string): UserError {
  return new UserError({
    code: "KARP_BAD_PRICES",
    what: `${name} cannot be used as a list of prices: ${what}`,
    remedy: 'write "m7g.large: 0.061" or "m7g.large: { on-demand: 0.061, spot: 0.02 }" a line, in US dollars per hour',
  });
}
