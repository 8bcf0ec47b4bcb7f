import {
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
  typeInvalid,
} from "./field-error.ts";
import { matcherOf } from "./pattern.ts";
import { childPath, isJsonObject, type JsonObject, type Schema } from "./schema.ts";

type Check = (value: unknown, path: string, errors: FieldError[]) => void;

/**
 * What the schema says against the object, in the words of the API server, fields in the schema's order. Fields the
 * schema does not know are no error here (see `unknownFields`), rules are run by `celErrors`, and metadata is left to
 * whoever knows the rules for names. Compiles the schema at its first use, then takes some microseconds.
 */
export function schemaErrors(schema: Schema, object: unknown): FieldError[] {
  const errors: FieldError[] = [];
  checkOf(schema)(object, "", errors);
  return errors;
}

const checks = new WeakMap<Schema, Check>();

function checkOf(schema: Schema): Check {
  let check = checks.get(schema);
  if (check === undefined) {
    check = compile(schema);
    checks.set(schema, check);
  }
  return check;
}

function compile(schema: Schema): Check {
  const ofType = typeChecks(schema);
  const ofValue = [...enumChecks(schema), ...combinationChecks(schema)];
  return (value, path, errors) => {
    if (value === null && schema.nullable === true) return;
    const actual = typeOf(value);
    if (!isAllowedType(schema, actual)) {
      errors.push(typeMismatch(schema, actual, path));
      return;
    }
    for (const check of ofValue) check(value, path, errors);
    for (const check of ofType[actual] ?? []) check(value, path, errors);
  };
}

type JsonType = "null" | "boolean" | "integer" | "number" | "string" | "array" | "object";

function typeOf(value: unknown): JsonType {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value as JsonType;
}

/** The API server does not look at the formats of numbers. */
function isAllowedType(schema: Schema, actual: JsonType): boolean {
  if (schema["x-kubernetes-int-or-string"] === true) return actual === "integer" || actual === "string";
  const wanted = schema.type;
  if (wanted === undefined) return true;
  if (wanted === "number") return actual === "integer" || actual === "number";
  return wanted === actual;
}

function typeMismatch(schema: Schema, actual: JsonType, path: string): FieldError {
  const wanted = schema["x-kubernetes-int-or-string"] === true ? "integer,string" : schema.type;
  return typeInvalid(path, actual, `${inBody(path)}must be of type ${wanted}: ${JSON.stringify(actual)}`);
}

/** Texts of the validator name the field once more. */
function inBody(path: string): string {
  return path === "" ? "" : `${path} in body `;
}

function typeChecks(schema: Schema): Partial<Record<JsonType, Check[]>> {
  const ofNumbers = numberChecks(schema);
  return {
    object: objectChecks(schema),
    array: arrayChecks(schema),
    string: stringChecks(schema),
    integer: ofNumbers,
    number: ofNumbers,
  };
}

function enumChecks(schema: Schema): Check[] {
  const values = schema.enum;
  if (values === undefined) return [];
  const known = new Set(values);
  return [
    (value, path, errors) => {
      if (!known.has(value)) errors.push(notSupported(path, value, values));
    },
  ];
}

/** anyOf of an int-or-string only repeats the types. */
function combinationChecks(schema: Schema): Check[] {
  const { allOf = [], anyOf = [], oneOf = [], not } = schema;
  const list: Check[] = allOf.map(checkOf);
  const passes = (option: Schema, value: unknown, path: string) => {
    const errors: FieldError[] = [];
    checkOf(option)(value, path, errors);
    return errors.length === 0;
  };
  if (anyOf.length > 0 && schema["x-kubernetes-int-or-string"] !== true) {
    list.push((value, path, errors) => {
      if (anyOf.some((option) => passes(option, value, path))) return;
      errors.push(invalid(path, shown(value), `${inBody(path)}must validate at least one schema (anyOf)`));
    });
  }
  if (oneOf.length > 0) {
    list.push((value, path, errors) => {
      const count = oneOf.filter((option) => passes(option, value, path)).length;
      if (count === 1) return;
      const found = count === 0 ? "Found none valid" : `Found ${count} valid alternatives`;
      errors.push(
        invalid(path, shown(value), `${inBody(path)}must validate one and only one schema (oneOf). ${found}`),
      );
    });
  }
  if (not !== undefined) {
    list.push((value, path, errors) => {
      if (!passes(not, value, path)) return;
      errors.push(invalid(path, shown(value), `${inBody(path)}must not validate the schema (not)`));
    });
  }
  return list;
}

/** Lists and objects are named by their type only: printed whole they would hide the message. */
function shown(value: unknown): unknown {
  return typeof value === "object" && value !== null ? typeOf(value) : value;
}

function objectChecks(schema: Schema): Check[] {
  const { required: names = [], properties = {}, minProperties, maxProperties } = schema;
  const list: Check[] = [];
  if (minProperties !== undefined) {
    list.push((value, path, errors) => {
      const count = Object.keys(value as JsonObject).length;
      if (count >= minProperties) return;
      errors.push(invalid(path, count, `${inBody(path)}should have at least ${minProperties} properties`));
    });
  }
  if (maxProperties !== undefined) {
    list.push((value, path, errors) => {
      const count = Object.keys(value as JsonObject).length;
      if (count > maxProperties) errors.push(tooMany(path, count, maxProperties));
    });
  }
  list.push(propertiesCheck(schema));
  if (names.length > 0) {
    list.push((value, path, errors) => {
      for (const name of names) {
        if (isMissing(value as JsonObject, name, properties[name])) errors.push(required(childPath(path, name)));
      }
    });
  }
  return list;
}

