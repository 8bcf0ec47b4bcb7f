import type { Pod } from "../../model/core.ts";
import type { Resources } from "../../model/resources.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { type AmountRules, bothAmountRules } from "../fit/amount-rules.ts";
import { type Daemon, daemonsOf, toleratesAll } from "../fit/daemons.ts";
import { type HostRules, type HostUse, hostRoom, hostRulesOf, portUseOf } from "../fit/host-rules.ts";
import { requiredTerms } from "../fit/levels.ts";
import { nodeLoad } from "../fit/node-load.ts";
import { type PodClass, podClassesOf } from "../fit/pod-classes.ts";
import { dividedByLabels, groupsBySpec } from "../fit/pod-groups.ts";
import { repulsionsOf } from "../fit/repulsion.ts";
import { topologyRulesOf } from "../fit/topology-classes.ts";
import type { RuleReading } from "../fit/topology-rules.ts";
import { volumeRulesOf } from "../fit/volume-rules.ts";
import { workloadShareOf } from "../fit/workload-share.ts";
import { metByNodes, openNodes, roomOfNodes } from "./bins.ts";
import type { Columns } from "./columns.ts";
import { type Dimensions, dimensionsOf } from "./dimensions.ts";
import { type LaunchKind, launchKindsOf } from "./launch-kinds.ts";
import type { PackedClass } from "./packed-class.ts";
import { type PackingProblem, sparseNeeds } from "./packing-problem.ts";
import type { Pool } from "./pools.ts";
import { type ShapeTable, shapeTableOf } from "./shape-table.ts";
import { type KindType, kindTypesOf } from "./shapes.ts";
import { type ClassStage, type NumberedClass, needOf, type PlacementFacts } from "./stages.ts";
import { TermTable } from "./term-table.ts";
import { domainTableOf, type Topology, topologyOf } from "./topology.ts";

/** The snapshot in numbers, before it is decided which pods go to which domains. */
export type ClusterFacts = {
  pools: readonly Pool[];
  columns: readonly Columns[];
  kinds: readonly LaunchKind[];
  /** Types of each kind, cheapest first. */
  kindTypes: readonly (readonly KindType[])[];
  /** Daemons on a node of each kind. */
  kindDaemons: readonly (readonly Daemon[])[];
  shapeTable: ShapeTable;
  /** The same with every type as it is, without regard to minValues: for the bound. */
  boundNumbers: ShapeTable["numbers"];
  table: TermTable;
  dimensions: Dimensions;
  bins: readonly StateNode[];
  topology: Topology;
  placement: PlacementFacts;
  /** All classes of pods to place. */
  podClasses: readonly NumberedClass[];
};

/** The snapshot as a packing problem, with everything that is needed to give the numbers their names back. */
export type Reduction = ClusterFacts & {
  problem: PackingProblem;
  /** The same with every type as it is and every domain open to all: for the bound. */
  boundProblem: PackingProblem;
  /** The problem's classes: those that fit somewhere. */
  classes: readonly PackedClass[];
  stages: readonly (readonly ClassStage[])[];
};

