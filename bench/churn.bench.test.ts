import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { churnBenches } from "./churn.bench.ts";

describe("the benchmark of churn, at toy size", () => {
  for (const bench of churnBenches({ toy: true })) {
    it(`${bench.name}: no law is broken, and consolidation saves`, async () => {
      const lines = new Map((await bench.run()).map((line) => [line["rules"], line]));
      for (const line of lines.values()) assert.deepEqual([line["violations"], line["podsWaiting"]], [0, 0]);
      assert.equal(lines.get("none")?.["podsEvicted"], 0);
      for (const rules of ["ours", "upstream"]) {
        assert.ok(Number(lines.get(rules)?.["podsEvicted"]) > 0, `${rules}: nothing was moved, so nothing is proven`);
        assert.ok(Number(lines.get(rules)?.["usd"]) < Number(lines.get("none")?.["usd"]));
      }
    });
  }
});
