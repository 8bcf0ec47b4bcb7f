import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTime } from "../base/time.ts";
import type { Pod, PodDisruptionBudget } from "./core.ts";
import { matchesNodeAffinity } from "./node-selector.ts";
import type { OwnerReference } from "./object.ts";
import { scaledValue } from "./percent.ts";
import { budgetBlock, indexBudgets, isCurrentlyReschedulable, isFullyBlocked } from "./pod-disruption-budgets.ts";
import {
  doNotDisrupt,
  hasResourceClaims,
  isDisruptable,
  isEvictable,
  isProvisionable,
  isReschedulable,
} from "./pod-predicates.ts";

const NOW = parseTime("2026-01-01T01:00:00Z") ?? 0;
const owner = (apiVersion: string, kind: string): { ownerReferences: OwnerReference[] } => ({
  ownerReferences: [{ apiVersion, kind, name: "o", uid: "o" }],
});
const daemon = owner("apps/v1", "DaemonSet");
const deleted = { deletionTimestamp: "2026-01-01T00:59:00Z" };
function pod(
  metadata: Partial<Pod["metadata"]> = {},
  spec: Partial<Pod["spec"]> = {},
  status: Pod["status"] = {},
): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "p",
      namespace: "n",
      uid: "u",
      resourceVersion: "1",
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...metadata,
    },
    spec: { containers: [], ...spec },
    status,
  };
}
const unschedulable = { conditions: [{ type: "PodScheduled", status: "False" as const, reason: "Unschedulable" }] };
const protectedBy = (value: string) => ({ annotations: { "karpenter.sh/do-not-disrupt": value } });

describe("which pods may be bought for", () => {
  for (const [because, given, want] of [
    ["the scheduler found no node", pod({}, {}, unschedulable), true],
    ["not judged by the scheduler yet", pod(), false],
    [
      "gated",
      pod({}, {}, { conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }] }),
      false,
    ],
    ["bound", pod({}, { nodeName: "x" }, unschedulable), false],
    ["nominated by preemption", pod({}, {}, { ...unschedulable, nominatedNodeName: "x" }), false],
    ["of a DaemonSet", pod(daemon, {}, unschedulable), false],
    ["a mirror", pod(owner("v1", "Node"), {}, unschedulable), false],
    ["going away", pod(deleted, {}, unschedulable), false],
    ["ended", pod({}, {}, { ...unschedulable, phase: "Failed" }), false],
  ] as const) {
    it(because, () => assert.equal(isProvisionable(given), want));
  }
});

describe("which pods move with their node", () => {
  for (const [because, given, reschedulable, evictable] of [
    ["running", pod(), true, true],
    ["ended", pod({}, {}, { phase: "Succeeded" }), false, false],
    ["going away", pod(deleted), false, false],
    ["going away, of a StatefulSet", pod({ ...deleted, ...owner("apps/v1", "StatefulSet") }), true, false],
    ["of a DaemonSet", pod(daemon), false, true],
    ["a mirror", pod(owner("v1", "Node")), false, false],
    ["tolerating disruption", pod({}, { tolerations: [{ operator: "Exists" }] }), true, false],
    ["protected", pod(protectedBy("true")), true, false],
  ] as const) {
    it(because, () => {
      assert.equal(isReschedulable(given), reschedulable);
      assert.equal(isEvictable(given, NOW), evictable);
    });
  }

  it("devices are asked for by the pod or by any container", () => {
    assert.equal(hasResourceClaims(pod()), false);
    assert.equal(hasResourceClaims(pod({}, { resourceClaims: [{ name: "gpu" }] })), true);
    assert.equal(
      hasResourceClaims(pod({}, { containers: [{ name: "c", resources: { claims: [{ name: "gpu" }] } }] })),
      true,
    );
  });
});

describe("do-not-disrupt on a pod that started an hour ago", () => {
  const status = { startTime: "2026-01-01T00:00:00Z" };
  for (const [value, kind, disruptable] of [
    ["true", "always", false],
    ["2h", "until", false],
    ["1h", "elapsed", true],
    ["30m", "elapsed", true],
    ["0s", "invalid", true],
    ["-1h", "invalid", true],
    ["false", "invalid", true],
    ["soon", "invalid", true],
  ] as const) {
    it(`${value}: ${kind}`, () => {
      const given = pod(protectedBy(value), {}, status);
      assert.equal(doNotDisrupt(given, NOW).kind, kind);
      assert.equal(isDisruptable(given, NOW), disruptable);
    });
  }
  it("a duration protects a pod that has not started", () => {
    assert.equal(doNotDisrupt(pod(protectedBy("1m")), NOW).kind, "not-started");
    assert.equal(isDisruptable(pod({ ...protectedBy("true"), ...deleted }), NOW), true);
  });
});

