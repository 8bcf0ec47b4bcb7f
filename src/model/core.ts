import type { Condition, ObjectMeta } from "./object.ts";

/** Quantities as on the wire: text such as "100m" or "4Gi", or a number. */
export type ResourceList = Record<string, string | number>;

export type LabelSelectorRequirement = { key: string; operator: string; values?: string[] };
export type LabelSelector = {
  matchLabels?: Record<string, string>;
  matchExpressions?: LabelSelectorRequirement[];
};

export type NodeSelectorRequirement = { key: string; operator: string; values?: string[] };
export type NodeSelectorTerm = {
  matchExpressions?: NodeSelectorRequirement[];
  matchFields?: NodeSelectorRequirement[];
};
export type PreferredSchedulingTerm = { weight: number; preference: NodeSelectorTerm };
export type NodeAffinity = {
  requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms: NodeSelectorTerm[] };
  preferredDuringSchedulingIgnoredDuringExecution?: PreferredSchedulingTerm[];
};
export type PodAffinityTerm = {
  labelSelector?: LabelSelector;
  namespaces?: string[];
  namespaceSelector?: LabelSelector;
  topologyKey: string;
  matchLabelKeys?: string[];
  mismatchLabelKeys?: string[];
};
export type WeightedPodAffinityTerm = { weight: number; podAffinityTerm: PodAffinityTerm };
export type PodAffinity = {
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[];
  preferredDuringSchedulingIgnoredDuringExecution?: WeightedPodAffinityTerm[];
};
export type Affinity = { nodeAffinity?: NodeAffinity; podAffinity?: PodAffinity; podAntiAffinity?: PodAffinity };

export type TopologySpreadConstraint = {
  maxSkew: number;
  topologyKey: string;
  whenUnsatisfiable: string;
  labelSelector?: LabelSelector;
  minDomains?: number;
  nodeAffinityPolicy?: string;
  nodeTaintsPolicy?: string;
  matchLabelKeys?: string[];
};

export type TaintEffect = "NoSchedule" | "PreferNoSchedule" | "NoExecute";
export type Taint = { key: string; value?: string; effect: TaintEffect; timeAdded?: string };
export type Toleration = {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
  tolerationSeconds?: number;
};

export type ResourceRequirements = {
  requests?: ResourceList;
  limits?: ResourceList;
  claims?: { name: string; request?: string }[];
};
export type ContainerPort = {
  name?: string;
  containerPort: number;
  hostPort?: number;
  hostIP?: string;
  protocol?: string;
};
export type Container = {
  name: string;
  image?: string;
  resources?: ResourceRequirements;
  ports?: ContainerPort[];
  /** "Always" on an init container makes it a sidecar. */
  restartPolicy?: string;
};
export type Volume = {
  name: string;
  persistentVolumeClaim?: { claimName: string };
  ephemeral?: { volumeClaimTemplate: { spec: PersistentVolumeClaimSpec } };
};

export type PodSpec = {
  nodeName?: string;
  schedulerName?: string;
  nodeSelector?: Record<string, string>;
  affinity?: Affinity;
  tolerations?: Toleration[];
  topologySpreadConstraints?: TopologySpreadConstraint[];
  containers: Container[];
  initContainers?: Container[];
  volumes?: Volume[];
  overhead?: ResourceList;
  resources?: ResourceRequirements;
  resourceClaims?: { name: string }[];
  priority?: number;
  priorityClassName?: string;
  preemptionPolicy?: string;
  restartPolicy?: string;
  hostNetwork?: boolean;
  terminationGracePeriodSeconds?: number;
  schedulingGates?: { name: string }[];
};
export type PodCondition = Omit<Condition, "reason" | "message" | "lastTransitionTime"> & {
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
};
export type ContainerStatus = {
  name: string;
  ready?: boolean;
  started?: boolean;
  restartCount?: number;
  resources?: ResourceRequirements;
  allocatedResources?: ResourceList;
  state?: Record<string, unknown>;
  image?: string;
  imageID?: string;
};
export type PodStatus = {
  phase?: string;
  conditions?: PodCondition[];
  nominatedNodeName?: string;
  startTime?: string;
  podIP?: string;
  podIPs?: { ip: string }[];
  hostIP?: string;
  qosClass?: string;
  reason?: string;
  message?: string;
  containerStatuses?: ContainerStatus[];
  initContainerStatuses?: ContainerStatus[];
};
export type Pod = { apiVersion: "v1"; kind: "Pod"; metadata: ObjectMeta; spec: PodSpec; status?: PodStatus };

export type NodeCondition = Omit<Condition, "reason" | "message" | "lastTransitionTime"> & {
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
  lastHeartbeatTime?: string;
};
export type Node = {
  apiVersion: "v1";
  kind: "Node";
  metadata: ObjectMeta;
  spec: { providerID?: string; taints?: Taint[]; unschedulable?: boolean; podCIDR?: string };
  status?: {
    phase?: string;
    capacity?: ResourceList;
    allocatable?: ResourceList;
    conditions?: NodeCondition[];
    addresses?: { type: string; address: string }[];
    nodeInfo?: Record<string, string>;
    volumesAttached?: unknown[];
    volumesInUse?: string[];
    images?: unknown[];
  };
};

