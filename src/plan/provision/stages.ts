import { untoleratedHardTaint, untoleratedTaint } from "../../model/taints.ts";
import type { StateNode } from "../../snapshot/snapshot.ts";
import type { PodClass } from "../fit/pod-classes.ts";
import { addAmounts, type Dimensions } from "./packing/dimensions.ts";
import type { Stage } from "./packing/packing-problem.ts";
import type { Pool } from "./pools.ts";
import type { LaunchKind } from "./shapes/launch-kinds.ts";
import type { ShapeTable } from "./shapes/shape-table.ts";

/** A class with the numbers of its levels' terms. */
export type NumberedClass = PodClass & { readonly levelTerms: readonly (readonly number[])[] };

/** A stage and the level of the class that it belongs to. */
export type ClassStage = Stage & { readonly level: number };

/** What decides where a class may go. */
export type PlacementFacts = {
  pools: readonly Pool[];
  kinds: readonly LaunchKind[];
  shapeTable: ShapeTable;
  dimensions: Dimensions;
  bins: readonly StateNode[];
  binRoom: Float64Array;
  binMeets: readonly Uint8Array[];
  /** Of the bins that take a pod of the class at the level as many as could be made use of: 1 for each. */
  binsOf(one: NumberedClass, level: number): Uint8Array;
};

/** Where the class may go, level by level and within a level the heaviest pools first. */
export function stagesOf(one: NumberedClass, facts: PlacementFacts): readonly ClassStage[] {
  const need = needOf(one, facts.dimensions);
  const stages: ClassStage[] = [];
  one.levels.forEach((_, level) => {
    const guest = kindsTaking(one, level, need, facts);
    const bins = facts.binsOf(one, level);
    stages.push(...tiersOf({ level, guest, bins }, facts));
  });
  return stages;
}

/** One stage per weight of the pools that take the class. */
function tiersOf({ level, guest, bins }: Omit<ClassStage, "own">, facts: PlacementFacts): readonly ClassStage[] {
  const weights = new Set<number>();
  guest.forEach((takes, k) => {
    if (takes === 1) weights.add(weightOf(facts, k));
  });
  if (weights.size === 0) return bins.includes(1) ? [{ level, own: new Uint8Array(guest.length), guest, bins }] : [];
  return [...weights]
    .sort((a, b) => b - a)
    .map((weight) => {
      const own = guest.map((takes, k) => (takes === 1 && weightOf(facts, k) === weight ? 1 : 0));
      return { level, own, guest, bins };
    });
}

/** Where a node takes one pod of each class together, whatever their wishes. */
export function sharedStagesOf(
  members: readonly NumberedClass[],
  need: Float64Array,
  facts: PlacementFacts,
): readonly ClassStage[] {
  const guest = new Uint8Array(facts.kinds.length).fill(1);
  const bins = new Uint8Array(facts.bins.length).fill(1);
  for (const one of members) {
    const levels = one.levels.map((_, level) => ({
      kinds: kindsTaking(one, level, need, facts),
      nodes: binsTaking(one, level, need, facts),
    }));
    for (let k = 0; k < guest.length; k += 1) if (!levels.some(({ kinds }) => kinds[k] === 1)) guest[k] = 0;
    for (let b = 0; b < bins.length; b += 1) if (!levels.some(({ nodes }) => nodes[b] === 1)) bins[b] = 0;
  }
  return tiersOf({ level: 0, guest, bins }, facts);
}

function weightOf({ pools, kinds }: PlacementFacts, kind: number): number {
  return pools[kinds[kind]?.pool ?? 0]?.weight ?? 0;
}

/** What a pod of the class takes, per dimension. Asked for all along; not to be changed. */
export function needOf(one: PodClass, dimensions: Dimensions): Float64Array {
  const known = needs.get(one);
  if (known?.dimensions === dimensions) return known.need;
  const need = makeNeed(one, dimensions);
  needs.set(one, { dimensions, need });
  return need;
}

const needs = new WeakMap<PodClass, { dimensions: Dimensions; need: Float64Array }>();

function makeNeed(one: PodClass, dimensions: Dimensions): Float64Array {
  const need = new Float64Array(dimensions.names.length);
  addAmounts(dimensions, need, 0, one.requests);
  addAmounts(dimensions, need, 0, one.hostUse);
  return need;
}

function kindsTaking(one: NumberedClass, level: number, need: Float64Array, facts: PlacementFacts): Uint8Array {
  const tolerated = facts.pools.map((pool) => tolerates(one, level, pool.taints));
  return Uint8Array.from(facts.kinds, (kind, k) => {
    if (tolerated[kind.pool] !== true) return 0;
    if (!(one.levelTerms[level] ?? []).some((term) => kind.meets[term] === 1)) return 0;
    return facts.shapeTable.holds(k, need) ? 1 : 0;
  });
}

/** Plain loops: this is asked for every class and node, and most nodes are too full at the first glance. */
function binsTaking(one: NumberedClass, level: number, need: Float64Array, facts: PlacementFacts): Uint8Array {
  const terms = one.levelTerms[level] ?? [];
  const taking = new Uint8Array(facts.bins.length);
  for (let b = 0; b < taking.length; b += 1) {
    if (!hasRoom(facts.binRoom, b, need)) continue;
    const bin = facts.bins[b];
    const meets = facts.binMeets[b];
    if (bin === undefined || !terms.some((term) => meets?.[term] === 1) || one.avoidedHosts.has(bin.hostname)) continue;
    if (tolerates(one, level, bin.taints)) taking[b] = 1;
  }
  return taking;
}

function hasRoom(rooms: Float64Array, row: number, need: Float64Array): boolean {
  const dims = need.length;
  for (let d = 0; d < dims; d += 1) if ((need[d] ?? 0) > (rooms[row * dims + d] ?? 0)) return false;
  return true;
}

export function tolerates(one: PodClass, level: number, taints: Pool["taints"]): boolean {
  if (taints.length === 0) return true;
  const { tolerations } = one.sample.spec;
  const untolerated = one.levels[level]?.toleratesSoftTaints === true ? untoleratedHardTaint : untoleratedTaint;
  return untolerated(taints, tolerations) === undefined;
}
