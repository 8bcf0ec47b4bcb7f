import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { InstanceType, Offering } from "../model/instance-type.ts";
import { labelRequirements, type RequirementSpec, requirement } from "../model/requirements.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import { expectedNode } from "./expected-node.ts";

function type(name: string, cpu: number, arch: string): InstanceType {
  const offering = (zone: string, capacityType: Offering["capacityType"], priceUsdPerHour: number): Offering => ({
    requirements: labelRequirements({}),
    zone,
    capacityType,
    priceUsdPerHour,
    available: zone !== "c",
  });
  return {
    name,
    requirements: new Map([
      ...labelRequirements({ "node.kubernetes.io/instance-type": name, "kubernetes.io/arch": arch, size: String(cpu) }),
      ["topology.kubernetes.io/zone", requirement("topology.kubernetes.io/zone", "In", ["a", "b", "c"])],
    ]),
    offerings: [offering("a", "on-demand", 3), offering("b", "spot", 2), offering("c", "spot", 1)],
    capacity: { cpu: cpu * 1_000 },
    overhead: { cpu: 100 },
    allocatable: { cpu: cpu * 1_000 - 100 },
  };
}
const types = [type("huge", 32, "amd64"), type("large", 4, "amd64"), type("small", 2, "arm64")];

function claim(requirements: RequirementSpec[]): NodeClaim {
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: {
      name: "c",
      uid: "u",
      resourceVersion: "1",
      creationTimestamp: "2024-01-01T00:00:00Z",
      labels: { "karpenter.sh/nodepool": "default" },
    },
    spec: {
      nodeClassRef: { group: "g", kind: "k", name: "n" },
      requirements,
      resources: { requests: { cpu: "1500m" } },
    },
  };
}
const named: RequirementSpec = { key: "node.kubernetes.io/instance-type", operator: "In", values: ["huge", "large"] };

describe("the node that a claim will become", () => {
  it("offers what the smallest of its types does, and counts as the largest", () => {
    const { allocatable, capacity, labels } = expectedNode(claim([named]), types);
    assert.deepEqual(allocatable, { cpu: 3_900 });
    assert.deepEqual(capacity, { cpu: 32_000 });
    assert.deepEqual(labels, {
      "node.kubernetes.io/instance-type": "large",
      "kubernetes.io/arch": "amd64",
      size: "4",
      "topology.kubernetes.io/zone": "b",
      "karpenter.sh/capacity-type": "spot",
      "karpenter.sh/nodepool": "default",
    });
  });

  const table: { given: string; requirement: RequirementSpec; want: [string, string | undefined] }[] = [
    {
      given: "a zone",
      requirement: { key: "topology.kubernetes.io/zone", operator: "In", values: ["a"] },
      want: ["topology.kubernetes.io/zone", "a"],
    },
    {
      given: "another architecture",
      requirement: { key: "kubernetes.io/arch", operator: "In", values: ["arm64"] },
      want: ["node.kubernetes.io/instance-type", "small"],
    },
    { given: "a bound", requirement: { key: "size", operator: "Gt", values: ["3"] }, want: ["size", "4"] },
    { given: "an own label", requirement: { key: "team", operator: "Exists" }, want: ["team", "0"] },
    { given: "an own bound", requirement: { key: "rank", operator: "Gte", values: ["7"] }, want: ["rank", "7"] },
    {
      given: "an own label it must not have",
      requirement: { key: "team", operator: "NotIn", values: ["x"] },
      want: ["team", undefined],
    },
    {
      given: "a choice of own values",
      requirement: { key: "team", operator: "In", values: ["y", "x"] },
      want: ["team", "x"],
    },
  ];
  for (const {
    given,
    requirement,
    want: [label, value],
  } of table) {
    it(`with ${given} has ${label}=${value}`, () => {
      const only = requirement.key === "kubernetes.io/arch" ? [requirement] : [named, requirement];
      assert.equal(expectedNode(claim(only), types).labels[label], value);
    });
  }

  it("offers what it asks for when nothing is known of its types", () => {
    const { allocatable, capacity } = expectedNode(claim([named]), []);
    assert.deepEqual([allocatable, capacity], [{ cpu: 1_500 }, { cpu: 1_500 }]);
  });
});
