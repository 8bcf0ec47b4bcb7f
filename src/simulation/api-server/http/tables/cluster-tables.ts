import { type JsonObject, listAt, numberAt, objectAt, objectsAt, textAt, valueAt } from "../../json.ts";
import {
  accessModes,
  ageOf,
  type Cell,
  columnsOf,
  labelText,
  NONE,
  nameOf,
  plain,
  selectorText,
  type TablePrinter,
  UNKNOWN,
} from "./cells.ts";

const metaOf = (object: JsonObject): JsonObject | undefined => objectAt(object, "metadata");
const specOf = (object: JsonObject): JsonObject | undefined => objectAt(object, "spec");
const statusOf = (object: JsonObject): JsonObject | undefined => objectAt(object, "status");
const createdAt = (object: JsonObject): string => textAt(metaOf(object), "creationTimestamp") ?? "";
const countOf = (object: JsonObject, key: string): number => Object.keys(objectAt(object, key) ?? {}).length;
const orNone = (text: string | undefined): string => (text === undefined || text === "" ? NONE : text);

/** Nodes, volumes, namespaces and what else is no workload, by "Kind.group". */
export const CLUSTER_TABLES: Readonly<Record<string, TablePrinter>> = {
  "Node.": {
    columns: columnsOf(
      "Name Status Roles Age Version Internal-IP* External-IP* OS-Image* Kernel-Version* Container-Runtime*",
    ),
    cells: nodeCells,
  },
  "Namespace.": {
    columns: columnsOf("Name Status Age"),
    cells: (object, nowMs) => [nameOf(object), plain(statusOf(object), "phase"), ageOf(object, nowMs)],
  },
  "ConfigMap.": {
    columns: columnsOf("Name Data Age"),
    cells: (object, nowMs) => [
      nameOf(object),
      countOf(object, "data") + countOf(object, "binaryData"),
      ageOf(object, nowMs),
    ],
  },
  "Secret.": {
    columns: columnsOf("Name Type Data Age"),
    cells: (object, nowMs) => [
      nameOf(object),
      plain(object, "type", "Opaque"),
      countOf(object, "data"),
      ageOf(object, nowMs),
    ],
  },
  "ServiceAccount.": {
    columns: columnsOf("Name Secrets Age"),
    cells: (object, nowMs) => [nameOf(object), listAt(object, "secrets").length, ageOf(object, nowMs)],
  },
  "PersistentVolumeClaim.": {
    columns: columnsOf("Name Status Volume Capacity Access_Modes StorageClass VolumeAttributesClass Age VolumeMode*"),
    cells: claimCells,
  },
  "PersistentVolume.": {
    columns: columnsOf(
      "Name Capacity Access_Modes Reclaim_Policy Status Claim StorageClass VolumeAttributesClass Reason Age VolumeMode*",
    ),
    cells: volumeCells,
  },
  "StorageClass.storage.k8s.io": {
    columns: columnsOf("Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age"),
    cells: (object, nowMs) => [
      isDefaultClass(object) ? `${nameOf(object)} (default)` : nameOf(object),
      plain(object, "provisioner"),
      plain(object, "reclaimPolicy", "Delete"),
      plain(object, "volumeBindingMode", "Immediate"),
      plain(object, "allowVolumeExpansion", false),
      ageOf(object, nowMs),
    ],
  },
  "CSINode.storage.k8s.io": {
    columns: columnsOf("Name Drivers Age"),
    cells: (object, nowMs) => [nameOf(object), listAt(specOf(object), "drivers").length, ageOf(object, nowMs)],
  },
  "VolumeAttachment.storage.k8s.io": {
    columns: columnsOf("Name Attacher PV Node Attached Age"),
    cells: (object, nowMs) => [
      nameOf(object),
      plain(specOf(object), "attacher"),
      plain(objectAt(specOf(object), "source"), "persistentVolumeName"),
      plain(specOf(object), "nodeName"),
      plain(statusOf(object), "attached", false),
      ageOf(object, nowMs),
    ],
  },
  "Lease.coordination.k8s.io": {
    columns: columnsOf("Name Holder Age"),
    cells: (object, nowMs) => [nameOf(object), plain(specOf(object), "holderIdentity"), ageOf(object, nowMs)],
  },
  "PriorityClass.scheduling.k8s.io": {
    columns: columnsOf("Name Value Global-Default Age PreemptionPolicy"),
    cells: (object, nowMs) => [
      nameOf(object),
      plain(object, "value", 0),
      plain(object, "globalDefault", false),
      ageOf(object, nowMs),
      plain(object, "preemptionPolicy", "PreemptLowerPriority"),
    ],
  },
  "RuntimeClass.node.k8s.io": {
    columns: columnsOf("Name Handler Age"),
    cells: (object, nowMs) => [nameOf(object), plain(object, "handler"), ageOf(object, nowMs)],
  },
  "ResourceQuota.": {
    columns: columnsOf("Name Request Limit Age"),
    cells: (object, nowMs) => [nameOf(object), ...quotaCells(object), ageOf(object, nowMs)],
  },
  "LimitRange.": { columns: columnsOf("Name Created_At"), cells: (object) => [nameOf(object), createdAt(object)] },
  "CustomResourceDefinition.apiextensions.k8s.io": {
    columns: columnsOf("Name Created_At"),
    cells: (object) => [nameOf(object), createdAt(object)],
  },
  "APIService.apiregistration.k8s.io": {
    columns: columnsOf("Name Service Available Age"),
    cells: (object, nowMs) => [nameOf(object), "Local", "True", ageOf(object, nowMs)],
  },
};

