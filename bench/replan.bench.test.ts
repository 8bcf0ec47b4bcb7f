import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { replanBenches } from "./replan.bench.ts";

describe("the benchmarks of plans made again, at toy size", () => {
  for (const bench of replanBenches({ toy: true })) {
    it(`${bench.name}: places every pod, some on nodes that are there, some on new ones`, async () => {
      for (const line of await bench.run()) {
        assert.equal(line["refused"], 0);
        assert.ok(Number(line["onNodes"]) > 0);
        assert.ok(Number(line["newNodes"]) > 0);
      }
    });
  }
});
