import type { Engine } from "./engine.ts";
import { isObject, type JsonObject, setMember } from "./json.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";

/**
 * A copy that is the server's alone, in which what equals the object before is that object's own part: its members may
 * be set, the parts below must not be changed where they are shared. Of built-in kinds members that are null are left
 * out, as Go's decoder knows no difference; in custom resources null is a value.
 */
export function ownCopy(
  engine: Engine,
  resource: ResourceDefinition,
  body: JsonObject,
  before?: Readonly<Record<string, unknown>>,
): JsonObject {
  const keepsNulls = engine.registry.customType(resource) !== undefined;
  const copy: JsonObject = {};
  for (const key in body) {
    const member = body[key];
    if (member === undefined || (member === null && !keepsNulls)) continue;
    setMember(copy, key, copyPart(member, before?.[key], keepsNulls && key !== "metadata"));
  }
  return copy;
}

/** A copy without members that are null. */
export function withoutNulls(value: unknown): unknown {
  return copyPart(value, undefined, false);
}

function copyPart(value: unknown, before: unknown, keepsNulls: boolean): unknown {
  if (value === before || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return copyItems(value, Array.isArray(before) ? before : undefined, keepsNulls);
  return copyMembers(value as JsonObject, isObject(before) ? before : undefined, keepsNulls);
}

function copyItems(items: readonly unknown[], before: readonly unknown[] | undefined, keepsNulls: boolean): unknown {
  let isSame = before?.length === items.length;
  const copy: unknown[] = [];
  for (let i = 0; i < items.length; i += 1) {
    const part = copyPart(items[i] ?? null, before?.[i], keepsNulls);
    if (part !== before?.[i]) isSame = false;
    copy.push(part);
  }
  return isSame ? before : copy;
}

function copyMembers(members: JsonObject, before: JsonObject | undefined, keepsNulls: boolean): JsonObject {
  let isSame = before !== undefined;
  // Made when it is needed: what a client sends back is mostly what it was given.
  let copy: JsonObject | undefined;
  let count = 0;
  for (const key in members) {
    const member = members[key];
    if (member === undefined || (member === null && !keepsNulls)) {
      return copyMembers(withoutGaps(members, keepsNulls), before, keepsNulls);
    }
    const former = before !== undefined && Object.hasOwn(before, key) ? before[key] : undefined;
    const part = copyPart(member, former, keepsNulls);
    if (part !== former) isSame = false;
    count += 1;
    if (part === member) continue;
    copy ??= { ...members };
    setMember(copy, key, part);
  }
  return isSame && before !== undefined && hasMembers(before, count) ? before : (copy ?? { ...members });
}

function hasMembers(object: JsonObject, count: number): boolean {
  let left = count;
  for (const key in object) if (object[key] !== undefined) left -= 1;
  return left === 0;
}

function withoutGaps(members: JsonObject, keepsNulls: boolean): JsonObject {
  const kept: JsonObject = {};
  for (const key in members) {
    const member = members[key];
    if (member !== undefined && (member !== null || keepsNulls)) setMember(kept, key, member);
  }
  return kept;
}
