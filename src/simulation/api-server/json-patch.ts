import { copyOf, isObject, type JsonObject, sameJson, setMember } from "./json.ts";
import { badRequest, refusal } from "./refusals.ts";

/**
 * Carries out an RFC 6902 patch on a copy.
 * @throws ApiError 400 for a patch that is none, 422 for one that does not apply
 */
export function applyJsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest("json patch must be a list of operations");
  if (patch.length > OPERATIONS_MAX) {
    throw refusal(
      413,
      "RequestEntityTooLarge",
      `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`,
    );
  }
  const root: JsonObject = { document: copyOf(target) };
  for (const operation of patch) {
    if (!isObject(operation)) throw badRequest("json patch must be a list of operations");
    carryOut(root, operation);
  }
  return root["document"];
}

const OPERATIONS_MAX = 10_000;

function carryOut(root: JsonObject, operation: JsonObject): void {
  const path = pointerOf(operation["path"]);
  switch (operation["op"]) {
    case "add":
      add(root, path, operand(operation));
      return;
    case "remove":
      take(root, path);
      return;
    case "replace":
      if (path.length === 1) root["document"] = operand(operation);
      else replace(root, path, operand(operation));
      return;
    case "move":
      add(root, path, take(root, pointerOf(operation["from"])));
      return;
    case "copy":
      add(root, path, copyOf(read(root, pointerOf(operation["from"]))));
      return;
    case "test":
      if (!sameJson(readOrNull(root, path), operation["value"] ?? null)) {
        throw cannot(`testing value ${operation["path"]} failed: test failed`);
      }
      return;
    default:
      throw badRequest(`unexpected kind of json patch operation: ${JSON.stringify(operation["op"])}`);
  }
}

function operand(operation: JsonObject): unknown {
  if (operation["value"] === undefined) throw cannot(`${operation["op"]} operation without a value`);
  return copyOf(operation["value"]);
}

/** The steps of a JSON pointer, with the document itself as first step. */
function pointerOf(pointer: unknown): string[] {
  if (typeof pointer !== "string" || (pointer !== "" && !pointer.startsWith("/"))) {
    throw badRequest(`json patch path must be a JSON pointer, got ${JSON.stringify(pointer)}`);
  }
  const steps = pointer.split("/").slice(1);
  return ["document", ...steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))];
}

function read(root: JsonObject, path: readonly string[]): unknown {
  let at: unknown = root;
  for (const step of path) {
    const next = memberOf(at, step);
    if (next === undefined) throw missing(path);
    at = next;
  }
  return at;
}

function readOrNull(root: JsonObject, path: readonly string[]): unknown {
  return memberOf(read(root, path.slice(0, -1)), path.at(-1) ?? "") ?? null;
}

function memberOf(parent: unknown, step: string): unknown {
  if (Array.isArray(parent)) return /^(0|[1-9]\d*)$/.test(step) ? (parent[Number(step)] as unknown) : undefined;
  return isObject(parent) && Object.hasOwn(parent, step) ? parent[step] : undefined;
}

function add(root: JsonObject, path: readonly string[], value: unknown): void {
  const parent = read(root, path.slice(0, -1));
  const step = path.at(-1) ?? "";
  if (Array.isArray(parent)) parent.splice(step === "-" ? parent.length : indexIn(parent, step, path, 0), 0, value);
  else if (isObject(parent)) setMember(parent, step, value);
  else throw missing(path);
}

function replace(root: JsonObject, path: readonly string[], value: unknown): void {
  const parent = read(root, path.slice(0, -1));
  const step = path.at(-1) ?? "";
  if (Array.isArray(parent)) parent[indexIn(parent, step, path, 1)] = value;
  else if (isObject(parent) && Object.hasOwn(parent, step)) setMember(parent, step, value);
  else throw missing(path);
}

function take(root: JsonObject, path: readonly string[]): unknown {
  const parent = read(root, path.slice(0, -1));
  const step = path.at(-1) ?? "";
  if (Array.isArray(parent)) return parent.splice(indexIn(parent, step, path, 1), 1)[0];
  if (!isObject(parent) || !Object.hasOwn(parent, step)) throw missing(path);
  const value = parent[step];
  delete parent[step];
  return value;
}

/** @param below how far the index must stay under the length: 0 where an item is put in */
function indexIn(list: readonly unknown[], step: string, path: readonly string[], below: number): number {
  const index = /^(0|[1-9]\d*)$/.test(step) ? Number(step) : Number.NaN;
  if (!(index <= list.length - below)) throw missing(path);
  return index;
}

function missing(path: readonly string[]): Error {
  return cannot(`the path /${path.slice(1).join("/")} does not exist`);
}

function cannot(what: string): Error {
  return refusal(422, "Invalid", `the server rejected our request due to an error in our request: ${what}`, {});
}
