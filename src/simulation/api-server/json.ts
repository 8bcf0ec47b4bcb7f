/** Plain data as JSON knows it. Undefined members count as absent. */
export type JsonObject = { [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member as an object, or undefined when it is none. */
export function objectAt(parent: unknown, key: string): JsonObject | undefined {
  const value = isObject(parent) ? parent[key] : undefined;
  return isObject(value) ? value : undefined;
}

/** The member as a list; an empty one when it is none. */
export function listAt(parent: unknown, key: string): unknown[] {
  const value = isObject(parent) ? parent[key] : undefined;
  return Array.isArray(value) ? value : [];
}

/** The objects of a list; anything else in it is passed over. */
export function objectsAt(parent: unknown, key: string): JsonObject[] {
  return listAt(parent, key).filter(isObject);
}

export function textAt(parent: unknown, key: string): string | undefined {
  const value = isObject(parent) ? parent[key] : undefined;
  return typeof value === "string" ? value : undefined;
}

export function numberAt(parent: unknown, key: string): number | undefined {
  const value = isObject(parent) ? parent[key] : undefined;
  return typeof value === "number" ? value : undefined;
}

/** The value at a path of member names, or undefined. */
export function valueAt(root: unknown, path: readonly string[]): unknown {
  let value: unknown = root;
  for (const key of path) {
    if (!isObject(value)) return undefined;
    value = value[key];
  }
  return value;
}

/** The object at a path, made (with all above it) where it is missing. The root is changed in place. */
export function ensureObjectAt(root: JsonObject, path: readonly string[]): JsonObject {
  let at = root;
  for (const key of path) {
    const next = at[key];
    if (isObject(next)) at = next;
    else {
      const made: JsonObject = {};
      at[key] = made;
      at = made;
    }
  }
  return at;
}

/** A deep copy of plain data, without undefined members. */
export function copyOf<T>(value: T): T {
  return copyJson(value) as T;
}

function copyJson(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => (item === undefined ? null : copyJson(item)));
  const copy: JsonObject = {};
  for (const key in value) {
    const member = (value as JsonObject)[key];
    if (member !== undefined) setMember(copy, key, copyJson(member));
  }
  return copy;
}

/** Sets a member also when its name is "__proto__", which plain assignment would swallow. */
export function setMember(object: JsonObject, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}

/** Deep equality of plain data; an absent member equals an undefined one. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => sameJson(item, b[i]));
  }
  return sameMembers(a as JsonObject, b as JsonObject);
}

function sameMembers(a: JsonObject, b: JsonObject): boolean {
  let count = 0;
  for (const key in a) {
    if (a[key] === undefined) continue;
    if (!Object.hasOwn(b, key) || !sameJson(a[key], b[key])) return false;
    count += 1;
  }
  for (const key in b) if (b[key] !== undefined) count -= 1;
  return count === 0;
}

/**
 * `next`, in which every part that equals the same part of `before` is that very part: two versions of an object share
 * what did not change, so that "is it the same" is a comparison of references. Items of lists are paired by position.
 */
export function shareWith<T>(before: unknown, next: T): T {
  return share(before, next) as T;
}

function share(before: unknown, next: unknown): unknown {
  if (before === next || typeof next !== "object" || next === null) return next;
  if (typeof before !== "object" || before === null) return next;
  if (Array.isArray(next)) return Array.isArray(before) ? shareList(before, next) : next;
  return Array.isArray(before) ? next : shareMembers(before as JsonObject, next as JsonObject);
}

function shareList(before: unknown[], next: unknown[]): unknown[] {
  let isSame = before.length === next.length;
  const shared = next.map((item, i) => {
    const kept = i < before.length ? share(before[i], item) : item;
    if (kept !== before[i]) isSame = false;
    return kept;
  });
  return isSame ? before : shared;
}

function shareMembers(before: JsonObject, next: JsonObject): JsonObject {
  let isSame = true;
  // Made when the first part is shared: most objects differ in one member, or in none.
  let shared: JsonObject | undefined;
  let count = 0;
  for (const key in next) {
    const member = next[key];
    if (member === undefined) return shareMembers(before, withoutUndefined(next));
    count += 1;
    const isKnown = Object.hasOwn(before, key);
    const kept = isKnown ? share(before[key], member) : member;
    if (!isKnown || kept !== before[key]) isSame = false;
    if (kept === member) continue;
    shared ??= { ...next };
    setMember(shared, key, kept);
  }
  if (isSame) for (const _ in before) count -= 1;
  return isSame && count === 0 ? before : (shared ?? next);
}

function withoutUndefined(object: JsonObject): JsonObject {
  const kept: JsonObject = {};
  for (const key in object) if (object[key] !== undefined) setMember(kept, key, object[key]);
  return kept;
}

/** Freezes plain data all the way down; parts that are frozen already are taken as done. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const key in value) deepFreeze(value[key]);
  }
  return value;
}
