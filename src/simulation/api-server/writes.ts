import { formatTime } from "../../base/time.ts";
import { apiVersionOf } from "../../model/kinds.ts";
import type { ObjectMeta } from "../../model/object.ts";
import { invalid } from "../../model/schema/field-error.ts";
import { admitCreate } from "./admission.ts";
import { prepareDefinition } from "./definitions.ts";
import { type Engine, newSuffix, newUid, type Write } from "./engine.ts";
import type { Stored } from "./event-log.ts";
import { initialStatus } from "./initial-status.ts";
import { type JsonObject, listAt, objectAt, sameJson, shareWith, textAt } from "./json.ts";
import { metadataErrors } from "./metadata.ts";
import { ownCopy } from "./own-copy.ts";
import { managedFieldsOf, ownersFromManagedFields, ownersOf, settled } from "./owned-fields.ts";
import { type Owner, type Writer, withUpdate } from "./owners.ts";
import { alreadyExists, badRequest, conflict, forbidden, invalidObject, MODIFIED, notFound } from "./refusals.ts";
import type { ApiRequest, RawObject } from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";
import { checkEnvelope, decoded, kindErrors, viewOf, withDefaults } from "./strategy.ts";

export function writeOf(engine: Engine, request: ApiRequest): Write {
  const { resource, namespace } = request;
  if (resource.namespaced && (namespace === undefined || namespace === "")) {
    throw badRequest("an empty namespace may not be set when a resource name is provided");
  }
  return {
    engine,
    resource,
    table: engine.store.table(resource),
    namespace: resource.namespaced ? namespace : undefined,
    query: request.query ?? {},
    user: request.user ?? "unknown",
    subresource: request.subresource ?? "",
    warnings: [],
  };
}

export function keyIn(write: Pick<Write, "resource" | "namespace">, name: string): string {
  return write.resource.namespaced ? `${write.namespace}/${name}` : name;
}

/** @throws ApiError 404 */
export function storedOf(write: Pick<Write, "resource" | "namespace" | "table">, name: string): Stored {
  const stored = write.table.get(keyIn(write, name));
  if (stored === undefined) throw notFound(write.resource, name);
  return stored;
}

export function writerOf(write: Write, operation: Writer["operation"]): Writer {
  return {
    manager: write.query.fieldManager ?? write.user,
    operation,
    apiVersion: apiVersionOf(write.resource),
    subresource: write.subresource,
  };
}

type OwnersOf = (stored: RawObject) => readonly Owner[];

/**
 * Creates the object.
 * @param owners of its fields, where they are not simply all the writer's (server-side apply)
 * @throws ApiError 400, 403, 404 (no such namespace), 409 (exists), 422
 */
export function createObject(write: Write, body: unknown, owners?: OwnersOf): RawObject {
  const { engine, resource, table, query } = write;
  checkEnvelope(resource, body);
  checkNamespace(write, body);
  const draft = decoded(engine, resource, ownCopy(engine, resource, body), query.fieldValidation, write.warnings);
  const metadata = newMetadata(write, objectAt(draft, "metadata") ?? {});
  checkNamespaceIsOpen(write, metadata.name);
  draft["metadata"] = metadata;
  if (resource.hasStatus) setInitialStatus(resource, draft);
  const object = withDefaults(engine, resource, draft, undefined);
  if (resource.plural === "customresourcedefinitions") prepareDefinition(engine, object);
  admitCreate(write, object);
  initialStatus(resource, object);
  const errors = [...metadataErrors(resource, object), ...kindErrors(engine, resource, object, undefined)];
  if (errors.length > 0) throw invalidObject(resource, metadata.name, errors);
  const key = keyIn(write, metadata.name);
  if (table.get(key) !== undefined) throw alreadyExists(resource, metadata.name);
  if (query.dryRun === true) return object as unknown as RawObject;
  const nowMs = engine.clock.nowMs();
  const writer = writerOf(write, "Update");
  return engine.store.put(
    table,
    key,
    object as unknown as RawObject,
    owners ?? ((stored) => withUpdate([], writer, nowMs, undefined, stored)),
  );
}

/** Clients do not write the status of a new object, except for nodes: kubelets register with theirs. */
function setInitialStatus(resource: ResourceDefinition, draft: JsonObject): void {
  if (resource.group === "" && resource.plural === "nodes") return;
  delete draft["status"];
}

function newMetadata(write: Write, given: JsonObject): ObjectMeta {
  const { engine, resource, namespace } = write;
  const { uid: _u, resourceVersion, generation: _g, creationTimestamp: _c, managedFields: _m, ...rest } = given;
  const { deletionTimestamp: _d, deletionGracePeriodSeconds: _s, selfLink: _l, ...kept } = rest;
  if (typeof resourceVersion === "string" && resourceVersion !== "" && resourceVersion !== "0") {
    throw badRequest("resourceVersion should not be set on objects to be created");
  }
  const metadata: ObjectMeta = {
    ...kept,
    name: nameFor(write, kept),
    uid: newUid(engine.random),
    resourceVersion: "",
    creationTimestamp: formatTime(engine.clock.nowMs()),
  };
  if (namespace !== undefined) metadata.namespace = namespace;
  if (resource.hasGeneration) metadata.generation = 1;
  return metadata;
}

