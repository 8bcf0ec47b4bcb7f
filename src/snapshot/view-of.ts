import { byText } from "../base/order.ts";
import { type ClusterView, emptyClusterView, type MutableClusterView } from "../model/cluster-view.ts";
import { type KubeObject, keyOf } from "../model/object.ts";

type Slot = Exclude<
  keyof ClusterView,
  "podsByNode" | "unboundPods" | "nodeByProviderId" | "claimByProviderId" | "nodeClasses"
>;

const SLOTS: ReadonlyMap<string, Slot> = new Map<string, Slot>([
  ["v1/Pod", "pods"],
  ["v1/Node", "nodes"],
  ["karpenter.sh/v1/NodeClaim", "nodeClaims"],
  ["karpenter.sh/v1/NodePool", "nodePools"],
  ["apps/v1/DaemonSet", "daemonSets"],
  ["policy/v1/PodDisruptionBudget", "podDisruptionBudgets"],
  ["v1/Namespace", "namespaces"],
  ["v1/PersistentVolumeClaim", "persistentVolumeClaims"],
  ["v1/PersistentVolume", "persistentVolumes"],
  ["storage.k8s.io/v1/StorageClass", "storageClasses"],
  ["storage.k8s.io/v1/CSINode", "csiNodes"],
  ["storage.k8s.io/v1/VolumeAttachment", "volumeAttachments"],
  ["v1/Service", "services"],
  ["v1/ReplicationController", "replicationControllers"],
  ["apps/v1/ReplicaSet", "replicaSets"],
  ["apps/v1/StatefulSet", "statefulSets"],
]);

/** Kinds whose objects hang in a namespace: "default" where a file leaves it out, as kubectl would fill in. */
const NAMESPACED: ReadonlySet<Slot> = new Set<Slot>([
  "pods",
  "daemonSets",
  "podDisruptionBudgets",
  "persistentVolumeClaims",
  "services",
  "replicationControllers",
  "replicaSets",
  "statefulSets",
]);

/**
 * The cluster that a list of objects describes: for files, scenarios and tests. A kind that no plan looks at is left out,
 * unless it looks like a node class (a kind ending in "NodeClass"). Of two objects of one name the later counts.
 */
export function viewOf(objects: readonly KubeObject[]): ClusterView {
  const view = emptyClusterView();
  for (const object of objects) place(view, object);
  for (const [key, pod] of view.pods) indexPod(view, key, pod.spec.nodeName ?? "");
  for (const name of [...view.nodes.keys()].sort(byText)) {
    const id = view.nodes.get(name)?.spec.providerID ?? "";
    if (id !== "" && !view.nodeByProviderId.has(id)) view.nodeByProviderId.set(id, name);
  }
  for (const name of [...view.nodeClaims.keys()].sort(byText)) {
    const id = view.nodeClaims.get(name)?.status?.providerID ?? "";
    if (id !== "" && !view.claimByProviderId.has(id)) view.claimByProviderId.set(id, name);
  }
  return view;
}

/** A cluster with nothing in it. */
export function emptyView(): ClusterView {
  return emptyClusterView();
}

function place(view: MutableClusterView, object: KubeObject): void {
  const slot = SLOTS.get(`${object.apiVersion}/${object.kind}`);
  if (slot !== undefined) {
    const placed = NAMESPACED.has(slot) ? inNamespace(object) : object;
    (view[slot] as Map<string, KubeObject>).set(keyOf(placed), placed);
  } else if (object.kind.endsWith("NodeClass")) {
    const group = object.apiVersion.slice(0, Math.max(0, object.apiVersion.indexOf("/")));
    view.nodeClasses.set(`${group}/${object.kind}/${object.metadata.name}`, object);
  }
}

function inNamespace(object: KubeObject): KubeObject {
  if ((object.metadata.namespace ?? "") !== "") return object;
  return { ...object, metadata: { ...object.metadata, namespace: "default" } };
}

function indexPod(view: MutableClusterView, key: string, nodeName: string): void {
  if (nodeName === "") {
    view.unboundPods.add(key);
    return;
  }
  const present = view.podsByNode.get(nodeName);
  if (present === undefined) view.podsByNode.set(nodeName, new Set([key]));
  else (present as Set<string>).add(key);
}
