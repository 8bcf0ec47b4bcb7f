import { byText } from "../../../base/order.ts";
import type { InstanceType } from "../../../model/instance-type.ts";
import { allows, requirement } from "../../../model/requirements.ts";
import { untoleratedHardTaint } from "../../../model/taints.ts";
import type { StateNode } from "../../../snapshot/snapshot.ts";
import { labelMisfit } from "../../fit/label-fit.ts";
import { requiredTerms } from "../../fit/levels.ts";
import { IS_MARKED, type NodeTable } from "../../fit/node-table.ts";
import type { PodProfile } from "../../fit/pod-profile.ts";
import type { TopologyRules } from "../../fit/topology-classes.ts";
import { isPerHostRule, ruleSelects, type TopologyRule } from "../../fit/topology-rules.ts";
import type { Pool } from "../pools.ts";
import type { LaunchKind } from "../shapes/launch-kinds.ts";
import type { TermTable } from "../shapes/term-table.ts";

/** The labels that rules are about, with numbers for their values; every value is a term of the table. */
export type DomainTable = {
  readonly keys: readonly string[];
  readonly values: readonly (readonly string[])[];
  readonly pinTerms: readonly (readonly number[])[];
  /** Per label: true when it has more values than are looked at. */
  readonly isCut: readonly boolean[];
};

/** So many values of a label are looked at beside those that nodes have. */
const VALUES_MAX = 256;

/** Rules, domains and what runs in them before anything is placed. */
export type Topology = DomainTable & {
  readonly rules: readonly TopologyRule[];
  /** Per rule: which label, or -1 for the host. */
  readonly keyOf: readonly number[];
  /** Per rule and value: pods that count. */
  readonly counts: readonly Float64Array[];
  /** Per rule: pods that count, wherever they are. */
  readonly totals: readonly number[];
  /** Per rule over hosts: the hosts where such pods are. */
  readonly hosts: readonly ReadonlySet<string>[];
  /** Per rule and value: 1 where a node that counts for it stands. */
  readonly present: readonly Uint8Array[];
  /** Per label: the value on nodes of each kind, -1 for none; and on each bin. */
  readonly kindValue: readonly Int32Array[];
  readonly binValue: readonly Int32Array[];
};

/** The domains of every rule that is not about hosts. Adds a term per domain to the table. */
export function domainTableOf(
  { rules }: TopologyRules,
  pools: readonly Pool[],
  nodes: NodeTable,
  table: TermTable,
): DomainTable {
  const keys = [...new Set(rules.filter((rule) => !isPerHostRule(rule)).map(({ key }) => key))].sort(byText);
  const offered = keys.map((key) => [...launchable(key, pools)].sort(byText));
  const values = keys.map((key, k) =>
    [...new Set([...(offered[k] ?? []).slice(0, VALUES_MAX), ...standing(key, nodes)])].sort(byText),
  );
  const pinTerms = keys.map((key, k) =>
    (values[k] ?? []).map((value) => table.add(new Map([[key, requirement(key, "In", [value])]]))),
  );
  return { keys, values, pinTerms, isCut: offered.map((list) => list.length > VALUES_MAX) };
}

/** Values that nodes of some pool may have: those that pools and types list. */
function launchable(key: string, pools: readonly Pool[]): readonly string[] {
  const found = new Set<string>();
  for (const { requirements, types } of pools) {
    const own = requirements.get(key);
    const typed = typedValues(key, types);
    const sources = typed.isSaid || own === undefined || own.complement ? typed.values : own.values;
    for (const value of sources) if (own === undefined || allows(own, value)) found.add(value);
  }
  return [...found];
}

/** Values that the types list for a label, and whether any lists some. */
type TypedValues = { values: ReadonlySet<string>; isSaid: boolean };

/** Lists of types last for many plans. */
const typed = new WeakMap<readonly InstanceType[], Map<string, TypedValues>>();

function typedValues(key: string, types: readonly InstanceType[]): TypedValues {
  const ofTypes = typed.get(types) ?? new Map<string, TypedValues>();
  typed.set(types, ofTypes);
  const known = ofTypes.get(key);
  if (known !== undefined) return known;
  const listed = types.flatMap((type) => type.requirements.get(key) ?? []).filter(({ complement }) => !complement);
  const made = { values: new Set(listed.flatMap(({ values }) => [...values])), isSaid: listed.length > 0 };
  ofTypes.set(key, made);
  return made;
}

function standing(key: string, nodes: NodeTable): readonly string[] {
  const { numbers, values } = nodes.label(key);
  return [...new Set(numbers)].flatMap((number) => values[number] ?? []);
}

export function topologyOf(
  nodes: NodeTable,
  { rules }: TopologyRules,
  domains: DomainTable,
  where: { kinds: readonly LaunchKind[]; bins: readonly StateNode[] },
): Topology {
  const { keys, values, pinTerms } = domains;
  const keyOf = rules.map(({ key }) => keys.indexOf(key));
  const indexes = values.map((list) => new Map(list.map((value, v) => [value, v])));
  return {
    ...domains,
    rules,
    keyOf,
    ...countsOf(nodes, rules, keyOf, indexes),
    kindValue: pinTerms.map((terms) =>
      Int32Array.from(where.kinds, ({ meets }) => terms.findIndex((term) => meets[term] === 1)),
    ),
    binValue: keys.map((key, k) =>
      Int32Array.from(where.bins, ({ labels }) => indexes[k]?.get(labels[key] ?? "\n") ?? -1),
    ),
  };
}

