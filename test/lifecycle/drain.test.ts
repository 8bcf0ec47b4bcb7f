import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { NODE_CLAIMS, NODES, POD_DISRUPTION_BUDGETS, VOLUME_ATTACHMENTS } from "../../src/model/kinds.ts";
import { findCondition } from "../../src/plan/lifecycle/conditions.ts";
import { addNode, addPod, daemon, startedWorld, type World } from "./node-world.ts";

describe("draining a node", () => {
  let world: World;
  afterEach(() => world.stop());

  it("pods leave tier by tier, a budget is respected, and nothing is lost when the controller dies meanwhile", async () => {
    world = await startedWorld();
    await addNode(world, "a");
    await addPod(world, "web", "a", {}, { labels: { app: "web" } });
    await addPod(world, "agent", "a", {}, daemon);
    await addPod(world, "dns", "a", { priorityClassName: "system-cluster-critical" });
    await addPod(world, "proxy", "a", { priorityClassName: "system-node-critical" }, daemon);
    const pdb = await world.api.create(POD_DISRUPTION_BUDGETS, {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: "web", namespace: "default" },
      spec: { selector: { matchLabels: { app: "web" } }, maxUnavailable: 1 },
    });
    await world.api.updateStatus(POD_DISRUPTION_BUDGETS, {
      ...pdb,
      status: {
        disruptionsAllowed: 0,
        currentHealthy: 1,
        desiredHealthy: 1,
        expectedPods: 1,
        observedGeneration: pdb.metadata.generation ?? 1,
      },
    });
    await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
    await world.pass(60);
    assert.deepEqual(world.gone, []);
    assert.ok(world.reasons("Node").includes("FailedDraining"));
    const refusals = world.metrics.read("karpenter_pods_eviction_requests_total", { code: "429" }) ?? 0;
    assert.ok(refusals >= 5 && refusals <= 15, `${refusals} refused evictions in a minute: the questions back off`);
    await world.restart();
    const held = await world.api.get(POD_DISRUPTION_BUDGETS, { name: "web", namespace: "default" });
    await world.api.updateStatus(POD_DISRUPTION_BUDGETS, {
      ...held,
      status: { ...held.status, disruptionsAllowed: 1 },
    });
    await world.pass(60);
    assert.deepEqual(world.gone, ["web", "agent", "dns", "proxy"]);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(await world.exists(NODE_CLAIMS, "claim-a"), false);
    assert.equal(world.metrics.read("karpenter_pods_drained_total", { reason: "Forceful Termination" }), 4);
  });

  it("a protected pod holds a drain, but not beyond the claim's grace period", async () => {
    world = await startedWorld();
    await addNode(world, "a", { terminationGracePeriod: "2m" });
    await addPod(world, "p", "a", {}, { annotations: { "karpenter.sh/do-not-disrupt": "true" } });
    await world.api.delete(NODES, { name: "a" });
    await world.pass(80);
    assert.deepEqual(world.gone, []);
    assert.equal(
      (await world.get(NODE_CLAIMS, "claim-a")).metadata.annotations?.["karpenter.sh/nodeclaim-termination-timestamp"],
      "2026-03-04T12:02:00Z",
    );
    await world.pass(60);
    assert.deepEqual(world.gone, ["p"]);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.ok(world.reasons("Pod").includes("Disrupted"));
  });

  for (const { terminationGracePeriod, goes } of [
    { terminationGracePeriod: undefined, goes: false },
    { terminationGracePeriod: "1m", goes: true },
  ]) {
    it(`an attached volume holds the instance, ${goes ? "but not beyond the grace period" : "until it is detached"}`, async () => {
      world = await startedWorld();
      await addNode(world, "a", terminationGracePeriod === undefined ? {} : { terminationGracePeriod });
      await world.api.create(VOLUME_ATTACHMENTS, {
        apiVersion: "storage.k8s.io/v1",
        kind: "VolumeAttachment",
        metadata: { name: "attachment" },
        spec: { attacher: "ebs.csi.aws.com", nodeName: "a", source: { persistentVolumeName: "pv" } },
      });
      await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
      await world.pass(50);
      const claim = await world.get(NODE_CLAIMS, "claim-a");
      assert.equal(findCondition(claim, "Drained")?.status, "True");
      assert.equal(findCondition(claim, "VolumesDetached")?.reason, "AwaitingVolumeDetachment");
      assert.ok(world.reasons("Node").includes("AwaitingVolumeDetachment"));
      await world.pass(50);
      assert.equal(await world.exists(NODES, "a"), !goes);
      await world.api.delete(VOLUME_ATTACHMENTS, { name: "attachment" });
      await world.pass(20);
      assert.equal(await world.exists(NODE_CLAIMS, "claim-a"), false);
    });
  }

  it("the node of a dead instance goes without a drain", async () => {
    world = await startedWorld();
    await addNode(world, "a");
    await addPod(world, "p", "a");
    world.cloud.instances.clear();
    const node = await world.get(NODES, "a");
    await world.api.updateStatus(NODES, { ...node, status: { conditions: [{ type: "Ready", status: "Unknown" }] } });
    await world.pass(260);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(await world.exists(NODE_CLAIMS, "claim-a"), false);
    assert.deepEqual(world.gone, []);
  });
});
