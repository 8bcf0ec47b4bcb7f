import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kubeletProblem } from "./kubelet.ts";
import { kubeletOfType } from "./kubelet-expressions.ts";
import { planLaunch } from "./launch-plan.ts";
import { launchTemplateData } from "./launch-template.ts";
import { claimOf, SETTINGS, sold, typesOf, viewOf } from "./test-class.ts";

type RawKubelet = Readonly<Record<string, unknown>>;
const on = (type: string, kubelet: RawKubelet) => {
  const view = viewOf({ kubelet });
  const resolved = kubeletOfType(view.kubelet, sold(type).facts, view.familyFacts, [], 0);
  return "problem" in resolved ? resolved.problem : resolved.kubelet;
};

describe("expressions in the kubelet's settings", () => {
  const rows: readonly [what: string, type: string, kubelet: RawKubelet, want: RawKubelet][] = [
    [
      "of the processors",
      "m5.4xlarge",
      { kubeReserved: { cpu: "max(60, vcpus*30)" } },
      { kubeReserved: { cpu: "480m" } },
    ],
    ["rounded up to ten", "m5.large", { kubeReserved: { cpu: "65+0*vcpus" } }, { kubeReserved: { cpu: "70m" } }],
    [
      "memory up to sixteen",
      "m5.large",
      { kubeReserved: { memory: "217+vcpus*0" } },
      { kubeReserved: { memory: "224Mi" } },
    ],
    ["nothing stays nothing", "m5.large", { systemReserved: { cpu: "vcpus-2" } }, { systemReserved: { cpu: "0m" } }],
    [
      "storage and ids",
      "m5.large",
      { systemReserved: { "ephemeral-storage": "vcpus", pid: "vcpus*100" } },
      {
        systemReserved: { "ephemeral-storage": "2Gi", pid: "200" },
      },
    ],
    ["pods by the interfaces", "m5.large", { maxPods: "max_pods - 5" }, { maxPods: 24 }],
    ["pods by addresses", "m5.large", { maxPods: "default_enis * (ips_per_eni - 1) + 2" }, { maxPods: 29 }],
    [
      "what depends on the pods",
      "m5.large",
      { maxPods: "20", kubeReserved: { memory: "11*max_pods+255" } },
      {
        maxPods: 20,
        kubeReserved: { memory: "480Mi" },
      },
    ],
    ["of the type's name", "m5.large", { maxPods: "instance_type.startsWith('m5.') ? 7 : 8" }, { maxPods: 7 }],
    [
      "of the memory",
      "m5.large",
      { kubeReserved: { memory: "memory_mib / 16" } },
      { kubeReserved: { memory: "512Mi" } },
    ],
    ["truncated", "m5.large", { maxPods: "min(17.9, vcpus * 50)" }, { maxPods: 17 }],
    [
      "amounts stay as they are",
      "m5.large",
      { maxPods: "9", kubeReserved: { cpu: "123m" } },
      {
        maxPods: 9,
        kubeReserved: { cpu: "123m" },
      },
    ],
  ];
  for (const [what, type, kubelet, want] of rows) it(what, () => assert.deepEqual(on(type, kubelet), want));

  for (const [text, why] of [
    ["vcpus / (vcpus - vcpus)", /on m5\.large: .* fails: division by zero/],
    ["1.0 / 0.0", /is Infinity/],
    ["0.0 / 0.0", /is NaN/],
    ["vcpus - 100", /is -98/],
    ["vcpus * 2000000000", /goes from 0 to 2147483647/],
  ] as const) {
    it(`${text} fails on the type`, () => assert.match(String(on("m5.large", { maxPods: text })), why));
  }

  for (const [text, why] of [
    ["vcpus >", /cannot be read/],
    ["", /cannot be read/],
    ["vcpus > 2", /no number, but bool/],
    ["'ten'", /no number, but string/],
    ["cores * 2", /cannot be evaluated: Unknown variable: cores/],
  ] as const) {
    it(`"${text}" is refused on every class`, () => {
      const problem = kubeletProblem({ maxPods: text }, "AL2023", true);
      assert.equal(problem?.reason, "KubeletExpressionInvalid");
      assert.match(problem?.message ?? "", why);
    });
  }

  it("are refused without the gate", () => {
    assert.equal(kubeletProblem({ maxPods: "vcpus" }, "AL2023", false)?.reason, "KubeletExpressionsDisabled");
    assert.equal(kubeletProblem({ maxPods: "vcpus" }, "AL2023", true), undefined);
  });

  it("count for what a node offers, and machines of different values get templates of their own", () => {
    const view = viewOf({ kubelet: { maxPods: "vcpus * 10", kubeReserved: { cpu: "vcpus * 100" } } });
    const types = typesOf(["m5.large", "m5.xlarge", "c5.large"], view);
    assert.deepEqual(
      types.map(({ capacity, overhead }) => [capacity["pods"], overhead["cpu"]]),
      [
        [20, 200],
        [40, 400],
        [20, 200],
      ],
    );
    const claim = claimOf([]);
    const plan = planLaunch(claim, types, view, { reservedCapacity: false, minValuesBestEffort: false });
    assert.ok(!("problem" in plan));
    assert.deepEqual(plan.groups.map(({ candidates }) => candidates.map(({ type }) => type.name)).sort(), [
      ["c5.large", "m5.large"],
      ["m5.xlarge"],
    ]);
    const cluster = { name: "shop", endpoint: "https://a", caBundle: "", cidr: "10.0.0.0/16" };
    const texts = plan.groups.map((group) => {
      const made = launchTemplateData(claim, view, plan, group, cluster, {}, SETTINGS);
      return "data" in made ? made.data.userData : "";
    });
    for (const cpu of ["200m", "400m"])
      assert.ok(
        texts.some((text) => text.replaceAll('"', "").includes(`cpu: ${cpu}`)),
        texts.join("\n"),
      );
    assert.ok(texts.every((text) => !text.includes("vcpus")));
  });
});
