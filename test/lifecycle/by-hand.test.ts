import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { NODE_CLAIMS, NODE_POOLS, NODES } from "../../src/model/kinds.ts";
import type { Draft } from "../../src/model/object.ts";
import { isReady } from "../../src/model/pod-predicates.ts";
import type { NodeClaim } from "../../src/model/resources/node-claim.ts";
import { findCondition, isTrue } from "../../src/plan/lifecycle/conditions.ts";
import { DEPLOYMENTS } from "../../src/simulation/workloads/kinds.ts";
import { DeploymentWorld, type PoolWanted } from "./deployment-world.ts";

describe("what a user does by hand", () => {
  let world: DeploymentWorld;
  afterEach(() => world.stop());

  const started = async (pool: PoolWanted = {}, replicas = 2): Promise<void> => {
    world = new DeploymentWorld();
    await world.addPool(pool);
    await world.deploy("web", { replicas });
    await world.pass(120);
  };
  const claims = async (): Promise<NodeClaim[]> => (await world.api.list(NODE_CLAIMS)).items;
  const createClaim = (name: string, className = "default"): Promise<NodeClaim> =>
    world.api.create(NODE_CLAIMS, {
      apiVersion: "karpenter.sh/v1",
      kind: "NodeClaim",
      metadata: { name },
      spec: {
        nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: className },
        requirements: [{ key: "karpenter.sh/capacity-type", operator: "In", values: ["on-demand"] }],
        resources: { requests: { cpu: "1" } },
      },
    } as unknown as Draft<NodeClaim>);

  it("a NodeClaim of no NodePool comes up, stays although it is empty, and goes when it is deleted", async () => {
    await started({ disruption: { consolidateAfter: "0s" } }, 0);
    await createClaim("mine");
    await world.pass(120);
    const claim = await world.api.get(NODE_CLAIMS, { name: "mine" });
    assert.ok(isTrue(claim, "Ready"));
    await world.pass(1_800);
    const node = await world.api.get(NODES, { name: claim.status?.nodeName ?? "" });
    assert.equal(node.metadata.deletionTimestamp, undefined);
    await world.api.delete(NODE_CLAIMS, { name: "mine" });
    await world.pass(60);
    assert.equal((await claims()).length, 0);
    assert.equal(
      (await world.api.list(NODES)).items.some(({ metadata }) => metadata.name === node.metadata.name),
      false,
    );
  });

  it("a NodeClaim whose node class is missing is given up", async () => {
    await started({}, 0);
    await createClaim("mine", "nowhere");
    await world.pass(60);
    assert.equal((await claims()).length, 0);
    assert.ok(
      world.metrics().some((line) => /nodeclaims_disrupted_total\{.*reason="nodeclass_not_ready".*\} 1/.test(line)),
    );
  });

  it("deleting a NodePool takes its nodes away, each drained, and its pods wait", async () => {
    await started();
    const evicted = new Set<string>();
    world.world.cluster.state.of(NODE_CLAIMS).onChange((before, after) => {
      if (before !== undefined && after === undefined && isTrue(before, "Drained")) evicted.add(before.metadata.name);
    });
    await world.api.delete(NODE_POOLS, { name: "default" });
    await world.pass(180);
    assert.equal((await claims()).length, 0);
    assert.equal(world.nodes().length, 0);
    assert.equal(evicted.size, 2);
    assert.equal(world.pods("web").filter(isReady).length, 0);
    assert.deepEqual(world.world.violations(), []);
  });

  it("deleting a Node brings up another one for its pods", async () => {
    await started();
    const [first] = world.nodes();
    await world.api.delete(NODES, { name: first?.metadata.name ?? "" });
    await world.pass(120);
    assert.equal(world.pods("web").filter(isReady).length, 2);
    assert.equal(
      world.nodes().some(({ metadata }) => metadata.name === first?.metadata.name),
      false,
    );
    assert.equal((await claims()).length, 2);
  });

  it("what waits for a pod that its budget keeps on a deleted node is not taken away as empty", async () => {
    world = new DeploymentWorld();
    await world.addPool({ disruption: { consolidateAfter: "10s" } });
    await world.deploy("web", { budget: { minAvailable: 1 } });
    await world.pass(120);
    const [old] = world.nodes();
    await world.api.delete(NODES, { name: old?.metadata.name ?? "" });
    await world.pass(120);
    const both = world.nodes().map(({ metadata }) => metadata.name);
    assert.equal(both.length, 2);
    await world.pass(1_800);
    assert.deepEqual(
      world.nodes().map(({ metadata }) => metadata.name),
      both,
    );
  });

  it("a node that expires goes although the budget is closed; one that never does stays", async () => {
    await started({ disruption: { budgets: [{ nodes: "0" }] }, template: { expireAfter: "1h" } }, 1);
    const before = world.nodes()[0]?.metadata.name;
    await world.pass(3_700);
    assert.notEqual(world.nodes()[0]?.metadata.name, before);
    assert.ok(world.pods("web").every(isReady));
    world.stop();
    await started({ disruption: { budgets: [{ nodes: "0" }] } }, 1);
    const kept = world.nodes()[0]?.metadata.name;
    await world.pass(2 * 3_600);
    assert.equal(world.nodes()[0]?.metadata.name, kept);
  });

  it("a machine with less than it should have is told within ten minutes", async () => {
    await started({}, 1);
    const [node] = world.nodes();
    const cpu = "1700m";
    const body = { status: { capacity: { ...node?.status?.capacity, cpu } } };
    await world.api.patch(
      NODES,
      { name: node?.metadata.name ?? "" },
      { type: "merge", body },
      { subresource: "status" },
    );
    await world.pass(660);
    const condition = findCondition((await claims())[0] ?? assert.fail("no claim"), "ConsistentStateFound");
    assert.deepEqual([condition?.status, condition?.reason], ["False", "ConsistencyCheckFailed"]);
    assert.match(condition?.message ?? "", /85\.0%/);
    assert.ok((await world.reasons("NodeClaim")).includes("FailedConsistencyCheck"));
  });

  it("a Deployment that is scaled down empties its nodes, within the budget at once", async () => {
    await started({ disruption: { consolidateAfter: "0s", budgets: [{ nodes: "2" }] } }, 3);
    assert.equal(world.nodes().length, 3);
    let most = 0;
    world.world.cluster.state.of(NODE_CLAIMS).onChange(() => {
      const going = [...world.world.cluster.state.of(NODE_CLAIMS).values()].filter(
        (claim) => claim.metadata.deletionTimestamp !== undefined && !isTrue(claim, "InstanceTerminating"),
      );
      most = Math.max(most, going.length);
    });
    const ref = { name: "web", namespace: "default" };
    await world.api.patch(DEPLOYMENTS, ref, { type: "merge", body: { spec: { replicas: 0 } } });
    await world.pass(120);
    assert.equal(world.nodes().length, 0);
    assert.equal(most, 2);
  });
});

describe("what the provider says of an instance", () => {
  let world: DeploymentWorld;
  afterEach(() => world.stop());

  it("is the reason of its drift, as long as it says so", async () => {
    let reason: string | undefined = "ImageDrift";
    world = new DeploymentWorld({ driftReason: () => reason });
    await world.addPool({ disruption: { budgets: [{ nodes: "0" }] } });
    await world.deploy("web", {});
    await world.pass(420);
    const claim = async (): Promise<NodeClaim> =>
      (await world.api.list(NODE_CLAIMS)).items[0] ?? assert.fail("no claim");
    assert.equal(findCondition(await claim(), "Drifted")?.reason, "ImageDrift");
    reason = undefined;
    await world.pass(320);
    assert.equal(findCondition(await claim(), "Drifted"), undefined);
  });
});
