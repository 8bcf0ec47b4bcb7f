import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  allows,
  anyValue,
  formatRequirement,
  hasIntersection,
  incompatibility,
  intersection,
  intersects,
  labelRequirements,
  type Operator,
  operatorOf,
  type Requirement,
  type RequirementSpec,
  requirement,
  requirementFor,
  requirementOf,
  requirementsOf,
  toSpecs,
  withRequirement,
} from "./requirements.ts";

/** Small enough to try every value, large enough that every bound and exclusion below shows; "x" is no number. */
const UNIVERSE = ["x", "y", ...Array.from({ length: 14 }, (_, n) => String(n))];
const SPECS: RequirementSpec[] = [
  { key: "k", operator: "Exists" },
  { key: "k", operator: "DoesNotExist" },
  ...(["In", "NotIn"] as const).flatMap((operator) =>
    [["x"], ["y"], ["x", "y"], ["3"], ["9"], ["3", "4", "5", "x"]].map((values) => ({ key: "k", operator, values })),
  ),
  ...(["Gt", "Lt", "Gte", "Lte"] as const).flatMap((operator) =>
    ["1", "2", "3", "5", "9"].map((value) => ({ key: "k", operator, values: [value] })),
  ),
];
const show = (spec: RequirementSpec): string => `${spec.operator} ${(spec.values ?? []).join(",")}`;

/** The meaning of an operator, told in another way than the product does. */
function means(spec: RequirementSpec, value: string): boolean {
  const values = spec.values ?? [];
  const [number, bound] = [Number(value), Number(values[0])];
  const table: Record<Operator, boolean> = {
    In: values.includes(value),
    NotIn: !values.includes(value),
    Exists: true,
    DoesNotExist: false,
    Gt: number > bound,
    Lt: number < bound,
    Gte: number >= bound,
    Lte: number <= bound,
  };
  return table[spec.operator];
}

/** Every value of the universe; numbers beyond it behave as its largest for the bounds used here. */
const meaning = (r: Requirement): string[] => UNIVERSE.filter((value) => allows(r, value));

describe("requirements: every pair of operators, against a universe of values", () => {
  it("a single requirement allows what its operator means", () => {
    for (const spec of SPECS) {
      for (const value of UNIVERSE)
        assert.equal(allows(requirementOf(spec), value), means(spec, value), `${show(spec)}: ${value}`);
    }
  });

  it("the intersection allows exactly what both allow, either way round", () => {
    for (const a of SPECS) {
      for (const b of SPECS) {
        const want = UNIVERSE.filter((value) => means(a, value) && means(b, value));
        const name = `${show(a)} and ${show(b)}`;
        assert.deepEqual(meaning(intersection(requirementOf(a), requirementOf(b))), want, name);
        assert.deepEqual(meaning(intersection(requirementOf(b), requirementOf(a))), want, name);
      }
    }
  });

  it("hasIntersection says whether anything is left, as the intersection itself does", () => {
    for (const a of SPECS) {
      for (const b of SPECS) {
        for (const c of SPECS) {
          const ab = intersection(requirementOf(a), requirementOf(b));
          const r = requirementOf(c);
          const want = operatorOf(intersection(ab, r)) !== "DoesNotExist";
          const name = `${show(a)} and ${show(b)} with ${show(c)}`;
          assert.equal(hasIntersection(ab, r), want, name);
          assert.equal(
            want,
            UNIVERSE.some((value) => [a, b, c].every((spec) => means(spec, value))),
            name,
          );
        }
      }
    }
  });

  it("what is written out reads back with the same meaning", () => {
    for (const a of SPECS) {
      for (const b of SPECS) {
        const set = requirementsOf([a, b]);
        const again = requirementsOf(toSpecs(set));
        assert.deepEqual(
          meaning(requirementFor(again, "k")),
          meaning(requirementFor(set, "k")),
          `${show(a)} and ${show(b)}`,
        );
      }
    }
  });

  it("anyValue is allowed whenever anything is", () => {
    for (const a of SPECS) {
      for (const b of SPECS) {
        const r = intersection(requirementOf(a), requirementOf(b));
        const value = anyValue(r);
        if (operatorOf(r) === "DoesNotExist") assert.equal(value, "");
        else assert.ok(allows(r, value), `${show(a)} and ${show(b)}: ${value}`);
      }
    }
  });
});

