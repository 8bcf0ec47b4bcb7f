import type { LabelSelector, PersistentVolumeClaimSpec, PodTemplate } from "../../model/core.ts";
import type { Kind } from "../../model/kinds.ts";
import type { Condition, KubeObject, ObjectMeta } from "../../model/object.ts";

/** Built-in kinds that the simulated cluster works with and the product does not. */

type Of<K extends string, V extends string> = { apiVersion: V; kind: K; metadata: ObjectMeta };
/** Conditions of the workload kinds have no observedGeneration and may lack texts. */
export type WorkloadCondition = Partial<Condition> & Pick<Condition, "type" | "status"> & { lastUpdateTime?: string };

export type Deployment = Of<"Deployment", "apps/v1"> & {
  spec: {
    replicas?: number;
    selector: LabelSelector;
    template: PodTemplate;
    strategy?: {
      type?: string;
      rollingUpdate?: { maxUnavailable?: number | string; maxSurge?: number | string };
    };
    minReadySeconds?: number;
    revisionHistoryLimit?: number;
    paused?: boolean;
    progressDeadlineSeconds?: number;
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    unavailableReplicas?: number;
    collisionCount?: number;
    conditions?: WorkloadCondition[];
  };
};
export type ReplicaSet = Of<"ReplicaSet", "apps/v1"> & {
  spec: { replicas?: number; minReadySeconds?: number; selector: LabelSelector; template?: PodTemplate };
  status?: {
    replicas: number;
    fullyLabeledReplicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    observedGeneration?: number;
    conditions?: WorkloadCondition[];
  };
};
export type StatefulSet = Of<"StatefulSet", "apps/v1"> & {
  spec: {
    replicas?: number;
    selector: LabelSelector;
    template: PodTemplate;
    serviceName?: string;
    podManagementPolicy?: string;
    updateStrategy?: { type?: string; rollingUpdate?: { partition?: number; maxUnavailable?: number | string } };
    volumeClaimTemplates?: { metadata: Partial<ObjectMeta>; spec: PersistentVolumeClaimSpec }[];
    revisionHistoryLimit?: number;
    minReadySeconds?: number;
    persistentVolumeClaimRetentionPolicy?: { whenDeleted?: string; whenScaled?: string };
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    readyReplicas?: number;
    currentReplicas?: number;
    updatedReplicas?: number;
    availableReplicas?: number;
    currentRevision?: string;
    updateRevision?: string;
    collisionCount?: number;
    conditions?: WorkloadCondition[];
  };
};
export type JobSpec = {
  parallelism?: number;
  completions?: number;
  activeDeadlineSeconds?: number;
  backoffLimit?: number;
  selector?: LabelSelector;
  manualSelector?: boolean;
  template: PodTemplate;
  ttlSecondsAfterFinished?: number;
  completionMode?: string;
  suspend?: boolean;
};
export type Job = Of<"Job", "batch/v1"> & {
  spec: JobSpec;
  status?: {
    conditions?: WorkloadCondition[];
    startTime?: string;
    completionTime?: string;
    active?: number;
    succeeded?: number;
    failed?: number;
    ready?: number;
    terminating?: number;
    uncountedTerminatedPods?: Record<string, string[]>;
  };
};
export type CronJob = Of<"CronJob", "batch/v1"> & {
  spec: {
    schedule: string;
    timeZone?: string;
    startingDeadlineSeconds?: number;
    concurrencyPolicy?: string;
    suspend?: boolean;
    jobTemplate: { metadata?: Partial<ObjectMeta>; spec: JobSpec };
    successfulJobsHistoryLimit?: number;
    failedJobsHistoryLimit?: number;
  };
  status?: {
    active?: { apiVersion?: string; kind?: string; name?: string; namespace?: string; uid?: string }[];
    lastScheduleTime?: string;
    lastSuccessfulTime?: string;
  };
};
export type HorizontalPodAutoscaler = Of<"HorizontalPodAutoscaler", "autoscaling/v2"> & {
  spec: {
    scaleTargetRef: { apiVersion?: string; kind: string; name: string };
    minReplicas?: number;
    maxReplicas: number;
    metrics?: Record<string, unknown>[];
    behavior?: Record<string, unknown>;
  };
  status?: {
    observedGeneration?: number;
    lastScaleTime?: string;
    currentReplicas?: number;
    desiredReplicas?: number;
    currentMetrics?: unknown[] | null;
    conditions?: WorkloadCondition[];
  };
};
export type PriorityClass = Of<"PriorityClass", "scheduling.k8s.io/v1"> & {
  value: number;
  globalDefault?: boolean;
  description?: string;
  preemptionPolicy?: string;
};
export type ServicePort = {
  name?: string;
  protocol?: string;
  port: number;
  targetPort?: number | string;
  nodePort?: number;
  appProtocol?: string;
};
export type Service = Of<"Service", "v1"> & {
  spec: {
    type?: string;
    selector?: Record<string, string>;
    ports?: ServicePort[];
    clusterIP?: string;
    clusterIPs?: string[];
    externalName?: string;
    publishNotReadyAddresses?: boolean;
  };
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } };
};
export type EndpointSlice = Of<"EndpointSlice", "discovery.k8s.io/v1"> & {
  addressType: string;
  endpoints: { addresses: string[]; conditions?: Record<string, boolean>; nodeName?: string; targetRef?: unknown }[];
  ports?: { name?: string; protocol?: string; port?: number }[];
};
export type ConfigMap = Of<"ConfigMap", "v1"> & { data?: Record<string, string>; immutable?: boolean };
export type Secret = Of<"Secret", "v1"> & { type?: string; data?: Record<string, string> };
export type ServiceAccount = Of<"ServiceAccount", "v1"> & { secrets?: unknown[]; imagePullSecrets?: unknown[] };
export type ControllerRevision = Of<"ControllerRevision", "apps/v1"> & { data?: unknown; revision: number };
export type CustomResourceDefinition = Of<"CustomResourceDefinition", "apiextensions.k8s.io/v1"> & {
  spec: {
    group: string;
    scope: string;
    names: {
      kind: string;
      plural: string;
      singular?: string;
      listKind?: string;
      shortNames?: string[];
      categories?: string[];
    };
    versions: { name: string; served: boolean; storage: boolean; schema?: { openAPIV3Schema?: unknown } }[];
  };
  status?: { conditions?: WorkloadCondition[]; acceptedNames?: unknown; storedVersions?: string[] };
};

