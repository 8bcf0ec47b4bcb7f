import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mergeDiff } from "./merge-diff.ts";

describe("the difference as a merge patch", () => {
  type Table = { given: string; before: Record<string, unknown>; after: Record<string, unknown>; want: unknown };
  const table: Table[] = [
    {
      given: "nothing changed",
      before: { a: { b: [1, { c: 2 }] } },
      after: { a: { b: [1, { c: 2 }] } },
      want: undefined,
    },
    { given: "a deep value", before: { a: { b: 1, c: 2 } }, after: { a: { b: 1, c: 3 } }, want: { a: { c: 3 } } },
    { given: "a key gone", before: { a: { b: 1, c: 2 } }, after: { a: { b: 1 } }, want: { a: { c: null } } },
    { given: "a key undefined", before: { a: 1 }, after: { a: undefined }, want: { a: null } },
    { given: "a list", before: { a: [1, 2] }, after: { a: [1] }, want: { a: [1] } },
    { given: "a list of equal length", before: { a: [{ x: 1 }] }, after: { a: [{ x: 2 }] }, want: { a: [{ x: 2 }] } },
    { given: "a list for a map", before: { a: { x: 1 } }, after: { a: [] }, want: { a: [] } },
    { given: "something new", before: {}, after: { a: { b: {} } }, want: { a: { b: {} } } },
    { given: "an empty map for a full one", before: { a: { b: 1 } }, after: { a: {} }, want: { a: { b: null } } },
  ];
  for (const { given, before, after, want } of table) {
    it(given, () => assert.deepEqual(mergeDiff(before, after), want));
  }
});
