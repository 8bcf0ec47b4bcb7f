import type { LabelSelector } from "../../model/core.ts";
import { formatSelector, selectorOf } from "../../model/label-selector.ts";
import { invalid } from "../../model/schema/field-error.ts";
import type { Write } from "./engine.ts";
import { copyOf, ensureObjectAt, isObject, type JsonObject, numberAt, objectAt, textAt, valueAt } from "./json.ts";
import { patchedValue } from "./patching.ts";
import { badRequest, conflict, invalidObject, MODIFIED, notFound } from "./refusals.ts";
import type { ApiRequest, RawObject } from "./requests.ts";
import type { ResourceDefinition, ScalePaths } from "./resource-definitions.ts";
import { replaceObject, storedOf } from "./writes.ts";

/** The autoscaling/v1 Scale of an object. @throws ApiError 404 when the kind has none */
export function scaleOf(resource: ResourceDefinition, object: RawObject): RawObject & JsonObject {
  const paths = scalePaths(resource);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = selectorText(object, paths);
  return {
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: numberOf(object, paths.specReplicasPath) },
    status: {
      replicas: numberOf(object, paths.statusReplicasPath),
      ...(selector === undefined ? {} : { selector }),
    },
  };
}

/** Writes the replicas of a Scale into its object. @throws ApiError also what the object's own validation says */
export function writeScale(write: Write, name: string, request: ApiRequest): RawObject {
  const { resource } = write;
  const paths = scalePaths(resource);
  const current = storedOf(write, name).object;
  const scale = request.verb === "patch" ? patchedScale(write, current, request) : request.body;
  if (!isObject(scale) || scale["kind"] !== "Scale") throw badRequest("the body of the request must be a Scale");
  const version = textAt(objectAt(scale, "metadata"), "resourceVersion") ?? "";
  if (version !== "" && version !== current.metadata.resourceVersion) throw conflict(resource, name, MODIFIED);
  const replicas = numberAt(objectAt(scale, "spec"), "replicas") ?? 0;
  if (replicas < 0) {
    throw invalidObject({ ...resource, group: "autoscaling", kind: "Scale" }, name, [
      invalid("spec.replicas", replicas, "must be greater than or equal to 0"),
    ]);
  }
  const next = copyOf(current) as RawObject & JsonObject;
  const path = pathOf(paths.specReplicasPath);
  ensureObjectAt(next, path.slice(0, -1))[path.at(-1) ?? ""] = replicas;
  return scaleOf(resource, replaceObject({ ...write, subresource: "scale" }, name, next));
}

function patchedScale(write: Write, current: RawObject, request: ApiRequest): unknown {
  const scale = scaleOf(write.resource, current);
  if (request.patchType !== "apply") {
    const patchType = request.patchType === "strategic" ? "merge" : request.patchType;
    return patchedValue(write, scale, { ...request, ...(patchType === undefined ? {} : { patchType }) });
  }
  const replicas = objectAt(request.body, "spec")?.["replicas"];
  return replicas === undefined ? scale : { ...scale, spec: { replicas } };
}

function scalePaths(resource: ResourceDefinition): ScalePaths {
  if (resource.scale === undefined) throw notFound(resource, "scale");
  return resource.scale;
}

function pathOf(jsonPath: string): string[] {
  return jsonPath.split(".").slice(1);
}

function numberOf(object: RawObject, jsonPath: string): number {
  const value = valueAt(object, pathOf(jsonPath));
  return typeof value === "number" ? value : 0;
}

function selectorText(object: RawObject, paths: ScalePaths): string | undefined {
  if (paths.labelSelectorPath !== undefined) {
    const text = valueAt(object, pathOf(paths.labelSelectorPath));
    return typeof text === "string" ? text : undefined;
  }
  const written = objectAt(objectAt(object, "spec"), "selector");
  if (written === undefined) return undefined;
  const isPlainMap = written["matchLabels"] === undefined && written["matchExpressions"] === undefined;
  const selector = selectorOf((isPlainMap ? { matchLabels: written } : written) as LabelSelector);
  return selector === undefined ? undefined : formatSelector(selector);
}
