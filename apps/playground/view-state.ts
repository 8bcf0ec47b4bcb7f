import { byText } from "../../src/base/order.ts";
import { parseTime } from "../../src/base/time.ts";
import type { Node, Pod } from "../../src/model/core.ts";
import { NODES, PODS } from "../../src/model/kinds.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, NODE_POOL_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import { isOwnedByDaemonSet, isTerminal } from "../../src/model/pod-predicates.ts";
import { podRequests } from "../../src/model/pod-requests.ts";
import { addResources, parseResources, type Resources } from "../../src/model/resources.ts";
import { PRICE_LABEL } from "../../src/providers/kwok/labels.ts";
import type { ClusterState } from "../../src/simulation/cache/cluster-state.ts";
import type { NodeLine } from "./live-view.ts";

export type ClusterFigures = {
  nodes: NodeLine[];
  podsRunning: number;
  podsWaiting: number;
  priceUsdPerHour: number;
};

/** What the views show of the cluster: the product's nodes, and all pods but those of daemons and system namespaces. */
export function clusterFigures(state: ClusterState, nowMs: number): ClusterFigures {
  const nodes = [...state.of(NODES).values()]
    .filter((node) => node.metadata.labels?.[NODE_POOL_LABEL] !== undefined)
    .map((node) => nodeLine(node, state.podsOn(node.metadata.name), nowMs))
    .sort((a, b) => b.ageMs - a.ageMs || byText(a.name, b.name));
  let podsRunning = 0;
  let podsWaiting = 0;
  for (const pod of state.of(PODS).values()) {
    if (!isWorkload(pod)) continue;
    if (pod.status?.phase === "Running") podsRunning += 1;
    else podsWaiting += 1;
  }
  return {
    nodes,
    podsRunning,
    podsWaiting,
    priceUsdPerHour: nodes.reduce((sum, node) => sum + node.priceUsdPerHour, 0),
  };
}

function isWorkload(pod: Pod): boolean {
  const { namespace, deletionTimestamp } = pod.metadata;
  return (
    !isTerminal(pod) &&
    !isOwnedByDaemonSet(pod) &&
    deletionTimestamp === undefined &&
    !SYSTEM_NAMESPACES.has(namespace ?? "")
  );
}

const SYSTEM_NAMESPACES: ReadonlySet<string> = new Set(["kube-system", "karpenter"]);

function nodeLine(node: Node, pods: readonly Pod[], nowMs: number): NodeLine {
  const labels = node.metadata.labels ?? {};
  const room = parseResources(node.status?.allocatable ?? {});
  const active = pods.filter((pod) => !isTerminal(pod));
  const used = active.reduce<Resources>((sum, pod) => addResources(sum, podRequests(pod)), {});
  const share = (resource: string): number => (room[resource] ? (used[resource] ?? 0) / room[resource] : 0);
  return {
    name: node.metadata.name,
    instanceType: labels[INSTANCE_TYPE_LABEL] ?? "",
    zone: labels[ZONE_LABEL] ?? "",
    capacityType: labels[CAPACITY_TYPE_LABEL] ?? "",
    priceUsdPerHour: Number(labels[PRICE_LABEL] ?? 0),
    cpuShare: share("cpu"),
    memoryShare: share("memory"),
    pods: active.length,
    status: statusOf(node),
    ageMs: nowMs - (parseTime(node.metadata.creationTimestamp) ?? nowMs),
  };
}

function statusOf(node: Node): string {
  if (node.metadata.deletionTimestamp !== undefined) return "Terminating";
  if (node.spec.unschedulable === true) return "Cordoned";
  const ready = node.status?.conditions?.find((condition) => condition.type === "Ready");
  return ready?.status === "True" ? "Ready" : "Joining";
}
