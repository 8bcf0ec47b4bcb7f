import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { disruptionBenches } from "./disruption.bench.ts";

describe("the benchmarks of disruption, at toy size", () => {
  for (const bench of disruptionBenches({ toy: true })) {
    it(`${bench.name}: finds what costs too much`, async () => {
      for (const line of await bench.run()) {
        assert.ok(Number(line["commands"]) > 0);
        assert.ok(Number(line["finalPrice"]) < Number(line["initialPrice"]));
      }
    });
  }
});
