import { copyOf, isObject, type JsonObject, setMember } from "./json.ts";

/** RFC 7386: members of the patch win, null removes. Neither argument is changed; the result may share parts of the target. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return copyOf(patch);
  const merged: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else if (value !== undefined) setMember(merged, key, applyMergePatch(merged[key], value));
  }
  return merged;
}
