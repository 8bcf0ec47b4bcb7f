import { createHash } from "node:crypto";
import type { KubeObject } from "../../../src/model/object.ts";
import { isJsonObject, type JsonObject } from "../../../src/model/schema/schema.ts";
import { DECISION_TYPE } from "../decisions.ts";

/**
 * Of an object what a snapshot keeps: only what is named here, so that nothing of a new field gets out unseen. Never in it:
 * values of the environment, commands, arguments, probes, Secrets, ConfigMaps, annotations of other programs, user data.
 * @returns undefined for an object that no question is about: kinds that are not named here, ReplicaSets without replicas
 */
export function keptObject(object: KubeObject): KubeObject | undefined {
  const keep = KINDS[`${object.apiVersion}/${object.kind}`];
  const { apiVersion, kind } = object;
  const json = object as unknown as JsonObject;
  const rest = keep?.(json);
  if (rest === undefined) return undefined;
  return { apiVersion, kind, metadata: keptMetadata(object.metadata), ...rest } as unknown as KubeObject;
}

type Keep = (object: JsonObject) => JsonObject | undefined;

/** These fields of a value, where it has them. */
function pick(value: unknown, fields: readonly string[]): JsonObject {
  const kept: JsonObject = {};
  if (!isJsonObject(value)) return kept;
  for (const field of fields) if (value[field] !== undefined) kept[field] = value[field];
  return kept;
}

/** The same, with a reader for some of the fields. */
function part(value: unknown, readers: Readonly<Record<string, (inner: unknown) => unknown>>): JsonObject {
  const kept: JsonObject = {};
  if (!isJsonObject(value)) return kept;
  for (const [field, read] of Object.entries(readers)) if (value[field] !== undefined) kept[field] = read(value[field]);
  return kept;
}

const list =
  (read: (item: unknown) => unknown) =>
  (value: unknown): unknown =>
    Array.isArray(value) ? value.map(read) : undefined;
const fields =
  (...names: string[]) =>
  (value: unknown) =>
    pick(value, names);
const whole = (value: unknown): unknown => value;

const METADATA = [
  ..."name namespace uid resourceVersion generation creationTimestamp deletionTimestamp".split(" "),
  ..."deletionGracePeriodSeconds labels finalizers".split(" "),
];
const OWNER = fields("apiVersion", "kind", "name", "uid", "controller");

function keptMetadata(metadata: unknown): JsonObject {
  const kept = pick(metadata, METADATA);
  return { ...kept, ...part(metadata, { annotations: keptAnnotations, ownerReferences: list(OWNER) }) };
}

/** Those that say something about scheduling, disruption or cost. Others belong to programs that may hide anything there. */
const ANNOTATION_DOMAINS: ReadonlySet<string> = new Set(
  [
    "karpenter.sh karpenter.k8s.aws karpenter.kwok.sh compatibility.karpenter.k8s.aws cluster-autoscaler.kubernetes.io",
    "controller.kubernetes.io deployment.kubernetes.io storageclass.kubernetes.io volume.kubernetes.io eks.amazonaws.com",
  ].flatMap((line) => line.split(" ")),
);

function keptAnnotations(annotations: unknown): JsonObject {
  if (!isJsonObject(annotations)) return {};
  return Object.fromEntries(
    Object.entries(annotations).filter(([key]) => ANNOTATION_DOMAINS.has(key.slice(0, Math.max(0, key.indexOf("/"))))),
  );
}

const container = (value: unknown): JsonObject =>
  part(value, {
    name: whole,
    image: whole,
    resources: whole,
    restartPolicy: whole,
    ports: list(fields("containerPort", "hostPort", "hostIP", "protocol")),
  });
const VOLUME_SOURCES = {
  name: whole,
  persistentVolumeClaim: fields("claimName"),
  ephemeral: (value: unknown) =>
    part(value, { volumeClaimTemplate: (template) => part(template, { spec: keptClaimSpec }) }),
  // That there is such a volume counts when nodes are moved; what is in it does not.
  emptyDir: () => ({}),
  hostPath: fields("path"),
};
const POD_FIELDS = [
  ..."nodeName schedulerName nodeSelector affinity tolerations topologySpreadConstraints overhead resources".split(" "),
  ..."priority priorityClassName preemptionPolicy restartPolicy hostNetwork terminationGracePeriodSeconds".split(" "),
  "schedulingGates",
];

