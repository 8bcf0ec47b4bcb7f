import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Taint, Toleration } from "./core.ts";
import {
  formatTaint,
  isEphemeralTaint,
  mergeTaints,
  tolerates,
  untoleratedHardTaint,
  untoleratedTaint,
} from "./taints.ts";

const gpu: Taint = { key: "gpu", value: "5", effect: "NoSchedule" };

describe("tolerations of gpu=5:NoSchedule", () => {
  for (const [toleration, want] of [
    [{}, false],
    [{ operator: "Exists" }, true],
    [{ operator: "Exists", effect: "NoExecute" }, false],
    [{ key: "gpu", operator: "Exists" }, true],
    [{ key: "other", operator: "Exists" }, false],
    [{ key: "gpu", value: "5" }, true],
    [{ key: "gpu", operator: "Equal", value: "5", effect: "NoSchedule" }, true],
    [{ key: "gpu", operator: "Equal", value: "6" }, false],
    [{ key: "gpu" }, false],
    [{ key: "gpu", operator: "Lt", value: "6" }, true],
    [{ key: "gpu", operator: "Lt", value: "5" }, false],
    [{ key: "gpu", operator: "Gt", value: "4" }, true],
    [{ key: "gpu", operator: "Gt", value: "x" }, false],
    [{ key: "gpu", operator: "Near", value: "5" }, false],
  ] as [Toleration, boolean][]) {
    it(`${JSON.stringify(toleration)}: ${want}`, () => assert.equal(tolerates(toleration, gpu), want));
  }

  it("a taint without a value equals an empty one", () => {
    assert.equal(tolerates({ key: "k" }, { key: "k", effect: "NoExecute" }), true);
  });
});

describe("taints", () => {
  it("the first that is not tolerated is named; a preference keeps only planning away", () => {
    const soft: Taint = { key: "soft", effect: "PreferNoSchedule" };
    assert.equal(untoleratedTaint([soft, gpu], [{ key: "soft", operator: "Exists" }]), gpu);
    assert.equal(untoleratedTaint([soft], []), soft);
    assert.equal(untoleratedHardTaint([soft], undefined), undefined);
    assert.equal(formatTaint(gpu), "gpu=5:NoSchedule");
  });

  for (const [key, effect, want] of [
    ["node.kubernetes.io/not-ready", "NoExecute", true],
    ["node.kubernetes.io/unreachable", "NoSchedule", true],
    ["node.kubernetes.io/unreachable", "NoExecute", false],
    ["karpenter.sh/unregistered", "NoExecute", true],
    ["readiness.k8s.io/network", "NoSchedule", true],
    ["karpenter.sh/disrupted", "NoSchedule", false],
  ] as const) {
    it(`${key}:${effect} is ${want ? "" : "not "}ephemeral`, () =>
      assert.equal(isEphemeralTaint({ key, effect }), want));
  }

  it("merging adds what key and effect do not cover yet", () => {
    assert.deepEqual(
      mergeTaints(
        [gpu],
        [
          { ...gpu, value: "9" },
          { ...gpu, effect: "NoExecute" },
        ],
      ),
      [gpu, { ...gpu, effect: "NoExecute" }],
    );
  });
});