const GENERATED_PREFIX_MAX = 58;

function nameFor(write: Write, metadata: JsonObject): string {
  const name = textAt(metadata, "name") ?? "";
  const prefix = textAt(metadata, "generateName") ?? "";
  if (name !== "" || prefix === "") return name;
  for (let tries = 0; tries < 8; tries += 1) {
    const drawn = `${prefix.slice(0, GENERATED_PREFIX_MAX)}${newSuffix(write.engine.random)}`;
    if (write.table.get(keyIn(write, drawn)) === undefined) return drawn;
  }
  throw alreadyExists(write.resource, prefix);
}

function checkNamespace(write: Write, body: JsonObject): void {
  const named = textAt(objectAt(body, "metadata"), "namespace") ?? "";
  if (write.resource.namespaced && named !== "" && named !== write.namespace) {
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  }
}

function checkNamespaceIsOpen({ engine, resource, namespace }: Write, name: string): void {
  if (namespace === undefined) return;
  const namespaces = engine.registry.ofKind({ group: "", version: "v1", plural: "namespaces" });
  const stored = engine.store.table(namespaces).get(namespace);
  if (stored === undefined) throw notFound(namespaces, namespace);
  if (stored.object.metadata.deletionTimestamp !== undefined) {
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    throw forbidden(resource, name, why, [
      {
        reason: "NamespaceTerminating",
        message: `namespace ${namespace} is being terminated`,
        field: "metadata.namespace",
      },
    ]);
  }
}

/**
 * Puts another version in place of an object, or only of its status.
 * @param owners of the fields afterwards, where the writer's changes alone do not say
 * @param isNewOwner they differ from those before, so that even an equal object is a new version
 * @throws ApiError 400, 404, 409, 422
 */
export function replaceObject(
  write: Write,
  name: string,
  body: unknown,
  owners?: OwnersOf,
  isNewOwner = owners !== undefined,
): RawObject {
  const { engine, resource, query } = write;
  checkEnvelope(resource, body);
  checkNamespace(write, body);
  const current = storedOf(write, name);
  checkIdentity(write, current.object, body);
  const proposed =
    write.subresource === "status"
      ? withNewStatus(write, current.object, body)
      : withNewSpec(write, current.object, body);
  const next = shareWith(current.object, proposed) as unknown as RawObject & JsonObject;
  const newOwners = owners ?? ownersGiven(write, current, body);
  if (next === current.object && !isNewOwner && newOwners === owners) return current.object;
  const errors = [
    ...metadataErrors(resource, next, current.object as unknown as JsonObject),
    ...kindErrors(engine, resource, next, current.object as unknown as JsonObject),
  ];
  if (errors.length > 0) throw invalidObject(resource, name, errors);
  const versioned = withGeneration(resource, current.object, next);
  if (query.dryRun === true) return versioned;
  return storeVersion(write, current, versioned, newOwners);
}

/** Stores the next version; an object that was only waiting for its finalizers goes. */
export function storeVersion(write: Write, current: Stored, next: RawObject, owners?: OwnersOf): RawObject {
  const { engine, table } = write;
  const key = keyIn(write, next.metadata.name);
  const nowMs = engine.clock.nowMs();
  const writer = writerOf(write, "Update");
  const stored = engine.store.put(
    table,
    key,
    next,
    owners ?? ((after) => settledWhenMany(write, withUpdate(current.owners, writer, nowMs, current.object, after))),
  );
  if (isReadyToGo(stored)) engine.store.remove(table, key);
  return stored;
}

const UNSETTLED_OWNERS_MAX = 8;

/** Shares that are kept as versions hold those versions in memory: now and then they become sets of fields. */
function settledWhenMany({ engine, resource }: Write, owners: readonly Owner[]): readonly Owner[] {
  const unsettled = owners.filter(({ share }) => "after" in share).length;
  return unsettled <= UNSETTLED_OWNERS_MAX ? owners : settled(ownersOf(owners, viewOf(engine, resource)));
}

/** Being deleted, and nothing holds it back any more. */
export function isReadyToGo(object: RawObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds > 0 || finalizers.length > 0) return false;
  return object.kind !== "Namespace" || listAt(object["spec"], "finalizers").length === 0;
}

function checkIdentity(write: Write, current: RawObject, body: JsonObject): void {
  const { resource } = write;
  const metadata = objectAt(body, "metadata") ?? {};
  const { name } = current.metadata;
  const named = textAt(metadata, "name") ?? "";
  if (named !== "" && named !== name) {
    throw badRequest(`the name of the object (${named}) does not match the name on the URL (${name})`);
  }
  if (named === "") throw badRequest("the name of the object must be set: name must be provided");
  const uid = textAt(metadata, "uid") ?? "";
  if (uid !== "" && uid !== current.metadata.uid) throw uidConflict(resource, name, uid, current.metadata.uid);
  const version = textAt(metadata, "resourceVersion") ?? "";
  if (version !== "" && version !== "0" && version !== current.metadata.resourceVersion) {
    throw conflict(resource, name, MODIFIED);
  }
}

