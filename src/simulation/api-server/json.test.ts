import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { copyOf, type JsonObject, sameJson, shareWith } from "./json.ts";

describe("sharing what did not change", () => {
  const before = { a: { b: [1, { c: 2 }] }, d: { e: "x" } };

  it("gives the very same object for an equal one", () => {
    assert.equal(shareWith(before, copyOf(before)), before);
    assert.equal(shareWith(before, { ...copyOf(before), gone: undefined }), before);
  });

  it("shares the parts beside a change", () => {
    const next = { ...copyOf(before), d: { e: "y" } };
    const shared = shareWith(before, next);
    assert.deepEqual(shared, next);
    assert.equal(shared.a, before.a);
    assert.notEqual(shared.d, before.d);
  });

  for (const [given, next] of [
    ["a member that went", { a: before.a }],
    ["a member that came", { ...before, f: 1 }],
    ["a shorter list", { ...before, a: { b: [1] } }],
    ["a list in place of an object", { ...before, d: [] }],
    ["null in place of an object", { ...before, d: null }],
  ] as const) {
    it(`sees ${given}`, () => {
      assert.deepEqual(shareWith(before, copyOf(next)), next);
      assert.equal(sameJson(before, next), false);
    });
  }

  it("treats __proto__ as a name like any other", () => {
    const odd = JSON.parse('{"__proto__": {"polluted": true}}') as JsonObject;
    const copy = copyOf(odd);
    assert.ok(Object.hasOwn(copy, "__proto__"));
    assert.equal(copy["polluted"], undefined);
    assert.ok(sameJson(odd, copy));
  });
});
