import { parseTime } from "../../../base/time.ts";
import type { FieldType, ScalarName, StructType } from "./schema-table.ts";

export type FieldProblems = {
  /** Paths such as "spec.template.spec.containers[0].imagee", in order of the object. */
  unknown: string[];
  /** The first value of a wrong type, in the words of Go's JSON decoder; then the object cannot be read at all. */
  wrongType?: string | undefined;
};

/** Compares an object with its built-in type: what a Kubernetes server's decoder would not take. */
export function checkFields(type: StructType, object: unknown): FieldProblems {
  const problems: FieldProblems = { unknown: [] };
  // Nearly every object is as it should be: where something is wrong with it is found out only for the others.
  if (fits({ kind: "struct", type }, object)) return problems;
  checkStruct({ type, goName: type.goName, jsonPath: [] }, object, "", problems);
  return problems;
}

function fits(type: FieldType, value: unknown): boolean {
  if (value === null || value === undefined) return true;
  switch (type.kind) {
    case "scalar":
      return isOfScalar(type.name, value) && formatProblem(type.name, value) === undefined;
    case "struct":
      return isRecord(value) && Object.keys(value).every((key) => hasField(type.type, key, value));
    case "list":
      return Array.isArray(value) && value.every((item) => fits(type.of, item));
    case "map":
      return isRecord(value) && Object.values(value).every((item) => fits(type.of, item));
  }
}

function hasField(type: StructType, key: string, value: Record<string, unknown>): boolean {
  const field = type.fields.get(key);
  return field !== undefined && fits(field.type, value[key]);
}

/** Where Go's decoder stands: the innermost struct that has a name, and the path of JSON keys without list indexes. */
type Place = { type: StructType; goName: string; jsonPath: readonly string[] };

function checkStruct(place: Place, value: unknown, path: string, problems: FieldProblems): void {
  if (value === null) return;
  if (!isRecord(value)) {
    complain(problems, place, value, `v1.${place.type.goName}`);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const here = path === "" ? key : `${path}.${key}`;
    const field = place.type.fields.get(key);
    if (field === undefined) problems.unknown.push(here);
    else
      check(
        field.type,
        { ...place, goName: place.type.goName, jsonPath: [...place.jsonPath, key] },
        inner,
        here,
        problems,
      );
  }
}

function check(type: FieldType, place: Place, value: unknown, path: string, problems: FieldProblems): void {
  if (value === null || value === undefined) return;
  switch (type.kind) {
    case "scalar":
      if (!isOfScalar(type.name, value)) complain(problems, place, value, goScalar(type.name));
      else problems.wrongType ??= formatProblem(type.name, value);
      return;
    case "struct":
      checkStruct({ ...place, type: type.type }, value, path, problems);
      return;
    case "list":
      if (!Array.isArray(value)) complain(problems, place, value, goName(type));
      else for (const [i, item] of value.entries()) check(type.of, place, item, `${path}[${i}]`, problems);
      return;
    case "map":
      if (!isRecord(value)) complain(problems, place, value, goName(type));
      else for (const [key, item] of Object.entries(value)) check(type.of, place, item, `${path}.${key}`, problems);
      return;
  }
}

function complain(problems: FieldProblems, place: Place, value: unknown, goType: string): void {
  const field =
    place.jsonPath.length === 0 ? "" : `Go struct field ${place.goName}.${place.jsonPath.join(".")} of type `;
  const of = field === "" ? `Go value of type ${goType}` : `${field}${goType}`;
  problems.wrongType ??= `json: cannot unmarshal ${jsonName(value, goType)} into ${of}`;
}

function jsonName(value: unknown, goType: string): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  // A number that is of the right kind in JSON, but not for a whole number of that size, is named with its value.
  if (typeof value === "number" && goType !== "string" && INTEGERS.has(goType)) return `number ${value}`;
  return typeof value;
}

const INTEGERS = new Set(["int32", "int64"]);
const INTEGER_LIMIT: Partial<Record<ScalarName, number>> = { int32: 2 ** 31, int64: 2 ** 63 };

function isOfScalar(name: ScalarName, value: unknown): boolean {
  switch (name) {
    case "any":
      return true;
    case "bool":
      return typeof value === "boolean";
    case "int32":
    case "int64":
      return Number.isInteger(value) && Math.abs(value as number) <= (INTEGER_LIMIT[name] ?? 0);
    case "float64":
      return typeof value === "number";
    case "quantity":
    case "intOrString":
      return typeof value === "string" || typeof value === "number";
    case "fieldsV1":
      return isRecord(value);
    case "extraValue":
      return Array.isArray(value);
    case "string":
    case "bytes":
    case "time":
    case "microTime":
    case "duration":
      return typeof value === "string";
  }
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** Why a value of the right JSON type cannot be read all the same, in the words of Go's decoders. */
function formatProblem(name: ScalarName, value: unknown): string | undefined {
  if (name === "intOrString" && typeof value === "number" && !isOfScalar("int32", value)) {
    return `json: cannot unmarshal number ${value} into Go value of type int32`;
  }
  if (typeof value !== "string") return undefined;
  if (name === "bytes") return base64Problem(value.replace(/[\r\n]/g, ""));
  if (name !== "time" && name !== "microTime") return undefined;
  if (RFC_3339.test(value) && parseTime(value) !== undefined) return undefined;
  const layout = name === "time" ? "2006-01-02T15:04:05Z07:00" : "2006-01-02T15:04:05.000000Z07:00";
  return `parsing time ${JSON.stringify(value)} as "${layout}": cannot parse ${JSON.stringify(value)} as a time`;
}

function base64Problem(text: string): string | undefined {
  const illegal = text.search(/[^A-Za-z0-9+/=]|=(?!=?$)/);
  if (illegal >= 0) return `illegal base64 data at input byte ${illegal}`;
  return text.length % 4 === 0 ? undefined : `illegal base64 data at input byte ${text.length - (text.length % 4)}`;
}

function goName(type: FieldType): string {
  if (type.kind === "list") return `[]${goName(type.of)}`;
  if (type.kind === "map") return `map[string]${goName(type.of)}`;
  if (type.kind === "struct") return `${type.type.name.split(".").at(-2)}.${type.type.goName}`;
  return goScalar(type.name);
}

const GO_SCALARS: Partial<Record<ScalarName, string>> = {
  bytes: "[]uint8",
  quantity: "resource.Quantity",
  intOrString: "intstr.IntOrString",
  time: "v1.Time",
  microTime: "v1.MicroTime",
  fieldsV1: "v1.FieldsV1",
  extraValue: "[]string",
};
function goScalar(name: ScalarName): string {
  return GO_SCALARS[name] ?? name;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
