import type { LabelSelector, PersistentVolumeClaim, PodTemplate } from "../../model/core.ts";
import type { Kind } from "../../model/kinds.ts";
import type { Condition, KubeObject, ObjectMeta } from "../../model/object.ts";

/* Kinds that only the simulated control plane needs. Fields are those its controllers look at. */

export type WorkloadCondition = Omit<Condition, "observedGeneration"> & { lastUpdateTime?: string };

export type Deployment = {
  apiVersion: "apps/v1";
  kind: "Deployment";
  metadata: ObjectMeta;
  spec: {
    replicas?: number;
    selector: LabelSelector;
    template: PodTemplate;
    strategy?: { type?: string; rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string } };
    paused?: boolean;
    minReadySeconds?: number;
    progressDeadlineSeconds?: number;
    revisionHistoryLimit?: number;
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

export type ReplicaSet = {
  apiVersion: "apps/v1";
  kind: "ReplicaSet";
  metadata: ObjectMeta;
  spec: { replicas?: number; selector: LabelSelector; template: PodTemplate; minReadySeconds?: number };
  status?: {
    replicas: number;
    fullyLabeledReplicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    observedGeneration?: number;
    conditions?: WorkloadCondition[];
  };
};

export type StatefulSet = {
  apiVersion: "apps/v1";
  kind: "StatefulSet";
  metadata: ObjectMeta;
  spec: {
    replicas?: number;
    serviceName?: string;
    selector: LabelSelector;
    template: PodTemplate;
    podManagementPolicy?: string;
    minReadySeconds?: number;
    updateStrategy?: { type?: string; rollingUpdate?: { partition?: number } };
    volumeClaimTemplates?: PersistentVolumeClaim[];
  };
  status?: Record<string, unknown>;
};

export type JobSpec = {
  parallelism?: number;
  completions?: number;
  backoffLimit?: number;
  activeDeadlineSeconds?: number;
  ttlSecondsAfterFinished?: number;
  completionMode?: string;
  suspend?: boolean;
  selector?: LabelSelector;
  template: PodTemplate;
};
export type Job = {
  apiVersion: "batch/v1";
  kind: "Job";
  metadata: ObjectMeta;
  spec: JobSpec;
  status?: {
    active?: number;
    ready?: number;
    succeeded?: number;
    failed?: number;
    startTime?: string;
    completionTime?: string;
    conditions?: WorkloadCondition[];
  };
};

export type CronJob = {
  apiVersion: "batch/v1";
  kind: "CronJob";
  metadata: ObjectMeta;
  spec: {
    schedule: string;
    timeZone?: string;
    suspend?: boolean;
    concurrencyPolicy?: string;
    startingDeadlineSeconds?: number;
    successfulJobsHistoryLimit?: number;
    failedJobsHistoryLimit?: number;
    jobTemplate: { metadata?: Partial<ObjectMeta>; spec: JobSpec };
  };
  status?: { active?: unknown[]; lastScheduleTime?: string; lastSuccessfulTime?: string };
};

export type Service = {
  apiVersion: "v1";
  kind: "Service";
  metadata: ObjectMeta;
  spec: {
    type?: string;
    clusterIP?: string;
    selector?: Record<string, string>;
    ports?: { name?: string; port: number; targetPort?: number | string; protocol?: string }[];
  };
};
export type EndpointSlice = {
  apiVersion: "discovery.k8s.io/v1";
  kind: "EndpointSlice";
  metadata: ObjectMeta;
  addressType: string;
  endpoints: unknown[];
  ports?: unknown[];
};
export type Endpoints = { apiVersion: "v1"; kind: "Endpoints"; metadata: ObjectMeta; subsets?: unknown[] };
export type ServiceAccount = { apiVersion: "v1"; kind: "ServiceAccount"; metadata: ObjectMeta };
export type ConfigMap = { apiVersion: "v1"; kind: "ConfigMap"; metadata: ObjectMeta; data?: Record<string, string> };
export type Autoscaler = {
  apiVersion: "autoscaling/v2";
  kind: "HorizontalPodAutoscaler";
  metadata: ObjectMeta;
  spec: {
    scaleTargetRef: { apiVersion?: string; kind: string; name: string };
    minReplicas?: number;
    maxReplicas: number;
  };
  status?: Record<string, unknown>;
};
export type PriorityClass = {
  apiVersion: "scheduling.k8s.io/v1";
  kind: "PriorityClass";
  metadata: ObjectMeta;
  value: number;
  globalDefault?: boolean;
};

const apps = { group: "apps", version: "v1", namespaced: true };
const core = { group: "", version: "v1", namespaced: true };
const batch = { group: "batch", version: "v1", namespaced: true };
const rbac = { group: "rbac.authorization.k8s.io", version: "v1" };

export const DEPLOYMENTS: Kind<Deployment> = { ...apps, kind: "Deployment", plural: "deployments" };
export const REPLICA_SETS: Kind<ReplicaSet> = { ...apps, kind: "ReplicaSet", plural: "replicasets" };
export const STATEFUL_SETS: Kind<StatefulSet> = { ...apps, kind: "StatefulSet", plural: "statefulsets" };
export const JOBS: Kind<Job> = { ...batch, kind: "Job", plural: "jobs" };
export const CRON_JOBS: Kind<CronJob> = { ...batch, kind: "CronJob", plural: "cronjobs" };
export const SERVICES: Kind<Service> = { ...core, kind: "Service", plural: "services" };
export const ENDPOINTS: Kind<Endpoints> = { ...core, kind: "Endpoints", plural: "endpoints" };
export const SERVICE_ACCOUNTS: Kind<ServiceAccount> = { ...core, kind: "ServiceAccount", plural: "serviceaccounts" };
export const CONFIG_MAPS: Kind<ConfigMap> = { ...core, kind: "ConfigMap", plural: "configmaps" };
export const ENDPOINT_SLICES: Kind<EndpointSlice> = {
  group: "discovery.k8s.io",
  version: "v1",
  namespaced: true,
  kind: "EndpointSlice",
  plural: "endpointslices",
};
export const AUTOSCALERS: Kind<Autoscaler> = {
  group: "autoscaling",
  version: "v2",
  namespaced: true,
  kind: "HorizontalPodAutoscaler",
  plural: "horizontalpodautoscalers",
};
export const PRIORITY_CLASSES: Kind<PriorityClass> = {
  group: "scheduling.k8s.io",
  version: "v1",
  namespaced: false,
  kind: "PriorityClass",
  plural: "priorityclasses",
};
export const CLUSTER_ROLES: Kind<KubeObject> = {
  ...rbac,
  namespaced: false,
  kind: "ClusterRole",
  plural: "clusterroles",
};
export const CLUSTER_ROLE_BINDINGS: Kind<KubeObject> = {
  ...rbac,
  namespaced: false,
  kind: "ClusterRoleBinding",
  plural: "clusterrolebindings",
};
export const ROLES: Kind<KubeObject> = { ...rbac, namespaced: true, kind: "Role", plural: "roles" };
export const ROLE_BINDINGS: Kind<KubeObject> = {
  ...rbac,
  namespaced: true,
  kind: "RoleBinding",
  plural: "rolebindings",
};
