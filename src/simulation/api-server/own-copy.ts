import type { Engine } from "./engine.ts";
import { copyOf, type JsonObject, setMember } from "./json.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";

/**
 * A copy that is the server's alone. Of built-in kinds members that are null are left out, as Go's decoder knows no
 * difference; in custom resources null is a value.
 */
export function ownCopy(engine: Engine, resource: ResourceDefinition, body: JsonObject): JsonObject {
  if (engine.registry.customType(resource) !== undefined) {
    const copy = copyOf(body);
    return { ...copy, metadata: withoutNulls(copy["metadata"]) };
  }
  return withoutNulls(body) as JsonObject;
}

export function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => (item === undefined ? null : withoutNulls(item)));
  const copy: JsonObject = {};
  for (const key in value) {
    const member = (value as JsonObject)[key];
    if (member !== undefined && member !== null) setMember(copy, key, withoutNulls(member));
  }
  return copy;
}
