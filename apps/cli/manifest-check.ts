import { nearestName } from "../../src/base/nearest-name.ts";
import { labelValueProblem, qualifiedNameProblem } from "../../src/model/qualified-name.ts";
import { parseQuantity } from "../../src/model/quantity.ts";
import { CUSTOM_RESOURCES, customResourceOf } from "../../src/model/resources/custom-resources.ts";
import { defaulted } from "../../src/model/schema/default.ts";
import { fieldErrorText } from "../../src/model/schema/field-error.ts";
import { objectErrors } from "../../src/model/schema/object-errors.ts";
import { OBJECT_META, pruned, unknownFields } from "../../src/model/schema/prune.ts";
import {
  childPath,
  isJsonObject,
  type JsonObject,
  propertySchema,
  type Schema,
} from "../../src/model/schema/schema.ts";
import { schemaErrors } from "../../src/model/schema/validate.ts";
import { BUILT_IN_RESOURCES } from "../../src/simulation/api-server/resource-definitions.ts";
import {
  type FieldType,
  knownKinds,
  type StructType,
  typeOfKind,
} from "../../src/simulation/api-server/schemas/schema-table.ts";
import { checkFields } from "../../src/simulation/api-server/schemas/strict-fields.ts";

/** What is wrong with a field of a manifest. */
export type FieldMistake = { path: string; text: string };

/**
 * The object as the API server would keep it (defaults filled in, a namespace where one belongs), or what it would
 * refuse. Objects that a server has printed may hold fields of newer versions: those are let pass.
 */
