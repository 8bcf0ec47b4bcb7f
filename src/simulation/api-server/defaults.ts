import { resourceOf } from "../../model/kinds.ts";
import type { Engine } from "./engine.ts";
import { ensureObjectAt, isObject, type JsonObject, objectAt, objectsAt } from "./json.ts";
import {
  canonicalizeAmounts,
  canonicalizeResources,
  setDefault,
  setPodDefaults,
  setPodSpecDefaults,
} from "./pod-defaults.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";

type Defaulter = (spec: JsonObject, object: JsonObject, engine: Engine, before: JsonObject | undefined) => void;

/** Fills in what Kubernetes' own defaults would, as far as clients and controllers look at it. In place. */
export function setBuiltInDefaults(
  engine: Engine,
  resource: ResourceDefinition,
  object: JsonObject,
  before: JsonObject | undefined,
): void {
  const defaulter = DEFAULTERS[resourceOf(resource)];
  if (defaulter !== undefined) defaulter(objectAt(object, "spec") ?? {}, object, engine, before);
}

const NAME_LABEL = "kubernetes.io/metadata.name";

const DEFAULTERS: Readonly<Record<string, Defaulter>> = {
  pods(spec) {
    setPodSpecDefaults(spec, { restartPolicy: "Always" });
    setPodDefaults(spec);
  },
  nodes(_spec, object) {
    object["spec"] ??= {};
    for (const field of ["capacity", "allocatable"]) {
      const amounts = objectAt(objectAt(object, "status"), field);
      if (amounts !== undefined) canonicalizeAmounts(amounts);
    }
  },
  namespaces(_spec, object) {
    const metadata = ensureObjectAt(object, ["metadata"]);
    const labels = objectAt(metadata, "labels");
    const name = metadata["name"];
    if (labels?.[NAME_LABEL] !== name) metadata["labels"] = { ...labels, [NAME_LABEL]: name };
    setDefault(ensureObjectAt(object, ["spec"]), "finalizers", ["kubernetes"]);
  },
  "deployments.apps"(spec) {
    setDefault(spec, "replicas", 1);
    setDefault(spec, "revisionHistoryLimit", 10);
    setDefault(spec, "progressDeadlineSeconds", 600);
    const strategy = ensureObjectAt(spec, ["strategy"]);
    setDefault(strategy, "type", "RollingUpdate");
    if (strategy["type"] === "RollingUpdate") {
      const rollingUpdate = ensureObjectAt(strategy, ["rollingUpdate"]);
      setDefault(rollingUpdate, "maxUnavailable", "25%");
      setDefault(rollingUpdate, "maxSurge", "25%");
    }
    setTemplateDefaults(spec, "Always");
  },
  "replicasets.apps"(spec) {
    setDefault(spec, "replicas", 1);
    setTemplateDefaults(spec, "Always");
  },
  replicationcontrollers(spec, object) {
    setDefault(spec, "replicas", 1);
    const labels = objectAt(objectAt(objectAt(spec, "template"), "metadata"), "labels");
    if (labels !== undefined) {
      setDefault(spec, "selector", { ...labels });
      setDefault(ensureObjectAt(object, ["metadata"]), "labels", { ...labels });
    }
    setTemplateDefaults(spec, "Always");
  },
  "statefulsets.apps": statefulSet,
  "daemonsets.apps"(spec) {
    setDefault(spec, "revisionHistoryLimit", 10);
    const strategy = ensureObjectAt(spec, ["updateStrategy"]);
    setDefault(strategy, "type", "RollingUpdate");
    if (strategy["type"] === "RollingUpdate") {
      const rollingUpdate = ensureObjectAt(strategy, ["rollingUpdate"]);
      setDefault(rollingUpdate, "maxUnavailable", 1);
      setDefault(rollingUpdate, "maxSurge", 0);
    }
    setTemplateDefaults(spec, "Always");
  },
  "jobs.batch": (spec, object) => job(spec, object),
  "cronjobs.batch"(spec) {
    setDefault(spec, "concurrencyPolicy", "Allow");
    setDefault(spec, "suspend", false);
    setDefault(spec, "successfulJobsHistoryLimit", 3);
    setDefault(spec, "failedJobsHistoryLimit", 1);
    const jobSpec = objectAt(objectAt(spec, "jobTemplate"), "spec");
    if (jobSpec !== undefined) setTemplateDefaults(jobSpec, undefined);
  },
  podtemplates: (_spec, object) => setTemplateDefaults(object, "Always"),
  services: service,
  persistentvolumeclaims(spec, _object, engine, before) {
    setDefault(spec, "volumeMode", "Filesystem");
    if (isObject(spec["resources"])) canonicalizeResources(spec["resources"]);
    if (before === undefined && spec["storageClassName"] === undefined) {
      const name = defaultStorageClass(engine);
      if (name !== undefined) spec["storageClassName"] = name;
    }
  },
  persistentvolumes(spec) {
    setDefault(spec, "persistentVolumeReclaimPolicy", "Retain");
    setDefault(spec, "volumeMode", "Filesystem");
    if (isObject(spec["capacity"])) canonicalizeAmounts(spec["capacity"]);
  },
  "storageclasses.storage.k8s.io"(_spec, object) {
    setDefault(object, "reclaimPolicy", "Delete");
    setDefault(object, "volumeBindingMode", "Immediate");
  },
  "priorityclasses.scheduling.k8s.io": (_spec, object) =>
    setDefault(object, "preemptionPolicy", "PreemptLowerPriority"),
  "horizontalpodautoscalers.autoscaling"(spec) {
    setDefault(spec, "minReplicas", 1);
    setDefault(spec, "metrics", [
      { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } },
    ]);
  },
  secrets: (_spec, object) => secret(object),
  "rolebindings.rbac.authorization.k8s.io": (_spec, object) => binding(object),
  "clusterrolebindings.rbac.authorization.k8s.io": (_spec, object) => binding(object),
  "csidrivers.storage.k8s.io"(spec) {
    setDefault(spec, "attachRequired", true);
    setDefault(spec, "podInfoOnMount", false);
    setDefault(spec, "storageCapacity", false);
    setDefault(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
    setDefault(spec, "volumeLifecycleModes", ["Persistent"]);
    setDefault(spec, "requiresRepublish", false);
  },
};

