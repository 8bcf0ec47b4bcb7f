import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { InvariantError } from "../../src/base/errors.ts";
import { type Edit, MUTANTS, type Mutant } from "./mutant-list.ts";

const ROOT = join(import.meta.dirname, "../..");
/** What a copy of the product needs to run its simulation. */
const COPIED = ["src", "apps", "test", "package.json"];

export type MutantOptions = {
  /** Only those with this text in their name. */
  only: string;
  /** Worlds in which each must be found out, at most. */
  seeds: number;
  from: number;
  days: string;
  jobs: string;
};

/** Runs every careless version of the product, each in a copy of the sources. @returns how many were not found out */
export async function runMutants({ only, ...options }: MutantOptions): Promise<number> {
  let survivors = 0;
  for (const mutant of MUTANTS.filter(({ name }) => name.includes(only))) {
    const found = await findOut(mutant, options);
    if (found === undefined) survivors += 1;
    console.log(`${mutant.name}: ${found ?? `NOT FOUND OUT in ${options.seeds} worlds`}`);
  }
  return survivors;
}

/** The seed that finds it out, and what it says. */
async function findOut(mutant: Mutant, options: Omit<MutantOptions, "only">): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "karpenter-mutant-"));
  try {
    for (const name of COPIED) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    for (const edit of mutant.edits) apply(folder, edit);
    return firstFailure(await sweep(folder, options));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @throws InvariantError when the sources have changed so that the text is not there, or more than once */
export function apply(folder: string, { file, from, to }: Edit): void {
  const path = join(folder, file);
  const parts = readFileSync(path, "utf8").split(from);
  if (parts.length !== 2) throw new InvariantError("a mutant's text stands in its file once", { file, from });
  writeFileSync(path, parts.join(to));
}

function sweep(folder: string, { seeds, from, days, jobs }: Omit<MutantOptions, "only">): Promise<string> {
  const range = ["--seeds", String(seeds), "--from", String(from), "--days", days, "--jobs", jobs];
  const cheap = ["--first", "--shrink", "0", "--twice", "0", "--failures", join(folder, "failures")];
  const child = spawn(process.execPath, [join(folder, "test/seeds.ts"), ...range, ...cheap], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => {
    output += text;
  });
  return new Promise((resolve) => {
    child.on("close", () => resolve(output));
  });
}

function firstFailure(output: string): string | undefined {
  const lines = output.split("\n");
  const at = lines.findIndex((line) => /^seed [0-9]+: FAILED/.test(line));
  return at < 0 ? undefined : `${lines[at]?.split(":")[0]}: ${lines[at + 1]?.trim()}`;
}