/** A null where none may be is nothing. */
function isMissing(object: JsonObject, name: string, property: Schema | undefined): boolean {
  return (
    !Object.hasOwn(object, name) || (object[name] === null && property !== undefined && property.nullable !== true)
  );
}

function propertiesCheck({ properties = {}, additionalProperties, required: names = [] }: Schema): Check {
  const needed = new Set(names);
  const declared = new Map(Object.entries(properties).map(([name, property]) => [name, checkOf(property)]));
  const other = isJsonObject(additionalProperties) ? checkOf(additionalProperties as Schema) : undefined;
  return (value, path, errors) => {
    const object = value as JsonObject;
    for (const name of Object.keys(object)) {
      const check = declared.get(name) ?? other;
      if (needed.has(name) && isMissing(object, name, properties[name])) continue;
      if (check !== undefined) check(object[name], childPath(path, name), errors);
    }
  };
}

function arrayChecks(schema: Schema): Check[] {
  const { items, minItems, maxItems } = schema;
  const list: Check[] = [];
  if (minItems !== undefined) {
    list.push((value, path, errors) => {
      const count = (value as unknown[]).length;
      if (count < minItems) errors.push(invalid(path, count, `${inBody(path)}should have at least ${minItems} items`));
    });
  }
  if (maxItems !== undefined) {
    list.push((value, path, errors) => {
      const count = (value as unknown[]).length;
      if (count > maxItems) errors.push(tooMany(path, count, maxItems));
    });
  }
  if (items !== undefined) {
    const check = checkOf(items);
    list.push((value, path, errors) => {
      const values = value as unknown[];
      for (let i = 0; i < values.length; i += 1) check(values[i], `${path}[${i}]`, errors);
    });
  }
  const keyOf = listKey(schema);
  if (keyOf !== undefined) list.push(uniqueCheck(keyOf));
  return list;
}

/** What must be unique among the items: the values of a set, the keys of a list that is a map. */
function listKey(schema: Schema): ((item: unknown) => unknown) | undefined {
  const keys = schema["x-kubernetes-list-map-keys"];
  if (schema["x-kubernetes-list-type"] === "set" || schema.uniqueItems === true) return (item) => item;
  if (schema["x-kubernetes-list-type"] !== "map" || keys === undefined) return undefined;
  return (item) => {
    if (!isJsonObject(item)) return undefined;
    return Object.fromEntries(keys.map((key) => [key, item[key]]));
  };
}

function uniqueCheck(keyOf: (item: unknown) => unknown): Check {
  return (value, path, errors) => {
    const seen = new Set<string>();
    for (const [i, item] of (value as unknown[]).entries()) {
      const key = keyOf(item);
      const text = JSON.stringify(key);
      if (text === undefined) continue;
      if (seen.has(text)) errors.push(duplicate(`${path}[${i}]`, key));
      seen.add(text);
    }
  };
}

function stringChecks({ minLength, maxLength, pattern, format }: Schema): Check[] {
  const list: Check[] = [];
  if (minLength !== undefined) {
    list.push((value, path, errors) => {
      if (lengthOf(value as string) >= minLength) return;
      errors.push(invalid(path, value, `${inBody(path)}should be at least ${minLength} chars long`));
    });
  }
  if (maxLength !== undefined) {
    list.push((value, path, errors) => {
      if (lengthOf(value as string) > maxLength) errors.push(tooLong(path, maxLength));
    });
  }
  if (pattern !== undefined) {
    const matches = matcherOf(pattern);
    list.push((value, path, errors) => {
      if (!matches(value as string)) errors.push(invalid(path, value, `${inBody(path)}should match '${pattern}'`));
    });
  }
  const isFormat = format === undefined ? undefined : FORMATS[format];
  if (isFormat !== undefined) {
    list.push((value, path, errors) => {
      if (isFormat(value as string)) return;
      errors.push(invalid(path, value, `${inBody(path)}must be of type ${format}: ${JSON.stringify(value)}`));
    });
  }
  return list;
}

/** In characters, as JSON schema counts. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

const DATE_TIME = /^\d{4}-(\d\d)-(\d\d)[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
/** The formats that the server checks and that our kinds use; others are documentation only. */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  "date-time": (text) => {
    const parts = DATE_TIME.exec(text);
    const month = Number(parts?.[1]);
    const day = Number(parts?.[2]);
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
  },
};

function numberChecks(schema: Schema): Check[] {
  const { minimum, maximum, exclusiveMinimum = false, exclusiveMaximum = false, multipleOf } = schema;
  const list: Check[] = [];
  if (minimum !== undefined) {
    const words = exclusiveMinimum ? "greater than" : "greater than or equal to";
    list.push((value, path, errors) => {
      const n = value as number;
      if (exclusiveMinimum ? n > minimum : n >= minimum) return;
      errors.push(invalid(path, n, `${inBody(path)}should be ${words} ${minimum}`));
    });
  }
  if (maximum !== undefined) {
    const words = exclusiveMaximum ? "less than" : "less than or equal to";
    list.push((value, path, errors) => {
      const n = value as number;
      if (exclusiveMaximum ? n < maximum : n <= maximum) return;
      errors.push(invalid(path, n, `${inBody(path)}should be ${words} ${maximum}`));
    });
  }
  if (multipleOf !== undefined) {
    list.push((value, path, errors) => {
      if (Number.isInteger((value as number) / multipleOf)) return;
      errors.push(invalid(path, value, `${inBody(path)}should be a multiple of ${multipleOf}`));
    });
  }
  return list;
}
