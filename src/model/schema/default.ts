import { isJsonObject, type JsonObject, propertySchema, type Schema, setProperty } from "./schema.ts";

/**
 * The object with the schema's defaults filled in, as the API server does on every request and on every read. Absent
 * fields get their default, and so do nulls where null is not allowed; fields of filled-in values are filled in too.
 * Returns the same value when nothing is missing; never changes its argument.
 */
export function defaulted<T>(schema: Schema, object: T): T {
  return filled(schema, object) as T;
}

function filled(schema: Schema, value: unknown): unknown {
  if (!hasDefaults(schema)) return value;
  if (Array.isArray(value)) return schema.items === undefined ? value : filledItems(schema.items, value);
  return isJsonObject(value) ? filledObject(schema, value) : value;
}

function filledItems(items: Schema, values: unknown[]): unknown[] {
  let result = values;
  for (let i = 0; i < values.length; i += 1) {
    const next = filled(items, values[i]);
    if (next === values[i]) continue;
    if (result === values) result = [...values];
    result[i] = next;
  }
  return result;
}

function filledObject(schema: Schema, value: JsonObject): JsonObject {
  let result = value;
  const change = (name: string, next: unknown) => {
    if (result === value) result = { ...value };
    setProperty(result, name, next);
  };
  for (const [name, property] of defaultsOf(schema)) {
    const isAbsent = !Object.hasOwn(value, name) || (value[name] === null && property.nullable !== true);
    if (isAbsent) change(name, structuredCopy(property.default));
  }
  for (const name of Object.keys(result)) {
    const property = propertySchema(schema, name);
    if (property === undefined || property === true) continue;
    const before = result[name];
    const next = filled(property, before);
    if (next !== before) change(name, next);
  }
  return result;
}

/** Properties of the schema that have a default. */
const ownDefaults = new WeakMap<Schema, readonly [string, Schema][]>();
function defaultsOf(schema: Schema): readonly [string, Schema][] {
  let list = ownDefaults.get(schema);
  if (list === undefined) {
    list = Object.entries(schema.properties ?? {}).filter(([, property]) => property.default !== undefined);
    ownDefaults.set(schema, list);
  }
  return list;
}

/** Whether there is a default anywhere below: most of a schema need not be walked. */
const anyDefaults = new WeakMap<Schema, boolean>();
function hasDefaults(schema: Schema): boolean {
  let answer = anyDefaults.get(schema);
  if (answer === undefined) {
    const { properties = {}, items, additionalProperties } = schema;
    const children = [...Object.values(properties), items, additionalProperties];
    answer = defaultsOf(schema).length > 0 || children.some((child) => typeof child === "object" && hasDefaults(child));
    anyDefaults.set(schema, answer);
  }
  return answer;
}

function structuredCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structuredCopy);
  if (!isJsonObject(value)) return value;
  const copy: JsonObject = {};
  for (const name of Object.keys(value)) setProperty(copy, name, structuredCopy(value[name]));
  return copy;
}
