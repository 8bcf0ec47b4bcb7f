import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CAPACITY_TYPE_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import { planProvisioning } from "./plan-provisioning.ts";
import {
  type ClusterSketch,
  clusterOf,
  instanceType,
  node,
  nodePool,
  type PodSketch,
  pod,
  pods,
} from "./test-cluster.ts";
import { planInWords } from "./words/plan-in-words.ts";

const only = (capacityType: string) => ({
  requirements: [{ key: CAPACITY_TYPE_LABEL, operator: "In" as const, values: [capacityType] }],
});

describe("the bound of node size", () => {
  const cases: { given: string; cluster: ClusterSketch; want: string }[] = [
    {
      given: "pods that would fill one large node",
      cluster: { objects: [nodePool(), pods(3, { name: "p", cpu: 3 })], settings: { nodeCpuMaxMilli: 4_000 } },
      want: "default: m.xlarge x1, default: m.xlarge x1, default: m.xlarge x1",
    },
    {
      given: "a pod above it",
      cluster: { objects: [nodePool(), pod({ name: "p", cpu: 5 })], settings: { nodeCpuMaxMilli: 4_000 } },
      want: "left p: NoInstanceTypeFits",
    },
    {
      given: "a bound below every type",
      cluster: { objects: [nodePool(), pod({ name: "p" })], settings: { nodeCpuMaxMilli: 1 } },
      want: "left p: NoNodePools",
    },
  ];
  for (const { given, cluster, want } of cases) {
    it(`${given}: ${want}`, () => assert.equal(planInWords(planProvisioning(clusterOf(cluster))), want));
  }

  it("a refusal tells of the types that it rules out", () => {
    const cluster = { objects: [nodePool(), pod({ name: "p", cpu: 5 })], settings: { nodeCpuMaxMilli: 4_000 } };
    const [refusal] = planProvisioning(clusterOf(cluster)).unschedulable;
    assert.match(refusal?.reason ?? "", /2 more are above the bound of node size/);
  });
});

describe("the bound of a workload's share of one node", () => {
  const of = (owner: string, sketch: PodSketch): KubeObject => {
    const one = pod(sketch);
    const reference = { apiVersion: "apps/v1", kind: "ReplicaSet", name: owner, uid: owner, controller: true };
    return { ...one, metadata: { ...one.metadata, ownerReferences: [reference] } };
  };
  const many = (count: number, owner: string): KubeObject[] =>
    Array.from({ length: count }, (_, i) => of(owner, { name: `${owner}-${i}`, cpu: "100m", memory: "100Mi" }));
  const cases: { given: string; share: number; objects: ClusterSketch["objects"]; want: string }[] = [
    { given: "no bound", share: 1, objects: [many(8, "web")], want: "default: m.large x8" },
    {
      given: "a quarter",
      share: 0.25,
      objects: [many(8, "web")],
      want: "default: m.large x2, default: m.large x2, default: m.large x2, default: m.large x2",
    },
    {
      given: "less than one pod: one",
      share: 0.01,
      objects: [many(2, "web")],
      want: "default: m.large x1, default: m.large x1",
    },
    { given: "a workload of one pod", share: 0.5, objects: [many(1, "web")], want: "default: m.large x1" },
    {
      given: "two workloads share nodes",
      share: 0.5,
      objects: [many(4, "web"), many(4, "api")],
      want: "default: m.large x4, default: m.large x4",
    },
    {
      given: "pods that run already count, on their node and in the whole",
      share: 0.5,
      objects: [
        node({ name: "there", pool: "default" }),
        of("web", { name: "web-r", node: "there", cpu: "100m", memory: "100Mi" }),
        many(3, "web"),
      ],
      want: "default: m.large x2, on there: 1",
    },
    {
      given: "pods without an owner",
      share: 0.5,
      objects: [pods(4, { name: "p", cpu: "100m", memory: "100Mi" })],
      want: "default: m.large x4",
    },
  ];
  for (const { given, share, objects, want } of cases) {
    it(`${given}: ${want}`, () => {
      const snapshot = clusterOf({ objects: [nodePool(), ...objects], settings: { workloadShareMax: share } });
      assert.equal(planInWords(planProvisioning(snapshot)), want);
    });
  }
});

