import { type FaultMix, NO_FAULTS } from "../../src/simulation/faults/fault-mix.ts";
import { complaints, type SeedOptions, type SeedResult } from "./run-seed.ts";

/** What of a seed's world is left out, and when its story ends: enough to play a shrunken failure again. */
export type Shrunken = {
  storyMs: number;
  /** Faults that do not happen. */
  faults: (keyof FaultMix)[];
  /** Deeds that do not happen, by number. */
  deeds: number[];
  /** One process of the product instead of the number that was drawn. */
  isAlone: boolean;
};

export const WHOLE: Omit<Shrunken, "storyMs"> = { faults: [], deeds: [], isAlone: false };

export function optionsOf({ storyMs, faults, deeds, isAlone }: Shrunken): SeedOptions {
  return {
    storyMs,
    faults: Object.fromEntries(faults.map((name) => [name, NO_FAULTS[name]])),
    leaveOut: new Set(deeds),
    ...(isAlone ? { processes: 1 } : {}),
  };
}

type Run = (options: SeedOptions) => Promise<SeedResult>;
type Attempt = { shrunken: Shrunken; result: SeedResult };

/**
 * Leaves out whatever the failure does not need: first the time after it, then faults, the second process and deeds. What
 * is left fails for the same complaint, and nothing in it could be left out by itself (or the runs were used up).
 * @param runsMax worlds that may be run for it
 */
export async function shrink(failed: SeedResult, storyMs: number, run: Run, runsMax: number): Promise<Attempt> {
  const [complaint] = complaints(failed);
  let best: Attempt = { shrunken: { ...WHOLE, storyMs }, result: failed };
  let runs = 0;
  const attempt = async (change: Partial<Shrunken>): Promise<boolean> => {
    if (runs >= runsMax) return false;
    runs += 1;
    const shrunken = { ...best.shrunken, ...change };
    const result = await run(optionsOf(shrunken));
    if (complaint === undefined || !complaints(result).includes(complaint)) return false;
    best = { shrunken, result };
    return true;
  };
  await shorten(failed, storyMs, attempt);
  await attempt({ isAlone: true });
  const faults = Object.keys(NO_FAULTS) as (keyof FaultMix)[];
  await leaveOut(faults, (names) => attempt({ faults: [...best.shrunken.faults, ...names] }));
  const deeds = deedsIn(best.result);
  await leaveOut(deeds, (numbers) => attempt({ deeds: [...best.shrunken.deeds, ...numbers] }));
  return best;
}

/** A law was broken at a moment; what shows at the end needs some part of the story. */
async function shorten(
  { brokenAfterMs }: SeedResult,
  storyMs: number,
  attempt: (change: Partial<Shrunken>) => Promise<boolean>,
): Promise<void> {
  if (brokenAfterMs !== undefined && brokenAfterMs < storyMs && (await attempt({ storyMs: brokenAfterMs + 1_000 })))
    return;
  for (let part = storyMs / 2; part > storyMs / 50; part /= 2) if (!(await attempt({ storyMs: part }))) return;
}

/** As many as possible at a time: all, then halves, quarters and so on down to single ones. */
async function leaveOut<T>(items: readonly T[], without: (some: readonly T[]) => Promise<boolean>): Promise<void> {
  let left = [...items];
  for (let size = left.length; size >= 1; size = Math.floor(size / 2)) {
    const needed: T[] = [];
    for (let i = 0; i < left.length; i += size) {
      const some = left.slice(i, i + size);
      if (!(await without(some))) needed.push(...some);
    }
    left = needed;
  }
}

function deedsIn({ history }: SeedResult): number[] {
  return history.map((line) => Number(/ story: deed ([0-9]+)$/.exec(line)?.[1] ?? 0)).filter((number) => number > 0);
}
