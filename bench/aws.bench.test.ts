import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { awsBenches } from "./aws.bench.ts";

describe("the benchmarks of the AWS provider, at toy size", () => {
  for (const bench of awsBenches({ toy: true })) {
    it(`${bench.name}: does what is measured`, async () => {
      const [line] = await bench.run();
      assert.ok(Number(line?.["types"] ?? line?.["claims"]) >= 50);
      assert.ok(Number(line?.["requests"] ?? 0) <= 3);
    });
  }
});
