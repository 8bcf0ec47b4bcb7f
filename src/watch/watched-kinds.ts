import type { ClusterView } from "../model/cluster-view.ts";
import {
  CSI_NODES,
  DAEMON_SETS,
  type Kind,
  NAMESPACES,
  NODE_CLAIMS,
  NODE_CLASS_KINDS,
  NODE_POOLS,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  SERVICES,
  STATEFUL_SETS,
  STORAGE_CLASSES,
  VOLUME_ATTACHMENTS,
} from "../model/kinds.ts";
import type { KubeObject } from "../model/object.ts";

/** The maps of ClusterView that hold objects, without the indexes. */
export type Slot = Exclude<keyof ClusterView, "podsByNode" | "unboundPods" | "nodeByProviderId" | "claimByProviderId">;

export type WatchedKind = {
  kind: Kind;
  slot: Slot;
  /** A kind that the server may not have: until it does, it counts as empty. */
  optional: boolean;
};

const CORE: readonly WatchedKind[] = [
  watched(PODS, "pods"),
  watched(NODES, "nodes"),
  watched(NODE_CLAIMS, "nodeClaims"),
  watched(NODE_POOLS, "nodePools"),
  watched(DAEMON_SETS, "daemonSets"),
  watched(POD_DISRUPTION_BUDGETS, "podDisruptionBudgets"),
  watched(NAMESPACES, "namespaces"),
  watched(PERSISTENT_VOLUME_CLAIMS, "persistentVolumeClaims"),
  watched(PERSISTENT_VOLUMES, "persistentVolumes"),
  watched(STORAGE_CLASSES, "storageClasses"),
  watched(CSI_NODES, "csiNodes"),
  watched(VOLUME_ATTACHMENTS, "volumeAttachments"),
];

/** Looked at only where pods get default spread constraints: large clusters have many of them. */
const SELECTOR_OWNERS: readonly WatchedKind[] = [
  watched(SERVICES, "services"),
  watched(REPLICATION_CONTROLLERS, "replicationControllers"),
  watched(REPLICA_SETS, "replicaSets"),
  watched(STATEFUL_SETS, "statefulSets"),
];

/**
 * What the mirror watches for a provider that serves these node classes.
 * @param hasDefaultSpread pods are spread by default: then Services and the owners of pods count too
 */
export function watchedKinds(
  nodeClasses: readonly { group: string; kind: string }[],
  hasDefaultSpread = false,
): readonly WatchedKind[] {
  const classes = NODE_CLASS_KINDS.filter((known) =>
    nodeClasses.some(({ group, kind }) => group === known.group && kind === known.kind),
  );
  const owners = hasDefaultSpread ? SELECTOR_OWNERS : [];
  return [...CORE, ...owners, ...classes.map((kind): WatchedKind => ({ kind, slot: "nodeClasses", optional: true }))];
}

/** Of the kind's objects: ClusterView's key. Node classes of several kinds share one map. */
export function slotKey(watchedKind: WatchedKind, key: string): string {
  const { kind, slot } = watchedKind;
  return slot === "nodeClasses" ? `${kind.group}/${kind.kind}/${key}` : key;
}

function watched<T extends KubeObject>(kind: Kind<T>, slot: Slot): WatchedKind {
  return { kind: kind as Kind, slot, optional: false };
}