export function clusterFacts(
  snapshot: Snapshot,
  pods: readonly Pod[],
  pools: readonly Pool[],
  reading: RuleReading,
): ClusterFacts {
  const daemons = daemonsOf(snapshot.view);
  const bins = openNodes(snapshot);
  const repulsions = repulsionsOf(snapshot.view, snapshot.stateNodes);
  const bySpec = groupsBySpec(pods);
  const topologyRules = topologyRulesOf(bySpec, reading);
  const lookedAt = repulsions.length > 0 ? "all" : topologyRules.labelKeys;
  const groups = lookedAt === undefined ? bySpec : dividedByLabels(bySpec, lookedAt);
  const samples = groups.map(({ sample }) => sample);
  const hostRules = hostRulesOf(samples, otherPorts(snapshot, bins, daemons), reading);
  const amountRules = bothAmountRules(
    volumeRulesOf(pods, bins, snapshot.view),
    workloadShareOf(pods, snapshot.view, snapshot.settings.workloadShareMax),
  );
  const classes = podClassesOf(groups, {
    settings: snapshot.settings,
    hasSoftTaints: hasSoftTaints(pools, bins),
    repulsions,
    hostRules,
    hosts: new Map(bins.map((bin) => [bin.hostname, nodeLoad(snapshot.view, bin).pods])),
    amountRules,
    topology: topologyRules,
  });
  const table = new TermTable();
  const numbered = classes.map((one) => ({
    ...one,
    levelTerms: one.levels.map(({ terms }) => terms.map((t) => table.add(t))),
  }));
  for (const { sample, topology } of classes) {
    if (topology !== undefined) for (const term of requiredTerms(sample.spec)) table.add(term);
  }
  const daemonTerms = daemons.map(({ terms }) => terms.map((term) => table.add(term)));
  const domains = domainTableOf(topologyRules, pools, snapshot.stateNodes, table);
  const dimensions = dimensionsOf([
    ...classes.flatMap(({ requests, hostUse }) => [requests, hostUse]),
    ...daemons.flatMap(({ requests, spec }) => [requests, portUseOf(spec, hostRules)]),
  ]);
  const { kinds, columns } = launchKindsOf(pools, table);
  const kindDaemons = kinds.map((kind) =>
    daemons.filter((daemon, index) => runsOnKind(daemon, daemonTerms[index] ?? [], kind, pools)),
  );
  const kindTypes = kinds.map((kind, k) =>
    typesOfKind(kind, kindDaemons[k] ?? [], { pools, columns, dimensions, hostRules, amountRules }),
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
  const binRoom = roomOfNodes(snapshot, bins, daemons, { hostRules, amountRules }, dimensions);
  const binMeets = metByNodes(bins, table);
  return {
    pools,
    columns,
    kinds,
    kindTypes,
    kindDaemons,
    shapeTable,
    boundNumbers: hasMinValues(pools) ? shapeTableOf(shapeInput, false).numbers : shapeTable.numbers,
    table,
    dimensions,
    bins,
    topology: topologyOf(snapshot, topologyRules, domains, { kinds, bins }),
    placement: { pools, kinds, shapeTable, dimensions, bins, binRoom, binMeets },
    podClasses: numbered,
  };
}

/** The packing problem of classes that know their domains. */
export function reduce(facts: ClusterFacts, classes: readonly PackedClass[]): Reduction {
  const problem = problemOf(classes, facts.placement);
  return {
    ...facts,
    classes,
    stages: classes.map(({ stages }) => stages),
    problem,
    boundProblem: { ...problem, ...facts.boundNumbers, stages: classes.map(({ openStages }) => openStages) },
  };
}

function hasMinValues(pools: readonly Pool[]): boolean {
  return pools.some(({ minValues }) => minValues.size > 0);
}

/** Host ports in the way: of pods that run, and of daemons. */
function otherPorts(snapshot: Snapshot, bins: readonly StateNode[], daemons: readonly Daemon[]) {
  const running = bins.flatMap((bin) => nodeLoad(snapshot.view, bin).withHostPorts);
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
    amountRules: AmountRules;
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
    roomOfType: about.amountRules.roomOfType,
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

function problemOf(hopeful: readonly PackedClass[], facts: PlacementFacts): PackingProblem {
  const dims = facts.dimensions.names.length;
  const need = new Float64Array(hopeful.length * dims);
  hopeful.forEach((one, c) => {
    need.set(needOf(one, facts.dimensions), c * dims);
  });
  return {
    dims,
    classes: hopeful.length,
    need,
    sparse: sparseNeeds(hopeful.length, dims, need),
    demand: Int32Array.from(hopeful, ({ pods, unit }) => pods.length / unit),
    stages: hopeful.map(({ stages }) => stages),
    ...facts.shapeTable.numbers,
    kinds: facts.kinds.length,
    bins: facts.bins.length,
    binRoom: facts.binRoom,
  };
}
