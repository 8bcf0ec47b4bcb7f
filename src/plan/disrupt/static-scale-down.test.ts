import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { planStaticPool } from "../provision/static-pool.ts";
import { clusterOf, node, nodePool, pod } from "../provision/test-cluster.ts";
import { planStaticScaleDown } from "./static-scale-down.ts";

const launched = { type: "Launched", status: "True" as const, reason: "Launched", message: "", lastTransitionTime: "" };
const DISRUPTED = { ...launched, type: "DisruptionReason", reason: "Drifted" };

function staticNode(name: string, conditions = [launched]): KubeObject[] {
  const [machine, claim] = node({ name, pool: "fixed" }) as [KubeObject, NodeClaim];
  const made: NodeClaim = { ...claim, status: { ...claim.status, conditions } };
  return [machine, made];
}

const fixed = (replicas: number, limits?: { nodes: string }) =>
  nodePool({ name: "fixed", replicas, ...(limits === undefined ? {} : { limits }) });
const protectedPod = (name: string, on: string) => {
  const made = pod({ name, node: on });
  return { ...made, metadata: { ...made.metadata, annotations: { "karpenter.sh/do-not-disrupt": "true" } } };
};

describe("a static pool with too many nodes", () => {
  const objects = [
    staticNode("a"),
    staticNode("b"),
    staticNode("c"),
    staticNode("d", []),
    staticNode("e"),
    staticNode("f", [launched, DISRUPTED]),
    protectedPod("p", "a"),
    pod({ name: "q", node: "b" }),
    pod({ name: "r", node: "b" }),
    pod({ name: "s", node: "e" }),
    pod({ name: "t", node: "c", daemonOf: "agent" }),
  ];
  const order = ["d", "c", "e", "b", "a"];
  for (let replicas = 0; replicas <= 5; replicas += 1) {
    it(`of five down to ${replicas}: not launched, empty, cheap to move, protected last`, () => {
      const pool = fixed(replicas);
      const chosen = planStaticScaleDown(clusterOf({ objects: [pool, ...objects] }), pool);
      assert.deepEqual(
        chosen.map(({ metadata }) => metadata.name),
        order.slice(0, 5 - replicas).map((name) => `claim-${name}`),
      );
    });
  }
});

describe("a static pool with too few nodes", () => {
  const lacking = (pool: ReturnType<typeof fixed>, ...objects: KubeObject[][]) =>
    planStaticPool(clusterOf({ objects: [pool, ...objects] }), pool);
  it("gets what is lacking, each with a name of its own that the next plan finds again", () => {
    const names = lacking(fixed(3), staticNode("a")).map(({ name }) => name);
    assert.equal(new Set(names).size, 2);
    assert.deepEqual(
      lacking(fixed(2)).map(({ name }) => name),
      names,
    );
  });
  it("does not lack a node that is being replaced", () =>
    assert.equal(lacking(fixed(2), staticNode("a"), staticNode("b", [launched, DISRUPTED])).length, 0));
  it("keeps to its limit, also with nodes that are about to go", () =>
    assert.equal(lacking(fixed(5, { nodes: "3" }), staticNode("a"), staticNode("b", [launched, DISRUPTED])).length, 1));
});
