import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { celErrors, ruleProblem } from "./cel.ts";
import { defaulted } from "./default.ts";
import { fieldErrorText, invalid, invalidAnswer, required } from "./field-error.ts";
import { objectErrors } from "./object-errors.ts";
import { patternProblem } from "./pattern.ts";
import { pruned, unknownFields } from "./prune.ts";
import type { Rule, Schema } from "./schema.ts";
import { schemaErrors } from "./validate.ts";

const object = (properties: Record<string, Schema>, more: Partial<Schema> = {}): Schema => ({
  type: "object",
  properties,
  ...more,
});
const rule = (text: string, more: Partial<Rule> = {}): Partial<Schema> => ({
  "x-kubernetes-validations": [{ rule: text, message: `not ${text}`, ...more }],
});
const texts = (errors: readonly { field: string; message: string }[]) =>
  errors.map((error) => fieldErrorText(error as never));

describe("defaults", () => {
  const schema = object({
    a: { type: "string", default: "x" },
    b: object({ c: { type: "integer", default: 1 }, d: { type: "string" } }, { default: {} }),
    list: { type: "array", items: object({ e: { type: "boolean", default: false } }) },
    map: { type: "object", additionalProperties: object({ f: { type: "integer", default: 0 } }) },
    nothing: { type: "string", nullable: true, default: "y" },
  });
  it("fills absent fields and nulls, also inside what it filled in", () => {
    assert.deepEqual(defaulted(schema, { a: null, nothing: null, list: [{}, { e: true }], map: { k: {} } }), {
      a: "x",
      b: { c: 1 },
      list: [{ e: false }, { e: true }],
      map: { k: { f: 0 } },
      nothing: null,
    });
  });
  it("returns what is complete as it is, and never changes its argument", () => {
    const whole = { a: "q", b: { c: 2 }, nothing: "z" };
    assert.equal(defaulted(schema, whole), whole);
    const bare = Object.freeze({ list: Object.freeze([Object.freeze({})]) });
    assert.notEqual(defaulted(schema, bare), bare);
    const first = defaulted(schema, {}) as { b: object };
    assert.notEqual(first.b, (defaulted(schema, {}) as { b: object }).b, "defaults are not shared");
  });
});

describe("unknown fields", () => {
  const schema = object({
    apiVersion: { type: "string" },
    kind: { type: "string" },
    metadata: { type: "object" },
    spec: object({
      list: { type: "array", items: object({ a: { type: "string" } }) },
      free: { type: "object", "x-kubernetes-preserve-unknown-fields": true, properties: { in: object({}) } },
      any: { type: "object", additionalProperties: true },
      map: { type: "object", additionalProperties: object({}) },
      inner: { type: "object", "x-kubernetes-embedded-resource": true, properties: { spec: object({}) } },
    }),
  });
  const value = {
    apiVersion: "v1",
    kind: "K",
    metadata: { name: "n", labels: { a: "b" }, nme: "typo", ownerReferences: [{ uid: "u", x: 1 }] },
    spec: {
      foo: 1,
      list: [{ a: "", b: 1 }, {}],
      free: { x: { y: 1 }, in: { z: 1 } },
      any: { x: 1 },
      map: { k: { v: 1 } },
      inner: { kind: "Pod", metadata: { name: "p", bad: 1 }, other: 1 },
    },
  };
  it("are named by their paths", () => {
    assert.deepEqual(unknownFields(schema, value), [
      "metadata.nme",
      "metadata.ownerReferences[0].x",
      "spec.foo",
      "spec.list[0].b",
      "spec.free.in.z",
      "spec.map.k.v",
      "spec.inner.metadata.bad",
      "spec.inner.other",
    ]);
  });
  it("are pruned, and nothing else is touched", () => {
    const clean = pruned(schema, value);
    assert.deepEqual(unknownFields(schema, clean), []);
    assert.deepEqual(clean.spec.free, { x: { y: 1 }, in: {} });
    assert.equal(clean.spec.any, value.spec.any);
    assert.equal(pruned(schema, clean), clean);
  });
  it("a field called __proto__ is a field like any other", () => {
    const free = JSON.parse('{"spec": {"any": {"__proto__": {"x": 1}}, "foo": 1}}');
    assert.equal(JSON.stringify(pruned(schema, free)), '{"spec":{"any":{"__proto__":{"x":1}}}}');
  });
});

