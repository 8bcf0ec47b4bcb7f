import { byText } from "../../../src/base/order.ts";
import type { Pod } from "../../../src/model/core.ts";
import { INSTANCE_TYPE_LABEL } from "../../../src/model/labels.ts";
import { type KubeObject, keyOf } from "../../../src/model/object.ts";
import type { RolloutPace } from "../../../src/plan/what-if/rollout.ts";
import type { LeavingNode, WhatIf } from "../../../src/plan/what-if/what-if.ts";
import { claimTable, refusalTable } from "../plan-report.ts";
import { count, dollars, listed, type Report, signed, span, type Table } from "../report.ts";
import { workloadNames } from "../workloads.ts";
import type { ChangedCluster } from "./what-if.ts";

/** What a change would come to, for people. */
export function whatIfTables({ whatIf, fields, notes, objects }: ChangedCluster, more: WhatIfNotes): Report {
  return {
    headline: headline(whatIf),
    tables: [
      {
        title: "What changes",
        head: ["OBJECT", "FIELD", "EFFECT"],
        rows: listed(fields.map(({ object, field, effect }) => [object, field, effect])),
      },
      leavingTable("Nodes that are gone at once", whatIf.gone),
      leavingTable("Nodes that drift", whatIf.drifted),
      leavingTable("Nodes that drift and cannot go", whatIf.held),
      leavingTable("Nodes that are left empty", whatIf.emptied),
      claimTable(whatIf.bought),
      podTable(whatIf, objects),
      refusalTable(whatIf.stuck),
      rolloutTable(whatIf),
    ],
    notes: [
      ...more.failed.map((text) => `over the bound of --fail-on: ${text}`),
      ...notes,
      ...assumptions(whatIf, more.pace),
      `asked of ${more.source}`,
    ],
  };
}

export type WhatIfNotes = { failed: readonly string[]; pace: RolloutPace; source: string };

function headline(whatIf: WhatIf): string {
  const { gone, drifted, held, bought, moved, stuck, priceUsdPerHour, nodes } = whatIf;
  const parts = [
    ...(gone.length > 0 ? [`${count(gone.length, "node")} gone`] : []),
    ...(drifted.length + held.length > 0 ? [`${count(drifted.length + held.length, "node")} drifted`] : []),
    ...(bought.length > 0 ? [`${count(bought.length, "node")} bought`] : []),
    ...(moved.length > 0 ? [`${count(moved.length, "pod")} moved`] : []),
    ...(stuck.length > 0 ? [`${count(stuck.length, "pod")} stuck`] : []),
  ];
  const { before, after } = priceUsdPerHour;
  const share = before > 0 ? ` (${signed(((after - before) / before) * 100)} %)` : "";
  const what = parts.length === 0 ? "No node goes, none is bought" : parts.join(", ");
  return `${what}. ${count(nodes.before, "node")} for ${dollars(before)} per hour become ${count(nodes.after, "node")} for ${dollars(after)}${share}.`;
}

/** Nodes that go for the same reason share a row. */
function leavingTable(title: string, nodes: readonly LeavingNode[]): Table {
  const groups = Map.groupBy(nodes, ({ state, code, reason }) => [state.nodePool ?? "-", code, reason].join("\n"));
  const rows = [...groups.keys()].sort(byText).map((key) => {
    const group = groups.get(key) ?? [];
    const [pool = "", code = "", reason = ""] = key.split("\n");
    const price = group.reduce((sum, { priceUsdPerHour }) => sum + priceUsdPerHour, 0);
    return [String(group.length), pool, typesIn(group), price.toFixed(4), code, reason];
  });
  return { title, head: ["NODES", "NODEPOOL", "TYPES", "$/H", "CODE", "REASON"], rows: listed(rows) };
}

const TYPES_MAX = 3;

/** The commonest types, with their number where there is more than one node. */
function typesIn(nodes: readonly LeavingNode[]): string {
  const groups = Map.groupBy(nodes, ({ state }) => state.labels[INSTANCE_TYPE_LABEL] ?? "-");
  const names = [...groups]
    .sort(([a, x], [b, y]) => y.length - x.length || byText(a, b))
    .map(([name, group]) => (nodes.length === 1 ? name : `${group.length} ${name}`));
  const more = names.length > TYPES_MAX ? ", ..." : "";
  return names.slice(0, TYPES_MAX).join(", ") + more;
}

