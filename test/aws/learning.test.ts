import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS } from "../../src/base/time.ts";
import { parseResources } from "../../src/model/resources.ts";
import { inWorld } from "./ec2-world.ts";

const KEY = "karpenter.k8s.aws/learned-memory";
const memory = (list: Parameters<typeof parseResources>[0]) => parseResources(list)["memory"] ?? 0;
const onDemand = { key: "karpenter.sh/capacity-type", operator: "In" as const, values: ["on-demand"] };
const only = (type: string) => ({ key: "node.kubernetes.io/instance-type", operator: "In" as const, values: [type] });

describe("a node class", () => {
  it(
    "remembers what memory its nodes have had, for the next ones, also of the next process",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.pool([onDemand, only("m5.large")]);
      await world.deploy(1, { cpu: "1" });
      await world.podsRun(1);
      await world.until("it is learned", () => world.classOf()?.metadata.annotations?.[KEY] !== undefined);
      const [first] = world.claims();
      const real = memory(world.nodes()[0]?.status?.capacity);
      assert.notEqual(memory(first?.status?.capacity), real);
      await world.scale(2);
      await world.podsRun(2);
      const second = world.claims().find(({ metadata }) => metadata.name !== first?.metadata.name);
      assert.equal(memory(second?.status?.capacity), real);
      // The class says it by itself: no process has to have seen a node.
      assert.match(world.classOf()?.metadata.annotations?.[KEY] ?? "", new RegExp(`"m5.large":${real / 1_024}`));
      assert.equal(world.condition("Ready")?.status, "True");
      await world.clock.runFor(5 * MINUTE_MS);
      assert.equal(world.claims().length, 2, "and nobody drifts for it");
    }),
  );
});

describe("expressions in the kubelet's settings", () => {
  it(
    "are what nodes are told, and what is planned with",
    inWorld(
      async (world) => {
        await world.nodeClass({ kubelet: { maxPods: "vcpus * 10", kubeReserved: { cpu: "vcpus * 100" } } });
        await world.pool([onDemand, only("m5.large")]);
        await world.deploy(1);
        await world.podsRun(1);
        const { capacity = {}, allocatable = {} } = world.nodes()[0]?.status ?? {};
        assert.deepEqual([capacity["pods"], parseResources(allocatable)["cpu"]], ["20", 1_800]);
        assert.equal(world.claims()[0]?.status?.capacity?.["pods"], "20");
      },
      { awsFeatureGates: { nodeClassCel: true } },
    ),
  );

  it(
    "that fail on a type show on the class",
    inWorld(
      async (world) => {
        await world.nodeClass({ kubelet: { maxPods: "100 / (vcpus - 2)" } });
        await world.until(
          "it is told",
          () => world.condition("ValidationSucceeded")?.reason === "KubeletExpressionEvaluationFailed",
        );
        assert.match(world.condition("ValidationSucceeded")?.message ?? "", /maxPods on .*division by zero/);
        await world.changeClass({ kubelet: { maxPods: "100 / vcpus" } });
        await world.until("it is well", () => world.condition("Ready")?.status === "True");
      },
      { awsFeatureGates: { nodeClassCel: true } },
    ),
  );
});
