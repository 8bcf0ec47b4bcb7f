import { Random } from "../../src/base/random.ts";
import { HOUR_MS, MINUTE_MS } from "../../src/base/time.ts";
import type { Settings } from "../../src/model/settings.ts";
import { leftInAccount } from "../../src/simulation/checks/account.ts";
import type { World } from "../../src/simulation/world/world.ts";
import { type WorldOptions, worldOf } from "../simulated-world.ts";

/** A world and how long its story goes on. */
export type SeedOptions = Omit<WorldOptions, "seed"> & { storyMs?: number };

export type SeedResult = {
  seed: number;
  /** What is wrong with this world, one line each; empty: nothing. */
  failures: string[];
  /** When the first law was broken, since the start; undefined: none was. */
  brokenAfterMs?: number;
  numbers: { claims: number; calls: number; lives: number; lines: number; usd: number; nodesMost: number };
  history: readonly string[];
};

export const SHORT_STORY_MS = 2 * HOUR_MS;
const QUIET_AFTER_MS = 60 * MINUTE_MS;
/** A budget may close its pool for two hours, and one node goes after the other. */
const EMPTY_AFTER_MS = 4 * HOUR_MS;
/** Unused launch templates are looked for every few minutes. */
const TIDY_MS = 20 * MINUTE_MS;
/** A world in which less happened than this proves nothing. */
const LEAST = { claims: 3, calls: 300, lines: 200 };

/**
 * A story with faults, then peace: all judges, and what has to hold in the end.
 * @param storyMs default: two simulated hours
 */
export async function runSeed(
  seed: number,
  { storyMs = SHORT_STORY_MS, ...more }: SeedOptions = {},
): Promise<SeedResult> {
  const world = worldOf({ seed, ...more, settings: { ...drawSettings(seed), ...more.settings } });
  try {
    const failures: string[] = [];
    await world.runStory(storyMs);
    if (!(await world.runUntilQuiet({ atMostMs: QUIET_AFTER_MS }))) failures.push("the world does not get quiet");
    const waiting = world.podsWaiting();
    if (waiting.length > 0) failures.push(`${waiting.length} pods still wait: ${waiting.slice(0, 3).join(" ")}`);
    world.leave();
    if (!(await world.runUntilEmpty({ atMostMs: EMPTY_AFTER_MS }))) {
      const left = world.boughtNodes();
      failures.push(`${left.length} empty nodes stay: ${left.slice(0, 3).join(" ")}`);
    }
    failures.push(...(await leftAfterAll(world)));
    const violations = world.violations();
    for (const { atMs, judge, what } of violations)
      failures.push(`${judge} at ${(atMs - world.startMs) / 1_000} s: ${what}`);
    const numbers = world.numbers();
    for (const [name, least] of Object.entries(LEAST)) {
      const found = numbers[name as keyof typeof LEAST];
      if (found < least) failures.push(`only ${found} ${name}: nothing is proven`);
    }
    const [first] = violations;
    const broken = first === undefined ? {} : { brokenAfterMs: first.atMs - world.startMs };
    return { seed, failures, ...broken, numbers, history: world.history() };
  } finally {
    world.stop();
  }
}

/** What is left in a world's account when its pools and classes have been deleted. */
async function leftAfterAll(world: World): Promise<string[]> {
  const { ec2 } = world;
  if (ec2 === undefined) return [];
  world.takeDown();
  await world.clock.runFor(TIDY_MS);
  return leftInAccount(ec2).map((what) => `${what} stays`);
}

/** How the product is set belongs to what is drawn; how eager consolidation is, too: the more it moves, the more there is to judge. */
function drawSettings(seed: number): Partial<Settings> {
  const random = new Random(seed).fork("settings");
  return {
    evictionCostUsd: random.pick([0.0005, 0.005, 0.05]),
    disruptionValidationDelayMs: random.pick([15_000, 15_000, 1_000, 60_000]),
    expirationPolicy: random.pick(["ReplaceFirst", "ReplaceFirst", "Forceful"]),
    preferencePolicy: random.pick(["Respect", "Ignore"]),
  };
}

/** What judges or the end of the world complained of, without names and numbers: enough to see the same failure again. */
export function complaints({ failures }: Pick<SeedResult, "failures">): string[] {
  return [
    ...new Set(failures.map((failure) => failure.replace(/ at [0-9.]+ s:.*$/s, "").replace(/[0-9]+|:.*$/gs, ""))),
  ];
}
