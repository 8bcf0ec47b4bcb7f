import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runSeed } from "./seed-run.ts";

describe("two simulated hours with faults in which nodes are consolidated", () => {
  it("take nodes away for less, by a command at a time, and break no law [SEED=7]", async () => {
    const { failures, history } = await runSeed(7, { settings: { underutilizedNodes: "Consolidate" } });
    assert.deepEqual(failures, []);
    const marked = history.filter((line) => line.includes("DisruptionReason (Underutilized)"));
    assert.ok(marked.length > 0, "nothing was consolidated, so nothing is proven");
  });
});
