import { isObject, type JsonObject, setMember } from "./json.ts";
import type { FieldType, StructType } from "./schemas/schema-table.ts";

/** A copy without the fields that the built-in type does not have. */
export function withoutUnknown(type: StructType, object: JsonObject): JsonObject {
  const known: JsonObject = {};
  for (const [name, value] of Object.entries(object)) {
    const field = type.fields.get(name);
    if (field !== undefined) setMember(known, name, knownPart(field.type, value));
  }
  return known;
}

function knownPart(type: FieldType, value: unknown): unknown {
  switch (type.kind) {
    case "scalar":
      return value;
    case "struct":
      return isObject(value) ? withoutUnknown(type.type, value) : value;
    case "list":
      return Array.isArray(value) ? value.map((item) => knownPart(type.of, item)) : value;
    case "map":
      return isObject(value)
        ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, knownPart(type.of, item)]))
        : value;
  }
}