type Counts = Pick<Topology, "counts" | "totals" | "hosts" | "present">;
type Indexes = readonly ReadonlyMap<string, number>[];

/** Pods that run on nodes which stay. */
function countsOf(
  nodes: NodeTable,
  rules: readonly TopologyRule[],
  keyOf: readonly number[],
  indexes: Indexes,
): Counts {
  const size = (g: number): number => indexes[keyOf[g] ?? -1]?.size ?? 0;
  const counts = rules.map((_, g) => new Float64Array(size(g)));
  const present = rules.map((_, g) => new Uint8Array(size(g)));
  const totals = rules.map(() => 0);
  const hosts = rules.map(() => new Set<string>());
  if (rules.length === 0) return { counts, totals, hosts, present };
  const placesOf = rules.map((rule, g) => placesOnNodes(rule, nodes, indexes[keyOf[g] ?? -1]));
  for (const [g, places] of placesOf.entries()) {
    for (const at of places.single) if (at >= 0) mark(present[g], at);
  }
  for (const profile of nodes.profiles()) {
    const own = rulesFor(profile, rules);
    if (own.length === 0) continue;
    nodes.onNodes(profile, (n, pods) => {
      const state = nodes.nodes[n];
      if (state === undefined || state.markedForDeletion) return;
      for (const g of own) {
        totals[g] = (totals[g] ?? 0) + pods;
        hosts[g]?.add(state.hostname);
        for (const place of placesAt(placesOf[g], n)) add(counts[g], place, pods);
      }
    });
  }
  return { counts, totals, hosts, present };
}

/** Rules that count pods of the profile. */
function rulesFor({ sample, isCounted }: PodProfile, rules: readonly TopologyRule[]): readonly number[] {
  return isCounted ? rules.flatMap((rule, g) => (ruleSelects(rule, sample) ? [g] : [])) : NOWHERE;
}

/** Per node the value where it counts for a rule, -1 for none (as on a node that goes); where it may come to have one of several, these. */
type NodePlaces = { single: Int32Array; several: ReadonlyMap<number, readonly number[]> };

function placesOnNodes(
  rule: TopologyRule,
  table: NodeTable,
  index: ReadonlyMap<string, number> | undefined,
): NodePlaces {
  const { nodes, states } = table;
  const several = new Map<number, readonly number[]>();
  const single = new Int32Array(nodes.length).fill(-1);
  if (index === undefined) return { single, several };
  const { numbers, values } = table.label(rule.key);
  const domains = values.map((value) => (value === undefined ? -1 : (index.get(value) ?? -1)));
  const terms = requiredTerms(rule.owner.spec);
  const countsAll = seesAll(rule);
  for (let n = 0; n < nodes.length; n += 1) {
    const state = nodes[n];
    const number = numbers[n] ?? 0;
    const isUnknown = values[number] === undefined;
    if (state === undefined || ((states[n] ?? 0) & IS_MARKED) !== 0 || (!isUnknown && domains[number] === -1)) continue;
    if (!countsAll && !seesNode(rule, state, terms)) continue;
    if (!isUnknown) {
      single[n] = domains[number] ?? -1;
      continue;
    }
    const possible = possibleValues(rule, state, index);
    if (possible.length > 1) several.set(n, possible);
    else single[n] = possible[0] ?? -1;
  }
  return { single, several };
}

function placesAt(places: NodePlaces | undefined, node: number): readonly number[] {
  const single = places?.single[node] ?? -1;
  return single >= 0 ? [single] : (places?.several.get(node) ?? NOWHERE);
}

const NOWHERE: readonly number[] = [];

function mark(list: Uint8Array | undefined, at: number): void {
  if (list !== undefined) list[at] = 1;
}

function add(list: Float64Array | undefined, at: number, pods: number): void {
  if (list !== undefined) list[at] = (list[at] ?? 0) + pods;
}

/** True when the rule counts pods on whatever node. */
export function seesAll(rule: TopologyRule): boolean {
  if (rule.kind !== "spread") return true;
  const isAnywhere = !rule.honorsAffinity || requiredTerms(rule.owner.spec).some(({ size }) => size === 0);
  return isAnywhere && !rule.honorsTaints;
}

/** True when the node counts for the rule. */
export function seesNode(
  rule: TopologyRule,
  { labels, taints }: StateNode,
  terms = requiredTerms(rule.owner.spec),
): boolean {
  if (rule.kind !== "spread") return true;
  if (rule.honorsAffinity && !terms.some((term) => labelMisfit(term, labels) === undefined)) return false;
  return !rule.honorsTaints || untoleratedHardTaint(taints, rule.owner.spec.tolerations) === undefined;
}

/** A node that is on its way may not know its label yet: for anti-affinity it is everywhere that its claim allows. */
function possibleValues(
  { kind, key }: TopologyRule,
  { claim }: StateNode,
  index: ReadonlyMap<string, number>,
): readonly number[] {
  if (kind !== "apart" || claim === undefined) return NOWHERE;
  const open = claim.spec.requirements.filter((one) => one.key === key);
  const fits = (candidate: string): boolean =>
    open.every(({ operator, values }) => allows(requirement(key, operator as "In", values ?? []), candidate));
  return [...index].flatMap(([candidate, at]) => (fits(candidate) ? [at] : []));
}
