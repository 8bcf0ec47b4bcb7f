import type { Kind } from "../../model/kinds.ts";

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";

export type ScalePaths = {
  /** For example ".spec.replicas". */
  specReplicasPath: string;
  statusReplicasPath: string;
  /** Of a text selector. Absent for built-in kinds, whose spec.selector is printed. */
  labelSelectorPath?: string;
};

export type SubresourceDefinition = {
  name: string;
  /** The kind it speaks, and its group version where that differs from the resource's own. */
  kind: string;
  group?: string;
  version?: string;
  verbs: readonly string[];
};

/** One row of what the server serves: it is a Kind as well, with what discovery, kubectl and the store ask about it. */
export type ResourceDefinition = Kind & {
  listKind: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  verbs: readonly Verb[];
  subresources: readonly SubresourceDefinition[];
  /** Spec and status are written apart. */
  hasStatus: boolean;
  /** metadata.generation counts the changes of what the user asks for. */
  hasGeneration: boolean;
  scale?: ScalePaths;
  /** The name of the CustomResourceDefinition that it came from. */
  customResourceDefinition?: string;
  /** The resource whose objects these are in another form (events.k8s.io shows core events). */
  viewOf?: { group: string; version: string; plural: string };
};

const ALL_VERBS: readonly Verb[] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const READ_WRITE = ["get", "patch", "update"];
const BUILT_IN_SCALE: ScalePaths = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" };

/** S: status subresource, G: generation, C: scale subresource, N: namespaced, A: category "all". */
type Flags = string;
type Row = readonly [kind: string, plural: string, flags: Flags, shortNames?: string, more?: SubresourceDefinition[]];

const sub = (name: string, kind: string, verbs: string[], group?: string, version?: string): SubresourceDefinition => ({
  name,
  kind,
  verbs,
  ...(group === undefined ? {} : { group }),
  ...(version === undefined ? {} : { version }),
});

export const SCALE_SUBRESOURCE: SubresourceDefinition = sub("scale", "Scale", READ_WRITE, "autoscaling", "v1");
export const statusSubresource = (kind: string): SubresourceDefinition => sub("status", kind, READ_WRITE);
const CORE: readonly Row[] = [
  [
    "Pod",
    "pods",
    "NSGA",
    "po",
    [
      sub("attach", "PodAttachOptions", ["create", "get"]),
      sub("binding", "Binding", ["create"]),
      sub("ephemeralcontainers", "Pod", READ_WRITE),
      sub("eviction", "Eviction", ["create"], "policy", "v1"),
      sub("exec", "PodExecOptions", ["create", "get"]),
      sub("log", "Pod", ["get"]),
      sub("portforward", "PodPortForwardOptions", ["create", "get"]),
      sub("resize", "Pod", READ_WRITE),
    ],
  ],
  ["Node", "nodes", "S", "no"],
  ["Namespace", "namespaces", "S", "ns", [sub("finalize", "Namespace", ["update"])]],
  ["Service", "services", "NSA", "svc"],
  ["Endpoints", "endpoints", "N", "ep"],
  ["ConfigMap", "configmaps", "N", "cm"],
  ["Secret", "secrets", "N"],
  [
    "ServiceAccount",
    "serviceaccounts",
    "N",
    "sa",
    [sub("token", "TokenRequest", ["create"], "authentication.k8s.io", "v1")],
  ],
  ["Event", "events", "N", "ev"],
  ["PersistentVolume", "persistentvolumes", "S", "pv"],
  ["PersistentVolumeClaim", "persistentvolumeclaims", "NS", "pvc"],
  ["ReplicationController", "replicationcontrollers", "NSGCA", "rc"],
  ["PodTemplate", "podtemplates", "N"],
  ["ResourceQuota", "resourcequotas", "NS", "quota"],
  ["LimitRange", "limitranges", "N", "limits"],
];