function nodeCells(node: JsonObject, nowMs: number): Cell[] {
  const info = objectAt(statusOf(node), "nodeInfo");
  const addresses = objectsAt(statusOf(node), "addresses");
  const address = (type: string): string =>
    orNone(
      textAt(
        addresses.find((a) => a["type"] === type),
        "address",
      ),
    );
  return [
    nameOf(node),
    nodeStatus(node),
    nodeRoles(node),
    ageOf(node, nowMs),
    plain(info, "kubeletVersion"),
    address("InternalIP"),
    address("ExternalIP"),
    plain(info, "osImage", UNKNOWN) || UNKNOWN,
    plain(info, "kernelVersion", UNKNOWN) || UNKNOWN,
    plain(info, "containerRuntimeVersion", UNKNOWN) || UNKNOWN,
  ];
}

function nodeStatus(node: JsonObject): string {
  const ready = objectsAt(statusOf(node), "conditions").find((condition) => condition["type"] === "Ready");
  const status = ready === undefined ? "Unknown" : ready["status"] === "True" ? "Ready" : "NotReady";
  return specOf(node)?.["unschedulable"] === true ? `${status},SchedulingDisabled` : status;
}

const ROLE_PREFIX = "node-role.kubernetes.io/";
function nodeRoles(node: JsonObject): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(objectAt(metaOf(node), "labels") ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) roles.add(key.slice(ROLE_PREFIX.length));
    else if (key === "kubernetes.io/role" && typeof value === "string" && value !== "") roles.add(value);
  }
  return roles.size === 0 ? NONE : [...roles].sort().join(",");
}

const isDeleting = (object: JsonObject): boolean => textAt(metaOf(object), "deletionTimestamp") !== undefined;

function claimCells(claim: JsonObject, nowMs: number): Cell[] {
  const spec = specOf(claim);
  const status = statusOf(claim);
  const volume = textAt(spec, "volumeName") ?? "";
  return [
    nameOf(claim),
    isDeleting(claim) ? "Terminating" : plain(status, "phase"),
    volume,
    volume === "" ? "" : plain(objectAt(status, "capacity"), "storage"),
    volume === "" ? "" : accessModes(listAt(status, "accessModes")),
    plain(spec, "storageClassName"),
    plain(spec, "volumeAttributesClassName", "<unset>"),
    ageOf(claim, nowMs),
    plain(spec, "volumeMode", "Filesystem"),
  ];
}

function volumeCells(volume: JsonObject, nowMs: number): Cell[] {
  const spec = specOf(volume);
  const claim = objectAt(spec, "claimRef");
  return [
    nameOf(volume),
    plain(objectAt(spec, "capacity"), "storage"),
    accessModes(listAt(spec, "accessModes")),
    plain(spec, "persistentVolumeReclaimPolicy", "Retain"),
    isDeleting(volume) ? "Terminating" : plain(statusOf(volume), "phase"),
    claim === undefined ? "" : `${textAt(claim, "namespace") ?? ""}/${textAt(claim, "name") ?? ""}`,
    plain(spec, "storageClassName"),
    plain(spec, "volumeAttributesClassName", "<unset>"),
    plain(statusOf(volume), "reason"),
    ageOf(volume, nowMs),
    plain(spec, "volumeMode", "Filesystem"),
  ];
}

