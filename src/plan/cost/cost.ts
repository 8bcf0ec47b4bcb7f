import { byText } from "../../base/order.ts";
import type { Pod } from "../../model/core.ts";
import type { CapacityType, InstanceType } from "../../model/instance-type.ts";
import { CAPACITY_TYPE_LABEL, EKS_COMPUTE_TYPE_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import { isMirror, isOwnedByDaemonSet } from "../../model/pod-predicates.ts";
import { podRequests } from "../../model/pod-requests.ts";
import type { Resources } from "../../model/resources.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { nodeLoad } from "../fit/node-load.ts";

/**
 * A core costs as much as so many GiB: by that, the families c, m and r of one generation differ in us-east-1 (6i, 7i, 6g
 * and 7g: 10.4 to 10.6).
 */
const GIB_PER_CORE = 10;
/** Namespaces whose pods keep the cluster itself going. */
const SYSTEM_NAMESPACES: ReadonlySet<string> = new Set(["kube-system", "kube-node-lease", "karpenter"]);

export type NodeCost = {
  name: string;
  /** "" for a node that is none of Karpenter's. */
  nodePool: string;
  instanceType: string;
  capacityType: CapacityType;
  /** USD per hour. */
  price: number;
  /** Of it, what pods ask for that are not the system's; the system's; and nobody. They add up to the price. */
  used: number;
  system: number;
  idle: number;
};
export type PodCost = { pod: Pod; nodePool: string; price: number; isSystem: boolean };

export type ClusterCost = {
  nodes: readonly NodeCost[];
  pods: readonly PodCost[];
  /** Nodes without a known price: of no known type, or Fargate's. */
  unpriced: readonly string[];
};

/**
 * What the nodes cost at this moment, and whose that is. A node's price is dealt out by what pods ask for of its cpu and
 * memory, whatever they use; what nobody asks for is idle. DaemonSets', static and system pods are the system's.
 * @param types prices by type name, also for nodes that are none of Karpenter's
 */
export function clusterCost(snapshot: Snapshot, types: readonly InstanceType[]): ClusterCost {
  const byName = new Map(types.map((type) => [type.name, type]));
  const nodes: NodeCost[] = [];
  const pods: PodCost[] = [];
  const unpriced: string[] = [];
  for (const state of snapshot.stateNodes) {
    const price = priceOf(state, byName);
    if (price === undefined) {
      unpriced.push(state.name);
      continue;
    }
    const shares = sharesOn(snapshot, state, price);
    pods.push(...shares);
    nodes.push(nodeCost(state, price, shares));
  }
  return { nodes, pods, unpriced: unpriced.sort(byText) };
}

function priceOf({ labels }: StateNode, types: ReadonlyMap<string, InstanceType>): number | undefined {
  if (labels[EKS_COMPUTE_TYPE_LABEL] === "fargate") return undefined;
  const offerings = types.get(labels[INSTANCE_TYPE_LABEL] ?? "")?.offerings ?? [];
  const [zone, capacityType] = [labels[ZONE_LABEL], capacityTypeOf(labels)];
  const own = offerings.filter((one) => one.capacityType === capacityType);
  return (own.find((one) => one.zone === zone) ?? own[0])?.priceUsdPerHour;
}

/** Managed node groups have a label of their own, and what says nothing is on-demand. */
function capacityTypeOf(labels: Readonly<Record<string, string>>): CapacityType {
  const written =
    labels[CAPACITY_TYPE_LABEL] ?? labels["eks.amazonaws.com/capacityType"]?.toLowerCase().replace("_", "-");
  return written === "spot" || written === "reserved" ? written : "on-demand";
}

function sharesOn({ view }: Snapshot, state: StateNode, price: number): PodCost[] {
  const whole = weight(state.allocatable);
  const pods = nodeLoad(view, state).pods;
  const asked = pods.map((pod) => weight(podRequests(pod)));
  // More than there is: a node that reports less than it was bought with.
  const all = Math.max(
    whole,
    asked.reduce((sum, one) => sum + one, 0),
  );
  return pods.map((pod, i) => ({
    pod,
    nodePool: state.nodePool ?? "",
    price: all === 0 ? 0 : (price * (asked[i] ?? 0)) / all,
    isSystem: isOwnedByDaemonSet(pod) || isMirror(pod) || SYSTEM_NAMESPACES.has(pod.metadata.namespace ?? ""),
  }));
}

function weight({ cpu = 0, memory = 0 }: Resources): number {
  return (cpu / 1_000) * GIB_PER_CORE + memory / 2 ** 30;
}

function nodeCost(state: StateNode, price: number, shares: readonly PodCost[]): NodeCost {
  const system = sum(shares.filter(({ isSystem }) => isSystem));
  const used = sum(shares.filter(({ isSystem }) => !isSystem));
  const { name, labels, nodePool = "" } = state;
  const kind = { instanceType: labels[INSTANCE_TYPE_LABEL] ?? "", capacityType: capacityTypeOf(labels) };
  return { name, nodePool, ...kind, price, used, system, idle: Math.max(0, price - used - system) };
}

function sum(shares: readonly { price: number }[]): number {
  return shares.reduce((total, { price }) => total + price, 0);
}
