import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SeedResult } from "./run-seed.ts";
import type { Shrunken } from "./shrink.ts";

/** A failing seed on disk: `seed-N.json` plays it again, `seed-N.txt` tells its shrunken history. */
type Kept = { seed: number; shrunken: Shrunken; failures: readonly string[]; whole: readonly string[] };

/** @param whole what failed before anything was left out. @returns the file to play it again from */
export function keep(folder: string, whole: SeedResult, shrunken: Shrunken, result: SeedResult): string {
  mkdirSync(folder, { recursive: true });
  const kept: Kept = { seed: whole.seed, shrunken, failures: result.failures, whole: whole.failures };
  const path = join(folder, `seed-${whole.seed}.json`);
  writeFileSync(path, `${JSON.stringify(kept, undefined, 2)}\n`);
  writeFileSync(join(folder, `seed-${whole.seed}.txt`), `${[...result.history, ...result.failures].join("\n")}\n`);
  return path;
}

export function readKept(path: string): Pick<Kept, "seed" | "shrunken"> {
  return JSON.parse(readFileSync(path, "utf8")) as Kept;
}
