import type { Pod } from "../../model/core.ts";
import type { Resources } from "../../model/resources.ts";
import { untoleratedHardTaint, untoleratedTaint } from "../../model/taints.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { type Daemon, daemonsOf, toleratesAll } from "../fit/daemons.ts";
import { type HostRules, type HostUse, hostRoom, hostRulesOf, portUseOf } from "../fit/host-rules.ts";
import { type PodClass, podClassesOf } from "../fit/pod-classes.ts";
import { repulsionsOf } from "../fit/repulsion.ts";
import { type VolumeRules, volumeRulesOf } from "../fit/volume-rules.ts";
import { metByNodes, openNodes, roomOfNodes } from "./bins.ts";
import type { Columns } from "./columns.ts";
import { addAmounts, type Dimensions, dimensionsOf } from "./dimensions.ts";
import { type LaunchKind, launchKindsOf } from "./launch-kinds.ts";
import { type PackingProblem, type Stage, sparseNeeds } from "./packing-problem.ts";
import type { Pool } from "./pools.ts";
import { type ShapeTable, shapeTableOf } from "./shape-table.ts";
import { type KindType, kindTypesOf } from "./shapes.ts";
import { TermTable } from "./term-table.ts";

/** A class with the numbers of its levels' terms. */
export type NumberedClass = PodClass & { readonly levelTerms: readonly (readonly number[])[] };

/** A stage and the level of the class that it belongs to. */
export type ClassStage = Stage & { readonly level: number };

/** The snapshot as a packing problem, with everything that is needed to give the numbers their names back. */
export type Reduction = {
  problem: PackingProblem;
  /** The same with every type as it is, without regard to minValues: for the bound. */
  boundProblem: PackingProblem;
  /** The problem's classes: those that fit somewhere. */
  classes: readonly NumberedClass[];
  stages: readonly (readonly ClassStage[])[];
  /** Classes of which no pod fits on any node that exists or can be bought. */
  hopeless: readonly NumberedClass[];
  pools: readonly Pool[];
  columns: readonly Columns[];
  kinds: readonly LaunchKind[];
  /** Types of each kind, cheapest first. */
  kindTypes: readonly (readonly KindType[])[];
  /** Daemons on a node of each kind. */
  kindDaemons: readonly (readonly Daemon[])[];
  shapeTable: ShapeTable;
  table: TermTable;
  dimensions: Dimensions;
  bins: readonly StateNode[];
};

export function reduce(snapshot: Snapshot, pods: readonly Pod[], pools: readonly Pool[]): Reduction {
  const daemons = daemonsOf(snapshot.view);
  const bins = openNodes(snapshot);
  const hostRules = hostRulesOf(pods, otherPorts(snapshot, bins, daemons), snapshot.view);
  const volumeRules = volumeRulesOf(pods, bins, snapshot.view);
  const classes = podClassesOf(pods, {
    settings: snapshot.settings,
    hasSoftTaints: hasSoftTaints(pools, bins),
    repulsions: repulsionsOf(snapshot.view, snapshot.stateNodes),
    hostRules,
    volumeRules,
  });
  const table = new TermTable();
  const numbered = classes.map((one) => ({
    ...one,
    levelTerms: one.levels.map(({ terms }) => terms.map((t) => table.add(t))),
  }));
  const daemonTerms = daemons.map(({ terms }) => terms.map((term) => table.add(term)));
  const dimensions = dimensionsOf([
    ...classes.flatMap(({ requests, hostUse }) => [requests, hostUse]),
    ...daemons.flatMap(({ requests, spec }) => [requests, portUseOf(spec, hostRules)]),
  ]);
  const { kinds, columns } = launchKindsOf(pools, table);
  const kindDaemons = kinds.map((kind) =>
    daemons.filter((daemon, index) => runsOnKind(daemon, daemonTerms[index] ?? [], kind, pools)),
  );
  const kindTypes = kinds.map((kind, k) =>
    typesOfKind(kind, kindDaemons[k] ?? [], { pools, columns, dimensions, hostRules, volumeRules }),
  );
  const shapeInput = {
    snapshot,
    pools,
    kinds,
    kindTypes,
    dimensions,
    demand: totalNeed(classes, dimensions),
    classes: numbered.map((one) => ({ need: needOf(one, dimensions), terms: one.levelTerms.flat() })),
  };
  const shapeTable = shapeTableOf(shapeInput, true);
  const binRoom = roomOfNodes(snapshot, bins, daemons, { hostRules, volumeRules }, dimensions);
  const facts: PlacementFacts = {
    pools,
    kinds,
    shapeTable,
    dimensions,
    bins,
    binRoom,
    binMeets: metByNodes(bins, table),
  };
  const placed = numbered.map((one) => ({ one, stages: stagesOf(one, facts) }));
  const hopeful = placed.filter(({ stages }) => stages.length > 0);
  const problem = problemOf(hopeful, facts);
  const rest = { pools, columns, kinds, kindTypes, kindDaemons, shapeTable, table, dimensions, bins };
  return {
    ...rest,
    classes: hopeful.map(({ one }) => one),
    stages: hopeful.map(({ stages }) => stages),
    hopeless: placed.filter(({ stages }) => stages.length === 0).map(({ one }) => one),
    problem,
    boundProblem: hasMinValues(pools) ? { ...problem, ...shapeTableOf(shapeInput, false).numbers } : problem,
  };
}

