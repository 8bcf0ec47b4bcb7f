import {
  differenceOf,
  emptySet,
  type FieldSet,
  intersectionOf,
  isEmptySet,
  pathsOf,
  printPath,
  unionOf,
} from "./field-set.ts";
import { isObject, type JsonObject, setMember } from "./json.ts";
import { changedFields, type FieldOwner, fieldsOf, itemElement } from "./owned-fields.ts";
import { isSameWriter, type Writer } from "./owners.ts";
import { refusal } from "./refusals.ts";
import type { TypeView } from "./type-view.ts";

export type Applied = { object: JsonObject; owners: FieldOwner[] };

/**
 * Merges a configuration into the live object: what it names is set, what its manager named the last time and does not
 * name now goes (unless others own it too).
 * @param live `{}` for an object that does not exist yet
 * @throws ApiError 409 when it would change fields that others own, unless forced
 * @source sigs.k8s.io/structured-merge-diff
 */
export function applyConfiguration(
  live: JsonObject,
  config: JsonObject,
  context: { owners: readonly FieldOwner[]; writer: Writer; nowMs: number; isForced: boolean; view: TypeView },
): Applied {
  const { writer, view } = context;
  const others = context.owners.filter((owner) => !isSameWriter(owner, writer));
  const mine = context.owners.find((owner) => isSameWriter(owner, writer));
  const fields = fieldsOf(config, view);
  const merged = mergeObjects(live, config, view);
  const { changed } = changedFields(live, merged, view);
  const kept = others.map((owner) => {
    const taken = intersectionOf(owner.fields, changed);
    return { owner, taken };
  });
  const conflicts = kept.filter(({ taken }) => !isEmptySet(taken));
  if (conflicts.length > 0 && !context.isForced) throw conflictOf(conflicts);
  const remaining = kept.map(({ owner, taken }) => ({ ...owner, fields: differenceOf(owner.fields, taken) }));
  const wanted = remaining.reduce((all, owner) => unionOf(all, owner.fields), fields);
  const object = mine === undefined ? merged : pruneObject(merged, differenceOf(mine.fields, wanted), wanted, view);
  const isSame =
    mine !== undefined &&
    isEmptySet(differenceOf(mine.fields, fields)) &&
    isEmptySet(differenceOf(fields, mine.fields));
  const own: FieldOwner = { ...writer, atMs: isSame ? mine.atMs : context.nowMs, fields };
  return { object, owners: [...remaining.filter((owner) => !isEmptySet(owner.fields)), own] };
}

function mergeObjects(live: JsonObject, config: JsonObject, view: TypeView): JsonObject {
  const merged: JsonObject = { ...live };
  for (const [key, value] of Object.entries(config)) {
    if (value !== undefined) setMember(merged, key, mergeValues(live[key], value, view.member(key)));
  }
  return merged;
}

function mergeValues(live: unknown, config: unknown, view: TypeView): unknown {
  if (isObject(live) && isObject(config) && !view.isAtomic) return mergeObjects(live, config, view);
  if (Array.isArray(live) && Array.isArray(config) && view.list.type !== "atomic")
    return mergeItems(live, config, view);
  return config;
}

function mergeItems(live: readonly unknown[], config: readonly unknown[], view: TypeView): unknown[] {
  const wanted = new Map(config.map((item) => [itemElement(item, view), item]));
  const merged = live.map((item) => {
    const element = itemElement(item, view);
    const own = wanted.get(element);
    wanted.delete(element);
    if (own === undefined) return item;
    return isObject(item) && isObject(own) && !view.item().isAtomic ? mergeObjects(item, own, view.item()) : own;
  });
  return [...merged, ...wanted.values()];
}

/** @param gone paths to take away; @param kept paths that stay, with all above them */
function pruneObject(object: JsonObject, gone: FieldSet, kept: FieldSet, view: TypeView): JsonObject {
  const pruned: JsonObject = { ...object };
  for (const [element, child] of gone.children) {
    const key = element.slice(2);
    const value = pruned[key];
    if (!element.startsWith("f:") || value === undefined) continue;
    const rest = pruneValue(value, child, kept.children.get(element) ?? emptySet(), view.member(key));
    if (rest === undefined) delete pruned[key];
    else setMember(pruned, key, rest);
  }
  return pruned;
}

function pruneValue(value: unknown, gone: FieldSet, kept: FieldSet, view: TypeView): unknown {
  if (gone.isMember && isEmptySet(kept)) return undefined;
  if (isObject(value) && !view.isAtomic) {
    const rest = pruneObject(value, gone, kept, view);
    return Object.keys(rest).length === 0 && Object.keys(value).length > 0 && isEmptySet(kept) ? undefined : rest;
  }
  if (!Array.isArray(value) || view.list.type === "atomic") return value;
  const rest = value.flatMap((item) => {
    const element = itemElement(item, view);
    const child = gone.children.get(element);
    if (child === undefined) return [item as unknown];
    const left = pruneValue(item, child, kept.children.get(element) ?? emptySet(), view.item());
    return left === undefined ? [] : [left];
  });
  return rest.length === 0 && value.length > 0 && isEmptySet(kept) ? undefined : rest;
}

type Conflict = { owner: FieldOwner; taken: FieldSet };

function conflictOf(conflicts: readonly Conflict[]): Error {
  const found = conflicts.flatMap(({ owner, taken }) =>
    pathsOf(taken).map((path) => ({ manager: printWriter(owner), field: printPath(path) })),
  );
  const count = found.length;
  return refusal(409, "Conflict", `Apply failed with ${count} conflict${count === 1 ? "" : "s"}: ${listed(found)}`, {
    causes: found.map(({ manager, field }) => ({
      reason: "FieldManagerConflict",
      message: `conflict with ${manager}`,
      field,
    })),
  });
}

function listed(found: readonly { manager: string; field: string }[]): string {
  const [only, more] = found;
  if (only !== undefined && more === undefined) return `conflict with ${only.manager}: ${only.field}`;
  const managers = [...new Set(found.map(({ manager }) => manager))];
  return managers
    .map((manager) => {
      const fields = found.filter((f) => f.manager === manager).map((f) => `- ${f.field}`);
      return `conflicts with ${manager}:\n${fields.join("\n")}`;
    })
    .join("\n");
}

function printWriter({ manager, subresource, operation, apiVersion }: Writer): string {
  const name =
    subresource === ""
      ? JSON.stringify(manager)
      : `${JSON.stringify(manager)} with subresource ${JSON.stringify(subresource)}`;
  return operation === "Update" ? `${name} using ${apiVersion}` : name;
}