describe("schema errors", () => {
  const rows: readonly [name: string, schema: Schema, value: unknown, errors: string[]][] = [
    [
      "numbers",
      { type: "number", minimum: 1, exclusiveMinimum: true },
      1,
      ["<nil>: Invalid value: 1: should be greater than 1"],
    ],
    [
      "steps",
      object({ n: { type: "integer", multipleOf: 5 } }),
      { n: 7 },
      ["n: Invalid value: 7: n in body should be a multiple of 5"],
    ],
    [
      "least fields",
      object({ m: { type: "object", minProperties: 1 } }),
      { m: {} },
      ["m: Invalid value: 0: m in body should have at least 1 properties"],
    ],
    ["null where it may be", object({ n: { type: "integer", nullable: true } }), { n: null }, []],
    [
      "null where it may not",
      object({ n: { type: "integer" } }),
      { n: null },
      ['n: Invalid value: "null": n in body must be of type integer: "null"'],
    ],
    [
      "anyOf",
      { anyOf: [{ type: "string" }, { type: "boolean" }] },
      1,
      ["<nil>: Invalid value: 1: must validate at least one schema (anyOf)"],
    ],
    [
      "oneOf",
      object({}, { oneOf: [{ required: ["a"] }, { required: ["b"] }] }),
      { a: 1, b: 1 },
      ['<nil>: Invalid value: "object": must validate one and only one schema (oneOf). Found 2 valid alternatives'],
    ],
    [
      "not",
      object({}, { not: { required: ["a"] } }),
      { a: 1 },
      ['<nil>: Invalid value: "object": must not validate the schema (not)'],
    ],
    ["allOf", object({}, { allOf: [{ required: ["a"] }] }), {}, ["a: Required value"]],
    ["an inherited name is no field", object({}, { required: ["toString"] }), {}, ["toString: Required value"]],
    [
      "a date that is none",
      object({ t: { type: "string", format: "date-time" } }),
      { t: "2024-13-01T00:00:00Z" },
      ['t: Invalid value: "2024-13-01T00:00:00Z": t in body must be of type date-time: "2024-13-01T00:00:00Z"'],
    ],
    ["characters are counted, not bytes", { type: "string", maxLength: 2 }, "😀😀", []],
  ];
  for (const [name, schema, value, errors] of rows) {
    it(name, () => assert.deepEqual(texts(schemaErrors(schema, value)), errors));
  }
  it("a pattern that needs exponential time elsewhere takes none here", () => {
    const schema: Schema = { type: "string", pattern: "^(a+)+$" };
    assert.equal(schemaErrors(schema, `${"a".repeat(5_000)}!`).length, 1);
    assert.match(patternProblem("(") ?? "", /missing/i);
  });
});

