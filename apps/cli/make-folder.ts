import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { UserError } from "../../src/base/errors.ts";

/**
 * Makes the folder and those above it where they are missing.
 * @throws UserError KARP_CANNOT_WRITE
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeMissing(path);
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

export function cannotWrite(path: string, cause: unknown): UserError {
  return new UserError({
    code: "KARP_CANNOT_WRITE",
    what: `nothing can be written to ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    remedy: "name a folder that you may write to",
    cause,
  });
}

/** Step by step: mkdir's own way to do that never ends below /proc, which has no folders to be made. */
async function makeMissing(path: string): Promise<void> {
  if (await isFolder(path)) return;
  if (dirname(path) !== path) await makeMissing(dirname(path));
  await mkdir(path);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