function keptPodSpec(spec: unknown): JsonObject {
  return {
    ...pick(spec, POD_FIELDS),
    ...part(spec, {
      resourceClaims: list(fields("name")),
      containers: list(container),
      initContainers: list(container),
      volumes: list((volume) => part(volume, VOLUME_SOURCES)),
    }),
  };
}

const CONDITION = fields("type", "status", "reason", "message", "lastTransitionTime", "observedGeneration");
const CONTAINER_STATUS = fields("name", "ready", "started", "restartCount", "resources", "allocatedResources");
const POD_STATUS = {
  ...asWhole("phase", "nominatedNodeName", "startTime", "qosClass", "reason"),
  conditions: list(CONDITION),
  containerStatuses: list(CONTAINER_STATUS),
  initContainerStatuses: list(CONTAINER_STATUS),
};
const NODE_INFO = "architecture operatingSystem osImage kernelVersion kubeletVersion containerRuntimeVersion";
const NODE_STATUS = {
  ...asWhole("capacity", "allocatable"),
  nodeInfo: fields(...NODE_INFO.split(" ")),
  conditions: list(CONDITION),
};

function asWhole(...names: string[]): Record<string, (value: unknown) => unknown> {
  return Object.fromEntries(names.map((name) => [name, whole]));
}

function keptClaimSpec(spec: unknown): JsonObject {
  return pick(spec, ["storageClassName", "volumeName", "accessModes", "resources", "volumeMode"]);
}

const template = (value: unknown): JsonObject =>
  part(value, {
    metadata: (metadata) => ({ ...pick(metadata, ["labels"]), ...part(metadata, { annotations: keptAnnotations }) }),
    spec: keptPodSpec,
  });
