import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse } from "yaml";
import { UserError } from "../../src/base/errors.ts";
import type { TopologySpreadConstraint } from "../../src/model/core.ts";
import { schedulerConfigOf } from "../../src/model/scheduler-config.ts";
import type { Io } from "./io.ts";

/**
 * The default spread constraints of a file; none without a file.
 * @throws UserError KARP_BAD_FLAG when it cannot be read, with every mistake in it
 */
export function readDefaultSpread(file: string | undefined, io: Io): readonly TopologySpreadConstraint[] {
  if (file === undefined) return [];
  let document: unknown;
  try {
    document = parse(readFileSync(resolve(io.cwd, file), "utf8")) as unknown;
  } catch (cause) {
    throw badFile(file, [cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause)]);
  }
  const config = schedulerConfigOf(document);
  if ("mistakes" in config) throw badFile(file, config.mistakes);
  return config.defaultSpread;
}

function badFile(file: string, mistakes: readonly string[]): UserError {
  return new UserError({
    code: "KARP_BAD_FLAG",
    what: `karpenter plan: --scheduler-config ${file} cannot be used: ${mistakes.join("; ")}`,
    remedy: "name a file with podTopologySpread.defaultConstraints, or a KubeSchedulerConfiguration",
  });
}
