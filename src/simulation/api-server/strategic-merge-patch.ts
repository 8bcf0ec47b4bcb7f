import { copyOf, isObject, type JsonObject, sameJson, setMember } from "./json.ts";
import { badRequest } from "./refusals.ts";
import type { TypeView } from "./type-view.ts";

const PATCH = "$patch";
const RETAIN_KEYS = "$retainKeys";
const DELETE_FROM = "$deleteFromPrimitiveList/";
const ELEMENT_ORDER = "$setElementOrder/";

/**
 * Kubernetes' strategic merge patch with all its directives. Neither argument is changed.
 * @param view says by which key the items of a list are paired
 * @throws ApiError 400 for directives that make no sense
 */
export function applyStrategicPatch(target: JsonObject, patch: JsonObject, view: TypeView): JsonObject {
  const directive = patch[PATCH];
  if (directive === "replace") return withoutDirectives(patch);
  if (directive === "delete") return {};
  if (directive !== undefined && directive !== "merge") throw unknownDirective(directive);
  const merged = retained(target, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(ELEMENT_ORDER) || key === PATCH || key === RETAIN_KEYS || value === undefined) continue;
    if (key.startsWith(DELETE_FROM)) deleteFromList(merged, key.slice(DELETE_FROM.length), value);
    else mergeMember(merged, key, value, patch, view.member(key));
  }
  for (const [key, order] of Object.entries(patch)) {
    if (key.startsWith(ELEMENT_ORDER)) sortMember(merged, key.slice(ELEMENT_ORDER.length), order, patch, target, view);
  }
  return merged;
}

function retained(target: JsonObject, patch: JsonObject): JsonObject {
  const keep = patch[RETAIN_KEYS];
  if (keep === undefined) return { ...target };
  if (!Array.isArray(keep)) throw badRequest("$retainKeys must be a list of field names");
  for (const key of Object.keys(patch)) {
    if (!key.startsWith("$") && patch[key] !== null && !keep.includes(key)) {
      throw badRequest(`${RETAIN_KEYS} does not name "${key}", which the patch sets`);
    }
  }
  return Object.fromEntries(Object.entries(target).filter(([key]) => keep.includes(key)));
}

function mergeMember(merged: JsonObject, key: string, value: unknown, patch: JsonObject, view: TypeView): void {
  const before = merged[key];
  if (value === null) {
    delete merged[key];
  } else if (isObject(value)) {
    const inner = view.patch.strategies.includes("replace") ? { ...value, [PATCH]: "replace" } : value;
    setMember(merged, key, applyStrategicPatch(isObject(before) ? before : {}, inner, view));
    if (value[PATCH] === "delete") delete merged[key];
  } else if (Array.isArray(value) && view.patch.strategies.includes("merge")) {
    const list = Array.isArray(before) ? before : [];
    setMember(merged, key, mergeList(list, value, view, patch[`${ELEMENT_ORDER}${key}`] !== undefined));
  } else {
    setMember(merged, key, Array.isArray(value) ? value.map(plainItem) : copyOf(value));
  }
}

function mergeList(
  before: readonly unknown[],
  patch: readonly unknown[],
  view: TypeView,
  isOrdered: boolean,
): unknown[] {
  const { mergeKey } = view.patch;
  if (mergeKey === undefined) return mergeValues(before, patch);
  const items = patch.map((item) => itemWithKey(item, mergeKey));
  const replaces = items.some((item) => item[PATCH] === "replace" && item[mergeKey] === undefined);
  if (replaces) return items.filter((item) => item[mergeKey] !== undefined).map(withoutDirectives);
  let merged = [...before];
  for (const item of items) {
    const key = item[mergeKey];
    const at = merged.findIndex((present) => isObject(present) && sameJson(present[mergeKey], key));
    if (item[PATCH] === "delete") merged = merged.filter((p) => !isObject(p) || !sameJson(p[mergeKey], key));
    else if (at < 0) merged.push(applyStrategicPatch({}, item, view.item()));
    else merged[at] = applyStrategicPatch(merged[at] as JsonObject, item, view.item());
  }
  return isOrdered ? merged : inPatchOrder(merged, before, items, mergeKey);
}

