import type { Kind } from "../kinds.ts";

export type FieldReason =
  | "FieldValueRequired"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueTypeInvalid"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueDuplicate"
  | "FieldValueForbidden";

/** What is wrong with one field, in the words of the API server. */
export type FieldError = {
  /** For example "spec.template.spec.requirements[0].key"; "" is the object itself. */
  field: string;
  reason: FieldReason;
  /** Without the field: "Invalid value: 200: spec.weight in body should be less than or equal to 100". */
  message: string;
};

export const required = (field: string, detail = ""): FieldError => ({
  field,
  reason: "FieldValueRequired",
  message: withDetail("Required value", detail),
});

export const invalid = (field: string, value: unknown, detail: string): FieldError => ({
  field,
  reason: "FieldValueInvalid",
  message: withDetail(`Invalid value: ${printed(value)}`, detail),
});

export const typeInvalid = (field: string, value: unknown, detail: string): FieldError => ({
  field,
  reason: "FieldValueTypeInvalid",
  message: withDetail(`Invalid value: ${printed(value)}`, detail),
});

export const notSupported = (field: string, value: unknown, supported: readonly unknown[]): FieldError => ({
  field,
  reason: "FieldValueNotSupported",
  message: `Unsupported value: ${printed(value)}: supported values: ${supported.map(printed).join(", ")}`,
});

export const tooLong = (field: string, bytesMax: number): FieldError => ({
  field,
  reason: "FieldValueTooLong",
  message: `Too long: may not be more than ${bytesMax} bytes`,
});

export const tooMany = (field: string, count: number, countMax: number): FieldError => ({
  field,
  reason: "FieldValueTooMany",
  message: `Too many: ${count}: must have at most ${countMax} items`,
});

export const duplicate = (field: string, value: unknown): FieldError => ({
  field,
  reason: "FieldValueDuplicate",
  message: `Duplicate value: ${printed(value)}`,
});

export const forbidden = (field: string, detail: string): FieldError => ({
  field,
  reason: "FieldValueForbidden",
  message: withDetail("Forbidden", detail),
});

/** One error as a line: "spec.weight: Invalid value: ...". */
export function fieldErrorText({ field, message }: FieldError): string {
  return `${field === "" ? "<nil>" : field}: ${message}`;
}

/** What a Status with reason Invalid (422) says about an object: its message, and details.causes. */
export function invalidAnswer(
  kind: Pick<Kind, "group" | "kind">,
  name: string,
  errors: readonly FieldError[],
): { message: string; causes: { reason: string; message: string; field: string }[] } {
  const texts = [...new Set(errors.map(fieldErrorText))];
  const list = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const qualified = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  return {
    message: `${qualified} ${JSON.stringify(name)} is invalid: ${list}`,
    causes: errors.map(({ field, reason, message }) => ({ reason, message, field: field === "" ? "<nil>" : field })),
  };
}

/** A value as the API server prints it: a missing one is the text "null". */
function printed(value: unknown): string {
  return JSON.stringify(value ?? "null");
}

function withDetail(what: string, detail: string): string {
  return detail === "" ? what : `${what}: ${detail}`;
}