const GROUPS: readonly (readonly [group: string, version: string, rows: readonly Row[]])[] = [
  ["", "v1", CORE],
  [
    "apps",
    "v1",
    [
      ["Deployment", "deployments", "NSGCA", "deploy"],
      ["ReplicaSet", "replicasets", "NSGCA", "rs"],
      ["StatefulSet", "statefulsets", "NSGCA", "sts"],
      ["DaemonSet", "daemonsets", "NSGA", "ds"],
      ["ControllerRevision", "controllerrevisions", "N"],
    ],
  ],
  [
    "batch",
    "v1",
    [
      ["Job", "jobs", "NSGA"],
      ["CronJob", "cronjobs", "NSGA", "cj"],
    ],
  ],
  ["autoscaling", "v2", [["HorizontalPodAutoscaler", "horizontalpodautoscalers", "NSA", "hpa"]]],
  ["policy", "v1", [["PodDisruptionBudget", "poddisruptionbudgets", "NSG", "pdb"]]],
  ["coordination.k8s.io", "v1", [["Lease", "leases", "N"]]],
  ["discovery.k8s.io", "v1", [["EndpointSlice", "endpointslices", "N"]]],
  ["events.k8s.io", "v1", [["Event", "events", "N", "ev"]]],
  [
    "storage.k8s.io",
    "v1",
    [
      ["StorageClass", "storageclasses", "", "sc"],
      ["CSINode", "csinodes", ""],
      ["CSIDriver", "csidrivers", ""],
      ["CSIStorageCapacity", "csistoragecapacities", "N"],
      ["VolumeAttachment", "volumeattachments", "S"],
      ["VolumeAttributesClass", "volumeattributesclasses", "", "vac"],
    ],
  ],
  ["scheduling.k8s.io", "v1", [["PriorityClass", "priorityclasses", "G", "pc"]]],
  ["node.k8s.io", "v1", [["RuntimeClass", "runtimeclasses", ""]]],
  [
    "rbac.authorization.k8s.io",
    "v1",
    [
      ["Role", "roles", "N"],
      ["RoleBinding", "rolebindings", "N"],
      ["ClusterRole", "clusterroles", ""],
      ["ClusterRoleBinding", "clusterrolebindings", ""],
    ],
  ],
  [
    "networking.k8s.io",
    "v1",
    [
      ["NetworkPolicy", "networkpolicies", "NG", "netpol"],
      ["Ingress", "ingresses", "NSG", "ing"],
      ["IngressClass", "ingressclasses", "G"],
    ],
  ],
  [
    "admissionregistration.k8s.io",
    "v1",
    [
      ["ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "G"],
      ["MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "G"],
      ["ValidatingAdmissionPolicy", "validatingadmissionpolicies", "SG"],
      ["ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", "G"],
    ],
  ],
  [
    "certificates.k8s.io",
    "v1",
    [
      [
        "CertificateSigningRequest",
        "certificatesigningrequests",
        "S",
        "csr",
        [sub("approval", "CertificateSigningRequest", READ_WRITE)],
      ],
    ],
  ],
  ["apiregistration.k8s.io", "v1", [["APIService", "apiservices", "S"]]],
  ["apiextensions.k8s.io", "v1", [["CustomResourceDefinition", "customresourcedefinitions", "SG", "crd crds"]]],
  [
    "resource.k8s.io",
    "v1",
    [
      ["DeviceClass", "deviceclasses", "G"],
      ["ResourceClaim", "resourceclaims", "NS"],
      ["ResourceClaimTemplate", "resourceclaimtemplates", "N"],
      ["ResourceSlice", "resourceslices", "G"],
    ],
  ],
];

/** The built-in resources, in the order of their groups. */
export const BUILT_IN_RESOURCES: readonly ResourceDefinition[] = GROUPS.flatMap(([group, version, rows]) =>
  rows.map((row) => definitionOf(group, version, row)),
);

function definitionOf(group: string, version: string, row: Row): ResourceDefinition {
  const [kind, plural, flags, shortNames, more] = row;
  const has = (flag: string): boolean => flags.includes(flag);
  const subresources = [...(more ?? [])];
  if (has("S")) subresources.push(statusSubresource(kind));
  if (has("C")) subresources.push(SCALE_SUBRESOURCE);
  return {
    group,
    version,
    kind,
    plural,
    namespaced: has("N"),
    listKind: `${kind}List`,
    singular: kind.toLowerCase(),
    shortNames: shortNames === undefined ? [] : shortNames.split(" "),
    categories: categoriesOf(group, has("A")),
    verbs: ALL_VERBS,
    subresources: subresources.sort((a, b) => (a.name < b.name ? -1 : 1)),
    hasStatus: has("S"),
    hasGeneration: has("G"),
    ...(has("C") ? { scale: BUILT_IN_SCALE } : {}),
    ...(group === "events.k8s.io" ? { viewOf: { group: "", version: "v1", plural: "events" } } : {}),
  };
}

function categoriesOf(group: string, isInAll: boolean): string[] {
  if (isInAll) return ["all"];
  if (group === "admissionregistration.k8s.io" || group === "apiextensions.k8s.io") return ["api-extensions"];
  return group === "apiregistration.k8s.io" ? ["api-extensions"] : [];
}

export const CUSTOM_RESOURCE_VERBS: readonly Verb[] = ALL_VERBS;
