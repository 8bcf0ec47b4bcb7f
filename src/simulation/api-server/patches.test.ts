import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { JsonObject } from "./json.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { typeOfKind } from "./schemas/schema-table.ts";
import { refusalOf } from "./server-under-test.ts";
import { applyStrategicPatch } from "./strategic-merge-patch.ts";
import { UNTYPED, viewOfStruct } from "./type-view.ts";

describe("JSON patch", () => {
  const target = { a: { b: [1, 2, 3] }, "x/y": { "~": 1 } };
  const cases: { given: string; patch: JsonObject[]; want: unknown }[] = [
    {
      given: "add to a list",
      patch: [{ op: "add", path: "/a/b/1", value: 9 }],
      want: { ...target, a: { b: [1, 9, 2, 3] } },
    },
    {
      given: "add at the end",
      patch: [{ op: "add", path: "/a/b/-", value: 9 }],
      want: { ...target, a: { b: [1, 2, 3, 9] } },
    },
    { given: "remove", patch: [{ op: "remove", path: "/a/b/0" }], want: { ...target, a: { b: [2, 3] } } },
    {
      given: "escaped names",
      patch: [{ op: "replace", path: "/x~1y/~0", value: 2 }],
      want: { ...target, "x/y": { "~": 2 } },
    },
    { given: "move", patch: [{ op: "move", from: "/a/b", path: "/c" }], want: { ...target, a: {}, c: [1, 2, 3] } },
    {
      given: "copy",
      patch: [{ op: "copy", from: "/a/b/2", path: "/a/c" }],
      want: { ...target, a: { b: [1, 2, 3], c: 3 } },
    },
    { given: "a test that holds", patch: [{ op: "test", path: "/a", value: { b: [1, 2, 3] } }], want: target },
    { given: "the whole document", patch: [{ op: "replace", path: "", value: 1 }], want: 1 },
  ];
  for (const { given, patch, want } of cases) {
    it(given, () => assert.deepEqual(applyJsonPatch(target, patch), want));
  }
  for (const [given, patch, code] of [
    ["a test that fails", [{ op: "test", path: "/a/b/0", value: 2 }], 422],
    ["a missing path", [{ op: "replace", path: "/nope", value: 2 }], 422],
    ["an index beyond the end", [{ op: "add", path: "/a/b/4", value: 2 }], 422],
    ["an unknown operation", [{ op: "turn", path: "/a" }], 400],
    ["no list", { op: "add" }, 400],
  ] as const) {
    it(`refuses ${given}`, () => {
      assert.equal(refusalOf(() => applyJsonPatch(target, patch)).code, code);
      assert.deepEqual(target.a.b, [1, 2, 3]);
    });
  }
});

describe("JSON merge patch", () => {
  for (const [target, patch, want] of [
    [
      { a: 1, b: 2 },
      { a: null, c: 3 },
      { b: 2, c: 3 },
    ],
    [{ a: { b: 1, c: 2 } }, { a: { b: null } }, { a: { c: 2 } }],
    [{ a: [1, 2] }, { a: [3] }, { a: [3] }],
    [{ a: "text" }, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
    [{}, { a: { b: { c: null } } }, { a: { b: {} } }],
  ] as const) {
    it(`${JSON.stringify(target)} + ${JSON.stringify(patch)}`, () =>
      assert.deepEqual(applyMergePatch(target, patch), want));
  }
});

describe("strategic merge patch", () => {
  const type = typeOfKind("v1", "Pod");
  const view = type === undefined ? UNTYPED : viewOfStruct(type);
  const patched = (spec: JsonObject, patch: JsonObject): unknown =>
    (applyStrategicPatch({ spec }, { spec: patch }, view)["spec"] as JsonObject) ?? {};
  const a = { name: "a", image: "a:1", env: [{ name: "X", value: "1" }] };
  const b = { name: "b", image: "b:1" };
  const cases: { given: string; spec: JsonObject; patch: JsonObject; want: JsonObject }[] = [
    {
      given: "containers are merged by name",
      spec: { containers: [a, b] },
      patch: { containers: [{ name: "b", image: "b:2" }] },
      want: { containers: [a, { name: "b", image: "b:2" }] },
    },
    {
      given: "an order given is kept",
      spec: { containers: [a, b] },
      patch: {
        "$setElementOrder/containers": [{ name: "a" }, { name: "b" }],
        containers: [{ name: "b", image: "b:2" }],
      },
      want: { containers: [a, { name: "b", image: "b:2" }] },
    },
    {
      given: "an item is deleted",
      spec: { containers: [a, b] },
      patch: { "$setElementOrder/containers": [{ name: "b" }], containers: [{ $patch: "delete", name: "a" }] },
      want: { containers: [b] },
    },
    {
      given: "a new item comes where the order says",
      spec: { containers: [a] },
      patch: { "$setElementOrder/containers": [{ name: "b" }, { name: "a" }], containers: [b] },
      want: { containers: [b, a] },
    },
    {
      given: "nested lists are merged too",
      spec: { containers: [a] },
      patch: { containers: [{ name: "a", env: [{ name: "Y", value: "2" }] }] },
      want: {
        containers: [
          {
            ...a,
            env: [
              { name: "Y", value: "2" },
              { name: "X", value: "1" },
            ],
          },
        ],
      },
    },
    {
      given: "tolerations are replaced whole",
      spec: { tolerations: [{ key: "a" }] },
      patch: { tolerations: [{ key: "b" }] },
      want: { tolerations: [{ key: "b" }] },
    },
    {
      given: "a list can be replaced",
      spec: { containers: [a, b] },
      patch: { containers: [{ $patch: "replace" }, { name: "c" }] },
      want: { containers: [{ name: "c" }] },
    },
    {
      given: "a map can be replaced",
      spec: { nodeSelector: { a: "1", b: "2" } },
      patch: { nodeSelector: { $patch: "replace", c: "3" } },
      want: { nodeSelector: { c: "3" } },
    },
    {
      given: "null removes",
      spec: { nodeSelector: { a: "1", b: "2" }, priority: 1 },
      patch: { nodeSelector: { a: null }, priority: null },
      want: { nodeSelector: { b: "2" } },
    },
    {
      given: "$retainKeys drops what is not named",
      spec: { volumes: [{ name: "v", emptyDir: {} }] },
      patch: { volumes: [{ $retainKeys: ["name", "hostPath"], name: "v", hostPath: { path: "/x" } }] },
      want: { volumes: [{ name: "v", hostPath: { path: "/x" } }] },
    },
  ];
  for (const { given, spec, patch, want } of cases) it(given, () => assert.deepEqual(patched(spec, patch), want));

  it("finalizers are a set, from which values can be deleted", () => {
    const target = { metadata: { finalizers: ["a", "b"] } };
    assert.deepEqual(applyStrategicPatch(target, { metadata: { finalizers: ["b", "c"] } }, view), {
      metadata: { finalizers: ["a", "b", "c"] },
    });
    const patch = { metadata: { "$deleteFromPrimitiveList/finalizers": ["a"] } };
    assert.deepEqual(applyStrategicPatch(target, patch, view), { metadata: { finalizers: ["b"] } });
  });

  it("refuses items without their key", () => {
    const status = refusalOf(() => patched({ containers: [a] }, { containers: [{ image: "x" }] }));
    assert.equal(status.code, 400);
    assert.match(status.message, /does not contain declared merge key: name/);
  });
});
