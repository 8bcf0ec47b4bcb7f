import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodePoolProblems } from "./node-pool-problems.ts";
import { nodePool, withChange } from "./test-objects.ts";

const SPEC = "spec.template.spec";
const long = "n".repeat(64);
const rows: readonly [path: string, value: unknown, problems: RegExp[]][] = [
  ["", undefined, []],
  [`${SPEC}.requirements`, [{ key: "beta.kubernetes.io/arch", operator: "In", values: ["amd64"] }], []],
  [`${SPEC}.requirements`, [{ key: "karpenter.kwok.sh/instance-family", operator: "In", values: ["c"] }], []],
  [`${SPEC}.requirements`, [{ key: "karpenter.kwok.sh/other", operator: "Exists" }], [/restricted/]],
  [`${SPEC}.requirements`, [{ key: "karpenter.sh/registered", operator: "Exists" }], [/restricted/]],
  [`${SPEC}.requirements`, [{ key: "kubernetes.io/hostname", operator: "Exists" }], [/restricted/]],
  [`${SPEC}.requirements`, [{ key: "karpenter.sh/nodepool", operator: "Exists" }], [/Karpenter sets it/]],
  [`${SPEC}.requirements`, [{ key: long, operator: "Exists" }], [/no more than 63 characters/]],
  [`${SPEC}.requirements`, [{ key: "a", operator: "In", values: ["two words"] }], [/value "two words"/]],
  [`${SPEC}.requirements`, [{ key: "a", operator: "In" }], [/at least one value/]],
  [`${SPEC}.requirements`, [{ key: "a", operator: "Gt", values: ["1.5"] }], [/whole number/]],
  [`${SPEC}.requirements`, [{ key: "a", operator: "In", values: ["x"], minValues: 2 }], [/minValues is 2, but only 1/]],
  [`${SPEC}.requirements`, [{ key: "a", operator: "Near", values: ["x"] }], [/no operator "Near"/]],
  [`${SPEC}.requirements`, [{ key: "karpenter.sh/capacity-type", operator: "In", values: ["Spot"] }], [/none of Spot/]],
  [`${SPEC}.requirements`, [{ key: "karpenter.sh/capacity-type", operator: "In", values: ["spot", "new"] }], []],
  [
    `${SPEC}.requirements`,
    [{ key: "karpenter.sh/capacity-type", operator: "In", values: ["spot", "new"], minValues: 2 }],
    [/only 1 values are known/],
  ],
  ["spec.template.metadata.labels", { "karpenter.sh/nodepool": "x" }, [/Karpenter sets it/]],
  ["spec.template.metadata.labels", { "karpenter.sh/custom": "x" }, [/restricted/]],
  ["spec.template.metadata.labels", { [`a/${long}`]: "x" }, [/no more than 63/]],
  ["spec.template.metadata.labels", { "a/b/c": "-" }, [/qualified name/, /value "-"/]],
  [`${SPEC}.taints`, [{ key: long, effect: "NoSchedule" }], [/no more than 63/]],
  [`${SPEC}.taints`, [{ key: "a", value: "b c", effect: "Sometimes" }], [/value "b c"/, /no effect/]],
  [
    `${SPEC}.taints`,
    [
      { key: "a", effect: "NoSchedule" },
      { key: "a", effect: "NoExecute" },
    ],
    [],
  ],
  [
    `${SPEC}.taints`,
    [
      { key: "a", effect: "NoSchedule" },
      { key: "a", value: "b", effect: "NoSchedule" },
    ],
    [/more than once/],
  ],
];

describe("what a pool's schema cannot see", () => {
  const limits = { wellKnown: ["karpenter.kwok.sh/instance-family"], restrictedDomains: ["karpenter.kwok.sh"] };
  for (const [path, value, problems] of rows) {
    it(`${path} ${JSON.stringify(value)?.slice(0, 90)}: ${problems.length} problems`, () => {
      const found = nodePoolProblems(withChange(nodePool(), path, value), limits);
      assert.equal(found.length, problems.length, found.join("; "));
      for (const [i, problem] of problems.entries()) assert.match(found[i] ?? "", problem);
    });
  }
  it("sees a taint that is a startup taint as well", () => {
    const taint = [{ key: "a", effect: "NoSchedule" }];
    const pool = withChange(withChange(nodePool(), `${SPEC}.taints`, taint), `${SPEC}.startupTaints`, taint);
    assert.match(nodePoolProblems(pool).join(), /"a:NoSchedule" is there more than once/);
  });
});
