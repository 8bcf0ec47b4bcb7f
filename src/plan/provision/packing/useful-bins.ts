import type { StateNode } from "../../../snapshot/snapshot.ts";
import { CORE, type NodeTable } from "../../fit/node-table.ts";
import { isPerHostRule, type TopologyRule } from "../../fit/topology-rules.ts";
import { type TermTable, termFits } from "../shapes/term-table.ts";
import { type NumberedClass, needOf, type PlacementFacts, tolerates } from "../stages.ts";
import type { FreeRooms } from "./bins.ts";
import type { Dimensions } from "./dimensions.ts";

export type UsefulBins = Pick<PlacementFacts, "bins" | "binRoom" | "binMeets" | "binsOf">;

type About = {
  table: NodeTable;
  /** Nodes in the order in which they are filled, as places in the table. */
  places: Int32Array;
  rooms: FreeRooms;
  classes: readonly NumberedClass[];
  rules: readonly TopologyRule[];
  dimensions: Dimensions;
  terms: TermTable;
};

/**
 * The nodes that a plan can make use of: of those that take a pod of a class at one of its levels the first of each domain, as
 * many as there are pods at all. Nodes are filled in order, and each that has room for a pod that waits gets one at least; so no
 * pod is left when the first ones have had their turn, and the plan is the one that all nodes would give.
 */
export function usefulBins(about: About): UsefulBins {
  const { table, places, rooms, classes, dimensions } = about;
  // Pods that must share a host may have to go to any single one.
  const most = about.rules.some(isPerHostRule)
    ? places.length
    : classes.reduce((sum, { pods }) => sum + pods.length, 0);
  const domains = domainsOf(about);
  const rowsFor = rowsByNeed(about);
  const meets = metByNodes(about);
  const rowsOf = new Map<string, readonly Int32Array[]>();
  const isUseful = new Uint8Array(places.length);
  for (const one of classes) {
    if (rowsOf.has(one.baseKey)) continue;
    const rows = one.levels.map((_, level) => firstTaking(about, { one, level, rowsFor, meets, domains, most }));
    for (const list of rows) for (const row of list) isUseful[row] = 1;
    rowsOf.set(one.baseKey, rows);
  }
  const kept = [...isUseful.keys()].filter((row) => isUseful[row] === 1);
  const dims = dimensions.names.length;
  const binRoom = new Float64Array(kept.length * dims);
  const binAt = new Int32Array(places.length);
  for (const [b, row] of kept.entries()) {
    binRoom.set(rooms.of(places[row] ?? 0), b * dims);
    binAt[row] = b;
  }
  return {
    bins: kept.map((row) => table.nodes[places[row] ?? 0]).filter((node): node is StateNode => node !== undefined),
    binRoom,
    binMeets: kept.map(meets),
    binsOf({ baseKey }, level) {
      const taking = new Uint8Array(kept.length);
      for (const row of rowsOf.get(baseKey)?.[level] ?? []) taking[binAt[row] ?? 0] = 1;
      return taking;
    },
  };
}

type Domains = { of: Int32Array; count: number };

/** Nodes with equal values of all labels that rules between pods are about have equal numbers. */
function domainsOf({ table, places, rules }: About): Domains {
  const keys = [...new Set(rules.filter((rule) => !isPerHostRule(rule)).map(({ key }) => key))];
  let of = new Int32Array(places.length);
  let count = 1;
  for (const key of keys) {
    const { numbers, values } = table.label(key);
    const found = new Map<number, number>();
    of = of.map((before, row) => {
      const pair = before * values.length + (numbers[places[row] ?? 0] ?? 0);
      const domain = found.get(pair) ?? found.size;
      found.set(pair, domain);
      return domain;
    });
    count = found.size;
  }
  return { of, count };
}

type Search = {
  one: NumberedClass;
  level: number;
  rowsFor: (need: Float64Array) => Int32Array;
  meets: (row: number) => Uint8Array;
  domains: Domains;
  /** In each domain. */
  most: number;
};

function firstTaking(about: About, { one, level, rowsFor, meets, domains, most }: Search): Int32Array {
  const { table, places, rooms, dimensions } = about;
  const terms = one.levelTerms[level] ?? [];
  const need = needOf(one, dimensions);
  const left = new Int32Array(domains.count).fill(most);
  let domainsLeft = domains.count;
  const tolerated = table.taints.values.map((taints) => tolerates(one, level, taints));
  const found: number[] = [];
  for (const row of rowsFor(need)) {
    if (domainsLeft === 0) break;
    const place = places[row] ?? 0;
    const domain = domains.of[row] ?? 0;
    if (left[domain] === 0 || tolerated[table.taints.numbers[place] ?? 0] !== true) continue;
    if (!rooms.hasRest(place, need)) continue;
    const met = meets(row);
    if (!terms.some((term) => met[term] === 1) || one.avoidedHosts.has(table.nodes[place]?.hostname ?? "")) continue;
    found.push(row);
    left[domain] = (left[domain] ?? 0) - 1;
    if (left[domain] === 0) domainsLeft -= 1;
  }
  return Int32Array.from(found);
}

/** Rows of nodes that have the cpu and memory for a pod, in order. Sizes of pods are few where there are many pods. */
function rowsByNeed({ places, rooms }: About): (need: Float64Array) => Int32Array {
  const known = new Map<string, Int32Array>();
  return (need) => {
    const text = CORE.map((_, d) => need[d]).join();
    const rows =
      known.get(text) ?? Int32Array.from(places.keys()).filter((row) => rooms.hasCore(places[row] ?? 0, need));
    known.set(text, rows);
    return rows;
  };
}

/** Per term: 1 when the node's labels meet it. Nodes that no term can tell apart are looked at once. */
function metByNodes({ table, places, terms }: About): (row: number) => Uint8Array {
  const columns = terms.keys().map((key) => {
    const { numbers, values } = table.label(key);
    return { numbers, atoms: values.map((value) => terms.atom(key, value)) };
  });
  const known = new Map<string, Uint8Array>();
  const ofRows: (Uint8Array | undefined)[] = [];
  return (row) => {
    const place = places[row] ?? 0;
    const before = ofRows[row];
    if (before !== undefined) return before;
    let text = "";
    for (const { numbers, atoms } of columns) text += `${atoms[numbers[place] ?? 0]},`;
    const labels = table.nodes[place]?.labels ?? {};
    const met =
      known.get(text) ?? Uint8Array.from(terms.terms, (term) => (termFits(term, (key) => labels[key]) ? 1 : 0));
    known.set(text, met);
    ofRows[row] = met;
    return met;
  };
}
