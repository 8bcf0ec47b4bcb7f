import { byText } from "../../base/order.ts";
import { formatTime, parseTime } from "../../base/time.ts";
import {
  addPath,
  differenceOf,
  emptySet,
  type FieldSet,
  fromFieldsV1,
  isEmptySet,
  toFieldsV1,
  unionOf,
  withoutSubtrees,
} from "./field-set.ts";
import { isObject, type JsonObject, objectAt, sameJson, textAt } from "./json.ts";
import { isSameWriter, type Owner, type Writer } from "./owners.ts";
import type { TypeView } from "./type-view.ts";

/** A writer with the fields it owns. */
export type FieldOwner = Writer & { atMs: number; fields: FieldSet };

/** Plays the writes through: who owns which fields now. Writers that own nothing any more are left out. */
export function ownersOf(owners: readonly Owner[], view: TypeView): FieldOwner[] {
  let known: FieldOwner[] = [];
  for (const { share, ...writer } of owners) {
    if ("fields" in share) {
      known = grant(known, writer, share.fields);
      continue;
    }
    const { changed, removed } = changedFields(share.before, share.after, view);
    known = known.map((o) => ({ ...o, fields: withoutSubtrees(differenceOf(o.fields, changed), removed) }));
    known = grant(known, writer, changed);
  }
  return known.filter((owner) => !isEmptySet(owner.fields));
}

function grant(known: readonly FieldOwner[], writer: Writer & { atMs: number }, fields: FieldSet): FieldOwner[] {
  const at = known.findIndex((owner) => isSameWriter(owner, writer));
  if (at < 0) return [...known, { ...writer, fields }];
  return known.map((owner, i) =>
    i === at ? { ...owner, atMs: writer.atMs, fields: unionOf(owner.fields, fields) } : owner,
  );
}

/** The owners in the form that is stored: nothing has to be played through again. */
export function settled(owners: readonly FieldOwner[]): Owner[] {
  return owners.map(({ fields, ...writer }) => ({ ...writer, share: { fields } }));
}

/** metadata.managedFields as clients see it. */
export function managedFieldsOf(owners: readonly Owner[], view: TypeView): JsonObject[] {
  return ownersOf(owners, view)
    .sort((a, b) => byText(a.operation, b.operation) || a.atMs - b.atMs || byText(a.manager, b.manager))
    .map(({ manager, operation, apiVersion, subresource, atMs, fields }) => ({
      manager,
      operation,
      apiVersion,
      time: formatTime(atMs),
      fieldsType: "FieldsV1",
      fieldsV1: toFieldsV1(fields),
      ...(subresource === "" ? {} : { subresource }),
    }));
}

/** The owners that a client wrote into metadata.managedFields itself; entries without fields are no owners. */
export function ownersFromManagedFields(entries: readonly unknown[]): Owner[] {
  return entries.filter(isObject).flatMap((entry): Owner[] => {
    const fieldsV1 = objectAt(entry, "fieldsV1");
    if (fieldsV1 === undefined) return [];
    return [
      {
        manager: textAt(entry, "manager") ?? "",
        operation: entry["operation"] === "Apply" ? "Apply" : "Update",
        apiVersion: textAt(entry, "apiVersion") ?? "",
        subresource: textAt(entry, "subresource") ?? "",
        atMs: parseTime(textAt(entry, "time") ?? "") ?? 0,
        share: { fields: fromFieldsV1(fieldsV1) },
      },
    ];
  });
}

/** Fields that the server keeps for itself: nobody owns them. */
const OWNERLESS = new Set([
  "f:apiVersion",
  "f:kind",
  "f:metadata/f:name",
  "f:metadata/f:namespace",
  "f:metadata/f:uid",
  "f:metadata/f:resourceVersion",
  "f:metadata/f:creationTimestamp",
  "f:metadata/f:deletionTimestamp",
  "f:metadata/f:deletionGracePeriodSeconds",
  "f:metadata/f:generation",
  "f:metadata/f:selfLink",
  "f:metadata/f:managedFields",
]);

function isOwnerless(path: readonly string[]): boolean {
  return path.length <= 2 && OWNERLESS.has(path.join("/"));
}