export function checkedObject(object: JsonObject): { object: JsonObject } | { mistakes: FieldMistake[] } {
  const missing = identityMistakes(object);
  if (missing.length > 0) return { mistakes: missing };
  const apiVersion = String(object["apiVersion"]);
  const kind = String(object["kind"]);
  const isPrinted = typeof (object["metadata"] as JsonObject)["resourceVersion"] === "string";
  const mistakes = metadataMistakes(object);
  const [group = "", version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const custom = customResourceOf(group, kind);
  if (custom !== undefined && custom.kind.version !== version) {
    const text = `${kind} of version "${version}" is not known: write apiVersion: ${group}/${custom.kind.version}`;
    return { mistakes: [{ path: "apiVersion", text }] };
  }
  if (custom !== undefined) return checkedCustom(custom.schema, object, isPrinted, mistakes);
  const type = typeOfKind(apiVersion, kind);
  if (type !== undefined) {
    // What is wrong with metadata has been said already.
    const more = builtInMistakes(type, object, isPrinted);
    mistakes.push(...(mistakes.length > 0 ? more.filter(({ path }) => !path.startsWith("metadata.")) : more));
  }
  if (type === undefined) mistakes.push(...unknownKind(apiVersion, kind));
  return mistakes.length > 0 ? { mistakes } : { object: withNamespace(object, group, kind) };
}

/**
 * What keeps an object of a snapshot from being planned with, or undefined: fields of a wrong type, or none where plans look
 * without asking. What a server has let in is not judged a second time.
 */
export function checkedSnapshotObject(object: unknown): string | undefined {
  if (!isJsonObject(object)) return "this is no Kubernetes object";
  const [missing] = identityMistakes(object);
  if (missing !== undefined) return missing.text;
  const [apiVersion, kind] = [String(object["apiVersion"]), String(object["kind"])];
  const type = typeOfKind(apiVersion, kind);
  if (type !== undefined) return checkFields(type, object).wrongType ?? missingPart(kind, object);
  const custom = customResourceOf(apiVersion.split("/")[0] ?? "", kind);
  const [error] = custom === undefined ? [] : schemaErrors(custom.schema, object);
  return error === undefined ? undefined : fieldErrorText(error);
}

const WITHOUT_SPEC: ReadonlySet<string> = new Set(["Namespace", "StorageClass", "Event"]);

function missingPart(kind: string, { spec }: JsonObject): string | undefined {
  if (WITHOUT_SPEC.has(kind)) return undefined;
  if (!isJsonObject(spec)) return `${kind} has no spec`;
  const template = isJsonObject(spec["template"]) ? spec["template"]["spec"] : undefined;
  const podSpec = kind === "Pod" ? spec : template;
  if (podSpec === undefined) return kind === "DaemonSet" ? "DaemonSet has no template" : undefined;
  const hasContainers = isJsonObject(podSpec) && Array.isArray(podSpec["containers"]);
  return hasContainers ? undefined : `${kind} has no containers`;
}

function identityMistakes(object: JsonObject): FieldMistake[] {
  const mistakes: FieldMistake[] = [];
  for (const field of ["apiVersion", "kind"]) {
    const value = object[field];
    if (typeof value === "string" && value !== "") continue;
    mistakes.push({
      path: field,
      text: `${field} is missing: every manifest says what it is, as in "${EXAMPLE[field]}"`,
    });
  }
  const { metadata } = object;
  const name = isJsonObject(metadata) ? metadata["name"] : undefined;
  if (typeof name !== "string" || name === "") {
    mistakes.push({ path: "metadata.name", text: "metadata.name is missing: it must be a text" });
  }
  return mistakes;
}

const EXAMPLE: Readonly<Record<string, string>> = { apiVersion: "apiVersion: karpenter.sh/v1", kind: "kind: NodePool" };
const METADATA_ONLY: Schema = { type: "object", properties: { metadata: OBJECT_META } };

function metadataMistakes(object: JsonObject): FieldMistake[] {
  const mistakes = schemaErrors(METADATA_ONLY, object).map((error) => ({
    path: error.field,
    text: fieldErrorText(error),
  }));
  if (mistakes.length > 0) return mistakes;
  const { labels = {} } = object["metadata"] as { labels?: Record<string, string> };
  for (const [key, value] of Object.entries(labels)) {
    const path = `metadata.labels.${key}`;
    const problem = qualifiedNameProblem(key) ?? labelValueProblem(value);
    if (problem !== undefined) mistakes.push({ path, text: `metadata.labels: "${key}: ${value}": ${problem}` });
  }
  return mistakes;
}

function checkedCustom(schema: Schema, source: JsonObject, isPrinted: boolean, mistakes: FieldMistake[]) {
  if (!isPrinted) {
    for (const path of unknownFields(schema, source)) {
      const parent = schemaAt(schema, path);
      mistakes.push({ path, text: unknownText(path, Object.keys(parent?.properties ?? {})) });
    }
  }
  // What a user writes into status is dropped by the server, so its mistakes do not matter.
  const { status, ...rest } = source;
  const object = defaulted(schema, pruned(schema, isPrinted ? source : rest));
  for (const error of objectErrors(schema, object)) {
    if (error.field !== "") mistakes.push({ path: error.field, text: fieldErrorText(error) });
  }
  return mistakes.length > 0 ? { mistakes } : { object };
}

function unknownText(path: string, known: Iterable<string>): string {
  const name = /([^.[\]]+)$/.exec(path)?.[1] ?? path;
  const meant = nearestName(name, known);
  return `there is no field "${path}"${meant === undefined ? "" : `: did you mean "${meant}"?`}`;
}

/** The schema of the object that holds the field. */
function schemaAt(schema: Schema, path: string): Schema | undefined {
  const steps = path.split(/[.[\]]+/).filter((step) => step !== "");
  let at: Schema | undefined = schema;
  for (const step of steps.slice(0, -1)) {
    const next: Schema | true | undefined = at?.items ?? (at === undefined ? undefined : propertySchema(at, step));
    at = next === true ? undefined : next;
  }
  return at;
}

function builtInMistakes(type: StructType, object: JsonObject, isPrinted: boolean): FieldMistake[] {
  const { unknown, wrongType } = checkFields(type, object);
  const mistakes: FieldMistake[] = [];
  if (wrongType !== undefined) {
    const path = /\.([A-Za-z0-9.]+) of type /.exec(wrongType)?.[1] ?? "";
    mistakes.push({ path, text: wrongType });
  }
  if (!isPrinted) {
    for (const path of unknown) mistakes.push({ path, text: unknownText(path, siblings(type, path)) });
  }
  if (wrongType === undefined) checkAmounts({ kind: "struct", type }, object, "", mistakes);
  return mistakes;
}

function siblings(type: StructType, path: string): Iterable<string> {
  let at: FieldType | undefined = { kind: "struct", type };
  for (const step of path
    .split(/[.[\]]+/)
    .filter((one) => one !== "")
    .slice(0, -1)) {
    if (at?.kind === "list" || at?.kind === "map") at = at.of;
    else at = at?.kind === "struct" ? at.type.fields.get(step)?.type : undefined;
  }
  return at?.kind === "struct" ? at.type.fields.keys() : [];
}

/** Amounts that are none, or less than nothing, and requests that are larger than their limit. */
function checkAmounts(type: FieldType, value: unknown, path: string, mistakes: FieldMistake[]): void {
  if (value === null || value === undefined) return;
  switch (type.kind) {
    case "list":
      for (const [i, item] of (value as unknown[]).entries()) checkAmounts(type.of, item, `${path}[${i}]`, mistakes);
      return;
    case "map":
      for (const [key, item] of Object.entries(value)) checkAmounts(type.of, item, childPath(path, key), mistakes);
      return;
    case "struct":
      for (const [name, item] of Object.entries(value)) {
        const field = type.type.fields.get(name);
        if (field !== undefined) checkAmounts(field.type, item, childPath(path, name), mistakes);
      }
      if (type.type.goName === "ResourceRequirements") checkRequests(value as JsonObject, path, mistakes);
      return;
    case "scalar":
      if (type.name === "quantity") checkAmount(value as string | number, path, mistakes);
  }
}

function checkAmount(value: string | number, path: string, mistakes: FieldMistake[]): void {
  const amount = parseQuantity(value);
  if (amount === undefined) {
    mistakes.push({
      path,
      text: `${path}: "${value}" is no amount: write a number with a suffix, such as 500m, 2 or 4Gi`,
    });
  } else if (amount.nano < 0n) mistakes.push({ path, text: `${path}: ${value} is less than nothing` });
}

function checkRequests({ requests, limits }: JsonObject, path: string, mistakes: FieldMistake[]): void {
  if (!isJsonObject(requests) || !isJsonObject(limits)) return;
  for (const [resource, limit] of Object.entries(limits)) {
    const most = parseQuantity(limit as string);
    const least = parseQuantity((requests[resource] ?? 0) as string);
    if (most === undefined || least === undefined || least.nano <= most.nano) continue;
    const at = `${path}.requests.${resource}`;
    mistakes.push({ path: at, text: `${at}: ${requests[resource]} is more than the limit of ${limit}` });
  }
}

/** A kind nobody knows may be any operator's; one that is nearly a known kind is a slip. */
function unknownKind(apiVersion: string, kind: string): FieldMistake[] {
  const ours = CUSTOM_RESOURCES.map(({ kind: one }) => ({ apiVersion: `${one.group}/${one.version}`, kind: one.kind }));
  const inGroup = [...ours, ...knownKinds()].filter((one) => one.apiVersion === apiVersion).map((one) => one.kind);
  const meant = nearestName(kind, inGroup);
  if (meant === undefined || isServed(apiVersion, kind)) return [];
  return [{ path: "kind", text: `there is no kind "${kind}" in ${apiVersion}: did you mean "${meant}"?` }];
}

function isServed(apiVersion: string, kind: string): boolean {
  return BUILT_IN_RESOURCES.some(
    (one) => one.kind === kind && (one.group === "" ? one.version : `${one.group}/${one.version}`) === apiVersion,
  );
}

const NAMESPACED: ReadonlySet<string> = new Set(
  BUILT_IN_RESOURCES.filter(({ namespaced }) => namespaced).map(({ group, kind }) => `${group}/${kind}`),
);

function withNamespace(object: JsonObject, group: string, kind: string): JsonObject {
  const metadata = object["metadata"] as JsonObject;
  if (!NAMESPACED.has(`${group}/${kind}`) || (metadata["namespace"] ?? "") !== "") return object;
  return { ...object, metadata: { ...metadata, namespace: "default" } };
}