describe("rules", () => {
  it("run with self at every node that is there", () => {
    const schema = object({
      list: { type: "array", items: object({ n: { type: "integer" } }, rule("self.n > 1")) },
      map: { type: "object", additionalProperties: { type: "string", ...rule("self.startsWith('a')") } },
      absent: { type: "string", ...rule("false") },
    });
    assert.deepEqual(texts(celErrors(schema, { list: [{ n: 2 }, { n: 1 }], map: { k: "b", l: "a" } })), [
      'list[1]: Invalid value: "object": not self.n > 1',
      "map[k]: Invalid value: \"string\": not self.startsWith('a')",
    ]);
  });
  it("know whole numbers by the schema, also as int-or-string", () => {
    const schema = object(
      { n: { type: "integer" }, q: { "x-kubernetes-int-or-string": true }, f: { type: "number" } },
      rule("type(self.n) == int && (type(self.q) == int || type(self.q) == string) && type(self.f) == double"),
    );
    assert.deepEqual(celErrors(schema, { n: 1, q: 2, f: 1.5 }), []);
    assert.deepEqual(celErrors(schema, { n: 1, q: "2", f: 1.5 }), []);
  });
  it("compare with the old value, by key in lists that are maps, never in other lists", () => {
    const item = object({ k: { type: "string" }, v: { type: "integer" } }, rule("self.v >= oldSelf.v"));
    const list = (more: Partial<Schema>): Schema => object({ l: { type: "array", items: item, ...more } });
    const keyed = list({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"] });
    const [old, now] = [
      { l: [{ k: "a", v: 3 }] },
      {
        l: [
          { k: "b", v: 1 },
          { k: "a", v: 2 },
        ],
      },
    ];
    assert.deepEqual(texts(celErrors(keyed, now, old)), ['l[1]: Invalid value: "object": not self.v >= oldSelf.v']);
    assert.deepEqual(celErrors(keyed, now), []);
    assert.deepEqual(celErrors(list({}), now, old), []);
  });
  it("see an optional old value on creation too, when they ask for it", () => {
    const schema = object(
      { n: { type: "integer" } },
      rule("oldSelf.hasValue() || self.n == 0", { optionalOldSelf: true }),
    );
    assert.deepEqual(celErrors(schema, { n: 0 }), []);
    assert.equal(celErrors(schema, { n: 1 }).length, 1);
    assert.deepEqual(celErrors(schema, { n: 1 }, { n: 0 }), []);
  });
  it("that cannot be evaluated are violated, with the reason", () => {
    const schema = object({}, { additionalProperties: { type: "string" }, ...rule("self.missing == 'x'") });
    assert.match(
      texts(celErrors(schema, { a: "b" })).join(),
      /No such key: missing evaluating rule: not self\.missing/,
    );
  });
  it("compute their message, report at a field and with a reason", () => {
    const schema = object({
      spec: object(
        { n: { type: "integer" } },
        rule("self.n < 3", {
          messageExpression: "'n is ' + string(self.n)",
          fieldPath: ".n",
          reason: "FieldValueForbidden",
        }),
      ),
    });
    assert.deepEqual(celErrors(schema, { spec: { n: 5 } }), [
      { field: "spec.n", reason: "FieldValueForbidden", message: "Forbidden: n is 5" },
    ]);
  });
  it("let pass what was wrong before and is unchanged", () => {
    const schema = object({
      spec: object({ n: { type: "integer", maximum: 3 } }, rule("self.n != 2")),
      other: { type: "string" },
    });
    assert.deepEqual(objectErrors(schema, { spec: { n: 2 }, other: "b" }, { spec: { n: 2 }, other: "a" }), []);
    assert.equal(objectErrors(schema, { spec: { n: 2 } }, { spec: { n: 1 } }).length, 1);
    assert.deepEqual(objectErrors(schema, { spec: { n: 9 }, other: "b" }, { spec: { n: 9 } }), []);
    assert.equal(objectErrors(schema, { spec: { n: 9 } }, { spec: { n: 8 } }).length, 1);
  });
  it("find and findAll use Go's expressions", () => {
    const schema = object(
      { s: { type: "string" } },
      rule("self.s.find('[0-9]+') == '12' && self.s.findAll('[0-9]+').size() == 2"),
    );
    assert.deepEqual(celErrors(schema, { s: "a12b3" }), []);
    assert.equal(celErrors(schema, { s: "a1b3" }).length, 1);
  });
  it("speak of fields whose names are no identifiers by their escaped names", () => {
    const inner: Schema = { type: "string", ...rule("self != 'x'") };
    const schema = object(
      { "x-y": inner, namespace: inner, "a.b/c": inner, d__e: inner },
      rule("[self.x__dash__y, self.__namespace__, self.a__dot__b__slash__c, self.d__underscores__e].all(s, s != 'y')"),
    );
    assert.deepEqual(texts(celErrors(schema, { "x-y": "x", namespace: "n", "a.b/c": "x", d__e: "e" })), [
      "x-y: Invalid value: \"string\": not self != 'x'",
      "a.b/c: Invalid value: \"string\": not self != 'x'",
    ]);
    assert.match(texts(celErrors(schema, { "x-y": "y", namespace: "n", "a.b/c": "c", d__e: "e" })).join(), /^<nil>: /);
  });
  it("that are no rules are told", () => {
    assert.notEqual(ruleProblem({ rule: "self.(" }), undefined);
    assert.notEqual(ruleProblem({ rule: "self.all(x, unknownFunction(x))" }), undefined);
    assert.equal(ruleProblem({ rule: "self.a == oldSelf.a" }), undefined);
  });
});

describe("the answer to an invalid object", () => {
  const pool = { group: "karpenter.sh", kind: "NodePool" };
  it("names one error plainly, several in brackets, equal ones once", () => {
    const one = invalid("spec", "object", "no");
    assert.equal(
      invalidAnswer(pool, "x", [one]).message,
      'NodePool.karpenter.sh "x" is invalid: spec: Invalid value: "object": no',
    );
    assert.equal(
      invalidAnswer({ group: "", kind: "Pod" }, "x", [one, one, required("spec.a")]).message,
      'Pod "x" is invalid: [spec: Invalid value: "object": no, spec.a: Required value]',
    );
  });
  it("has a cause per error", () => {
    assert.deepEqual(invalidAnswer(pool, "x", [required("spec.a")]).causes, [
      { reason: "FieldValueRequired", message: "Required value", field: "spec.a" },
    ]);
  });
});
