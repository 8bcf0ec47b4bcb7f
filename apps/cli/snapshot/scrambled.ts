import { createHmac } from "node:crypto";
import type { KubeObject } from "../../../src/model/object.ts";
import { isJsonObject } from "../../../src/model/schema/schema.ts";

/** Another name for a text, always the same for the same one. */
export type Alias = (text: string) => string;

/** Names that nobody can turn back without the key. They are valid as names and as labels. */
export function aliases(key: Buffer): Alias {
  const known = new Map<string, string>();
  return (text) => {
    const present = known.get(text);
    if (present !== undefined) return present;
    const made = `x${createHmac("sha256", key).update(text).digest("hex").slice(0, 12)}`;
    known.set(text, made);
    return made;
  };
}

/**
 * The object with every name in it scrambled: of namespaces, objects, nodes, images, labels of your own and their values.
 * What refers to what stays, so plans are the same as before, but for the order of names. A text stays only where it is
 * known to tell nothing of whose cluster it is: amounts, times, conditions, zones, instance types.
 */
export function scrambled(object: KubeObject, alias: Alias): KubeObject {
  if (object.kind === "CustomResourceDefinition") return object;
  return walk(object, "", alias) as KubeObject;
}

/** Values of these fields stay as they are, with all that is in them. */
const STAYS: ReadonlySet<string> = new Set(
  [
    "apiVersion kind uid resourceVersion creationTimestamp deletionTimestamp startTime lastTransitionTime finalizers",
    "firstTimestamp lastTimestamp phase type reason operator effect qosClass whenUnsatisfiable restartPolicy",
    "nodeAffinityPolicy nodeTaintsPolicy preemptionPolicy priorityClassName schedulerName protocol",
    "reportingComponent resources requests limits capacity allocatable overhead allocatedResources nodeInfo strategy",
    "updateStrategy accessModes volumeMode persistentVolumeReclaimPolicy volumeBindingMode reclaimPolicy provisioner",
    "driver attacher unhealthyPodEvictionPolicy minAvailable maxUnavailable schedule budgets consolidateAfter",
    "consolidationPolicy expireAfter terminationGracePeriod group amiFamily alias volumeType volumeSize httpTokens",
    "httpEndpoint httpProtocolIPv6 kubelet zone zoneID podManagementPolicy whenDeleted whenScaled",
  ].flatMap((line) => line.split(" ")),
);
/** Maps of labels, or of anything else with keys of the user's own. */
const LABEL_MAPS: ReadonlySet<string> = new Set(["labels", "matchLabels", "nodeSelector", "tags"]);
const KEYS: ReadonlySet<string> = new Set(["key", "topologyKey"]);
const KEY_LISTS: ReadonlySet<string> = new Set(["matchLabelKeys", "mismatchLabelKeys", "topologyKeys"]);
const ANNOTATIONS: ReadonlySet<string> = new Set(
  [
    "karpenter.sh/do-not-disrupt karpenter.sh/nodepool-hash karpenter.sh/nodepool-hash-version karpenter.sh/last-growth",
    "karpenter.k8s.aws/ec2nodeclass-hash karpenter.k8s.aws/ec2nodeclass-hash-version karpenter.sh/surge",
    "cluster-autoscaler.kubernetes.io/safe-to-evict karpenter.sh/last-lasting-pod-event",
    "storageclass.kubernetes.io/is-default-class",
  ].flatMap((line) => line.split(" ")),
);

function walk(value: unknown, field: string, alias: Alias): unknown {
  if (STAYS.has(field)) return value;
  if (typeof value === "string") return aliasOf(value, field, alias);
  if (Array.isArray(value)) {
    if (KEY_LISTS.has(field)) return value.map((key) => labelKey(String(key), alias));
    return value.map((item) => walk(item, field, alias));
  }
  if (!isJsonObject(value)) return value;
  if (LABEL_MAPS.has(field) || (field === "selector" && isFlat(value))) return labelMap(value, alias);
  if (field === "annotations") {
    return Object.fromEntries(Object.entries(value).filter(([key]) => ANNOTATIONS.has(key)));
  }
  const key = typeof value["key"] === "string" ? value["key"] : undefined;
  // A driver's name is the same in every cluster, and volumes refer to it.
  if (typeof value["nodeID"] === "string") return { ...value, nodeID: alias(value["nodeID"]) };
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (key !== undefined && (name === "values" || name === "value")) return [name, labelValues(key, inner, alias)];
      return [name, walk(inner, name, alias)];
    }),
  );
}

/** A Service's selector is a map of labels itself. */
function isFlat(value: Record<string, unknown>): boolean {
  return Object.values(value).every((inner) => typeof inner === "string");
}

const STANDARD_NAMES: ReadonlySet<string> = new Set(
  "default kube-system kube-public kube-node-lease karpenter".split(" "),
);

function aliasOf(text: string, field: string, alias: Alias): string {
  if (KEYS.has(field)) return labelKey(text, alias);
  // Messages tell names in sentences.
  if (field === "message") return "";
  if (field === "status" || isPlain(text) || STANDARD_NAMES.has(text)) return text;
  if (field === "providerID") return `${/^[a-z]+:\/\/\/?/.exec(text)?.[0] ?? ""}${alias(text)}`;
  return alias(text);
}

function labelMap(map: Record<string, unknown>, alias: Alias): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(map).map(([key, value]) => [labelKey(key, alias), labelValues(key, value, alias)]),
  );
}

const KNOWN_DOMAIN = /^([a-z0-9-]+\.)*(kubernetes\.io|k8s\.io|karpenter\.sh|k8s\.aws|kwok\.sh|amazonaws\.com)\//;
/** Labels whose values are the same words in every cluster. */
const KNOWN_VALUES =
  /^(topology\.(kubernetes\.io|k8s\.aws)\/|node\.kubernetes\.io\/|(beta\.)?kubernetes\.io\/(arch|os)$|karpenter\.k8s\.aws\/|karpenter\.sh\/(capacity-type|registered|initialized)$|failure-domain\.beta\.)/;
const NODE_CLASS_LABEL = /\/[a-z0-9]+nodeclass$/;

function labelKey(key: string, alias: Alias): string {
  return KNOWN_DOMAIN.test(key) ? key : alias(key);
}

function labelValues(key: string, value: unknown, alias: Alias): unknown {
  if (Array.isArray(value)) return value.map((one) => labelValues(key, one, alias));
  const isKnown = KNOWN_VALUES.test(key) && !NODE_CLASS_LABEL.test(key);
  return typeof value !== "string" || isKnown || isPlain(value) ? value : alias(value);
}

/** Numbers (bounds compare them), and words that every cluster has. */
function isPlain(text: string): boolean {
  return /^([0-9]*|true|false)$/.test(text);
}
