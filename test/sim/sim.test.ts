import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { complaints, type SeedOptions, type SeedResult } from "./run-seed.ts";
import { seedList } from "./seed-list.ts";
import { shrink } from "./shrink.ts";

const numbers = { claims: 9, calls: 999, lives: 1, lines: 999, usd: 1, nodesMost: 9 };

describe("the seeds of a share", () => {
  it("are spread evenly, and all shares together are all seeds", () => {
    assert.deepEqual(seedList({ from: 5, seeds: 7, share: "2/3" }), [6, 9]);
    const all = [1, 2, 3].flatMap((part) => seedList({ from: 5, seeds: 7, share: `${part}/3` }));
    assert.deepEqual(
      all.sort((a, b) => a - b),
      [5, 6, 7, 8, 9, 10, 11],
    );
  });

  it("are refused where the share is none", () => {
    for (const share of ["3", "0/3", "4/3", "a/b"]) {
      assert.throws(() => seedList({ from: 1, seeds: 1, share }), RangeError);
    }
  });
});

describe("what a failure complains of", () => {
  it("is the same for other names, numbers and moments", () => {
    const one = complaints({ failures: ["budgets at 12.5 s: pool a loses 2 of 9", "3 pods still wait: default/a"] });
    const other = complaints({ failures: ["budgets at 7 s: pool b loses 3 of 5", "1 pods still wait: default/b"] });
    assert.deepEqual(one, other);
    assert.equal(one.length, 2);
  });
});

describe("shrinking", () => {
  /** Fails as long as deeds 3 and 7 happen and answers get lost, from the hundredth second on. */
  const run = async ({ storyMs = 0, faults = {}, leaveOut = new Set() }: SeedOptions): Promise<SeedResult> => {
    const fails = storyMs >= 100_000 && faults.lostReply === undefined && !leaveOut.has(3) && !leaveOut.has(7);
    const history = Array.from({ length: 10 }, (_, i) => i + 1)
      .filter((number) => !leaveOut.has(number))
      .map((number) => `00001.000 story: deed ${number}`);
    const failures = fails ? ["budgets at 100 s: too many"] : [];
    return { seed: 1, failures, ...(fails ? { brokenAfterMs: 100_000 } : {}), numbers, history };
  };

  it("leaves what the failure needs: the time up to it, its faults, its deeds", async () => {
    const { shrunken, result } = await shrink(await run({ storyMs: 7_200_000 }), 7_200_000, run, 200);
    assert.equal(shrunken.storyMs, 101_000);
    assert.ok(shrunken.isAlone);
    assert.ok(!shrunken.faults.includes("lostReply") && shrunken.faults.includes("refused"));
    assert.deepEqual(
      shrunken.deeds.sort((a, b) => a - b),
      [1, 2, 4, 5, 6, 8, 9, 10],
    );
    assert.deepEqual(result.failures, ["budgets at 100 s: too many"]);
  });

  it("ends when the runs are used up", async () => {
    let runs = 0;
    const counted = (options: SeedOptions): Promise<SeedResult> => {
      runs += 1;
      return run(options);
    };
    await shrink(await run({ storyMs: 7_200_000 }), 7_200_000, counted, 5);
    assert.equal(runs, 5);
  });
});

describe("mutants", () => {
  it("change what stands in the sources once", async () => {
    const { readFileSync } = await import("node:fs");
    const { MUTANTS } = await import("./mutant-list.ts");
    const root = new URL("../..", import.meta.url).pathname;
    const wrong = MUTANTS.flatMap(({ edits }) => edits)
      .filter(({ file, from }) => readFileSync(root + file, "utf8").split(from).length !== 2)
      .map(({ file, from }) => `${file}: ${from}`);
    assert.deepEqual(wrong, []);
  });
});