export type ChangedFields = { changed: FieldSet; removed: FieldSet };

/** The paths that were set or changed, and those that went. */
export function changedFields(before: unknown, after: unknown, view: TypeView): ChangedFields {
  const result: ChangedFields = { changed: emptySet(), removed: emptySet() };
  compareMembers(isObject(before) ? before : {}, isObject(after) ? after : {}, view, [], result);
  return result;
}

function compareMembers(
  before: JsonObject,
  after: JsonObject,
  view: TypeView,
  path: readonly string[],
  result: ChangedFields,
): void {
  for (const key in after) {
    const value = after[key];
    if (value === undefined || value === before[key]) continue;
    const here = [...path, `f:${key}`];
    if (!isOwnerless(here)) compareValues(before[key], value, view.member(key), here, result);
  }
  for (const key in before) {
    const here = [...path, `f:${key}`];
    if (before[key] !== undefined && after[key] === undefined && !isOwnerless(here)) addPath(result.removed, here);
  }
}

function compareValues(
  before: unknown,
  after: unknown,
  view: TypeView,
  path: readonly string[],
  result: ChangedFields,
): void {
  if (isObject(after) && !view.isAtomic) {
    const isNew = !isObject(before);
    const isEmpty = Object.keys(after).length === 0;
    if (isNew && (!view.isAlwaysThere || isEmpty) && path.length > 1) addPath(result.changed, path);
    compareMembers(isNew ? {} : before, after, view, path, result);
  } else if (Array.isArray(after) && view.list.type !== "atomic") {
    if (!Array.isArray(before) && !view.isAlwaysThere) addPath(result.changed, path);
    compareItems(Array.isArray(before) ? before : [], after, view, path, result);
  } else if (!sameJson(before, after)) {
    addPath(result.changed, path);
  }
}

function compareItems(
  before: readonly unknown[],
  after: readonly unknown[],
  view: TypeView,
  path: readonly string[],
  result: ChangedFields,
): void {
  const former = new Map(before.map((item) => [itemElement(item, view), item]));
  for (const item of after) {
    const element = itemElement(item, view);
    const here = [...path, element];
    const was = former.get(element);
    former.delete(element);
    if (was === item && was !== undefined) continue;
    if (was === undefined) addPath(result.changed, here);
    const inner = view.item();
    if (isObject(item) && !inner.isAtomic) {
      compareMembers(isObject(was) ? was : {}, item, inner, here, result);
    } else if (was !== undefined && !sameJson(was, item)) addPath(result.changed, here);
  }
  for (const element of former.keys()) addPath(result.removed, [...path, element]);
}

/** How an item of a list is named in a path. */
export function itemElement(item: unknown, view: TypeView): string {
  if (view.list.type !== "map" || !isObject(item)) return `v:${JSON.stringify(item)}`;
  const keys: JsonObject = {};
  const inner = view.item();
  for (const key of [...view.list.keys].sort(byText)) {
    const value = item[key] ?? inner.member(key).default;
    if (value !== undefined) keys[key] = value;
  }
  return `k:${JSON.stringify(keys)}`;
}

/** The paths that an applied configuration speaks of. */
export function fieldsOf(config: JsonObject, view: TypeView): FieldSet {
  const set = emptySet();
  collectMembers(config, view, [], set);
  return set;
}

function collectMembers(object: JsonObject, view: TypeView, path: readonly string[], set: FieldSet): void {
  for (const [key, value] of Object.entries(object)) {
    const here = [...path, `f:${key}`];
    if (value !== undefined && !isOwnerless(here)) collect(value, view.member(key), here, set);
  }
}

function collect(value: unknown, view: TypeView, path: readonly string[], set: FieldSet): void {
  if (isObject(value) && !view.isAtomic && Object.keys(value).length > 0) {
    collectMembers(value, view, path, set);
  } else if (Array.isArray(value) && view.list.type !== "atomic" && value.length > 0) {
    for (const item of value) {
      const here = [...path, itemElement(item, view)];
      addPath(set, here);
      if (isObject(item) && !view.item().isAtomic) collectMembers(item, view.item(), here, set);
    }
  } else if (path.length > 1 || !isObject(value)) {
    addPath(set, path);
  }
}
