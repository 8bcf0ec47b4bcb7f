import { childPath, isJsonObject, type JsonObject, propertySchema, type Schema, setProperty } from "./schema.ts";

/**
 * The object without the fields that the schema does not know. metadata keeps what every object's metadata has.
 * Returns the same value when nothing is unknown; never changes its argument.
 */
export function pruned<T>(schema: Schema, object: T): T {
  return prune(schema, object, "", true, undefined) as T;
}

/**
 * The paths of the fields that `pruned` would take away, in the object's order, for example "spec.foo" and
 * "spec.template.spec.requirements[0].x".
 */
export function unknownFields(schema: Schema, object: unknown): string[] {
  const unknown: string[] = [];
  prune(schema, object, "", true, unknown);
  return unknown;
}

const TEXT: Schema = { type: "string" };
const ANY: Schema = { "x-kubernetes-preserve-unknown-fields": true };
const TEXTS: Schema = { type: "object", additionalProperties: TEXT };
const OWNER: Schema = {
  type: "object",
  properties: {
    apiVersion: TEXT,
    kind: TEXT,
    name: TEXT,
    uid: TEXT,
    controller: { type: "boolean" },
    blockOwnerDeletion: { type: "boolean" },
  },
};
const MANAGED: Schema = {
  type: "object",
  properties: {
    manager: TEXT,
    operation: TEXT,
    apiVersion: TEXT,
    time: TEXT,
    fieldsType: TEXT,
    fieldsV1: ANY,
    subresource: TEXT,
  },
};
/** What every object's metadata may hold, whatever its kind. */
export const OBJECT_META: Schema = {
  type: "object",
  properties: {
    name: TEXT,
    generateName: TEXT,
    namespace: TEXT,
    selfLink: TEXT,
    uid: TEXT,
    resourceVersion: TEXT,
    generation: { type: "integer" },
    creationTimestamp: TEXT,
    deletionTimestamp: TEXT,
    deletionGracePeriodSeconds: { type: "integer" },
    labels: TEXTS,
    annotations: TEXTS,
    ownerReferences: { type: "array", items: OWNER },
    finalizers: { type: "array", items: TEXT },
    managedFields: { type: "array", items: MANAGED },
  },
};

function prune(schema: Schema, value: unknown, path: string, isResource: boolean, unknown?: string[]): unknown {
  if (Array.isArray(value)) {
    if (schema.items === undefined) return value;
    const { items } = schema;
    const next = value.map((item, i) => prune(items, item, `${path}[${i}]`, isEmbedded(items), unknown));
    return next.every((item, i) => item === value[i]) ? value : next;
  }
  return isJsonObject(value) ? pruneObject(schema, value, path, isResource, unknown) : value;
}

function pruneObject(schema: Schema, value: JsonObject, path: string, isResource: boolean, unknown?: string[]) {
  const keepsAll = schema["x-kubernetes-preserve-unknown-fields"] === true;
  let changed = false;
  const kept: JsonObject = {};
  for (const name of Object.keys(value)) {
    const property = resourceProperty(name, isResource) ?? propertySchema(schema, name);
    const before = value[name];
    if (property === undefined && !keepsAll) {
      changed = true;
      unknown?.push(childPath(path, name));
    } else if (property === undefined || property === true) setProperty(kept, name, before);
    else {
      const next = prune(property, before, childPath(path, name), isEmbedded(property), unknown);
      changed ||= next !== before;
      setProperty(kept, name, next);
    }
  }
  return changed ? kept : value;
}

function resourceProperty(name: string, isResource: boolean): Schema | undefined {
  if (!isResource) return undefined;
  if (name === "metadata") return OBJECT_META;
  return name === "apiVersion" || name === "kind" ? TEXT : undefined;
}

const isEmbedded = (schema: Schema) => schema["x-kubernetes-embedded-resource"] === true;
