import { parseTime, SECOND_MS } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import { NODE_POOL_LABEL, WELL_KNOWN_LABELS } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import { isOwnedByDaemonSet, isProvisionable } from "../../model/pod-predicates.ts";
import { podRequests } from "../../model/pod-requests.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { addResources, parseResources, type Resources, subtractResources } from "../../model/resources.ts";
import { isTrue } from "../../plan/lifecycle/conditions.ts";
import type { StateNode } from "../../snapshot/snapshot.ts";
import { stateNodesOf } from "../../snapshot/state-nodes.ts";
import type { Needs } from "../ports.ts";

const NODE_GAUGES = [
  "karpenter_nodes_allocatable",
  "karpenter_nodes_total_pod_requests",
  "karpenter_nodes_total_pod_limits",
  "karpenter_nodes_total_daemon_requests",
  "karpenter_nodes_total_daemon_limits",
  "karpenter_nodes_system_overhead",
];

/**
 * Sets the gauges of nodes, pools and the mirror itself. They are worked out when metrics are read, not every few
 * seconds as upstream does, so that nobody pays for numbers that nobody reads.
 */
export function refreshStateMetrics(needs: Needs): void {
  const { mirror, clock, memory } = needs;
  const states = stateNodesOf(mirror.view(), memory.snapshot(clock.nowMs()));
  refreshNodes(needs, states);
  refreshPools(needs);
  refreshCounts(needs);
  needs.metrics.gauge("karpenter_cluster_state_node_count", states.length);
  needs.metrics.gauge("karpenter_cluster_state_synced", mirror.isSynced() ? 1 : 0);
  needs.metrics.gauge("karpenter_cluster_state_unsynced_time_seconds", mirror.unsyncedMs() / SECOND_MS);
}

function refreshNodes({ mirror, clock, metrics, provider }: Needs, states: readonly StateNode[]): void {
  for (const name of [...NODE_GAUGES, "karpenter_nodes_current_lifetime_seconds"]) metrics.forget(name, {});
  metrics.forget("karpenter_cluster_utilization_percent", {});
  const labelKeys = [...WELL_KNOWN_LABELS, ...provider.wellKnownLabels];
  let [requested, offered]: [Resources, Resources] = [{}, {}];
  for (const state of states) {
    const labels = nodeLabels(state, labelKeys);
    const pods = state.podKeys.map((key) => mirror.live.pods.get(key)).filter((pod) => pod !== undefined);
    const daemons = pods.filter(isOwnedByDaemonSet);
    const requests = sumOf(pods, podRequests);
    requested = addResources(requested, requests);
    offered = addResources(offered, state.allocatable);
    const amounts = [
      state.allocatable,
      requests,
      sumOf(pods, limitsOf),
      sumOf(daemons, podRequests),
      sumOf(daemons, limitsOf),
      subtractResources(state.capacity, state.allocatable),
    ];
    NODE_GAUGES.forEach((name, i) => {
      for (const [resource, amount] of Object.entries(amounts[i] ?? {})) {
        metrics.gauge(name, inUnits(resource, amount), { ...labels, resource_type: resourceLabel(resource) });
      }
    });
    const createdMs = parseTime((state.node ?? state.claim)?.metadata.creationTimestamp ?? "");
    if (createdMs === undefined) continue;
    metrics.gauge("karpenter_nodes_current_lifetime_seconds", (clock.nowMs() - createdMs) / SECOND_MS, labels);
  }
  for (const [resource, amount] of Object.entries(offered)) {
    const percent = amount === 0 ? 0 : (100 * (requested[resource] ?? 0)) / amount;
    metrics.gauge("karpenter_cluster_utilization_percent", percent, { resource_type: resourceLabel(resource) });
  }
}

function refreshPools({ mirror, metrics, memory }: Needs): void {
  for (const name of ["limit", "usage", "cost_total"]) metrics.forget(`karpenter_nodepools_${name}`, {});
  for (const [nodepool, { spec, status }] of mirror.live.nodePools) {
    const show = (metric: string, amounts: Resources): void => {
      for (const [resource, amount] of Object.entries(amounts)) {
        metrics.gauge(metric, inUnits(resource, amount), { nodepool, resource_type: resourceLabel(resource) });
      }
    };
    show("karpenter_nodepools_limit", parseResources(spec.limits));
    show("karpenter_nodepools_usage", parseResources(status?.resources));
    metrics.gauge("karpenter_nodepools_cost_total", memory.pricePerHourOf(nodepool), { nodepool });
  }
}

const PHASES = ["Pending", "Registered", "Initialized", "Terminating"] as const;

/** What guides to Karpenter count and alert on. A pool without nodes has its zeros: only then can an alert fire. */
function refreshCounts({ mirror, metrics }: Needs): void {
  const { nodePools, nodeClaims, nodes, unboundPods, pods } = mirror.live;
  for (const name of ["karpenter_nodes_total", "karpenter_nodeclaims_total"]) metrics.forget(name, {});
  const pools = [...nodePools.keys()];
  const nodesOf = countBy(
    [...nodes.values()].map(poolOf).filter((pool) => pool !== ""),
    pools,
  );
  for (const [nodepool, count] of nodesOf) metrics.gauge("karpenter_nodes_total", count, { nodepool });
  const claimsOf = countBy(
    [...nodeClaims.values()].map((claim) => `${poolOf(claim)}/${phaseOf(claim)}`),
    pools.flatMap((pool) => PHASES.map((phase) => `${pool}/${phase}`)),
  );
  for (const [key, count] of claimsOf) {
    const [nodepool = "", phase = ""] = key.split("/");
    metrics.gauge("karpenter_nodeclaims_total", count, { nodepool, phase });
  }
  let waiting = 0;
  for (const key of unboundPods) {
    const pod = pods.get(key);
    if (pod !== undefined && isProvisionable(pod)) waiting += 1;
  }
  metrics.gauge("karpenter_provisioner_scheduling_queue_depth", waiting);
}

function poolOf({ metadata }: KubeObject): string {
  return metadata.labels?.[NODE_POOL_LABEL] ?? "";
}

function phaseOf(claim: NodeClaim): (typeof PHASES)[number] {
  if (claim.metadata.deletionTimestamp !== undefined) return "Terminating";
  if (isTrue(claim, "Initialized")) return "Initialized";
  return isTrue(claim, "Registered") ? "Registered" : "Pending";
}

/** How often each key is there; the expected ones also when they are not. */
function countBy(keys: readonly string[], expected: readonly string[]): Map<string, number> {
  const counts = new Map(expected.map((key) => [key, 0]));
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

function nodeLabels(state: StateNode, keys: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const key of keys) {
    const label = (key.split("/").at(-1) ?? key).toLowerCase().replaceAll("-", "_");
    if ((labels[label] ?? "") === "") labels[label] = state.labels[key] ?? "";
  }
  const phase = state.node?.status?.phase ?? "";
  return { ...labels, node_name: state.node?.metadata.name ?? "", phase, managed: String(state.managed) };
}

function sumOf(pods: readonly Pod[], amountsOf: (pod: Pod) => Resources): Resources {
  return addResources(...pods.map(amountsOf), { pods: pods.length });
}

function limitsOf({ spec }: Pod): Resources {
  return addResources(...spec.containers.map(({ resources }) => parseResources(resources?.limits)));
}

/** cpu is counted in thousandths of a core and shown in cores. */
function inUnits(resource: string, amount: number): number {
  return resource === "cpu" ? amount / 1_000 : amount;
}

function resourceLabel(resource: string): string {
  return resource.toLowerCase().replaceAll("-", "_");
}
