import type {
  CsiNode,
  DaemonSet,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  ReplicationController,
  Service,
  StatefulSet,
  StorageClass,
  VolumeAttachment,
} from "./core.ts";
import type { KubeObject } from "./object.ts";
import type { NodeClaim } from "./resources/node-claim.ts";
import type { NodePool } from "./resources/node-pool.ts";

/** A node class of any provider, as far as the core looks at it. */
export type NodeClass = KubeObject & {
  status?: { conditions?: { type: string; status: string; reason?: string; message?: string }[] };
};

/**
 * The cluster as last seen: what the mirror keeps and a snapshot is taken of. Maps are keyed by `keyOf` ("ns/name" or
 * "name"). Objects are trimmed (no managedFields, images, environment) and never changed in place: a new version is a new object.
 */
export type ClusterView = {
  readonly pods: ReadonlyMap<string, Pod>;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly nodeClaims: ReadonlyMap<string, NodeClaim>;
  readonly nodePools: ReadonlyMap<string, NodePool>;
  /** Keyed `${group}/${kind}/${name}`. */
  readonly nodeClasses: ReadonlyMap<string, NodeClass>;
  readonly daemonSets: ReadonlyMap<string, DaemonSet>;
  readonly podDisruptionBudgets: ReadonlyMap<string, PodDisruptionBudget>;
  readonly namespaces: ReadonlyMap<string, Namespace>;
  readonly persistentVolumeClaims: ReadonlyMap<string, PersistentVolumeClaim>;
  readonly persistentVolumes: ReadonlyMap<string, PersistentVolume>;
  readonly storageClasses: ReadonlyMap<string, StorageClass>;
  readonly csiNodes: ReadonlyMap<string, CsiNode>;
  readonly volumeAttachments: ReadonlyMap<string, VolumeAttachment>;
  /** Where default spread constraints take their selectors from; empty while there are no such constraints. */
  readonly services: ReadonlyMap<string, Service>;
  readonly replicationControllers: ReadonlyMap<string, ReplicationController>;
  readonly replicaSets: ReadonlyMap<string, ReplicaSet>;
  readonly statefulSets: ReadonlyMap<string, StatefulSet>;

  /** Index: node name to the keys of the pods bound to it. */
  readonly podsByNode: ReadonlyMap<string, ReadonlySet<string>>;
  /** Index: keys of pods without a node. */
  readonly unboundPods: ReadonlySet<string>;
  /** Index: spec.providerID to node name. */
  readonly nodeByProviderId: ReadonlyMap<string, string>;
  /** Index: status.providerID to claim name. */
  readonly claimByProviderId: ReadonlyMap<string, string>;
};

/** The same while it is being filled. */
export type MutableClusterView = {
  -readonly [S in keyof ClusterView]: ClusterView[S] extends ReadonlyMap<string, infer V>
    ? Map<string, V>
    : Set<string>;
};

/** A view of a cluster in which nothing is. */
export function emptyClusterView(): MutableClusterView {
  return {
    pods: new Map(),
    nodes: new Map(),
    nodeClaims: new Map(),
    nodePools: new Map(),
    nodeClasses: new Map(),
    daemonSets: new Map(),
    podDisruptionBudgets: new Map(),
    namespaces: new Map(),
    persistentVolumeClaims: new Map(),
    persistentVolumes: new Map(),
    storageClasses: new Map(),
    csiNodes: new Map(),
    volumeAttachments: new Map(),
    services: new Map(),
    replicationControllers: new Map(),
    replicaSets: new Map(),
    statefulSets: new Map(),
    podsByNode: new Map(),
    unboundPods: new Set(),
    nodeByProviderId: new Map(),
    claimByProviderId: new Map(),
  };
}
