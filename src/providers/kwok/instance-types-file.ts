import { readFileSync } from "node:fs";
import { UserError } from "../../base/errors.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import { instanceTypesFromKwokFile } from "./instance-types.ts";

/**
 * The instance types of a file in the shape of upstream's instance_types.json.
 * @throws UserError KARP_NO_SUCH_FILE, KARP_BAD_INSTANCE_TYPES
 */
export function readInstanceTypesFile(path: string): InstanceType[] {
  return instanceTypesFromKwokFile(parsed(path, textOf(path)), path);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new UserError({
      code: "KARP_NO_SUCH_FILE",
      what: `the instance types in ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: "name a JSON file that is there and that you may read",
      cause,
    });
  }
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UserError({
      code: "KARP_BAD_INSTANCE_TYPES",
      what: `${path} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: "write a JSON list of types, as upstream's kwok provider reads it",
      cause,
    });
  }
}
