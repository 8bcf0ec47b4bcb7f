import process from "node:process";
import { Random } from "../../src/base/random.ts";
import { keep } from "./keep.ts";
import { runSeed, type SeedOptions, type SeedResult } from "./run-seed.ts";
import { shrink } from "./shrink.ts";

/** What became of one seed. */
export type Verdict = Pick<SeedResult, "seed" | "failures" | "numbers"> & {
  cpuMs: number;
  /** Whether it ran twice, to see the same. */
  isTwice: boolean;
  /** What failed when everything is left out that the failure does not need, and the file to play that from. */
  kept?: { path: string; failures: readonly string[] };
};

export type JudgeOptions = {
  world: SeedOptions & { storyMs: number };
  /** The part of the seeds that runs twice. */
  twice: number;
  /** Where failures are kept. */
  folder: string;
  /** Worlds that may be run to shrink one that fails. */
  shrinkRunsMax: number;
};

/** Runs the world of a seed, perhaps twice; one that fails is shrunken and kept. */
export async function judgeSeed(seed: number, { world, twice, folder, shrinkRunsMax }: JudgeOptions): Promise<Verdict> {
  const before = process.cpuUsage();
  const result = await attemptSeed(seed, world);
  const isTwice = new Random(seed).fork("twice").chance(twice);
  const second = isTwice ? await attemptSeed(seed, world) : result;
  const failures = [...result.failures, ...differences(result.history, second.history)];
  const { user, system } = process.cpuUsage(before);
  const verdict = { seed, failures, numbers: result.numbers, cpuMs: Math.round((user + system) / 1_000), isTwice };
  if (failures.length === 0) return verdict;
  const run = (options: SeedOptions): Promise<SeedResult> => attemptSeed(seed, { ...world, ...options });
  const small = await shrink({ ...result, failures }, world.storyMs, run, shrinkRunsMax);
  const path = keep(folder, { ...result, failures }, small.shrunken, small.result);
  return { ...verdict, kept: { path, failures: small.result.failures } };
}

/** A world that breaks down has failed. */
export async function attemptSeed(seed: number, options: SeedOptions): Promise<SeedResult> {
  try {
    return await runSeed(seed, options);
  } catch (e) {
    const text = e instanceof Error ? (e.stack ?? e.message) : String(e);
    const numbers = { claims: 0, calls: 0, lives: 0, lines: 0, usd: 0, nodesMost: 0 };
    return { seed, failures: [`broke: ${text}`], numbers, history: [] };
  }
}

function differences(first: readonly string[], second: readonly string[]): string[] {
  if (first === second) return [];
  const at = first.findIndex((line, i) => line !== second[i]);
  if (at < 0 && first.length === second.length) return [];
  return [`two runs differ: "${first[at] ?? "(end)"}" and "${second[at] ?? "(end)"}"`];
}
