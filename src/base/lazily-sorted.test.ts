import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { lazilySorted } from "./lazily-sorted.ts";

const byNumber = (a: { n: number }, b: { n: number }): number => a.n - b.n;

describe("items sorted as far as somebody asks", () => {
  it("come in order, all of them", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer()), (numbers) => {
        const items = numbers.map((n) => ({ n }));
        assert.deepEqual([...lazilySorted(items, byNumber)], [...items].sort(byNumber));
      }),
      { seed: 5 },
    );
  });

  it("are hardly compared when only the first is wanted", () => {
    let looks = 0;
    const items = Array.from({ length: 1_000 }, (_, i) => ({ n: (i * 7_919) % 1_000 }));
    const [first] = lazilySorted(items, (a, b) => {
      looks += 1;
      return byNumber(a, b);
    });
    assert.equal(first?.n, 0);
    assert.ok(looks < 4_000, `${looks} comparisons`);
  });
});
