import { apiVersionOf } from "../../model/kinds.ts";
import { required } from "../../model/schema/field-error.ts";
import type { Write } from "./engine.ts";
import type { Stored } from "./event-log.ts";
import { isObject, type JsonObject, objectAt, textAt } from "./json.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { ownCopy } from "./own-copy.ts";
import { managedFieldsOf, ownersOf, settled } from "./owned-fields.ts";
import { badRequest, invalidObject, notFound, unsupportedMediaType } from "./refusals.ts";
import type { ApiRequest, ApiResponse, RawObject } from "./requests.ts";
import { applyConfiguration } from "./server-side-apply.ts";
import { applyStrategicPatch } from "./strategic-merge-patch.ts";
import { checkEnvelope, decoded, viewOf } from "./strategy.ts";
import { createObject, keyIn, replaceObject, writerOf } from "./writes.ts";

/** @throws ApiError 400, 404, 409, 415 (a patch of that type is not for this kind), 422 */
export function patchObject(write: Write, name: string, request: ApiRequest): ApiResponse {
  if (request.patchType === "apply") return applyObject(write, name, request.body);
  const current = write.table.get(keyIn(write, name));
  if (current === undefined) throw notFound(write.resource, name);
  const body = patchedObject(write, current, request);
  return { code: 200, body: replaceObject(write, name, body), warnings: write.warnings };
}

function patchedObject(write: Write, current: Stored, request: ApiRequest): JsonObject {
  const target = targetFor(write, current, request);
  const patched = patchedValue(write, target, request);
  if (!isObject(patched)) throw badRequest("the result of the patch is no object");
  return patched;
}

/** Applies a patch of one of the three types that change what is there. */
export function patchedValue(
  write: Pick<Write, "engine" | "resource">,
  target: JsonObject,
  { patchType, body }: Pick<ApiRequest, "patchType" | "body">,
): unknown {
  switch (patchType) {
    case "json":
      return applyJsonPatch(target, body);
    case "merge":
      if (!isObject(body)) throw badRequest("a merge patch must be an object");
      return applyMergePatch(target, body);
    case "strategic": {
      if (write.engine.registry.customType(write.resource) !== undefined) {
        throw unsupportedMediaType(
          "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        );
      }
      if (!isObject(body)) throw badRequest("a strategic merge patch must be an object");
      return applyStrategicPatch(target, body, viewOf(write.engine, write.resource));
    }
    default:
      throw unsupportedMediaType(`a patch must say its type, got ${JSON.stringify(patchType)}`);
  }
}

/** What the patch is applied to; with managedFields where the patch speaks of them. */
function targetFor(write: Write, current: Stored, { patchType, body }: ApiRequest): JsonObject {
  const object = { ...current.object, apiVersion: apiVersionOf(write.resource) } as JsonObject;
  if (!speaksOfOwners(patchType, body)) return object;
  const managedFields = managedFieldsOf(current.owners, viewOf(write.engine, write.resource));
  return { ...object, metadata: { ...current.object.metadata, managedFields } };
}

function speaksOfOwners(patchType: ApiRequest["patchType"], body: unknown): boolean {
  if (patchType !== "json") return objectAt(body, "metadata")?.["managedFields"] !== undefined;
  return Array.isArray(body) && body.some((o) => (textAt(o, "path") ?? "").startsWith("/metadata/managedFields"));
}

function applyObject(write: Write, name: string, body: unknown): ApiResponse {
  const { engine, resource, query } = write;
  const { fieldManager = "" } = query;
  if (fieldManager === "") {
    throw invalidObject({ ...resource, group: "meta.k8s.io", kind: "PatchOptions" }, "", [
      required("fieldManager", "is required for apply patch"),
    ]);
  }
  checkEnvelope(resource, body);
  const config = appliedConfiguration(write, name, body);
  const current = write.table.get(keyIn(write, name));
  const view = viewOf(engine, resource);
  const applied = applyConfiguration((current?.object ?? {}) as JsonObject, config, {
    owners: current === undefined ? [] : ownersOf(current.owners, view),
    writer: writerOf(write, "Apply"),
    nowMs: engine.clock.nowMs(),
    isForced: query.force === true,
    view,
  });
  const owners = settled(applied.owners);
  if (current === undefined) {
    if (write.subresource !== "") throw notFound(resource, name);
    const created = createObject(write, applied.object, () => owners);
    return { code: 201, body: created, warnings: write.warnings };
  }
  const isSameOwners = sameFields(managedFieldsOf(owners, view), managedFieldsOf(current.owners, view));
  const object = { ...applied.object, apiVersion: apiVersionOf(resource), kind: resource.kind };
  const stored = replaceObject(write, name, object, () => owners, !isSameOwners);
  return { code: 200, body: stored, warnings: write.warnings };
}

function sameFields(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The configuration as it is merged: checked against the type, named as the URL says, without what is not for apply. */
function appliedConfiguration(write: Write, name: string, body: JsonObject): JsonObject {
  const { engine, resource, query } = write;
  const config = decoded(engine, resource, ownCopy(engine, resource, body), query.fieldValidation, write.warnings);
  const metadata = { ...(objectAt(config, "metadata") ?? {}) };
  if (metadata["managedFields"] !== undefined) throw badRequest("metadata.managedFields must be nil");
  const named = textAt(metadata, "name") ?? "";
  if (named !== "" && named !== name) {
    throw badRequest(`the name of the object (${named}) does not match the name on the URL (${name})`);
  }
  if (write.subresource === "status") {
    return { ...config, spec: undefined, metadata: { ...metadata, name } };
  }
  const { status, ...rest } = config;
  return {
    ...rest,
    ...(resource.hasStatus || status === undefined ? {} : { status }),
    metadata: { ...metadata, name },
  };
}

/** The object with metadata.managedFields, as clients over HTTP see it. */
export function withManagedFields(write: Pick<Write, "engine" | "resource">, stored: Stored): RawObject {
  const known = shownWithFields.get(stored);
  if (known !== undefined) return known;
  const managedFields = managedFieldsOf(stored.owners, viewOf(write.engine, write.resource));
  const shown = { ...stored.object, metadata: { ...stored.object.metadata, managedFields } };
  for (const oldest of shownWithFields.keys()) {
    if (shownWithFields.size < SHOWN_MAX) break;
    shownWithFields.delete(oldest);
  }
  shownWithFields.set(stored, shown);
  return shown;
}
/**
 * One version of an object goes to many watchers at about the same time: they share what they are shown, and what it is
 * printed as. Only the latest are kept, as fields and their owners take more memory than the object.
 */
const shownWithFields = new Map<Stored, RawObject>();
const SHOWN_MAX = 512;