function setTemplateDefaults(parent: JsonObject, restartPolicy: string | undefined): void {
  const spec = objectAt(objectAt(parent, "template"), "spec");
  if (spec !== undefined) setPodSpecDefaults(spec, { restartPolicy });
}

function statefulSet(spec: JsonObject): void {
  setDefault(spec, "replicas", 1);
  setDefault(spec, "podManagementPolicy", "OrderedReady");
  setDefault(spec, "revisionHistoryLimit", 10);
  const strategy = ensureObjectAt(spec, ["updateStrategy"]);
  setDefault(strategy, "type", "RollingUpdate");
  if (strategy["type"] === "RollingUpdate") setDefault(ensureObjectAt(strategy, ["rollingUpdate"]), "partition", 0);
  const retention = ensureObjectAt(spec, ["persistentVolumeClaimRetentionPolicy"]);
  setDefault(retention, "whenDeleted", "Retain");
  setDefault(retention, "whenScaled", "Retain");
  for (const claim of objectsAt(spec, "volumeClaimTemplates")) {
    setDefault(claim, "apiVersion", "v1");
    setDefault(claim, "kind", "PersistentVolumeClaim");
    const claimSpec = objectAt(claim, "spec");
    if (claimSpec !== undefined) setDefault(claimSpec, "volumeMode", "Filesystem");
  }
  setTemplateDefaults(spec, "Always");
}

function job(spec: JsonObject, object: JsonObject): void {
  if (spec["completions"] === undefined && spec["parallelism"] === undefined) setDefault(spec, "completions", 1);
  setDefault(spec, "parallelism", 1);
  setDefault(spec, "backoffLimit", 6);
  setDefault(spec, "completionMode", "NonIndexed");
  setDefault(spec, "suspend", false);
  setDefault(spec, "podReplacementPolicy", spec["podFailurePolicy"] === undefined ? "TerminatingOrFailed" : "Failed");
  setDefault(spec, "manualSelector", false);
  if (spec["manualSelector"] === false) selectOwnPods(spec, object);
  setTemplateDefaults(spec, undefined);
}

