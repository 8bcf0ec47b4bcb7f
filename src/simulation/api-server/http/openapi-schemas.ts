import { InvariantError } from "../../../base/errors.ts";
import type { JsonObject } from "../json.ts";
import type { ResourceDefinition } from "../resource-definitions.ts";
import type { Field, FieldType, ScalarName, StructType } from "../schemas/schema-table.ts";
import { typeOfKind } from "../schemas/schema-table.ts";

/** Adds the schema of a built-in type, and of all types that it refers to, under their OpenAPI names. */
export function typeSchemas(schemas: JsonObject, type: StructType): void {
  if (Object.hasOwn(schemas, type.name)) return;
  const properties: JsonObject = {};
  schemas[type.name] = { type: "object", description: "", properties };
  const required: string[] = [];
  for (const field of type.fields.values()) {
    properties[field.name] = fieldSchema(schemas, field);
    if (field.isRequired) required.push(field.name);
  }
  if (required.length > 0) (schemas[type.name] as JsonObject)["required"] = required;
}

/** The name of a custom kind's schema: "sh.karpenter.v1.NodePool". */
export function schemaName({ group, version, kind }: ResourceDefinition): string {
  return [...group.split(".").reverse(), version, kind].join(".");
}

/** metav1.ObjectMeta. */
export const META_TYPE: StructType = metaType();

export const refTo = (type: StructType): JsonObject => ({ allOf: [{ $ref: `#/components/schemas/${type.name}` }] });

function metaType(): StructType {
  const field = typeOfKind("v1", "Pod")?.fields.get("metadata");
  if (field?.type.kind !== "struct") throw new InvariantError("the table knows the metadata of pods");
  return field.type.type;
}

function fieldSchema(schemas: JsonObject, field: Field): JsonObject {
  return { ...valueSchema(schemas, field.type), ...listMarks(field) };
}

function listMarks(field: Field): JsonObject {
  if (field.list === undefined) return field.isAtomic ? { "x-kubernetes-map-type": "atomic" } : {};
  const { type, keys } = field.list;
  return {
    "x-kubernetes-list-type": type,
    ...(type === "map" ? { "x-kubernetes-list-map-keys": keys } : {}),
  };
}

function valueSchema(schemas: JsonObject, type: FieldType): JsonObject {
  switch (type.kind) {
    case "scalar":
      return { ...SCALARS[type.name] };
    case "struct":
      typeSchemas(schemas, type.type);
      return refTo(type.type);
    case "list":
      return { type: "array", items: valueSchema(schemas, type.of) };
    case "map":
      return { type: "object", additionalProperties: valueSchema(schemas, type.of) };
  }
}

const SCALARS: Readonly<Record<ScalarName, JsonObject>> = {
  string: { type: "string" },
  bool: { type: "boolean" },
  int32: { type: "integer", format: "int32" },
  int64: { type: "integer", format: "int64" },
  float64: { type: "number", format: "double" },
  bytes: { type: "string", format: "byte" },
  quantity: { type: "string" },
  intOrString: { type: "string", format: "int-or-string" },
  time: { type: "string", format: "date-time" },
  microTime: { type: "string", format: "date-time" },
  duration: { type: "string" },
  fieldsV1: { type: "object" },
  extraValue: { type: "array", items: { type: "string" } },
  any: { type: "object" },
};
