import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { InstanceType } from "../../model/instance-type.ts";
import type { KubeObject } from "../../model/object.ts";
import { labelRequirements } from "../../model/requirements.ts";
import { takeSnapshot } from "../../snapshot/take-snapshot.ts";
import { viewOf } from "../../snapshot/view-of.ts";
import { clusterCost } from "./cost.ts";

const meta = (name: string, more: object = {}) => ({
  name,
  uid: name,
  resourceVersion: "1",
  creationTimestamp: "",
  ...more,
});
const TYPE: InstanceType = {
  name: "m",
  requirements: labelRequirements({ "node.kubernetes.io/instance-type": "m" }),
  capacity: {},
  overhead: {},
  allocatable: {},
  offerings: (["on-demand", "spot"] as const).map((capacityType) => ({
    requirements: labelRequirements({}),
    zone: "a",
    capacityType,
    priceUsdPerHour: capacityType === "spot" ? 1 : 3,
    available: true,
  })),
};

function node(name: string, labels: Record<string, string>): object {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: meta(name, { labels }),
    spec: { providerID: `x://${name}` },
    status: { capacity: {}, allocatable: { cpu: "4", memory: "20Gi" } },
  };
}

function pod(name: string, on: string, cpu: string, memory: string, more: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: meta(name, { namespace: "shop", ...more }),
    spec: { nodeName: on, containers: [{ name: "c", resources: { requests: { cpu, memory } } }] },
    status: { phase: "Running" },
  };
}

const costOf = (...objects: object[]) =>
  clusterCost(
    takeSnapshot(viewOf(objects as KubeObject[]), {
      nowMs: 0,
      instanceTypes: new Map(),
      wellKnownLabels: new Set(),
    }),
    [TYPE],
  );
const M = { "node.kubernetes.io/instance-type": "m", "topology.kubernetes.io/zone": "a" };
const DAEMON = { ownerReferences: [{ apiVersion: "apps/v1", kind: "DaemonSet", name: "d", uid: "d" }] };

describe("what a cluster costs, and whose that is", () => {
  it("a node's price is dealt out by what is asked for: a core is worth ten GiB", () => {
    // Of 4 cores and 20 GiB, 60 in all: a core is 10, and 10 GiB are 10.
    const { nodes, pods } = costOf(
      node("n", M),
      pod("a", "n", "1", "0"),
      pod("b", "n", "0", "10Gi"),
      pod("d", "n", "500m", "1Gi", DAEMON),
      pod("s", "n", "0", "4Gi", { namespace: "kube-system" }),
    );
    const rounded = (n: number): number => Math.round(n * 1e6) / 1e6;
    assert.deepEqual(
      pods.map(({ pod: { metadata }, price, isSystem }) => [metadata.name, rounded(price), isSystem]).sort(),
      [
        ["a", 0.5, false],
        ["b", 0.5, false],
        ["d", 0.3, true],
        ["s", 0.2, true],
      ],
    );
    const [{ price, used, system, idle } = { price: 0, used: 0, system: 0, idle: 0 }] = nodes;
    assert.deepEqual([price, used, system, idle].map(rounded), [3, 1, 0.5, 1.5]);
  });

  it("knows spot nodes of Karpenter and of node groups, and takes others for on-demand", () => {
    const prices = costOf(
      node("k", { ...M, "karpenter.sh/capacity-type": "spot" }),
      node("g", { ...M, "eks.amazonaws.com/capacityType": "SPOT" }),
      node("o", { ...M, "eks.amazonaws.com/capacityType": "ON_DEMAND" }),
      node("x", M),
    ).nodes.map(({ name, price }) => [name, price]);
    assert.deepEqual(Object.fromEntries(prices), { k: 1, g: 1, o: 3, x: 3 });
  });

  it("names nodes whose price is not known", () => {
    const { unpriced, nodes } = costOf(node("u", {}), node("f", { ...M, "eks.amazonaws.com/compute-type": "fargate" }));
    assert.deepEqual([unpriced, nodes], [["f", "u"], []]);
  });
});