/** A job tells its pods from all others by its own uid. */
function selectOwnPods(spec: JsonObject, object: JsonObject): void {
  const { uid, name } = (objectAt(object, "metadata") ?? {}) as { uid?: string; name?: string };
  if (uid === undefined || uid === "" || spec["selector"] !== undefined || !isObject(spec["template"])) return;
  spec["selector"] = { matchLabels: { "batch.kubernetes.io/controller-uid": uid } };
  const labels = ensureObjectAt(spec, ["template", "metadata", "labels"]);
  labels["batch.kubernetes.io/controller-uid"] = uid;
  labels["batch.kubernetes.io/job-name"] = name;
  labels["controller-uid"] = uid;
  labels["job-name"] = name;
}

function service(spec: JsonObject, object: JsonObject, engine: Engine, before: JsonObject | undefined): void {
  setDefault(spec, "type", "ClusterIP");
  setDefault(spec, "sessionAffinity", "None");
  for (const port of objectsAt(spec, "ports")) {
    setDefault(port, "protocol", "TCP");
    setDefault(port, "targetPort", port["port"]);
  }
  if (spec["type"] === "ExternalName") return;
  const former = objectAt(before, "spec");
  setDefault(spec, "clusterIP", former?.["clusterIP"] ?? clusterIp(engine, object));
  setDefault(spec, "clusterIPs", [spec["clusterIP"]]);
  setDefault(spec, "internalTrafficPolicy", "Cluster");
  setDefault(spec, "ipFamilies", ["IPv4"]);
  setDefault(spec, "ipFamilyPolicy", "SingleStack");
  if (spec["type"] !== "ClusterIP") {
    setDefault(spec, "externalTrafficPolicy", "Cluster");
    for (const [i, port] of objectsAt(spec, "ports").entries())
      setNodePort(port, objectsAt(former, "ports")[i], engine);
  }
  if (spec["type"] === "LoadBalancer") setDefault(spec, "allocateLoadBalancerNodePorts", true);
}

/** A free address of the service network 10.100.0.0/16; the API server's own service has the first. */
function clusterIp(engine: Engine, object: JsonObject): string {
  const { name, namespace } = (objectAt(object, "metadata") ?? {}) as { name?: string; namespace?: string };
  if (name === "kubernetes" && namespace === "default") return "10.100.0.1";
  return `10.100.${engine.random.between(0, 255)}.${engine.random.between(2, 254)}`;
}

function setNodePort(port: JsonObject, former: JsonObject | undefined, engine: Engine): void {
  setDefault(port, "nodePort", former?.["nodePort"] ?? engine.random.between(30_000, 32_767));
}

function defaultStorageClass(engine: Engine): string | undefined {
  const classes = engine.store.table(
    engine.registry.ofKind({ group: "storage.k8s.io", version: "v1", plural: "storageclasses" }),
  );
  return classes.keys().find((name) => {
    const annotations = classes.get(name)?.object.metadata.annotations;
    return annotations?.["storageclass.kubernetes.io/is-default-class"] === "true";
  });
}

function secret(object: JsonObject): void {
  setDefault(object, "type", "Opaque");
  const texts = objectAt(object, "stringData");
  if (texts === undefined) return;
  const encoded = Object.entries(texts).map(([key, text]) => [key, base64(String(text))]);
  object["data"] = { ...objectAt(object, "data"), ...Object.fromEntries(encoded) };
  delete object["stringData"];
}

function base64(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function binding(object: JsonObject): void {
  for (const subject of objectsAt(object, "subjects")) {
    if (subject["kind"] !== "ServiceAccount") setDefault(subject, "apiGroup", "rbac.authorization.k8s.io");
  }
  const role = objectAt(object, "roleRef");
  if (role !== undefined) setDefault(role, "apiGroup", "rbac.authorization.k8s.io");
}