describe("requirements: rules by name", () => {
  for (const { a, b, want } of [
    { a: "In x,y", b: "NotIn x", want: "k In [y]" },
    { a: "In x", b: "In y", want: "k DoesNotExist" },
    { a: "NotIn x", b: "NotIn y", want: "k NotIn [x y]" },
    { a: "Gt 2", b: "Lt 5", want: "k Gte [3], k Lte [4]" },
    { a: "Gt 5", b: "Lt 2", want: "k DoesNotExist" },
    { a: "In 3,9,x", b: "Gte 4", want: "k In [9]" },
    { a: "NotIn 3,9,x", b: "Gte 4", want: "k Gte [4], k NotIn [9]" },
    { a: "Exists ", b: "DoesNotExist ", want: "k DoesNotExist" },
    { a: "Exists ", b: "In x", want: "k In [x]" },
  ]) {
    it(`${a} and ${b}: ${want}`, () => assert.equal(formatRequirement(intersection(read(a), read(b))), want));
  }

  it("a range whose every number is excluded allows nothing", () => {
    const range = intersection(read("Gte 3"), read("Lte 4"));
    assert.equal(hasIntersection(range, read("NotIn 3,4")), false);
    assert.equal(operatorOf(intersection(range, read("NotIn 3,4"))), "DoesNotExist");
    assert.equal(hasIntersection(range, read("NotIn 3,5")), true);
  });

  it("minValues: the larger wins, and survives into the manifest", () => {
    const both = intersection(requirement("k", "In", ["a", "b", "c"], 2), requirement("k", "Exists", [], 3));
    assert.equal(both.minValues, 3);
    const [spec] = toSpecs(new Map([["k", both]]));
    assert.deepEqual(spec, { key: "k", operator: "In", values: ["a", "b", "c"], minValues: 3 });
    assert.equal(intersection(requirement("k", "Exists", [], 3), requirement("k", "Exists")).minValues, 3);
  });

  it("bounds that are no whole numbers or beyond the largest allow nothing", () => {
    assert.equal(operatorOf(requirement("k", "Gt", ["x"])), "DoesNotExist");
    assert.equal(operatorOf(requirement("k", "Gt", [String(Number.MAX_SAFE_INTEGER)])), "DoesNotExist");
  });

  it("old label names are read as the present ones", () => {
    const set = requirementsOf([
      { key: "failure-domain.beta.kubernetes.io/zone", operator: "In", values: ["a", "b"] },
      { key: "topology.kubernetes.io/zone", operator: "In", values: ["b", "c"] },
    ]);
    assert.deepEqual(toSpecs(set), [{ key: "topology.kubernetes.io/zone", operator: "In", values: ["b"] }]);
  });

  it("anyValue takes the smallest, and minds exclusions", () => {
    assert.equal(anyValue(read("In y,x")), "x");
    assert.equal(anyValue(read("NotIn 0,1")), "2");
    assert.equal(anyValue(read("Gt 4")), "5");
    assert.equal(anyValue(read("Exists ")), "0");
  });
});

describe("requirement sets", () => {
  const wellKnown = new Set(["topology.kubernetes.io/zone"]);
  for (const { node, pod, allowed, want } of [
    { node: "", pod: "", want: undefined },
    { node: "a=1", pod: "a In 1", want: undefined },
    { node: "a=1", pod: "a In 2", want: { key: "a", kind: "conflict" } },
    { node: "a=1", pod: "b In 1", want: { key: "b", kind: "undefined" } },
    { node: "a=1", pod: "b NotIn 1", want: undefined },
    { node: "a=1", pod: "b DoesNotExist", want: undefined },
    { node: "a=1", pod: "b Exists", want: { key: "b", kind: "undefined" } },
    { node: "a=1", pod: "b Gt 1", want: { key: "b", kind: "undefined" } },
    { node: "a=1", pod: "a DoesNotExist", want: { key: "a", kind: "conflict" } },
    { node: "", pod: "topology.kubernetes.io/zone In z", allowed: wellKnown, want: undefined },
    {
      node: "",
      pod: "zone In z",
      allowed: wellKnown,
      want: { key: "zone", kind: "undefined", hint: "topology.kubernetes.io/zone" },
    },
    {
      node: "example.com/team=a",
      pod: "example.org/team In a",
      want: { key: "example.org/team", kind: "undefined", hint: "example.com/team" },
    },
  ] as const) {
    it(`a node with [${node}] for a pod that wants [${pod}]`, () => {
      const labels = node === "" ? {} : Object.fromEntries([node.split("=") as [string, string]]);
      const wanted = pod === "" ? [] : [spec(pod.split(" ") as [string, string, string?])];
      assert.deepEqual(
        incompatibility(labelRequirements(labels), requirementsOf(wanted), allowed as ReadonlySet<string> | undefined),
        want,
      );
    });
  }

  it("two sides that only rule out always agree; a missing key is no conflict", () => {
    const a = requirementsOf([{ key: "k", operator: "DoesNotExist" }]);
    assert.equal(intersects(a, requirementsOf([{ key: "k", operator: "NotIn", values: ["x"] }])), undefined);
    assert.equal(intersects(a, requirementsOf([{ key: "k", operator: "DoesNotExist" }])), undefined);
    assert.equal(intersects(a, requirementsOf([{ key: "k", operator: "Exists" }])), "k");
    assert.equal(intersects(a, requirementsOf([{ key: "other", operator: "Exists" }])), undefined);
  });

  it("adding narrows a copy, never the set itself", () => {
    const before = requirementsOf([{ key: "k", operator: "In", values: ["a", "b"] }]);
    const after = withRequirement(before, requirement("k", "NotIn", ["a"]));
    assert.deepEqual(toSpecs(after), [{ key: "k", operator: "In", values: ["b"] }]);
    assert.deepEqual(toSpecs(before), [{ key: "k", operator: "In", values: ["a", "b"] }]);
  });
});

function read(text: string): Requirement {
  const [operator = "", values = ""] = text.split(" ");
  return requirement("k", operator as Operator, values === "" ? [] : values.split(","));
}

function spec([key, operator, value]: [string, string, string?]): RequirementSpec {
  return { key, operator: operator as Operator, ...(value === undefined ? {} : { values: [value] }) };
}