const WORKLOAD_SPEC = {
  ...asWhole("replicas", "selector", "strategy", "updateStrategy", "paused", "minReadySeconds"),
  ...asWhole("parallelism", "completions", "suspend", "schedule", "podManagementPolicy"),
  template,
  volumeClaimTemplates: list((one) => part(one, { metadata: fields("name"), spec: keptClaimSpec })),
};
const WORKLOAD_STATUS = {
  ...asWhole("replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "observedGeneration"),
  ...asWhole("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "active", "succeeded", "failed"),
  conditions: list(CONDITION),
};

const workload: Keep = ({ spec, status }) => ({
  spec: { ...part(spec, WORKLOAD_SPEC), ...part(spec, { jobTemplate: (job) => part(job, { spec: workloadSpec }) }) },
  ...(status === undefined ? {} : { status: part(status, WORKLOAD_STATUS) }),
});
function workloadSpec(spec: unknown): JsonObject {
  return part(spec, WORKLOAD_SPEC);
}

const specAndStatus: Keep = (object) => pick(object, ["spec", "status"]);
const specOf =
  (read: (spec: unknown) => JsonObject): Keep =>
  ({ spec }) => ({ spec: read(spec) });

const EVENT_FIELDS =
  "involvedObject type reason message source firstTimestamp lastTimestamp count reportingComponent".split(" ");

const KINDS: Readonly<Record<string, Keep>> = {
  "v1/Pod": ({ spec, status }) => ({ spec: keptPodSpec(spec), status: part(status, POD_STATUS) }),
  "v1/Node": ({ spec, status }) => ({
    spec: pick(spec, ["providerID", "taints", "unschedulable"]),
    status: part(status, NODE_STATUS),
  }),
  "v1/Namespace": ({ status }) => ({ status: pick(status, ["phase"]) }),
  "v1/PersistentVolumeClaim": ({ spec, status }) => ({ spec: keptClaimSpec(spec), status: pick(status, ["phase"]) }),
  "v1/PersistentVolume": ({ spec, status }) => ({
    spec: {
      ...pick(spec, ["nodeAffinity", "storageClassName", "capacity", "accessModes", "persistentVolumeReclaimPolicy"]),
      ...part(spec, {
        csi: fields("driver", "volumeHandle"),
        awsElasticBlockStore: fields("volumeID"),
        claimRef: fields("name", "namespace", "uid"),
        local: () => ({}),
        hostPath: () => ({}),
      }),
    },
    status: pick(status, ["phase"]),
  }),
  "v1/Service": specOf(fields("selector")),
  "v1/ReplicationController": specOf(fields("selector", "replicas")),
  "v1/Event": (event) => (isOurs(event) ? pick(event, EVENT_FIELDS) : undefined),
  [DECISION_TYPE]: (decision) => pick(decision, EVENT_FIELDS),
  "apps/v1/Deployment": workload,
  "apps/v1/ReplicaSet": (object) =>
    isJsonObject(object["spec"]) && object["spec"]["replicas"] === 0 ? undefined : workload(object),
  "apps/v1/StatefulSet": workload,
  "apps/v1/DaemonSet": workload,
  "batch/v1/Job": workload,
  "batch/v1/CronJob": workload,
  "policy/v1/PodDisruptionBudget": ({ spec, status }) => ({
    spec: spec as JsonObject,
    status: pick(
      status,
      "disruptionsAllowed currentHealthy desiredHealthy expectedPods observedGeneration conditions".split(" "),
    ),
  }),
  "storage.k8s.io/v1/StorageClass": (object) =>
    pick(object, ["provisioner", "volumeBindingMode", "reclaimPolicy", "allowedTopologies"]),
  "storage.k8s.io/v1/CSINode": (object) => pick(object, ["spec"]),
  "storage.k8s.io/v1/VolumeAttachment": ({ spec, status }) => ({
    spec: pick(spec, ["attacher", "nodeName", "source"]),
    status: pick(status, ["attached"]),
  }),
  "apiextensions.k8s.io/v1/CustomResourceDefinition": ({ spec, status, metadata }) =>
    isJsonObject(metadata) && /karpenter/.test(String(metadata["name"]))
      ? {
          spec: {
            ...pick(spec, ["group", "names", "scope"]),
            ...part(spec, { versions: list(fields("name", "served", "storage")) }),
          },
          status: pick(status, ["storedVersions"]),
        }
      : undefined,
  "karpenter.sh/v1/NodePool": specAndStatus,
  "karpenter.sh/v1/NodeClaim": specAndStatus,
  "karpenter.kwok.sh/v1alpha1/KWOKNodeClass": specAndStatus,
  "karpenter.k8s.aws/v1/EC2NodeClass": (object) => ({
    ...specAndStatus(object),
    spec: withFingerprint(object["spec"]),
  }),
};

/** Whose story it tells: Karpenter's own events, and what happened to the objects that it looks after. */
const OUR_KINDS: ReadonlySet<unknown> = new Set(["Node", "NodeClaim", "NodePool", "EC2NodeClass", "KWOKNodeClass"]);

function isOurs({ reportingComponent, source, involvedObject, reason }: JsonObject): boolean {
  if (reportingComponent === "karpenter" || reason === "FailedScheduling") return true;
  if (isJsonObject(source) && source["component"] === "karpenter") return true;
  return isJsonObject(involvedObject) && OUR_KINDS.has(involvedObject["kind"]);
}

/** User data may hold anything. Whether it is the same as in a file can still be told. */
function withFingerprint(spec: unknown): JsonObject {
  if (!isJsonObject(spec)) return {};
  const { userData, ...rest } = spec;
  return typeof userData === "string" ? { ...rest, userData: fingerprintOf(userData) } : rest;
}

const FINGERPRINT = /^sha256:[0-9a-f]{64}$/;

/** What stands for user data in a snapshot; that of a fingerprint is the fingerprint itself. */
export function fingerprintOf(userData: string): string {
  return FINGERPRINT.test(userData) ? userData : `sha256:${createHash("sha256").update(userData).digest("hex")}`;
}
