import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { NODE_CLAIMS, NODES, PODS } from "../../src/model/kinds.ts";
import { findCondition, isTrue } from "../../src/plan/lifecycle/conditions.ts";
import { addNode, addPod, daemon, startedWorld, type World } from "./node-world.ts";

describe("empty nodes", () => {
  let world: World;
  afterEach(() => world.stop());

  it("an empty node goes 15 s after it was found, with its claim and its instance", async () => {
    world = await startedWorld();
    await addNode(world, "a");
    await world.pass(14);
    assert.ok(isTrue(await world.get(NODE_CLAIMS, "claim-a"), "Consolidatable"));
    assert.equal((await world.get(NODES, "a")).spec.taints, undefined);
    await world.pass(3);
    const claim = await world.get(NODE_CLAIMS, "claim-a");
    assert.notEqual(claim.metadata.deletionTimestamp, undefined);
    assert.equal(findCondition(claim, "DisruptionReason")?.reason, "Empty");
    const node = await world.get(NODES, "a");
    assert.deepEqual(node.spec.taints, [{ key: "karpenter.sh/disrupted", effect: "NoSchedule" }]);
    assert.equal(node.metadata.labels?.["node.kubernetes.io/exclude-from-external-load-balancers"], "karpenter");
    await world.pass(20);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(await world.exists(NODE_CLAIMS, "claim-a"), false);
    assert.equal(world.cloud.instances.size, 0);
    assert.ok(world.reasons("Node").includes("DisruptionTerminating"));
    const labels = {
      reason: "empty",
      nodepool: "default",
      capacity_type: "",
      consolidation_policy: "when_empty_or_underutilized",
      termination_mode: "graceful",
    };
    assert.equal(world.metrics.read("karpenter_nodeclaims_disrupted_total", labels), 1);
    assert.equal(world.metrics.read("karpenter_nodes_terminated_total", { nodepool: "default", zone: "" }), 1);
  });

  it("a pod that comes before the check keeps its node, untouched", async () => {
    world = await startedWorld();
    await addNode(world, "a");
    await world.pass(10);
    await addPod(world, "p", "a");
    await world.pass(60);
    const node = await world.get(NODES, "a");
    assert.equal(node.metadata.deletionTimestamp, undefined);
    assert.equal(node.spec.taints, undefined);
    assert.equal(
      world.metrics.read("karpenter_voluntary_disruption_failed_validations_total", { consolidation_type: "empty" }),
      1,
    );
  });

  it("budgets hold over several commands, until nodes are gone", async () => {
    world = await startedWorld({ budgets: [{ nodes: "1" }] });
    for (const name of ["a", "b", "c"]) await addNode(world, name);
    let most = 0;
    for (let second = 0; second < 150; second += 1) {
      await world.pass(1);
      const { items } = await world.api.list(NODE_CLAIMS);
      const going = items.filter(
        (claim) => claim.metadata.deletionTimestamp !== undefined && !isTrue(claim, "InstanceTerminating"),
      );
      most = Math.max(most, going.length);
    }
    assert.equal(most, 1);
    assert.equal((await world.api.list(NODES)).items.length, 0);
  });

  it("a closed budget keeps every node and says so", async () => {
    world = await startedWorld({ budgets: [{ nodes: "0" }] });
    await addNode(world, "a");
    await world.pass(120);
    assert.equal((await world.get(NODES, "a")).metadata.deletionTimestamp, undefined);
    assert.deepEqual(world.reasons("NodePool"), ["DisruptionBlocked"]);
  });

  it("why nodes stay is told on node, claim and pod", async () => {
    world = await startedWorld();
    await addNode(world, "a");
    await addNode(world, "b");
    await addPod(world, "p", "a", {}, { ...daemon, annotations: { "karpenter.sh/do-not-disrupt": "true" } });
    await addPod(world, "q", "b", {}, { annotations: { "karpenter.sh/do-not-disrupt": "for ever" } });
    await world.pass(120);
    assert.deepEqual(
      world.events
        .filter(({ reason }) => reason === "DisruptionBlocked")
        .map(({ object, message }) => `${object.kind}: ${message}`)
        .slice(-2),
      ["Node", "NodeClaim"].map((kind) => `${kind}: Pod default/p has the annotation "karpenter.sh/do-not-disrupt"`),
    );
    assert.deepEqual(world.reasons("Pod"), ["InvalidDoNotDisruptAnnotation"]);
    const labels = { nodepool: "default", reason: "Empty" };
    assert.equal(world.metrics.read("karpenter_nodepools_allowed_disruptions", labels), 2);
    assert.equal(world.metrics.read("karpenter_nodepools_nodes_consuming_budgets", labels), 0);
  });

  it("pods that come and go start the quiet time anew; a restart of the controller does not", async () => {
    world = await startedWorld({ consolidateAfter: "2m" });
    await addNode(world, "a");
    await world.pass(60);
    await addPod(world, "p", "a");
    await world.pass(30);
    const bound = (await world.get(NODE_CLAIMS, "claim-a")).status?.lastPodEventTime;
    assert.equal(bound, "2026-03-04T12:01:00Z");
    await world.restart();
    await world.pass(30);
    assert.equal((await world.get(NODE_CLAIMS, "claim-a")).status?.lastPodEventTime, bound);
    await world.api.delete(PODS, { name: "p", namespace: "default" });
    await world.pass(100);
    assert.equal(isTrue(await world.get(NODE_CLAIMS, "claim-a"), "Consolidatable"), false);
    await world.pass(30);
    assert.equal(isTrue(await world.get(NODE_CLAIMS, "claim-a"), "Consolidatable"), true);
  });

  describe("beside a CronJob that runs every minute", () => {
    const ofJob = {
      ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: "job", uid: "job", controller: true }],
    };
    const runJobs = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) {
        await addPod(world, `job-${i}`, "a", {}, ofJob);
        await world.pass(30);
        await world.api.delete(PODS, { name: `job-${i}`, namespace: "default" });
        await world.pass(30);
      }
    };
    const isQuiet = async (): Promise<boolean> => isTrue(await world.get(NODE_CLAIMS, "claim-a"), "Consolidatable");

    it("a node is quiet when other pods have been so for consolidateAfter, also over a restart", async () => {
      world = await startedWorld({ consolidateAfter: "5m" });
      await addNode(world, "a");
      await addPod(world, "p", "a");
      await runJobs(4);
      assert.equal(await isQuiet(), false);
      await world.restart();
      await runJobs(2);
      assert.equal(await isQuiet(), true);
      await addPod(world, "q", "a");
      await world.pass(15);
      assert.equal(await isQuiet(), false);
      await runJobs(5);
      assert.equal(await isQuiet(), true);
    });

    it("a node without other pods is not empty enough to go between two runs", async () => {
      world = await startedWorld({ consolidateAfter: "5m" });
      await addNode(world, "a");
      await runJobs(8);
      assert.equal(await world.exists(NODES, "a"), true);
      await world.pass(6 * 60);
      assert.equal(await world.exists(NODES, "a"), false);
    });
  });
});