export function uidConflict(resource: ResourceDefinition, name: string, wanted: string, found: string): Error {
  return conflict(resource, name, `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${found}`);
}

/** Custom resources can be put only by someone who has seen them. */
export function checkVersionIsGiven(write: Write, name: string, body: unknown): void {
  const version = textAt(objectAt(body, "metadata"), "resourceVersion") ?? "";
  if (version === "" && write.engine.registry.customType(write.resource) !== undefined) {
    throw invalidObject(write.resource, name, [
      invalid("metadata.resourceVersion", 0, "must be specified for an update"),
    ]);
  }
}

function withNewSpec(write: Write, current: RawObject, body: JsonObject): JsonObject {
  const { engine, resource, query } = write;
  const copy = decoded(
    engine,
    resource,
    ownCopy(engine, resource, body, current),
    query.fieldValidation,
    write.warnings,
  );
  copy["metadata"] = keptMetadata(current.metadata, objectAt(copy, "metadata") ?? {});
  if (resource.hasStatus) {
    if (current["status"] === undefined) delete copy["status"];
    else copy["status"] = current["status"];
  }
  if (resource.plural === "namespaces" && resource.group === "") copy["spec"] = current["spec"];
  const next = withDefaults(engine, resource, copy, current as unknown as JsonObject);
  if (resource.plural === "customresourcedefinitions") prepareDefinition(engine, next);
  return next;
}

function withNewStatus(write: Write, current: RawObject, body: JsonObject): JsonObject {
  const { engine, resource, query } = write;
  const isCustom = engine.registry.customType(resource) !== undefined;
  const part: JsonObject = {
    apiVersion: current.apiVersion,
    kind: current.kind,
    metadata: isCustom ? current.metadata : body["metadata"],
    ...(body["status"] === undefined ? {} : { status: body["status"] }),
  };
  const copy = decoded(
    engine,
    resource,
    ownCopy(engine, resource, part, current),
    query.fieldValidation,
    write.warnings,
  );
  const { status: _, ...rest } = current as RawObject & JsonObject;
  const next: JsonObject = { ...rest };
  if (copy["status"] !== undefined) next["status"] = copy["status"];
  if (!isCustom) {
    next["metadata"] = keptMetadata(current.metadata, {
      ...(objectAt(copy, "metadata") ?? {}),
      ownerReferences: current.metadata.ownerReferences,
    });
  }
  // Kubelets write amounts as they come; they are kept as they are printed.
  return resource.plural === "nodes" && resource.group === "" ? withDefaults(engine, resource, next, current) : next;
}

/** What clients say about metadata, with what only the server says. */
function keptMetadata(current: ObjectMeta, given: JsonObject): JsonObject {
  const metadata: JsonObject = {
    ...given,
    name: current.name,
    uid: current.uid,
    resourceVersion: current.resourceVersion,
    creationTimestamp: current.creationTimestamp,
  };
  for (const field of SERVERS_OWN) {
    if (current[field] === undefined) delete metadata[field];
    else metadata[field] = current[field];
  }
  delete metadata["managedFields"];
  delete metadata["selfLink"];
  return metadata;
}

const SERVERS_OWN = [
  "namespace",
  "generateName",
  "generation",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
] as const;

/** Owners that the client wrote itself, when they differ from what they are. */
function ownersGiven(write: Write, current: Stored, body: JsonObject): OwnersOf | undefined {
  const given = objectAt(body, "metadata")?.["managedFields"];
  if (!Array.isArray(given) || write.subresource === "status") return undefined;
  const view = viewOf(write.engine, write.resource);
  if (sameJson(managedFieldsOf(current.owners, view), given)) return undefined;
  const base = ownersFromManagedFields(given);
  const nowMs = write.engine.clock.nowMs();
  return (after) => {
    const isChange = shareWith(current.object["spec"], after["spec"]) !== current.object["spec"];
    return isChange ? withUpdate(base, writerOf(write, "Update"), nowMs, current.object, after) : base;
  };
}

/** The generation counts changes of what is asked for: of a custom resource all but metadata and status. */
function withGeneration(resource: ResourceDefinition, current: RawObject, next: RawObject): RawObject {
  if (!resource.hasGeneration || !isSpecChange(resource, current, next)) return next;
  return { ...next, metadata: { ...next.metadata, generation: (current.metadata.generation ?? 0) + 1 } };
}

function isSpecChange(resource: ResourceDefinition, current: RawObject, next: RawObject): boolean {
  const isStatus = (key: string): boolean => key === "status" && resource.hasStatus;
  for (const key of new Set([...Object.keys(current), ...Object.keys(next)])) {
    if (key === "metadata" || key === "apiVersion" || isStatus(key)) continue;
    if (current[key] !== next[key]) return true;
  }
  return false;
}
