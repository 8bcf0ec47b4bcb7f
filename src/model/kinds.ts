import type {
  CoreEvent,
  CsiNode,
  DaemonSet,
  Deployment,
  Lease,
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
import type { Ec2NodeClass } from "./resources/ec2-node-class.ts";
import type { KwokNodeClass } from "./resources/kwok-node-class.ts";
import type { NodeClaim } from "./resources/node-claim.ts";
import type { NodePool } from "./resources/node-pool.ts";

/**
 * Where a kind lives in the API. The type parameter is the shape of its objects, so that `api.list(PODS)` is typed;
 * it exists for the compiler only.
 */
export type Kind<T extends KubeObject = KubeObject> = {
  /** "" for the core group. */
  group: string;
  version: string;
  kind: string;
  /** Lower-case plural, as in the path. */
  plural: string;
  namespaced: boolean;
  readonly shape?: T;
};

/** "v1" or "apps/v1". */
export function apiVersionOf(kind: Kind): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}

/** "pods" or "deployments.apps": unique per kind, as error messages and maps name it. */
export function resourceOf(kind: Pick<Kind, "group" | "plural">): string {
  return kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
}

export const PODS: Kind<Pod> = { group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true };
export const NODES: Kind<Node> = { group: "", version: "v1", kind: "Node", plural: "nodes", namespaced: false };
export const NAMESPACES: Kind<Namespace> = {
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  namespaced: false,
};
export const EVENTS: Kind<CoreEvent> = { group: "", version: "v1", kind: "Event", plural: "events", namespaced: true };
export const PERSISTENT_VOLUMES: Kind<PersistentVolume> = {
  group: "",
  version: "v1",
  kind: "PersistentVolume",
  plural: "persistentvolumes",
  namespaced: false,
};
export const PERSISTENT_VOLUME_CLAIMS: Kind<PersistentVolumeClaim> = {
  group: "",
  version: "v1",
  kind: "PersistentVolumeClaim",
  plural: "persistentvolumeclaims",
  namespaced: true,
};
export const DAEMON_SETS: Kind<DaemonSet> = {
  group: "apps",
  version: "v1",
  kind: "DaemonSet",
  plural: "daemonsets",
  namespaced: true,
};
export const DEPLOYMENTS: Kind<Deployment> = {
  group: "apps",
  version: "v1",
  kind: "Deployment",
  plural: "deployments",
  namespaced: true,
};
export const SERVICES: Kind<Service> = {
  group: "",
  version: "v1",
  kind: "Service",
  plural: "services",
  namespaced: true,
};
export const REPLICATION_CONTROLLERS: Kind<ReplicationController> = {
  group: "",
  version: "v1",
  kind: "ReplicationController",
  plural: "replicationcontrollers",
  namespaced: true,
};
export const REPLICA_SETS: Kind<ReplicaSet> = {
  group: "apps",
  version: "v1",
  kind: "ReplicaSet",
  plural: "replicasets",
  namespaced: true,
};
export const STATEFUL_SETS: Kind<StatefulSet> = {
  group: "apps",
  version: "v1",
  kind: "StatefulSet",
  plural: "statefulsets",
  namespaced: true,
};
export const POD_DISRUPTION_BUDGETS: Kind<PodDisruptionBudget> = {
  group: "policy",
  version: "v1",
  kind: "PodDisruptionBudget",
  plural: "poddisruptionbudgets",
  namespaced: true,
};
export const STORAGE_CLASSES: Kind<StorageClass> = {
  group: "storage.k8s.io",
  version: "v1",
  kind: "StorageClass",
  plural: "storageclasses",
  namespaced: false,
};
export const CSI_NODES: Kind<CsiNode> = {
  group: "storage.k8s.io",
  version: "v1",
  kind: "CSINode",
  plural: "csinodes",
  namespaced: false,
};
export const VOLUME_ATTACHMENTS: Kind<VolumeAttachment> = {
  group: "storage.k8s.io",
  version: "v1",
  kind: "VolumeAttachment",
  plural: "volumeattachments",
  namespaced: false,
};
export const LEASES: Kind<Lease> = {
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
};
export const NODE_POOLS: Kind<NodePool> = {
  group: "karpenter.sh",
  version: "v1",
  kind: "NodePool",
  plural: "nodepools",
  namespaced: false,
};
export const NODE_CLAIMS: Kind<NodeClaim> = {
  group: "karpenter.sh",
  version: "v1",
  kind: "NodeClaim",
  plural: "nodeclaims",
  namespaced: false,
};
export const KWOK_NODE_CLASSES: Kind<KwokNodeClass> = {
  group: "karpenter.kwok.sh",
  version: "v1alpha1",
  kind: "KWOKNodeClass",
  plural: "kwoknodeclasses",
  namespaced: false,
};
export const EC2_NODE_CLASSES: Kind<Ec2NodeClass> = {
  group: "karpenter.k8s.aws",
  version: "v1",
  kind: "EC2NodeClass",
  plural: "ec2nodeclasses",
  namespaced: false,
};

/** The node classes of all providers. */
export const NODE_CLASS_KINDS: readonly Kind[] = [KWOK_NODE_CLASSES as Kind, EC2_NODE_CLASSES as Kind];