type KindRow = readonly [group: string, version: string, kind: string, plural: string, namespaced?: boolean];
const kindOf = <T extends KubeObject>([group, version, kind, plural, namespaced = true]: KindRow): Kind<T> => ({
  group,
  version,
  kind,
  plural,
  namespaced,
});

export const DEPLOYMENTS = kindOf<Deployment>(["apps", "v1", "Deployment", "deployments"]);
export const REPLICA_SETS = kindOf<ReplicaSet>(["apps", "v1", "ReplicaSet", "replicasets"]);
export const STATEFUL_SETS = kindOf<StatefulSet>(["apps", "v1", "StatefulSet", "statefulsets"]);
export const CONTROLLER_REVISIONS = kindOf<ControllerRevision>([
  "apps",
  "v1",
  "ControllerRevision",
  "controllerrevisions",
]);
export const JOBS = kindOf<Job>(["batch", "v1", "Job", "jobs"]);
export const CRON_JOBS = kindOf<CronJob>(["batch", "v1", "CronJob", "cronjobs"]);
export const HORIZONTAL_POD_AUTOSCALERS = kindOf<HorizontalPodAutoscaler>([
  "autoscaling",
  "v2",
  "HorizontalPodAutoscaler",
  "horizontalpodautoscalers",
]);
export const PRIORITY_CLASSES = kindOf<PriorityClass>([
  "scheduling.k8s.io",
  "v1",
  "PriorityClass",
  "priorityclasses",
  false,
]);
export const SERVICES = kindOf<Service>(["", "v1", "Service", "services"]);
export const ENDPOINT_SLICES = kindOf<EndpointSlice>(["discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"]);
export const CONFIG_MAPS = kindOf<ConfigMap>(["", "v1", "ConfigMap", "configmaps"]);
export const SECRETS = kindOf<Secret>(["", "v1", "Secret", "secrets"]);
export const SERVICE_ACCOUNTS = kindOf<ServiceAccount>(["", "v1", "ServiceAccount", "serviceaccounts"]);
export const CUSTOM_RESOURCE_DEFINITIONS = kindOf<CustomResourceDefinition>([
  "apiextensions.k8s.io",
  "v1",
  "CustomResourceDefinition",
  "customresourcedefinitions",
  false,
]);