/** Per workload: single pods are in the JSON. */
function podTable({ moved, placed, bought }: WhatIf, objects: readonly KubeObject[]): Table {
  const isNew = new Set(bought.map(({ name }) => name));
  const nameOf = workloadNames(objects);
  const pods = new Map(objects.flatMap((one) => (one.kind === "Pod" ? [[keyOf(one), one as unknown as Pod]] : [])));
  const groups = Map.groupBy([...moved, ...placed], ({ pod }) => {
    const known = pods.get(pod);
    const { kind, namespace, name } = known === undefined ? { kind: "Pod", namespace: "", name: pod } : nameOf(known);
    return `${kind} ${namespace}/${name}`;
  });
  const rows = [...groups].map(([workload, places]) => {
    const onNew = places.filter(({ to }) => isNew.has(to)).length;
    const running = places.filter((place) => "from" in place).length;
    return { workload, running, waiting: places.length - running, onNew, pods: places.length };
  });
  return {
    title: "Pods",
    head: ["WORKLOAD", "MOVED", "PLACED", "ON NEW NODES"],
    rows: listed(
      rows
        .sort((a, b) => b.pods - a.pods || byText(a.workload, b.workload))
        .map(({ workload, running, waiting, onNew }) => [workload, String(running), String(waiting), String(onNew)]),
    ),
  };
}

function rolloutTable({ rollout }: WhatIf): Table {
  return {
    title: "Roll-out",
    head: ["NODEPOOL", "NODES", "AT ONCE", "TAKES ABOUT", "WAITS MOST FOR"],
    rows: rollout.pools.map(({ nodePool, nodes, atOnce, takesMs, slowedBy }) => [
      nodePool,
      String(nodes),
      String(atOnce),
      takesMs === undefined ? "more than two weeks" : span(takesMs),
      slowedBy,
    ]),
  };
}

function assumptions({ rollout, drifted, gone, stuckAnyway }: WhatIf, pace: RolloutPace): string[] {
  const notes: string[] = [];
  if (rollout.pools.length > 0) {
    notes.push(
      `the roll-out is reckoned with ${span(pace.nodeReadyMs)} until a node is ready (--node-ready), ${span(pace.podReadyMs)} until a pod is (--pod-ready), one node started every 10 s, and nothing else happening`,
    );
  }
  if (drifted.length > 1) {
    notes.push("what is bought for drifted nodes is planned for all of them at once; the controller goes node by node");
  }
  if (gone.length > 0) notes.push("pods without an owner on nodes that are gone do not come back");
  if (stuckAnyway.length > 0)
    notes.push(`without a place with or without the change: ${count(stuckAnyway.length, "pod")}`);
  return notes;
}

/** The same for machines: the field names are a contract. */
export function whatIfJson({ whatIf, fields, notes, solveMs }: ChangedCluster, failed: readonly string[]) {
  const nodesOf = (nodes: readonly LeavingNode[]) =>
    nodes.map(({ state, code, reason, priceUsdPerHour }) => ({
      node: state.name,
      nodePool: state.nodePool ?? null,
      code,
      reason,
      pricePerHour: priceUsdPerHour,
    }));
  return {
    changes: fields.map(({ object, field, effect, nodes }) => ({ object, field, effect, nodesReplaced: nodes })),
    gone: nodesOf(whatIf.gone),
    drifted: nodesOf(whatIf.drifted),
    held: nodesOf(whatIf.held),
    emptied: nodesOf(whatIf.emptied),
    newNodeClaims: whatIf.bought.map(({ name, nodePool, pods, instanceTypes, requirements, cheapestPrice }) => ({
      name,
      nodePool,
      pods,
      instanceTypes,
      requirements,
      cheapestPrice,
    })),
    moved: whatIf.moved,
    placed: whatIf.placed,
    unschedulable: whatIf.stuck,
    unschedulableAnyway: whatIf.stuckAnyway,
    nodes: whatIf.nodes,
    pricePerHour: whatIf.priceUsdPerHour,
    rollout: {
      seconds: inSeconds(whatIf.rollout.takesMs),
      pools: whatIf.rollout.pools.map(({ takesMs, ...pool }) => ({ ...pool, seconds: inSeconds(takesMs) })),
    },
    failed,
    notes,
    solveMs,
  };
}

/** Null: not within two weeks. */
function inSeconds(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms / 1_000);
}