/** Without an order given, what the patch names comes in the patch's order and what it does not keeps its place. */
function inPatchOrder(
  merged: unknown[],
  before: readonly unknown[],
  items: readonly JsonObject[],
  mergeKey: string,
): unknown[] {
  const order = items.filter((item) => item[PATCH] !== "delete").map((item) => item[mergeKey]);
  return sortedBy(merged, order, before, (item) => (isObject(item) ? item[mergeKey] : item));
}

function itemWithKey(item: unknown, mergeKey: string): JsonObject {
  if (!isObject(item)) throw badRequest(`list items of a strategic merge patch must be objects with key "${mergeKey}"`);
  if (item[mergeKey] === undefined && item[PATCH] !== "replace") {
    throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
  }
  return item;
}

function mergeValues(before: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const merged = [...before];
  for (const value of patch) if (!merged.some((present) => sameJson(present, value))) merged.push(copyOf(value));
  return merged;
}

function deleteFromList(merged: JsonObject, key: string, values: unknown): void {
  const before = merged[key];
  if (!Array.isArray(values)) throw badRequest(`${DELETE_FROM}${key} must be a list`);
  if (Array.isArray(before)) {
    setMember(
      merged,
      key,
      before.filter((present) => !values.some((value) => sameJson(value, present))),
    );
  }
}

function sortMember(
  merged: JsonObject,
  key: string,
  order: unknown,
  patch: JsonObject,
  target: JsonObject,
  view: TypeView,
): void {
  const items = merged[key];
  const { mergeKey } = view.member(key).patch;
  if (!Array.isArray(items)) return;
  if (!Array.isArray(order)) throw badRequest(`${ELEMENT_ORDER}${key} must be a list`);
  const keyOf = (item: unknown): unknown => (mergeKey !== undefined && isObject(item) ? item[mergeKey] : item);
  for (const item of Array.isArray(patch[key]) ? patch[key] : []) {
    const isDeleted = isObject(item) && item[PATCH] !== undefined;
    if (!isDeleted && !order.some((o) => sameJson(keyOf(o), keyOf(item)))) {
      throw badRequest(
        `The order in patch list:\n${JSON.stringify(patch[key])}\n doesn't match ${ELEMENT_ORDER}${key}`,
      );
    }
  }
  const before = target[key];
  setMember(merged, key, sortedBy(items, order.map(keyOf), Array.isArray(before) ? before : [], keyOf));
}

/**
 * Items named by the order in that order; each of the others stays before the first named item that followed it in the
 * live list (as Kubernetes does), at the end when there is none.
 */
function sortedBy(
  items: readonly unknown[],
  order: readonly unknown[],
  before: readonly unknown[],
  keyOf: (item: unknown) => unknown,
): unknown[] {
  const rank = (item: unknown): number => order.findIndex((key) => sameJson(key, keyOf(item)));
  const place = (item: unknown): number => before.findIndex((present) => sameJson(keyOf(present), keyOf(item)));
  const named = items.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b));
  const others = items.filter((item) => rank(item) < 0).sort((a, b) => place(a) - place(b));
  const sorted: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const at = place(item);
    while (at >= 0 && next < others.length && place(others[next]) < at) {
      sorted.push(others[next]);
      next += 1;
    }
    sorted.push(item);
  }
  return [...sorted, ...others.slice(next)];
}

function withoutDirectives(patch: JsonObject): JsonObject {
  const plain: JsonObject = {};
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith("$") || value === null || value === undefined) continue;
    setMember(plain, key, isObject(value) || Array.isArray(value) ? plainItem(value) : value);
  }
  return plain;
}

function plainItem(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainItem);
  return isObject(value) ? withoutDirectives(value) : value;
}

function unknownDirective(directive: unknown): Error {
  return badRequest(`Unknown patch directive: ${JSON.stringify(directive)}`);
}
