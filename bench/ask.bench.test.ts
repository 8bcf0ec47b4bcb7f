import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { askBenches } from "./ask.bench.ts";

describe("the benchmarks of questions, at toy size", () => {
  for (const bench of askBenches({ toy: true })) {
    it(`${bench.name}: every change takes nodes away and their pods have a place, every question has an answer`, async () => {
      for (const line of await bench.run()) {
        assert.ok(Number(line["nodesGone"] ?? line["answers"]) > 0);
        assert.ok(Number(line["podsMoved"] ?? line["answers"]) > 0);
      }
    });
  }
});
