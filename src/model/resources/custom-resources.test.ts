import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { celErrors, ruleProblem } from "../schema/cel.ts";
import { defaulted } from "../schema/default.ts";
import { fieldErrorText } from "../schema/field-error.ts";
import { objectErrors } from "../schema/object-errors.ts";
import { unknownFields } from "../schema/prune.ts";
import type { Rule, Schema } from "../schema/schema.ts";
import { CUSTOM_RESOURCES, customResourceOf } from "./custom-resources.ts";
import { ec2NodeClass, kwokNodeClass, type Loose, nodePool, withChange } from "./test-objects.ts";
import { BAD, CHANGES, GOOD, LEAST } from "./test-verdicts.ts";

const GROUPS: Readonly<Record<string, string>> = {
  NodePool: "karpenter.sh",
  NodeClaim: "karpenter.sh",
  KWOKNodeClass: "karpenter.kwok.sh",
  EC2NodeClass: "karpenter.k8s.aws",
};
const schemaOf = (kind: string): Schema => customResourceOf(GROUPS[kind] ?? "", kind)!.schema;
/** The verdict of the API server on a new object. */
function verdict(kind: string, change: string, value: unknown): string[] {
  const schema = schemaOf(kind);
  const object = defaulted(schema, withChange(LEAST[kind]!(), change, value));
  return [
    ...unknownFields(schema, object).map((field) => `unknown field "${field}"`),
    ...objectErrors(schema, object).map(fieldErrorText),
  ];
}

describe("schemas of our kinds", () => {
  for (const [kind, path, value] of GOOD) {
    it(`${kind} ${path} = ${show(value)} is taken`, () => {
      assert.deepEqual(verdict(kind, path, value), []);
    });
  }
  for (const [kind, path, value, message] of BAD) {
    it(`${kind} ${path} = ${show(value)} is refused: ${message.source.slice(0, 60)}`, () => {
      const errors = verdict(kind, path, value);
      assert.ok(
        errors.some((error) => message.test(error)),
        `none of ${JSON.stringify(errors)}`,
      );
    });
  }

  it("every rule of every kind is violated by one of the bad objects above, or compares with the old object", () => {
    const seen = new Set(
      BAD.flatMap(([kind, path, value]) => verdict(kind, path, value).map((text) => `${kind} ${text}`)),
    );
    for (const { kind, schema } of CUSTOM_RESOURCES) {
      for (const { message = "", rule } of rulesIn(schema)) {
        if (rule.includes("oldSelf")) continue;
        assert.ok(
          [...seen].some((text) => text.startsWith(kind.kind) && text.includes(message)),
          `${kind.kind}: ${message}`,
        );
      }
    }
  });

  it("has as many rules as the reference counts, and each can be evaluated", () => {
    const counts = Object.fromEntries(CUSTOM_RESOURCES.map(({ kind, schema }) => [kind.kind, rulesIn(schema).length]));
    assert.equal(counts["NodePool"], 18);
    assert.equal(counts["NodeClaim"], 9);
    assert.equal(counts["KWOKNodeClass"], 0);
    for (const { schema } of CUSTOM_RESOURCES)
      for (const rule of rulesIn(schema)) assert.equal(ruleProblem(rule), undefined);
  });
});

describe("rules that compare with the old object", () => {
  for (const [kind, path, value, message] of CHANGES) {
    it(`${kind}: setting ${path} later is ${message === undefined ? "fine" : "refused"}`, () => {
      const schema = schemaOf(kind);
      const old = defaulted(schema, LEAST[kind]!());
      const errors = celErrors(schema, defaulted(schema, withChange(old, path, value)), old).map(fieldErrorText);
      if (message === undefined) assert.deepEqual(errors, []);
      else assert.match(errors.join("\n"), message);
      assert.deepEqual(celErrors(schema, old, old), []);
    });
  }
});

describe("defaults", () => {
  it("fills a NodePool", () => {
    const { spec } = defaulted(schemaOf("NodePool"), nodePool()) as Loose;
    assert.deepEqual(spec.disruption, {
      consolidateAfter: "0s",
      consolidationPolicy: "WhenEmptyOrUnderutilized",
      budgets: [{ nodes: "10%" }],
    });
    assert.equal(spec.template.spec.expireAfter, "720h");
    assert.ok(!("weight" in spec) && !("terminationGracePeriod" in spec.template.spec));
  });
  it("fills a budget without nodes, so that its required field is there", () => {
    const pool = withChange(nodePool(), "spec.disruption.budgets", [{ reasons: ["Empty"] }]);
    assert.deepEqual((defaulted(schemaOf("NodePool"), pool) as Loose).spec.disruption.budgets, [
      { nodes: "10%", reasons: ["Empty"] },
    ]);
  });
  it("makes a KWOKNodeClass ready and fills the metadata options of an EC2NodeClass", () => {
    const kwok = defaulted(schemaOf("KWOKNodeClass"), kwokNodeClass()) as Loose;
    assert.deepEqual(kwok.status.conditions, [
      { type: "Ready", status: "True", reason: "Ready", message: "", lastTransitionTime: "2024-01-01T01:01:01Z" },
    ]);
    const ec2 = defaulted(
      schemaOf("EC2NodeClass"),
      withChange(ec2NodeClass(), "spec.metadataOptions", { httpTokens: "optional" }),
    ) as Loose;
    assert.deepEqual(ec2.spec.metadataOptions, {
      httpTokens: "optional",
      httpEndpoint: "enabled",
      httpProtocolIPv6: "disabled",
      httpPutResponseHopLimit: 1,
    });
  });
});

function rulesIn(schema: Schema): Rule[] {
  const { properties = {}, items, additionalProperties } = schema;
  const children = [...Object.values(properties), items, additionalProperties];
  return [
    ...(schema["x-kubernetes-validations"] ?? []),
    ...children.flatMap((child) => (typeof child === "object" ? rulesIn(child) : [])),
  ];
}

function show(value: unknown): string {
  return typeof value === "function" ? "..." : (JSON.stringify(value)?.slice(0, 70) ?? "absent");
}
