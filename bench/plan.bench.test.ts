import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planBenches } from "./plan.bench.ts";

describe("the benchmarks of plans, at toy size", () => {
  for (const bench of planBenches({ toy: true })) {
    it(`${bench.name}: places every pod and says what it costs`, async () => {
      for (const line of await bench.run()) {
        assert.equal(line["refused"], 0);
        assert.ok(Number(line["nodes"]) >= 1);
        assert.ok(Number(line["pricePerHour"]) >= Number(line["lowerBoundPerHour"]) - 1e-3);
      }
    });
  }
});
