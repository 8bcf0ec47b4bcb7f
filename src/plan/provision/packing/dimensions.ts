import { byText } from "../../../base/order.ts";
import type { Resources } from "../../../model/resources.ts";
import type { HostUse } from "../../fit/host-rules.ts";

/** The countable things that a plan is about, each a column of its tables: cpu, memory, pods, then others by name. */
export type Dimensions = { readonly names: readonly string[]; readonly index: ReadonlyMap<string, number> };

const FIRST = ["cpu", "memory", "pods"];

/** Of everything that some pod or daemon asks for. What nobody asks for is never short. */
export function dimensionsOf(asked: Iterable<Resources | HostUse>): Dimensions {
  const names = new Set<string>(FIRST);
  for (const one of asked) {
    for (const [name, amount] of one instanceof Map ? one : Object.entries(one as Resources)) {
      if (amount > 0) names.add(name);
    }
  }
  const others = [...names].filter((name) => !FIRST.includes(name)).sort(byText);
  const all = [...FIRST, ...others];
  return { names: all, index: new Map(all.map((name, index) => [name, index])) };
}

/** Adds amounts to one row of a table. Names that are no dimension are left out. */
export function addAmounts(
  { index, names }: Dimensions,
  table: Float64Array,
  row: number,
  amounts: Resources | HostUse,
  sign: 1 | -1 = 1,
): void {
  for (const [name, amount] of amounts instanceof Map ? amounts : Object.entries(amounts as Resources)) {
    const d = index.get(name);
    if (d === undefined) continue;
    const at = row * names.length + d;
    table[at] = (table[at] ?? 0) + sign * amount;
  }
}
