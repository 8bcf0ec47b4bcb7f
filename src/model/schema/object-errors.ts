import { celErrors } from "./cel.ts";
import { type FieldError, invalid } from "./field-error.ts";
import type { Schema } from "./schema.ts";
import { schemaErrors } from "./validate.ts";

/**
 * All that a schema says against an object: its fields, then its rules. On an update give the old object: rules compare
 * with it, and what was wrong before and is unchanged is let pass, so that a stricter schema locks nobody out.
 */
export function objectErrors(schema: Schema, object: unknown, oldObject?: unknown): FieldError[] {
  const errors = newErrors(schema, object, oldObject);
  if (errors.some(({ reason }) => blocksRules.has(reason))) {
    return [
      ...errors,
      invalid(
        "",
        null,
        "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
      ),
    ];
  }
  return [...errors, ...celErrors(schema, object, oldObject)];
}

const blocksRules: ReadonlySet<string> = new Set([
  "FieldValueRequired",
  "FieldValueNotSupported",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);

function newErrors(schema: Schema, object: unknown, oldObject: unknown): FieldError[] {
  const errors = schemaErrors(schema, object);
  if (errors.length === 0 || oldObject === undefined) return errors;
  const known = new Set(schemaErrors(schema, oldObject).map(({ field, message }) => `${field}\n${message}`));
  return errors.filter(({ field, message }) => !known.has(`${field}\n${message}`));
}