function isDefaultClass(object: JsonObject): boolean {
  return objectAt(metaOf(object), "annotations")?.["storageclass.kubernetes.io/is-default-class"] === "true";
}

function quotaCells(quota: JsonObject): [string, string] {
  const hard = objectAt(statusOf(quota), "hard") ?? {};
  const used = objectAt(statusOf(quota), "used") ?? {};
  const requests: string[] = [];
  const limits: string[] = [];
  for (const name of Object.keys(hard).sort()) {
    const text = `${name}: ${String(used[name] ?? 0)}/${String(hard[name])}`;
    if (name.startsWith("limits.")) limits.push(text);
    else requests.push(text);
  }
  return [requests.join(", "), limits.join(", ")];
}

/** Access, networking and policies, by "Kind.group". */
export const POLICY_TABLES: Readonly<Record<string, TablePrinter>> = {
  "PodDisruptionBudget.policy": {
    columns: columnsOf("Name Min_Available Max_Unavailable Allowed_Disruptions Age"),
    cells: (object, nowMs) => [
      nameOf(object),
      plain(specOf(object), "minAvailable", "N/A"),
      plain(specOf(object), "maxUnavailable", "N/A"),
      numberAt(statusOf(object), "disruptionsAllowed") ?? 0,
      ageOf(object, nowMs),
    ],
  },
  "Role.rbac.authorization.k8s.io": {
    columns: columnsOf("Name Created_At"),
    cells: (object) => [nameOf(object), createdAt(object)],
  },
  "ClusterRole.rbac.authorization.k8s.io": {
    columns: columnsOf("Name Created_At"),
    cells: (object) => [nameOf(object), createdAt(object)],
  },
  "RoleBinding.rbac.authorization.k8s.io": {
    columns: columnsOf("Name Role Age Users* Groups* ServiceAccounts*"),
    cells: bindingCells,
  },
  "ClusterRoleBinding.rbac.authorization.k8s.io": {
    columns: columnsOf("Name Role Age Users* Groups* ServiceAccounts*"),
    cells: bindingCells,
  },
  "NetworkPolicy.networking.k8s.io": {
    columns: columnsOf("Name Pod-Selector Age"),
    cells: (object, nowMs) => [
      nameOf(object),
      selectorText(objectAt(specOf(object), "podSelector")),
      ageOf(object, nowMs),
    ],
  },
  "Ingress.networking.k8s.io": {
    columns: columnsOf("Name Class Hosts Address Ports Age"),
    cells: (object, nowMs) => [
      nameOf(object),
      plain(specOf(object), "ingressClassName", NONE),
      objectsAt(specOf(object), "rules")
        .map((rule) => textAt(rule, "host") ?? "*")
        .join(",") || "*",
      objectsAt(objectAt(statusOf(object), "loadBalancer"), "ingress")
        .map((ingress) => textAt(ingress, "ip") ?? textAt(ingress, "hostname") ?? "")
        .join(","),
      listAt(specOf(object), "tls").length > 0 ? "80, 443" : "80",
      ageOf(object, nowMs),
    ],
  },
  "IngressClass.networking.k8s.io": {
    columns: columnsOf("Name Controller Parameters Age"),
    cells: (object, nowMs) => [nameOf(object), plain(specOf(object), "controller"), NONE, ageOf(object, nowMs)],
  },
  "ValidatingWebhookConfiguration.admissionregistration.k8s.io": {
    columns: columnsOf("Name Webhooks Age"),
    cells: (object, nowMs) => [nameOf(object), listAt(object, "webhooks").length, ageOf(object, nowMs)],
  },
  "MutatingWebhookConfiguration.admissionregistration.k8s.io": {
    columns: columnsOf("Name Webhooks Age"),
    cells: (object, nowMs) => [nameOf(object), listAt(object, "webhooks").length, ageOf(object, nowMs)],
  },
  "Service.": {
    columns: columnsOf("Name Type Cluster-IP External-IP Port(s) Age Selector*"),
    cells: serviceCells,
  },
  "Endpoints.": {
    columns: columnsOf("Name Endpoints Age"),
    cells: (object, nowMs) => [nameOf(object), endpointsText(object), ageOf(object, nowMs)],
  },
  "EndpointSlice.discovery.k8s.io": {
    columns: columnsOf("Name AddressType Ports Endpoints Age"),
    cells: (object, nowMs) => [
      nameOf(object),
      plain(object, "addressType"),
      shortened(
        objectsAt(object, "ports").map((port) => String(port["port"] ?? "*")),
        "<unset>",
      ),
      shortened(
        objectsAt(object, "endpoints").flatMap((endpoint) => listAt(endpoint, "addresses").map(String)),
        "<unset>",
      ),
      ageOf(object, nowMs),
    ],
  },
  "HorizontalPodAutoscaler.autoscaling": {
    columns: columnsOf("Name Reference Targets MinPods MaxPods Replicas Age"),
    cells: autoscalerCells,
  },
};

