import { apiVersionOf } from "../../model/kinds.ts";
import { deleteDefinition } from "./definition-removal.ts";
import { deleteObject, deletionOptions } from "./deletion.ts";
import type { Engine, Write } from "./engine.ts";
import type { Stored } from "./event-log.ts";
import { eventAsView, eventFromView } from "./event-view.ts";
import { evictPod } from "./eviction.ts";
import { isObject } from "./json.ts";
import { listPage } from "./list.ts";
import { patchedValue, patchObject, withManagedFields } from "./patching.ts";
import {
  approveRequest,
  bindPod,
  finalizeNamespace,
  requestToken,
  resizePod,
  updateEphemeralContainers,
} from "./pod-subresources.ts";
import { badRequest, methodNotAllowed, notFound } from "./refusals.ts";
import type { ApiRequest, ApiResponse, ObjectListBody, RawObject } from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";
import { scaleOf, writeScale } from "./scale.ts";
import { type Selection, selectionOf } from "./selection.ts";
import { checkVersionIsGiven, createObject, keyIn, replaceObject, storedOf, writeOf } from "./writes.ts";

/** Carries out one request. @throws ApiError */
export function handleRequest(engine: Engine, request: ApiRequest): ApiResponse {
  if (request.resource.viewOf !== undefined) return handleViewed(engine, request);
  const { subresource = "" } = request;
  if (request.verb === "list") return ok(listObjects(engine, request));
  if (request.verb === "deletecollection") return deleteCollection(engine, request);
  if (request.verb === "watch") throw badRequest("a watch is no single request");
  const write = writeOf(engine, request);
  const response = subresource === "" ? handleObject(write, request) : handleSubresource(write, request, subresource);
  return shown(engine, request, response);
}

const ok = (body: ApiResponse["body"], warnings: string[] = []): ApiResponse => ({ code: 200, body, warnings });

/** The name in the request. @throws ApiError 400 when there is none */
function nameOf(request: ApiRequest): string {
  if (request.name === undefined || request.name === "") throw badRequest("the name of the object must be set");
  return request.name;
}

function handleObject(write: Write, request: ApiRequest): ApiResponse {
  switch (request.verb) {
    case "get":
      return ok(storedOf(write, nameOf(request)).object);
    case "create":
      return { code: 201, body: createObject(write, request.body), warnings: write.warnings };
    case "update":
      checkVersionIsGiven(write, nameOf(request), request.body);
      return ok(replaceObject(write, nameOf(request), request.body), write.warnings);
    case "patch":
      return patchObject(write, nameOf(request), request);
    case "delete":
      if (write.resource.plural === "customresourcedefinitions") deleteDefinition(write, nameOf(request));
      return deleteObject(write, nameOf(request), deletionOptions(write, request.body));
    default:
      throw methodNotAllowed(write.resource, request.verb);
  }
}

function handleSubresource(write: Write, request: ApiRequest, subresource: string): ApiResponse {
  const name = nameOf(request);
  const { resource } = write;
  const known = resource.subresources.find((s) => s.name === subresource);
  if (known === undefined) throw notFound({ ...resource, plural: `${resource.plural}/${subresource}` }, name);
  if (!known.verbs.includes(request.verb)) throw methodNotAllowed(resource, request.verb);
  if (request.verb === "create") return handleAction(write, name, subresource, request.body);
  if (request.verb === "get") {
    const { object } = storedOf(write, name);
    return ok(subresource === "scale" ? scaleOf(resource, object) : object);
  }
  if (subresource === "scale") return ok(writeScale(write, name, request), write.warnings);
  if (subresource === "status") {
    if (request.verb === "patch") return patchObject(write, name, request);
    checkVersionIsGiven(write, name, request.body);
    return ok(replaceObject(write, name, request.body), write.warnings);
  }
  return ok(writeSpecial(write, name, subresource, bodyOf(write, name, request)), write.warnings);
}

/** The whole object that a request to a special subresource means. */
function bodyOf(write: Write, name: string, request: ApiRequest): unknown {
  if (request.verb !== "patch") return request.body;
  return patchedValue(write, { ...storedOf(write, name).object }, request);
}

function writeSpecial(write: Write, name: string, subresource: string, body: unknown): RawObject {
  switch (subresource) {
    case "finalize":
      return finalizeNamespace(write, name, body);
    case "ephemeralcontainers":
      return updateEphemeralContainers(write, name, body);
    case "resize":
      return resizePod(write, name, body);
    case "approval":
      return approveRequest(write, name, body);
    default:
      throw methodNotAllowed(write.resource, "update");
  }
}

