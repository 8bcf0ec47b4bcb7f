import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planBenches } from "./plan.bench.ts";
import { type Profile, profiled, summaryOf } from "./profile.ts";

const frame = (functionName: string) => ({ functionName, url: "file:///a/work.ts", lineNumber: 1 });

/** main calls plan and paint; plan calls search, that one through a function without a name. */
const PROFILE: Profile = {
  nodes: [
    { id: 1, callFrame: frame("main"), children: [2, 6] },
    { id: 2, callFrame: frame("plan"), children: [3, 5] },
    { id: 3, callFrame: frame(""), children: [4] },
    { id: 4, callFrame: frame("search") },
    { id: 5, callFrame: frame("bound") },
    { id: 6, callFrame: frame("paint") },
  ],
  samples: [1, 2, 3, 4, 5, 6],
  timeDeltas: [500, 1_000, 2_000, 6_000, 1_000, 900],
};

describe("where the time of a benchmark goes", () => {
  it("is told for the root alone, callers before what they call", () => {
    const { totalMs, phases } = summaryOf(PROFILE, "plan");
    assert.equal(totalMs, 10);
    assert.deepEqual(
      phases.map(({ what, share, depth }) => [what, share, depth]),
      [
        ["plan", 1, 0],
        ["search (work.ts)", 0.6, 1],
        ["bound (work.ts)", 0.1, 1],
      ],
    );
  });

  it("is told for each function by itself, those without a name as part of their callers", () => {
    const { hottest } = summaryOf(PROFILE, "plan");
    assert.deepEqual(
      hottest.map(({ what, ms }) => [what, ms]),
      [
        ["search (work.ts)", 6],
        ["plan", 3],
        ["bound (work.ts)", 1],
      ],
    );
  });

  it("knows the phases of a plan from the real path", async () => {
    const [bench] = planBenches({ toy: true });
    const { phases } = await profiled("planProvisioning", () => bench?.run());
    assert.equal(phases[0]?.what, "planProvisioning");
    assert.ok(
      phases.some(({ what }) => what.startsWith("decide ")),
      JSON.stringify(phases),
    );
  });
});