describe("the surcharge per node", () => {
  /** Small ones are a little cheaper for what they hold. */
  const types = [
    instanceType({ name: "small", cpu: 2, memory: 8, offerings: [{ zone: "zone-a", price: 0.1 }] }),
    instanceType({ name: "large", cpu: 16, memory: 64, offerings: [{ zone: "zone-a", price: 0.803 }] }),
  ];
  const nodesAt = (surchargePerNode: number | undefined): number => {
    const settings = surchargePerNode === undefined ? {} : { surchargePerNode };
    const plan = planProvisioning(
      clusterOf({ types, objects: [nodePool(), pods(8, { name: "p", cpu: "1800m" })], settings }),
    );
    return plan.newNodeClaims.length;
  };

  it("takes nodes away where that costs next to nothing; without it the price alone counts", () => {
    assert.deepEqual([nodesAt(0), nodesAt(undefined)], [8, 1]);
  });
});

describe("a refusal says which types were out of question, and the nearest miss", () => {
  const types = [
    instanceType({ name: "flat", cpu: 16, memory: 8 }),
    instanceType({ name: "tall", cpu: 4, memory: 64 }),
    instanceType({ name: "arm", cpu: 64, memory: 256, arch: "arm64" }),
    instanceType({ name: "gone", cpu: 64, memory: 256, offerings: [{ zone: "zone-a", price: 1, available: false }] }),
  ];
  const reasonOf = (sketch: PodSketch): string | undefined => {
    const plan = planProvisioning(clusterOf({ types, objects: [nodePool(), pod(sketch)] }));
    return plan.unschedulable[0]?.reason;
  };

  it("when two things are not to be had together", () => {
    assert.equal(
      reasonOf({ name: "p", cpu: 6, memory: "32Gi", nodeSelector: { "kubernetes.io/arch": "amd64" } }),
      "none of 2 types has 6 cpu and 32Gi memory together; the nearest is tall with 3900m cpu for pods; " +
        "of the pool's 4 types ruled out before: 1 by being sold out, 1 by the pod's kubernetes.io/arch In [amd64]",
    );
  });
  it("when it is larger than all", () => {
    assert.match(
      reasonOf({ name: "p", cpu: 100 }) ?? "",
      /the largest of 3 types has 63900m cpu for pods; of the pool's 4/,
    );
  });
});

describe("the types that a claim lists", () => {
  /** Each a tenth dearer than the one before. */
  const types = Array.from({ length: 30 }, (_, i) =>
    instanceType({ name: `t${String(i).padStart(2, "0")}`, cpu: 4, memory: 16, price: 0.1 * 1.1 ** i }),
  );
  const cases: { given: string; pool: ReturnType<typeof nodePool>; factor?: number; want: number }[] = [
    { given: "on demand: what costs at most 1.2 times the cheapest", pool: nodePool(only("on-demand")), want: 2 },
    { given: "spot: 15 all the same", pool: nodePool(only("spot")), want: 15 },
    { given: "a wider range", pool: nodePool(only("on-demand")), factor: 2, want: 8 },
    { given: "a wider range of spot", pool: nodePool(only("spot")), factor: 10, want: 25 },
    { given: "no range at all", pool: nodePool(only("on-demand")), factor: 1, want: 1 },
    {
      given: "as many as minValues ask for",
      pool: nodePool({
        requirements: [
          ...only("on-demand").requirements,
          { key: "node.kubernetes.io/instance-type", operator: "Exists", minValues: 7 },
        ],
      }),
      want: 7,
    },
  ];
  for (const { given, pool, factor, want } of cases) {
    it(`${given}: ${want}`, () => {
      const settings = factor === undefined ? {} : { launchPriceFactor: factor };
      const plan = planProvisioning(clusterOf({ types, objects: [pool, pod({ name: "p" })], settings }));
      assert.equal(plan.newNodeClaims[0]?.instanceTypes.length, want);
      assert.equal(plan.newNodeClaims[0]?.instanceTypes[0], "t00");
    });
  }
});
