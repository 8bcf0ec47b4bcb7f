import { matchesFields, parseFieldSelector } from "../../model/field-selector.ts";
import { apiVersionOf, resourceOf } from "../../model/kinds.ts";
import { isObject, valueAt } from "./json.ts";
import { badRequest } from "./refusals.ts";
import type { RawObject } from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";

export type FieldTest = {
  /** The one value that a field must have, when there is such a term. */
  wanted(field: string): string | undefined;
  matches(object: RawObject): boolean;
};

const INVOLVED = ["apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid"];

/** The fields that can be selected by beside metadata.name and metadata.namespace. */
const SELECTABLE: Readonly<Record<string, readonly string[]>> = {
  pods: [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
  ],
  nodes: ["spec.unschedulable"],
  namespaces: ["status.phase"],
  services: ["spec.clusterIP", "spec.type"],
  secrets: ["type"],
  events: [...INVOLVED.map((f) => `involvedObject.${f}`), "reason", "reportingComponent", "source", "type"],
  "events.events.k8s.io": [...INVOLVED.map((f) => `regarding.${f}`), "reason", "reportingController", "type"],
  replicationcontrollers: ["status.replicas"],
  "replicasets.apps": ["status.replicas"],
  "jobs.batch": ["status.successful"],
  "certificatesigningrequests.certificates.k8s.io": ["spec.signerName"],
  "resourceslices.resource.k8s.io": ["spec.nodeName", "spec.driver"],
};

/** Fields whose place in the object is another one than their name says, or whose absence has a value. */
const READERS: Readonly<Record<string, (object: RawObject) => unknown>> = {
  "pods spec.hostNetwork": (object) => valueAt(object, ["spec", "hostNetwork"]) ?? false,
  "nodes spec.unschedulable": (object) => valueAt(object, ["spec", "unschedulable"]) ?? false,
  "events source": (object) => valueAt(object, ["source", "component"]) ?? object["reportingComponent"],
  "jobs status.successful": (object) => valueAt(object, ["status", "succeeded"]) ?? 0,
  "replicationcontrollers status.replicas": (object) => valueAt(object, ["status", "replicas"]) ?? 0,
  "replicasets status.replicas": (object) => valueAt(object, ["status", "replicas"]) ?? 0,
};

/**
 * @param customFields what a CustomResourceDefinition offers beside the name and namespace
 * @throws ApiError 400 for a text that is no selector, or a field that the kind does not offer
 */
export function fieldTest(resource: ResourceDefinition, text: string, customFields: readonly string[] = []): FieldTest {
  const parsed = parseFieldSelector(text);
  if ("error" in parsed) throw badRequest(parsed.error);
  const supported = supportedFields(resource, customFields);
  const readers = new Map<string, (object: RawObject) => unknown>();
  for (const { field } of parsed.requirements) {
    if (!supported.includes(field)) throw unsupported(resource, text, field, supported);
    readers.set(field, readerOf(resource, field));
  }
  return {
    wanted: (field) => parsed.requirements.find((r) => r.operator === "=" && r.field === field)?.value,
    matches: (object) => matchesFields(parsed.requirements, (field) => asText(readers.get(field)?.(object))),
  };
}

/** The fields that lists of this kind can be selected by. */
export function supportedFields(resource: ResourceDefinition, customFields: readonly string[] = []): string[] {
  const own = SELECTABLE[resourceOf(resource)] ?? customFields;
  return ["metadata.name", ...(resource.namespaced ? ["metadata.namespace"] : []), ...own];
}

function unsupported(resource: ResourceDefinition, text: string, field: string, supported: readonly string[]): Error {
  const what = `"${apiVersionOf(resource)}, Resource=${resource.plural}"`;
  return badRequest(
    `Unable to find ${what} that match label selector "", field selector "${text}": field label not supported: ${field} (supported: ${supported.join(", ")})`,
  );
}

function readerOf(resource: ResourceDefinition, field: string): (object: RawObject) => unknown {
  const special = READERS[`${resource.plural} ${field}`];
  if (special !== undefined) return special;
  const path = field.split(".");
  return (object) => valueAt(object, path);
}

function asText(value: unknown): string {
  return value === undefined || value === null || isObject(value) ? "" : String(value);
}