describe("PodDisruptionBudgets", () => {
  const budget = (
    name: string,
    spec: PodDisruptionBudget["spec"],
    disruptionsAllowed = 1,
    namespace = "n",
  ): PodDisruptionBudget => ({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name, namespace, uid: name, resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec,
    status: { disruptionsAllowed },
  });
  const web = { matchLabels: { app: "web" } };
  const ready = (status: "True" | "False") => ({ conditions: [{ type: "Ready", status }] });
  for (const { because, given = pod({ labels: { app: "web" } }), budgets, block, fully } of [
    { because: "none", budgets: [], block: undefined, fully: false },
    { because: "room", budgets: [budget("a", { selector: web })], block: undefined, fully: false },
    { because: "exhausted", budgets: [budget("a", { selector: web }, 0)], block: "exhausted", fully: false },
    {
      because: "never any",
      budgets: [budget("a", { selector: web, maxUnavailable: "0%" }, 0)],
      block: "exhausted",
      fully: true,
    },
    {
      because: "all must stay",
      budgets: [budget("a", { selector: web, minAvailable: "100%" }, 0)],
      block: "exhausted",
      fully: true,
    },
    {
      because: "two of them",
      budgets: [budget("a", { selector: web }), budget("b", { selector: {} })],
      block: "several",
      fully: true,
    },
    {
      because: "of another namespace",
      budgets: [budget("a", { selector: web }, 0, "m")],
      block: undefined,
      fully: false,
    },
    { because: "selects nothing", budgets: [budget("a", {}, 0)], block: undefined, fully: false },
    {
      because: "a sick pod may always go",
      given: pod({ labels: { app: "web" } }, {}, ready("False")),
      budgets: [budget("a", { selector: web, unhealthyPodEvictionPolicy: "AlwaysAllow" }, 0)],
      block: undefined,
      fully: false,
    },
    {
      because: "a healthy one not",
      given: pod({ labels: { app: "web" } }, {}, ready("True")),
      budgets: [budget("a", { selector: web, unhealthyPodEvictionPolicy: "AlwaysAllow" }, 0)],
      block: "exhausted",
      fully: false,
    },
    {
      because: "a pod that is not evicted needs no leave",
      given: pod({ labels: { app: "web" } }, { tolerations: [{ operator: "Exists" }] }),
      budgets: [budget("a", { selector: web }, 0)],
      block: undefined,
      fully: false,
    },
  ]) {
    it(because, () => {
      const index = indexBudgets(budgets);
      assert.equal(budgetBlock(given, index, NOW)?.kind, block);
      assert.equal(isFullyBlocked(given, index, NOW), fully);
      assert.equal(isCurrentlyReschedulable(given, index, NOW), !fully);
    });
  }
});

describe("node affinity and percentages", () => {
  const node = { name: "n1", labels: { zone: "a", cpus: "8" } };
  const required = (...nodeSelectorTerms: object[]) => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  });
  const term = (key: string, operator: string, ...values: string[]) => ({
    matchExpressions: [{ key, operator, values }],
  });
  for (const [because, spec, want] of [
    ["no wish", {}, true],
    ["selector", { nodeSelector: { zone: "a" } }, true],
    ["selector of another value", { nodeSelector: { zone: "b" } }, false],
    ["any term", required(term("zone", "In", "b"), term("zone", "Exists")), true],
    ["no term", required(), false],
    ["an empty term matches nothing", required({}), false],
    ["Gt", required(term("cpus", "Gt", "4")), true],
    ["Lt", required(term("cpus", "Lt", "8")), false],
    ["NotIn of an absent label", required(term("gpu", "NotIn", "x")), true],
    ["DoesNotExist", required(term("zone", "DoesNotExist")), false],
    ["field", required({ matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] }), true],
    ["other field", required({ matchFields: [{ key: "metadata.uid", operator: "In", values: ["n1"] }] }), false],
  ] as const) {
    it(because, () => assert.equal(matchesNodeAffinity(pod({}, spec as object), node), want));
  }

  it("shares are rounded as asked", () => {
    assert.equal(scaledValue("10%", 15, "up"), 2);
    assert.equal(scaledValue("10%", 15, "down"), 1);
    assert.equal(scaledValue(3, 15, "up"), 3);
    assert.equal(scaledValue("3", 15, "up"), undefined);
  });
});
