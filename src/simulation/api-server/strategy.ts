import { apiVersionOf } from "../../model/kinds.ts";
import { defaulted } from "../../model/schema/default.ts";
import type { FieldError } from "../../model/schema/field-error.ts";
import { objectErrors } from "../../model/schema/object-errors.ts";
import { pruned, unknownFields } from "../../model/schema/prune.ts";
import { builtInErrors } from "./built-in-validation.ts";
import { schemaOfChanges } from "./changed-schema.ts";
import { setBuiltInDefaults } from "./defaults.ts";
import type { Engine } from "./engine.ts";
import { isObject, type JsonObject } from "./json.ts";
import { badRequest } from "./refusals.ts";
import type { RequestQuery } from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";
import { typeOfKind } from "./schemas/schema-table.ts";
import { checkFields } from "./schemas/strict-fields.ts";
import { METADATA_VIEW, type TypeView, UNTYPED, viewOfStruct } from "./type-view.ts";
import { withoutUnknown } from "./unknown-fields.ts";

type Validation = RequestQuery["fieldValidation"];

/** How a type looks, for patches and ownership. */
export function viewOf(engine: Engine, resource: ResourceDefinition): TypeView {
  const custom = engine.registry.customType(resource);
  if (custom !== undefined) return custom.view;
  const type = typeOfKind(apiVersionOf(resource), resource.kind);
  return type === undefined ? GENERIC_VIEW : viewOfStruct(type);
}

const GENERIC_VIEW: TypeView = {
  ...UNTYPED,
  member: (name) => (name === "metadata" ? METADATA_VIEW : UNTYPED),
};

/**
 * The object as the type's decoder takes it: without fields that the type does not have. Those are an error ("Strict"),
 * a warning ("Warn") or nothing. Without a mode a built-in object is taken as it is: it comes from this process.
 * @throws ApiError 400 for unknown fields under Strict, and for values of a wrong type
 */
export function decoded(
  engine: Engine,
  resource: ResourceDefinition,
  object: JsonObject,
  mode: Validation,
  warnings: string[],
): JsonObject {
  const custom = engine.registry.customType(resource);
  if (custom !== undefined) {
    if (mode === "Strict" || mode === "Warn") complain(resource, unknownFields(custom.schema, object), mode, warnings);
    return pruned(custom.schema, object);
  }
  if (mode === undefined) return object;
  const type = typeOfKind(apiVersionOf(resource), resource.kind);
  if (type === undefined) return object;
  const { unknown, wrongType } = checkFields(type, object);
  if (wrongType !== undefined) throw badRequest(`${cannotHandle(resource)}: ${wrongType}`);
  complain(resource, unknown, mode, warnings);
  return unknown.length === 0 ? object : withoutUnknown(type, object);
}

function complain(
  resource: ResourceDefinition,
  unknown: readonly string[],
  mode: Validation,
  warnings: string[],
): void {
  if (unknown.length === 0) return;
  const texts = unknown.map((path) => `unknown field "${path}"`);
  if (mode === "Strict") throw badRequest(`${cannotHandle(resource)}: strict decoding error: ${texts.join(", ")}`);
  if (mode === "Warn") warnings.push(...texts);
}

export function cannotHandle({ kind, version }: ResourceDefinition): string {
  return `${kind} in version "${version}" cannot be handled as a ${kind}`;
}

/** Fills in what was left out. A built-in object is changed in place. */
export function withDefaults(
  engine: Engine,
  resource: ResourceDefinition,
  object: JsonObject,
  before: JsonObject | undefined,
): JsonObject {
  const custom = engine.registry.customType(resource);
  if (custom !== undefined) return defaulted(custom.schema, object);
  setBuiltInDefaults(engine, resource, object, before);
  return object;
}

/** What is wrong with the object beside its metadata. */
export function kindErrors(
  engine: Engine,
  resource: ResourceDefinition,
  object: JsonObject,
  before: JsonObject | undefined,
): FieldError[] {
  const custom = engine.registry.customType(resource);
  if (custom !== undefined) {
    const schema = before === undefined ? custom.schema : schemaOfChanges(custom.schema, object, before);
    return objectErrors(schema, object, before);
  }
  return builtInErrors(resource, object, before);
}

/** @throws ApiError 400 when the body is no object of this kind */
export function checkEnvelope(resource: ResourceDefinition, body: unknown): asserts body is JsonObject {
  if (!isObject(body)) throw badRequest(`the body of the request must be an object of kind ${resource.kind}`);
  const { apiVersion = "", kind = "" } = body as { apiVersion?: unknown; kind?: unknown };
  const wanted = apiVersionOf(resource);
  if (kind === resource.kind && apiVersion === wanted) return;
  if (kind === "") throw badRequest(`Object 'Kind' is missing in '${JSON.stringify(body).slice(0, 200)}'`);
  throw badRequest(
    `the object provided is unrecognized (must be of type ${resource.kind}): ${wanted} is served here, got ${apiVersion}, Kind=${kind}`,
  );
}
