import type { TSchema } from "typebox";
import { isJsonObject, type JsonObject, type Schema, setProperty } from "./schema.ts";

/**
 * The structural schema of a TypeBox schema: unions of literals and literals become enums, records become
 * additionalProperties, everything else (and every x-kubernetes-* marker) stays. Lists of required fields are sorted,
 * so that the text of a CustomResourceDefinition does not depend on the order of the source.
 */
export function structuralSchema(source: TSchema): Schema {
  return converted(source as JsonObject);
}

function converted(source: JsonObject): Schema {
  const result: JsonObject = {};
  for (const [keyword, value] of Object.entries(source)) convertKeyword(keyword, value, result);
  return result as Schema;
}

function convertKeyword(keyword: string, value: unknown, result: JsonObject): void {
  if (keyword === "properties") {
    const properties: JsonObject = {};
    for (const [name, property] of Object.entries(value as JsonObject)) {
      setProperty(properties, name, converted(property as JsonObject));
    }
    result["properties"] = properties;
  } else if (keyword === "patternProperties") {
    const [only] = Object.values(value as JsonObject);
    result["additionalProperties"] = converted(only as JsonObject);
  } else if (keyword === "items" || (keyword === "additionalProperties" && isJsonObject(value))) {
    result[keyword] = converted(value as JsonObject);
  } else if (keyword === "enum" || keyword === "const") {
    const values = keyword === "const" ? [value] : (value as unknown[]);
    result["type"] ??= typeof values[0];
    result["enum"] = values;
  } else if (keyword === "anyOf" && (value as JsonObject[]).every((option) => Object.hasOwn(option, "const"))) {
    const values = (value as JsonObject[]).map((option) => option["const"]);
    result["type"] = typeof values[0];
    result["enum"] = values;
  } else if (keyword === "required") {
    const names = value as string[];
    if (names.length > 0) result["required"] = [...names].sort();
  } else result[keyword] = value;
}
