import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../src/base/errors.ts";

export type KubeconfigFile = { path: string; remove(): void };

/**
 * Writes .karpenter/kubeconfig below `folder`.
 * @throws UserError KARP_KUBECONFIG_NOT_WRITTEN when the folder cannot be written to
 */
export function writeKubeconfig(folder: string, text: string): KubeconfigFile {
  const directory = join(folder, ".karpenter");
  const isNew = !existsSync(directory);
  const path = join(directory, "kubeconfig");
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(path, text, { mode: 0o600 });
  } catch (cause) {
    throw new UserError({
      code: "KARP_KUBECONFIG_NOT_WRITTEN",
      what: `cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: "start it in a folder that you may write to",
      cause,
    });
  }
  return {
    path,
    remove() {
      rmSync(path, { force: true });
      if (isNew) rmSync(directory, { recursive: true, force: true });
    },
  };
}
