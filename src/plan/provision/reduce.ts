import type { Pod, PodSpec } from "../../model/core.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { bothAmountRules } from "../fit/amount-rules.ts";
import { type Daemon, daemonsOf } from "../fit/daemons.ts";
import { hostPortsOf } from "../fit/host-ports.ts";
import { hostRulesOf, portUseOf } from "../fit/host-rules.ts";
import { requiredTerms } from "../fit/levels.ts";
import { nodeLoad } from "../fit/node-load.ts";
import { type NodeTable, nodeTableOf } from "../fit/node-table.ts";
import { type PodClass, podClassesOf } from "../fit/pod-classes.ts";
import { dividedByLabels, groupsBySpec } from "../fit/pod-groups.ts";
import { repulsionsOf } from "../fit/repulsion.ts";
import { topologyRulesOf } from "../fit/topology-classes.ts";
import type { RuleReading } from "../fit/topology-rules.ts";
import { volumeRulesOf } from "../fit/volume-rules.ts";
import { workloadShareOf } from "../fit/workload-share.ts";
import { domainTableOf, type Topology, topologyOf } from "./dealing/topology.ts";
import { FreeRooms, openPlaces } from "./packing/bins.ts";
import { type Dimensions, dimensionsOf } from "./packing/dimensions.ts";
import type { PackedClass } from "./packing/packed-class.ts";
import { type PackingProblem, sparseNeeds } from "./packing/packing-problem.ts";
import { usefulBins } from "./packing/useful-bins.ts";
import type { Pool } from "./pools.ts";
import { type Launchables, launchablesOf } from "./shapes/launchables.ts";
import { TermTable } from "./shapes/term-table.ts";
import { type ClassStage, type NumberedClass, needOf, type PlacementFacts } from "./stages.ts";

/** The snapshot in numbers, before it is decided which pods go to which domains. */
export type ClusterFacts = Launchables & {
  pools: readonly Pool[];
  table: TermTable;
  dimensions: Dimensions;
  /** Nodes that exist, or are on their way, and that take some of the pods: no more of them than the pods could make use of. */
  bins: readonly StateNode[];
  /** How many nodes there are that pods may still go to. */
  nodesOpen: number;
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
  const nodeTable = nodeTableOf(snapshot);
  const places = openPlaces(nodeTable, snapshot.closed);
  const open = [...places].flatMap((n) => nodeTable.nodes[n] ?? []);
  const repulsions = repulsionsOf(snapshot, pods);
  const bySpec = groupsBySpec(pods);
  const topologyRules = topologyRulesOf(bySpec, reading);
  const lookedAt = repulsions.length > 0 ? "all" : topologyRules.labelKeys;
  const groups = lookedAt === undefined ? bySpec : dividedByLabels(bySpec, lookedAt);
  const samples = groups.map(({ sample }) => sample);
  const hostRules = hostRulesOf(samples, otherPorts(snapshot, samples, open, daemons), reading);
  const amountRules = bothAmountRules(
    volumeRulesOf(pods, open, snapshot.view),
    workloadShareOf(pods, snapshot.view, snapshot.settings.workloadShareMax),
  );
  const classes = podClassesOf(groups, {
    settings: snapshot.settings,
    hasSoftTaints: hasSoftTaints(pools, nodeTable, places),
    repulsions,
    hostRules,
    nodes: nodeTable,
    amountRules,
    topology: topologyRules,
    reading,
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
  const domains = domainTableOf(topologyRules, pools, nodeTable, table);
  const dimensions = dimensionsOf([
    ...classes.flatMap(({ requests, hostUse }) => [requests, hostUse]),
    ...daemons.flatMap(({ requests, spec }) => [requests, portUseOf(spec, hostRules)]),
  ]);
  const launchables = launchablesOf({
    pools,
    table,
    daemons,
    daemonTerms,
    dimensions,
    hostRules,
    amountRules,
    demand: totalNeed(classes, dimensions),
    classes: numbered,
    minValuesPolicy: snapshot.settings.minValuesPolicy,
  });
  const { kinds, shapeTable } = launchables;
  const rooms = new FreeRooms({ snapshot, table: nodeTable, daemons, hostRules, amountRules, dimensions });
  const useful = usefulBins({
    table: nodeTable,
    places,
    rooms,
    classes: numbered,
    rules: topologyRules.rules,
    dimensions,
    terms: table,
  });
  return {
    pools,
    ...launchables,
    table,
    dimensions,
    bins: useful.bins,
    nodesOpen: open.length,
    topology: topologyOf(nodeTable, topologyRules, domains, { kinds, bins: useful.bins }),
    placement: { pools, kinds, shapeTable, dimensions, ...useful },
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

/** Host ports in the way: of pods that run, and of daemons. Asked for only where a pod to place wants one. */
function otherPorts(
  snapshot: Snapshot,
  pods: readonly Pod[],
  nodes: readonly StateNode[],
  daemons: readonly Daemon[],
): readonly PodSpec[] {
  if (!pods.some(({ spec }) => hostPortsOf(spec).length > 0)) return [];
  const running = nodes.flatMap((node) => nodeLoad(snapshot.view, node).withHostPorts);
  return [...running, ...daemons.map(({ spec }) => spec)];
}

function hasSoftTaints(pools: readonly Pool[], { taints }: NodeTable, places: Int32Array): boolean {
  const isSoft = ({ effect }: { effect: string }): boolean => effect === "PreferNoSchedule";
  const soft = new Set([...taints.values.keys()].filter((number) => taints.values[number]?.some(isSoft)));
  return (
    pools.some((pool) => pool.taints.some(isSoft)) ||
    (soft.size > 0 && places.some((n) => soft.has(taints.numbers[n] ?? -1)))
  );
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