function bindingCells(binding: JsonObject, nowMs: number): Cell[] {
  const role = objectAt(binding, "roleRef");
  const subjects = objectsAt(binding, "subjects");
  const names = (kind: string): string =>
    subjects
      .filter((subject) => subject["kind"] === kind)
      .map((subject) => {
        const namespace = textAt(subject, "namespace");
        return `${kind === "ServiceAccount" && namespace !== undefined ? `${namespace}/` : ""}${textAt(subject, "name") ?? ""}`;
      })
      .join(", ");
  return [
    nameOf(binding),
    `${textAt(role, "kind") ?? ""}/${textAt(role, "name") ?? ""}`,
    ageOf(binding, nowMs),
    names("User"),
    names("Group"),
    names("ServiceAccount"),
  ];
}

function serviceCells(service: JsonObject, nowMs: number): Cell[] {
  const spec = specOf(service);
  const type = textAt(spec, "type") ?? "ClusterIP";
  const ports = objectsAt(spec, "ports").map((port) => {
    const node = numberAt(port, "nodePort");
    return `${String(port["port"])}${node === undefined || node === 0 ? "" : `:${node}`}/${textAt(port, "protocol") ?? "TCP"}`;
  });
  return [
    nameOf(service),
    type,
    orNone(textAt(spec, "clusterIP")),
    externalAddress(service, type),
    ports.length === 0 ? NONE : ports.join(","),
    ageOf(service, nowMs),
    labelText(objectAt(spec, "selector")),
  ];
}

function externalAddress(service: JsonObject, type: string): string {
  const spec = specOf(service);
  if (type === "ExternalName") return textAt(spec, "externalName") ?? "";
  const fixed = listAt(spec, "externalIPs").map(String);
  const balancers = objectsAt(objectAt(statusOf(service), "loadBalancer"), "ingress").map(
    (ingress) => textAt(ingress, "ip") ?? textAt(ingress, "hostname") ?? "",
  );
  const all = [...(type === "LoadBalancer" ? balancers : []), ...fixed];
  return all.length > 0 ? all.join(",") : type === "LoadBalancer" ? "<pending>" : NONE;
}

function endpointsText(object: JsonObject): string {
  const all = objectsAt(object, "subsets").flatMap((subset) =>
    objectsAt(subset, "addresses").flatMap((address) =>
      objectsAt(subset, "ports").map((port) => `${textAt(address, "ip") ?? ""}:${String(port["port"])}`),
    ),
  );
  return shortened(all, NONE);
}

function shortened(texts: readonly string[], empty: string): string {
  if (texts.length === 0) return empty;
  return texts.length <= 3 ? texts.join(",") : `${texts.slice(0, 3).join(",")} + ${texts.length - 3} more...`;
}

function autoscalerCells(object: JsonObject, nowMs: number): Cell[] {
  const spec = specOf(object);
  const target = objectAt(spec, "scaleTargetRef");
  return [
    nameOf(object),
    `${textAt(target, "kind") ?? ""}/${textAt(target, "name") ?? ""}`,
    autoscalerTargets(object),
    plain(spec, "minReplicas", "<unset>"),
    plain(spec, "maxReplicas", 0),
    numberAt(statusOf(object), "currentReplicas") ?? 0,
    ageOf(object, nowMs),
  ];
}

function autoscalerTargets(object: JsonObject): string {
  const current = objectsAt(statusOf(object), "currentMetrics");
  const texts = objectsAt(specOf(object), "metrics").map((metric, i) => {
    if (metric["type"] !== "Resource") return `${UNKNOWN}/${UNKNOWN}`;
    const name = textAt(objectAt(metric, "resource"), "name") ?? "";
    const percent = valueAt(metric, ["resource", "target", "averageUtilization"]);
    const now = valueAt(current[i], ["resource", "current", "averageUtilization"]);
    return `${name}: ${typeof now === "number" ? `${now}%` : UNKNOWN}/${typeof percent === "number" ? `${percent}%` : "<auto>"}`;
  });
  return texts.length === 0 ? NONE : texts.join(", ");
}
