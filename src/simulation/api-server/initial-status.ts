import { resourceOf } from "../../model/kinds.ts";
import { isObject, type JsonObject, objectAt, objectsAt } from "./json.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";

type Status = (object: JsonObject) => JsonObject;

/** What the status of a new object says, where Kubernetes itself says something. In place. */
export function initialStatus(resource: ResourceDefinition, object: JsonObject): void {
  const status = STATUSES[resourceOf(resource)];
  if (status !== undefined && object["status"] === undefined) object["status"] = status(object);
}

const STATUSES: Readonly<Record<string, Status>> = {
  pods: (pod) => ({ phase: "Pending", qosClass: qosClassOf(objectAt(pod, "spec") ?? {}) }),
  nodes: () => ({}),
  namespaces: () => ({ phase: "Active" }),
  persistentvolumes: () => ({ phase: "Pending" }),
  persistentvolumeclaims: () => ({ phase: "Pending" }),
  services: () => ({ loadBalancer: {} }),
  replicationcontrollers: () => ({ replicas: 0 }),
  resourcequotas: () => ({}),
  "deployments.apps": () => ({}),
  "replicasets.apps": () => ({ replicas: 0 }),
  "statefulsets.apps": () => ({ availableReplicas: 0, replicas: 0 }),
  "daemonsets.apps": () => ({
    currentNumberScheduled: 0,
    desiredNumberScheduled: 0,
    numberMisscheduled: 0,
    numberReady: 0,
  }),
  "jobs.batch": () => ({}),
  "cronjobs.batch": () => ({}),
  "horizontalpodautoscalers.autoscaling": () => ({ desiredReplicas: 0 }),
  "poddisruptionbudgets.policy": () => ({
    currentHealthy: 0,
    desiredHealthy: 0,
    disruptionsAllowed: 0,
    expectedPods: 0,
  }),
  "ingresses.networking.k8s.io": () => ({ loadBalancer: {} }),
};

/** Guaranteed, Burstable or BestEffort, from the containers' cpu and memory. */
export function qosClassOf(spec: JsonObject): string {
  const containers = [...objectsAt(spec, "containers"), ...objectsAt(spec, "initContainers")];
  let isGuaranteed = true;
  let hasAny = false;
  for (const container of isObject(spec["resources"]) ? [spec] : containers) {
    const resources = objectAt(container, "resources");
    const requests = objectAt(resources, "requests") ?? {};
    const limits = objectAt(resources, "limits") ?? {};
    for (const name of ["cpu", "memory"]) {
      hasAny ||= isAmount(requests[name]) || isAmount(limits[name]);
      isGuaranteed &&= isAmount(limits[name]) && (requests[name] ?? limits[name]) === limits[name];
    }
  }
  if (!hasAny) return "BestEffort";
  return isGuaranteed ? "Guaranteed" : "Burstable";
}

function isAmount(amount: unknown): boolean {
  return amount !== undefined && amount !== "0" && amount !== 0;
}
