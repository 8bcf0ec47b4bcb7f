import type { Schema } from "../../model/schema/schema.ts";

const partial = new WeakMap<Schema, Map<string, Schema>>();

/**
 * The part of a custom resource's schema that speaks of what changed: parts that are the very same as before were
 * looked at then. A schema with rules on the whole object is taken whole.
 */
export function schemaOfChanges(
  schema: Schema,
  object: Readonly<Record<string, unknown>>,
  before: Readonly<Record<string, unknown>>,
): Schema {
  const { properties = {}, required = [] } = schema;
  if ((schema["x-kubernetes-validations"] ?? []).length > 0) return schema;
  const names = Object.keys(properties).filter((name) => object[name] !== before[name]);
  const key = names.join();
  let known = partial.get(schema);
  if (known === undefined) {
    known = new Map();
    partial.set(schema, known);
  }
  let part = known.get(key);
  if (part === undefined) {
    part = {
      ...schema,
      properties: Object.fromEntries(Object.entries(properties).filter(([name]) => names.includes(name))),
      required: required.filter((name) => names.includes(name)),
    };
    known.set(key, part);
  }
  return part;
}

const schemas = new Map<string, Schema>();
const SCHEMAS_MAX = 64;

/** Equal schemas as one object, so that what is compiled from it is kept from one server to the next. */
export function sharedSchema(schema: Schema): Schema {
  const text = JSON.stringify(schema);
  const known = schemas.get(text);
  if (known !== undefined) return known;
  if (schemas.size >= SCHEMAS_MAX) schemas.clear();
  schemas.set(text, schema);
  return schema;
}
