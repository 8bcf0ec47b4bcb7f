import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WELL_KNOWN_LABELS } from "./labels.ts";
import { dnsLabelProblem, labelValueProblem, qualifiedNameProblem, subdomainProblem } from "./qualified-name.ts";
import { restrictedLabelProblem } from "./restricted-label.ts";

describe("names", () => {
  for (const text of ["a", "A_b.c-1", "example.com/a", "a.b-c/D", "x".repeat(63), `${"a.".repeat(120)}a/b`]) {
    it(`${text.slice(0, 20)} is a qualified name`, () => assert.equal(qualifiedNameProblem(text), undefined));
  }
  for (const text of ["", "/a", "a/", "a/b/c", "-a", "a-", "A.com/b", "x".repeat(64), `${"a".repeat(254)}/b`, "a b"]) {
    it(`"${text.slice(0, 20)}" is none`, () => assert.notEqual(qualifiedNameProblem(text), undefined));
  }

  it("label values may be empty, others not", () => {
    assert.equal(labelValueProblem(""), undefined);
    assert.equal(labelValueProblem("v1.2_x"), undefined);
    assert.notEqual(labelValueProblem("-v"), undefined);
    assert.notEqual(labelValueProblem("x".repeat(64)), undefined);
    assert.notEqual(subdomainProblem(""), undefined);
    assert.equal(subdomainProblem("a.b"), undefined);
    assert.notEqual(dnsLabelProblem("a.b"), undefined);
  });

  const wellKnown = new Set(WELL_KNOWN_LABELS);
  for (const [key, isRestricted] of [
    ["karpenter.sh/capacity-type", false],
    ["karpenter.sh/custom", true],
    ["sub.karpenter.sh/custom", true],
    ["notkarpenter.sh/custom", false],
    ["kubernetes.io/hostname", true],
    ["kubernetes.io/anything", false],
    ["team", false],
    ["karpenter.kwok.sh/x", true],
  ] as const) {
    it(`${key} is ${isRestricted ? "" : "not "}restricted`, () => {
      assert.equal(restrictedLabelProblem(key, wellKnown, ["karpenter.kwok.sh"]) !== undefined, isRestricted);
    });
  }
});
