import { Random } from "../src/base/random.ts";
import { MINUTE_MS } from "../src/base/time.ts";
import { leftInAccount } from "../src/simulation/checks/account.ts";
import type { World } from "../src/simulation/world/world.ts";
import { type WorldOptions, worldOf } from "./simulated-world.ts";

export type SeedResult = {
  seed: number;
  /** What is wrong with this world, one line each; empty: nothing. */
  failures: string[];
  numbers: { claims: number; calls: number; lives: number; lines: number; usd: number };
  history: readonly string[];
};

const QUIET_AFTER_MS = 60 * MINUTE_MS;
/** A world in which less happened than this proves nothing. */
/** Unused launch templates are looked for every few minutes. */
const TIDY_MS = 20 * MINUTE_MS;
const LEAST = { claims: 3, calls: 300, lines: 200 };

/** Two simulated hours of faults and deeds, then peace: all judges, and what has to hold in the end. */
export async function runSeed(seed: number, more: Omit<WorldOptions, "seed"> = {}): Promise<SeedResult> {
  // How eager consolidation is belongs to what is drawn: the more it moves, the more there is to judge.
  const evictionCostUsd = new Random(seed).fork("settings").pick([0.0005, 0.005, 0.05]);
  const world = worldOf({ seed, ...more, settings: { evictionCostUsd, ...more.settings } });
  try {
    const failures: string[] = [];
    await world.runStory();
    if (!(await world.runUntilQuiet({ atMostMs: QUIET_AFTER_MS }))) failures.push("the world does not get quiet");
    const waiting = world.podsWaiting();
    if (waiting.length > 0) failures.push(`${waiting.length} pods still wait: ${waiting.slice(0, 3).join(" ")}`);
    world.leave();
    if (!(await world.runUntilQuiet({ atMostMs: QUIET_AFTER_MS }))) failures.push("the empty world does not get quiet");
    const left = world.boughtNodes();
    if (left.length > 0) failures.push(`${left.length} empty nodes stay: ${left.slice(0, 3).join(" ")}`);
    const startMs = world.startMs;
    failures.push(...(await leftAfterAll(world)));
    for (const { atMs, judge, what } of world.violations())
      failures.push(`${judge} at ${(atMs - startMs) / 1_000} s: ${what}`);
    const numbers = world.numbers();
    for (const [name, least] of Object.entries(LEAST)) {
      const found = numbers[name as keyof typeof LEAST];
      if (found < least) failures.push(`only ${found} ${name}: nothing is proven`);
    }
    return { seed, failures, numbers, history: world.history() };
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
