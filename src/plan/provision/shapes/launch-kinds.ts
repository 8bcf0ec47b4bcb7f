import { byText } from "../../../base/order.ts";
import { type Requirement, requirementFor } from "../../../model/requirements.ts";
import { labelFits } from "../../fit/label-fit.ts";
import { NODE_IS_UP, type Pool } from "../pools.ts";
import { type Columns, columnsOf, columnValue } from "./columns.ts";
import { type TermTable, termFits } from "./term-table.ts";

/** Columns of one pool that no pod and no daemon can tell apart. */
export type LaunchKind = {
  pool: number;
  columns: Int32Array;
  /** The reservation that each node of the kind takes a place of. */
  reservation: string | undefined;
  /** Per term of the table: 1 when a node of this kind meets it. */
  meets: Uint8Array;
  /** Labels that the pool leaves open, as chosen for this kind; undefined: the node lacks it. */
  choice: ReadonlyMap<string, string | undefined>;
};

/** Combinations of open labels tried per pool; beyond that only those that some pod asks for by itself. */
const CHOICES_MAX = 512;

/** The kinds of all pools, in order of pool, then of what they meet. */
export function launchKindsOf(pools: readonly Pool[], table: TermTable): { kinds: LaunchKind[]; columns: Columns[] } {
  const kinds: LaunchKind[] = [];
  const columns = pools.map(columnsOf);
  pools.forEach((pool, index) => {
    const own = columns[index];
    if (own === undefined || own.count === 0) return;
    kinds.push(...kindsOf(pool, index, own, table));
  });
  return { kinds, columns };
}

function kindsOf(pool: Pool, poolIndex: number, columns: Columns, table: TermTable): LaunchKind[] {
  const keys = table.keys();
  const groups = groupColumns(pool, columns, table, keys);
  const merged = new Map<string, Omit<LaunchKind, "pool" | "columns"> & { columns: number[] }>();
  const openKeys = keys.filter((key) => pool.requirements.has(key));
  for (const choice of choicesOf(pool, table, openKeys)) {
    for (const group of groups.values()) {
      const first = group[0] ?? 0;
      const labelValue = (key: string): string | undefined => {
        const value = columnValue(pool, columns, first, key);
        return value === null ? (choice.get(key) ?? NODE_IS_UP[key]) : value;
      };
      const meets = Uint8Array.from(table.terms, (term) => (termFits(term, labelValue) ? 1 : 0));
      const reservation = reservationOf(columns, first);
      const text = `${meets.join("")}${reservation ?? ""}`;
      const known = merged.get(text);
      if (known === undefined) merged.set(text, { meets, choice, reservation, columns: [...group] });
      else if (known.choice === choice) known.columns.push(...group);
    }
  }
  return [...merged.keys()].sort(byText).flatMap((text) => {
    const kind = merged.get(text);
    if (kind === undefined) return [];
    return [{ ...kind, pool: poolIndex, columns: Int32Array.from(kind.columns).sort() }];
  });
}

function reservationOf(columns: Columns, column: number): string | undefined {
  const offering = columns.offeringOf[column];
  return offering?.capacityType === "reserved" ? offering.reservationId : undefined;
}

/** Columns with equal atoms on every label that anyone looks at, each reservation by itself. */
function groupColumns(
  pool: Pool,
  columns: Columns,
  table: TermTable,
  keys: readonly string[],
): ReadonlyMap<string, number[]> {
  const groups = new Map<string, number[]>();
  for (let column = 0; column < columns.count; column += 1) {
    let text = `${reservationOf(columns, column) ?? ""} `;
    for (const key of keys) {
      const value = columnValue(pool, columns, column, key);
      text += value === null ? "-," : `${table.atom(key, value)},`;
    }
    const group = groups.get(text);
    if (group === undefined) groups.set(text, [column]);
    else group.push(column);
  }
  return groups;
}

/** Every way to settle the labels that the pool requires or sets and that pods look at. */
function choicesOf(pool: Pool, table: TermTable, openKeys: readonly string[]): LaunchKind["choice"][] {
  const options = openKeys.map((key) => ({ key, values: valuesFor(pool, table, key) }));
  const combinations = options.reduce((product, { values }) => product * values.length, 1);
  if (combinations > CHOICES_MAX) return choicesAskedFor(table, options);
  let choices: Map<string, string | undefined>[] = [new Map()];
  for (const { key, values } of options) {
    choices = choices.flatMap((choice) => values.map((value) => new Map([...choice, [key, value] as const])));
  }
  return choices;
}

type Options = readonly { key: string; values: readonly (string | undefined)[] }[];

/** One choice per term: what it asks for, the first value elsewhere. */
function choicesAskedFor(table: TermTable, options: Options): LaunchKind["choice"][] {
  const distinct = new Map<string, LaunchKind["choice"]>();
  for (const term of table.terms) {
    const choice = new Map(
      options.map(({ key, values }) => {
        const r = term.get(key);
        return [key, r === undefined ? values[0] : values.find((value) => labelFits(r, value))] as const;
      }),
    );
    distinct.set(JSON.stringify([...choice].map(([key, value]) => [key, value ?? null])), choice);
  }
  return [...distinct.values()];
}

/** One value per atom that the pool allows for the label; undefined stands for a node without it. */
function valuesFor(pool: Pool, table: TermTable, key: string): (string | undefined)[] {
  const own = requirementFor(pool.requirements, key);
  const byAtom = new Map<string, string | undefined>();
  for (const value of candidateValues([own, ...table.requirementsOn(key)])) {
    if (!labelFits(own, value)) continue;
    const atom = table.atom(key, value);
    if (!byAtom.has(atom)) byAtom.set(atom, value);
  }
  return [...byAtom.values()];
}

/** Every value that is named, the ends of every range, one that nobody names, and none. */
function candidateValues(requirements: readonly Requirement[]): (string | undefined)[] {
  const named = new Set<string>();
  let largest = 0;
  for (const r of requirements) {
    for (const value of r.values) named.add(value);
    for (const bound of [r.gte, r.lte]) if (bound !== undefined) named.add(String(bound));
  }
  for (const value of named) if (/^[0-9]{1,15}$/.test(value)) largest = Math.max(largest, Number(value));
  return [...[...named].sort(byText), String(largest + 1), undefined];
}
