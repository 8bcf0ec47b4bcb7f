import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { matchesFields, parseFieldSelector } from "./field-selector.ts";
import { formatSelector, matchesLabelSelector, matchesSelector, parseLabelSelector } from "./label-selector.ts";

const labels = { app: "web", tier: "3", empty: "" };

describe("label selectors as query text", () => {
  for (const [text, want] of [
    ["", true],
    ["app=web", true],
    ["app==web", true],
    ["app = web , tier=3", true],
    ["app!=web", false],
    ["other!=web", true],
    ["app in (web,api)", true],
    ["app in (api)", false],
    ["app notin (api,db)", true],
    ["other notin (a)", true],
    ["app", true],
    ["!app", false],
    ["!other", true],
    ["tier>2", true],
    ["tier<3", false],
    ["app>1", false],
    ["empty=", true],
    ["empty in ()", true],
    ["empty in (,a)", true],
    ["app=", false],
    ["a.example.com/b notin (x),tier", true],
  ] as const) {
    it(`"${text}" ${want ? "selects" : "does not select"}`, () => {
      const parsed = parseLabelSelector(text);
      assert.ok("selector" in parsed, JSON.stringify(parsed));
      assert.equal(matchesSelector(parsed.selector, labels), want);
      const again = parseLabelSelector(formatSelector(parsed.selector));
      assert.ok("selector" in again);
      assert.deepEqual(again.selector, parsed.selector);
    });
  }

  for (const text of [
    "=a",
    "a=b,",
    ",a",
    "a in",
    "a in b",
    "a in (b",
    "a in (b c)",
    "a b",
    "a>x",
    "!a=b",
    "a/b/c=d",
    "-a",
    "a=-b",
    "a==b==c",
    "(a)",
    "a=b c=d",
  ]) {
    it(`"${text}" is an error`, () => assert.ok("error" in parseLabelSelector(text)));
  }
});

describe("label selectors of objects", () => {
  for (const { selector, want, because } of [
    { selector: undefined, want: false, because: "none selects nothing" },
    { selector: {}, want: true, because: "an empty one selects everything" },
    { selector: { matchLabels: { app: "web" } }, want: true, because: "labels are equal" },
    { selector: { matchLabels: { app: "web", tier: "4" } }, want: false, because: "all must match" },
    { selector: { matchExpressions: [{ key: "tier", operator: "In", values: ["3"] }] }, want: true, because: "In" },
    {
      selector: { matchExpressions: [{ key: "tier", operator: "NotIn", values: ["3"] }] },
      want: false,
      because: "NotIn",
    },
    { selector: { matchExpressions: [{ key: "zone", operator: "DoesNotExist" }] }, want: true, because: "absent" },
    {
      selector: { matchExpressions: [{ key: "app", operator: "In" }] },
      want: false,
      because: "In without values is invalid",
    },
    {
      selector: { matchExpressions: [{ key: "app", operator: "Gt", values: ["1"] }] },
      want: false,
      because: "Gt is not for objects",
    },
  ]) {
    it(because, () => assert.equal(matchesLabelSelector(selector, labels), want));
  }
});

describe("field selectors", () => {
  const fields: Record<string, string> = { "metadata.name": "a", "status.phase": "Running", note: "x,y=z\\" };
  for (const [text, want] of [
    ["", true],
    ["metadata.name=a", true],
    ["metadata.name==a,status.phase!=Pending", true],
    ["status.phase=Pending", false],
    ["spec.nodeName=", true],
    ["spec.nodeName!=", false],
    ["note=x\\,y\\=z\\\\", true],
  ] as const) {
    it(`"${text}" ${want ? "matches" : "does not match"}`, () => {
      const parsed = parseFieldSelector(text);
      assert.ok("requirements" in parsed);
      assert.equal(
        matchesFields(parsed.requirements, (field) => fields[field]),
        want,
      );
    });
  }
  for (const text of ["a", "a=b=c", "a=\\x", "a,b=c"]) {
    it(`"${text}" is an error`, () => assert.ok("error" in parseFieldSelector(text)));
  }
});