function hasMinValues(pools: readonly Pool[]): boolean {
  return pools.some(({ minValues }) => minValues.size > 0);
}

/** Host ports in the way: of pods that run, and of daemons. */
function otherPorts(snapshot: Snapshot, bins: readonly StateNode[], daemons: readonly Daemon[]) {
  const running = bins.flatMap(({ podKeys }) => podKeys.flatMap((key) => snapshot.view.pods.get(key)?.spec ?? []));
  return [...running, ...daemons.map(({ spec }) => spec)];
}

function hasSoftTaints(pools: readonly Pool[], bins: readonly StateNode[]): boolean {
  const isSoft = ({ effect }: { effect: string }): boolean => effect === "PreferNoSchedule";
  return pools.some(({ taints }) => taints.some(isSoft)) || bins.some(({ taints }) => taints.some(isSoft));
}

function runsOnKind(daemon: Daemon, terms: readonly number[], kind: LaunchKind, pools: readonly Pool[]): boolean {
  return toleratesAll(daemon, pools[kind.pool]?.taints ?? []) && terms.some((term) => kind.meets[term] === 1);
}

function typesOfKind(
  kind: LaunchKind,
  daemons: readonly Daemon[],
  about: {
    pools: readonly Pool[];
    columns: readonly Columns[];
    dimensions: Dimensions;
    hostRules: HostRules;
    volumeRules: VolumeRules;
  },
): readonly KindType[] {
  const pool = about.pools[kind.pool];
  const columns = about.columns[kind.pool];
  if (pool === undefined || columns === undefined) return [];
  const overhead: (Resources | HostUse)[] = [];
  for (const { requests, spec } of daemons) overhead.push(requests, portUseOf(spec, about.hostRules));
  return kindTypesOf(pool, kind, columns, about.dimensions, {
    overhead,
    hostRoom: hostRoom(about.hostRules),
    roomOfType: about.volumeRules.roomOfType,
  });
}

function totalNeed(classes: readonly PodClass[], dimensions: Dimensions): Float64Array {
  const total = new Float64Array(dimensions.names.length);
  for (const { requests, pods } of classes) {
    for (const [d, name] of dimensions.names.entries()) {
      total[d] = (total[d] ?? 0) + (requests[name] ?? 0) * pods.length;
    }
  }
  return total;
}

type PlacementFacts = {
  pools: readonly Pool[];
  kinds: readonly LaunchKind[];
  shapeTable: ShapeTable;
  dimensions: Dimensions;
  bins: readonly StateNode[];
  binRoom: Float64Array;
  binMeets: readonly Uint8Array[];
};

/** Where the class may go, level by level and within a level the heaviest pools first. */
function stagesOf(one: NumberedClass, facts: PlacementFacts): readonly ClassStage[] {
  const need = needOf(one, facts.dimensions);
  const stages: ClassStage[] = [];
  one.levels.forEach((_, level) => {
    const guest = kindsTaking(one, level, need, facts);
    const bins = binsTaking(one, level, need, facts);
    const weights = new Set<number>();
    guest.forEach((takes, k) => {
      if (takes === 1) weights.add(weightOf(facts, k));
    });
    const tiers = [...weights].sort((a, b) => b - a);
    if (tiers.length === 0 && bins.includes(1)) stages.push({ level, own: new Uint8Array(guest.length), guest, bins });
    for (const weight of tiers) {
      const own = guest.map((takes, k) => (takes === 1 && weightOf(facts, k) === weight ? 1 : 0));
      stages.push({ level, own, guest, bins });
    }
  });
  return stages;
}

function weightOf({ pools, kinds }: PlacementFacts, kind: number): number {
  return pools[kinds[kind]?.pool ?? 0]?.weight ?? 0;
}

export function needOf(one: PodClass, dimensions: Dimensions): Float64Array {
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

function problemOf(
  hopeful: readonly { one: NumberedClass; stages: readonly ClassStage[] }[],
  facts: PlacementFacts,
): PackingProblem {
  const dims = facts.dimensions.names.length;
  const need = new Float64Array(hopeful.length * dims);
  hopeful.forEach(({ one }, c) => {
    need.set(needOf(one, facts.dimensions), c * dims);
  });
  return {
    dims,
    classes: hopeful.length,
    need,
    sparse: sparseNeeds(hopeful.length, dims, need),
    demand: Int32Array.from(hopeful, ({ one }) => one.pods.length),
    stages: hopeful.map(({ stages }) => stages),
    ...facts.shapeTable.numbers,
    kinds: facts.kinds.length,
    bins: facts.bins.length,
    binRoom: facts.binRoom,
  };
}