export type Namespace = {
  apiVersion: "v1";
  kind: "Namespace";
  metadata: ObjectMeta;
  spec?: { finalizers?: string[] };
  status?: { phase?: string };
};

export type PodTemplate = { metadata?: Partial<ObjectMeta>; spec: PodSpec };
export type DaemonSet = {
  apiVersion: "apps/v1";
  kind: "DaemonSet";
  metadata: ObjectMeta;
  spec: { selector: LabelSelector; template: PodTemplate };
  status?: Record<string, unknown>;
};

/** As far as its selector goes. */
export type Service = {
  apiVersion: "v1";
  kind: "Service";
  metadata: ObjectMeta;
  spec: { selector?: Record<string, string> };
};
export type ReplicationController = {
  apiVersion: "v1";
  kind: "ReplicationController";
  metadata: ObjectMeta;
  spec: { selector?: Record<string, string> };
};
/** As far as its rollout goes. */
export type Deployment = {
  apiVersion: "apps/v1";
  kind: "Deployment";
  metadata: ObjectMeta;
  spec: {
    replicas?: number;
    paused?: boolean;
    strategy?: { type?: string; rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string } };
    template: { metadata?: Partial<ObjectMeta> };
  };
};
/** As far as their selectors go. */
export type ReplicaSet = {
  apiVersion: "apps/v1";
  kind: "ReplicaSet";
  metadata: ObjectMeta;
  spec: { selector: LabelSelector };
};
export type StatefulSet = {
  apiVersion: "apps/v1";
  kind: "StatefulSet";
  metadata: ObjectMeta;
  spec: {
    selector: LabelSelector;
    replicas?: number;
    updateStrategy?: { type?: string; rollingUpdate?: { partition?: number } };
    template?: { metadata?: Partial<ObjectMeta> };
  };
};

export type PodDisruptionBudget = {
  apiVersion: "policy/v1";
  kind: "PodDisruptionBudget";
  metadata: ObjectMeta;
  spec: {
    selector?: LabelSelector;
    minAvailable?: number | string;
    maxUnavailable?: number | string;
    unhealthyPodEvictionPolicy?: string;
  };
  status?: {
    disruptionsAllowed?: number;
    currentHealthy?: number;
    desiredHealthy?: number;
    expectedPods?: number;
    observedGeneration?: number;
    disruptedPods?: Record<string, string>;
    conditions?: Condition[];
  };
};

export type PersistentVolumeClaimSpec = {
  storageClassName?: string;
  volumeName?: string;
  accessModes?: string[];
  resources?: ResourceRequirements;
  volumeMode?: string;
};
export type PersistentVolumeClaim = {
  apiVersion: "v1";
  kind: "PersistentVolumeClaim";
  metadata: ObjectMeta;
  spec: PersistentVolumeClaimSpec;
  status?: { phase?: string };
};
export type PersistentVolume = {
  apiVersion: "v1";
  kind: "PersistentVolume";
  metadata: ObjectMeta;
  spec: {
    nodeAffinity?: { required?: { nodeSelectorTerms: NodeSelectorTerm[] } };
    csi?: { driver: string; volumeHandle?: string };
    awsElasticBlockStore?: { volumeID: string };
    local?: unknown;
    hostPath?: unknown;
    claimRef?: { name: string; namespace: string; uid?: string };
    storageClassName?: string;
    capacity?: ResourceList;
    accessModes?: string[];
    persistentVolumeReclaimPolicy?: string;
  };
  status?: { phase?: string };
};
export type StorageClass = {
  apiVersion: "storage.k8s.io/v1";
  kind: "StorageClass";
  metadata: ObjectMeta;
  provisioner: string;
  volumeBindingMode?: string;
  reclaimPolicy?: string;
  allowedTopologies?: { matchLabelExpressions?: { key: string; values: string[] }[] }[];
};
export type CsiNode = {
  apiVersion: "storage.k8s.io/v1";
  kind: "CSINode";
  metadata: ObjectMeta;
  spec: { drivers: { name: string; nodeID: string; allocatable?: { count?: number }; topologyKeys?: string[] }[] };
};
export type VolumeAttachment = {
  apiVersion: "storage.k8s.io/v1";
  kind: "VolumeAttachment";
  metadata: ObjectMeta;
  spec: { attacher: string; nodeName: string; source: { persistentVolumeName?: string } };
  status?: { attached: boolean };
};

export type Lease = {
  apiVersion: "coordination.k8s.io/v1";
  kind: "Lease";
  metadata: ObjectMeta;
  spec: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
};

export type ObjectReference = {
  apiVersion?: string;
  kind?: string;
  name?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  fieldPath?: string;
};
export type CoreEvent = {
  apiVersion: "v1";
  kind: "Event";
  metadata: ObjectMeta;
  involvedObject: ObjectReference;
  type: "Normal" | "Warning";
  reason: string;
  message: string;
  source?: { component?: string; host?: string };
  firstTimestamp?: string;
  lastTimestamp?: string;
  count?: number;
  reportingComponent?: string;
  reportingInstance?: string;
};
