import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { UserError } from "../../src/base/errors.ts";

export type KubeconfigFile = { path: string; remove(): void };

/**
 * Writes .karpenter/kubeconfig below `folder`, from its JSON. It goes away with the process, however that ends, unless it is killed.
 * @throws UserError KARP_PLAYGROUND_RUNS when another process that is alive has written its own there,
 *         KARP_KUBECONFIG_NOT_WRITTEN when the folder cannot be written to
 */
export function writeKubeconfig(folder: string, json: string, pid: number = process.pid): KubeconfigFile {
  const directory = join(folder, ".karpenter");
  const path = join(directory, "kubeconfig");
  const other = writerOf(path);
  if (other !== undefined && other !== pid && isAlive(other)) {
    throw new UserError({
      code: "KARP_PLAYGROUND_RUNS",
      what: `another playground, process ${other}, uses ${path}`,
      remedy: `start this one in another folder, or end the other first: kill ${other}`,
    });
  }
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(path, signed(json, pid), { mode: 0o600 });
  } catch (cause) {
    throw new UserError({
      code: "KARP_KUBECONFIG_NOT_WRITTEN",
      what: `cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: "start it in a folder that you may write to",
      cause,
    });
  }
  const remove = (): void => {
    process.off("exit", remove);
    if (writerOf(path) === pid) removeWithFolder(path, directory);
  };
  process.on("exit", remove);
  return { path, remove };
}

/** Extensions are what kubectl keeps when "kubectl config set-context" writes the file anew; comments it drops. */
function signed(kubeconfig: string, pid: number): string {
  const extensions = [{ name: "karpenter-playground", extension: { processId: pid } }];
  return `${JSON.stringify({ ...JSON.parse(kubeconfig), extensions }, null, 2)}\n`;
}

function removeWithFolder(path: string, directory: string): void {
  rmSync(path, { force: true });
  try {
    rmdirSync(directory);
  } catch {
    // Somebody else keeps files there too.
  }
}

function writerOf(path: string): number | undefined {
  try {
    const id = /\bprocessId"?: *(\d+)/.exec(readFileSync(path, "utf8"))?.[1];
    return id === undefined ? undefined : Number(id);
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