function handleAction(write: Write, name: string, subresource: string, body: unknown): ApiResponse {
  switch (subresource) {
    case "binding":
      return { code: 201, body: bindPod(write, name, body), warnings: write.warnings };
    case "eviction":
      return { code: 201, body: evictPod(write, name, body), warnings: write.warnings };
    case "token":
      return { code: 201, body: requestToken(write, name, body) as unknown as RawObject, warnings: write.warnings };
    default:
      throw methodNotAllowed(write.resource, "create");
  }
}

/** What a list or watch selects. @throws ApiError 400 */
export function selectionFor(engine: Engine, request: ApiRequest): Selection {
  const { resource, query = {} } = request;
  const namespace = resource.namespaced && request.namespace !== "" ? request.namespace : undefined;
  const fields = engine.registry.customType(resource)?.selectableFields;
  const selection = selectionOf(resource, namespace, query, fields);
  if (resource.viewOf === undefined) return selection;
  return { ...selection, matches: (object) => selection.matches(eventAsView(object)) };
}

function listObjects(engine: Engine, request: ApiRequest): ObjectListBody {
  const { resource } = request;
  const table = engine.store.table(resource);
  const page = listPage(table, selectionFor(engine, request), request.query ?? {}, engine.store.version());
  const show = showerFor(engine, request);
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.listKind,
    metadata: {
      resourceVersion: String(page.version),
      ...(page.continue === undefined ? {} : { continue: page.continue }),
      ...(page.remainingItemCount === undefined ? {} : { remainingItemCount: page.remainingItemCount }),
    },
    items: page.items.map(show),
  };
}

function deleteCollection(engine: Engine, request: ApiRequest): ApiResponse {
  const { resource } = request;
  const table = engine.store.table(resource);
  const { items } = listPage(table, selectionFor(engine, request), request.query ?? {}, engine.store.version());
  for (const { object } of items) {
    const { name, namespace } = object.metadata;
    const write = writeOf(engine, { ...request, ...(namespace === undefined ? {} : { namespace }) });
    deleteObject(write, name, deletionOptions(write, request.body));
  }
  return ok({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" });
}

/** How this client sees stored objects: in the version it asked for, with managed fields if it wants them. */
export function showerFor(engine: Engine, request: ApiRequest): (stored: Stored) => RawObject {
  const { resource } = request;
  const stored = storedResource(engine, resource);
  return (found) => {
    const object =
      request.managedFields === true ? withManagedFields({ engine, resource: stored }, found) : found.object;
    return projected(resource, object);
  };
}

function storedResource(engine: Engine, resource: ResourceDefinition): ResourceDefinition {
  return resource.viewOf === undefined ? resource : engine.registry.ofKind(resource.viewOf);
}

function projected(resource: ResourceDefinition, object: RawObject): RawObject {
  if (resource.viewOf !== undefined) return eventAsView(object);
  const apiVersion = apiVersionOf(resource);
  return object.apiVersion === apiVersion || object.kind !== resource.kind ? object : { ...object, apiVersion };
}

/** The answer to a request about one object, as its client wants to see it. */
function shown(engine: Engine, request: ApiRequest, response: ApiResponse): ApiResponse {
  const body = response.body as RawObject;
  if (!isObject(body) || body.kind !== request.resource.kind) return response;
  const { resource } = request;
  const key = keyIn({ resource, namespace: body.metadata.namespace }, body.metadata.name);
  const stored = request.managedFields === true ? engine.store.table(resource).get(key) : undefined;
  if (stored?.object !== body) return { ...response, body: projected(resource, body) };
  return { ...response, body: showerFor(engine, request)(stored) };
}

/** Requests for another view of a kind are requests for the kind, translated there and back. */
function handleViewed(engine: Engine, request: ApiRequest): ApiResponse {
  if (request.verb === "list") return ok(listObjects(engine, request));
  const resource = storedResource(engine, request.resource);
  let { verb, body } = request;
  if (verb === "patch" && request.name !== undefined) {
    const current = storedOf(writeOf(engine, { ...request, resource }), request.name).object;
    body = patchedValue({ engine, resource: request.resource }, { ...eventAsView(current) }, request);
    verb = "update";
  }
  if (verb === "create" || verb === "update") body = eventFromView(body);
  const { patchType: _, ...rest } = request;
  const response = handleRequest(engine, { ...rest, verb, resource, body });
  const isEvent = isObject(response.body) && response.body.kind === "Event";
  return isEvent ? { ...response, body: eventAsView(response.body as RawObject) } : response;
}
