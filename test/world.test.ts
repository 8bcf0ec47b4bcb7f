import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NO_FAULTS } from "../src/simulation/faults/fault-mix.ts";
import { runSeed } from "./seed-run.ts";
import { worldOf } from "./simulated-world.ts";

/** Worlds that once found a mistake stay here. */
const SEEDS_THAT_FOUND_BUGS: readonly number[] = [];
const SEEDS = [...SEEDS_THAT_FOUND_BUGS, 1, 2, 3, 4];

describe("two simulated hours with faults", () => {
  for (const seed of SEEDS) {
    it(`every pod runs, no law is broken, and empty nodes go [SEED=${seed}]`, async () => {
      const { failures } = await runSeed(seed);
      assert.deepEqual(failures, []);
    });
  }

  it("are the same in every run of a seed", async () => {
    const [first, second] = [await runSeed(5), await runSeed(5)];
    assert.deepEqual(second.history, first.history);
    assert.ok(first.history.length > 200, "a world in which nothing happened proves nothing");
  });

  it("differ between seeds", async () => {
    const [first, second] = [await runSeed(6), await runSeed(7)];
    assert.notDeepEqual(second.history, first.history);
  });
});

describe("two simulated hours without faults", () => {
  it("get quiet with every pod running, and cost what the nodes cost", async () => {
    const world = worldOf({ seed: 11, faults: NO_FAULTS, processes: 1 });
    try {
      await world.runStory();
      assert.equal(await world.runUntilQuiet({ atMostMs: 3_600_000 }), true);
      assert.deepEqual(world.podsWaiting(), []);
      assert.deepEqual(world.violations(), []);
      assert.ok(world.numbers().usd > 0);
    } finally {
      world.stop();
    }
  });
});
