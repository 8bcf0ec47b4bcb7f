import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import type { PodSpec } from "../../src/model/core.ts";
import { NODE_CLAIMS, NODES, PODS, VOLUME_ATTACHMENTS } from "../../src/model/kinds.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";
import { findCondition } from "../../src/plan/lifecycle/conditions.ts";
import { addNode, addPod, addPool, daemon, nodeClassRef, startWorld, type World } from "./node-world.ts";

const DISRUPTED = "karpenter.sh/disrupted";
const DEADLINE = "karpenter.sh/nodeclaim-termination-timestamp";
const KEPT = { annotations: { "karpenter.sh/do-not-disrupt": "true" } };

describe("ending a node", () => {
  let world: World;
  const started = async (
    disruption: NodePool["spec"]["disruption"] = { consolidateAfter: "Never" },
  ): Promise<World> => {
    world = startWorld();
    await addPool(world, disruption);
    return world;
  };
  afterEach(() => world.stop());
  const patchNode = (name: string, body: object): Promise<unknown> =>
    world.api.patch(NODES, { name }, { type: "merge", body });
  const setReady = async (name: string, status: "True" | "Unknown"): Promise<void> => {
    const body = { status: { conditions: [{ type: "Ready", status }] } };
    await world.api.patch(NODES, { name }, { type: "merge", body }, { subresource: "status" });
  };

  for (const { given, tolerations, leaves } of [
    {
      given: "the taint, by Equal",
      tolerations: [{ key: DISRUPTED, operator: "Equal", effect: "NoSchedule" }],
      leaves: false,
    },
    { given: "the taint, by Exists", tolerations: [{ key: DISRUPTED, operator: "Exists" }], leaves: false },
    { given: "every taint", tolerations: [{ operator: "Exists" }], leaves: false },
    {
      given: "that a node is unschedulable",
      tolerations: [{ key: "node.kubernetes.io/unschedulable", operator: "Exists" }],
      leaves: true,
    },
  ] as { given: string; tolerations: NonNullable<PodSpec["tolerations"]>; leaves: boolean }[]) {
    it(`a pod that tolerates ${given} is ${leaves ? "evicted" : "left alone"}`, async () => {
      await started();
      await addNode(world, "a");
      await addPod(world, "p", "a", { tolerations });
      await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
      await world.pass(60);
      assert.equal(await world.exists(NODES, "a"), false);
      assert.deepEqual(world.gone, leaves ? ["p"] : []);
    });
  }

  it("a pod of nobody is evicted too", async () => {
    await started();
    await addNode(world, "a");
    await addPod(world, "p", "a");
    await world.api.delete(NODES, { name: "a" });
    await world.pass(60);
    assert.deepEqual(world.gone, ["p"]);
  });

  it("a drain takes five seconds at least, also of an empty node", async () => {
    await started();
    await addNode(world, "a");
    await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
    await world.pass(4);
    assert.equal(findCondition(await world.get(NODE_CLAIMS, "claim-a"), "Drained")?.status, "Unknown");
    await world.pass(3);
    assert.equal(findCondition(await world.get(NODE_CLAIMS, "claim-a"), "Drained")?.status, "True");
  });

  it("a protected pod is waited for without end where there is no deadline", async () => {
    await started();
    await addNode(world, "a");
    await addPod(world, "p", "a", {}, KEPT);
    await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
    await world.pass(2 * 3_600);
    assert.deepEqual(world.gone, []);
    await world.api.patch(
      PODS,
      { name: "p", namespace: "default" },
      { type: "merge", body: { metadata: { annotations: null } } },
    );
    await world.pass(60);
    assert.equal(await world.exists(NODES, "a"), false);
  });

  it("past the deadline critical pods go although others are still held", async () => {
    await started();
    await addNode(world, "a", { terminationGracePeriod: "1m" });
    await addPod(world, "p", "a", { terminationGracePeriodSeconds: 10 }, KEPT);
    await addPod(world, "dns", "a", {
      priorityClassName: "system-cluster-critical",
      terminationGracePeriodSeconds: 40,
    });
    await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
    await world.pass(30);
    assert.deepEqual(world.gone, ["dns"]);
    await world.pass(30);
    assert.deepEqual(world.gone, ["dns", "p"]);
  });

  it("terminationGracePeriod of nothing deletes every pod at once, with a second of grace", async () => {
    await started();
    await addNode(world, "a", { terminationGracePeriod: "0s" });
    await addPod(world, "p", "a", {}, KEPT);
    await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
    await world.pass(3);
    assert.deepEqual(world.gone, ["p"]);
    assert.ok(world.events.some(({ message }) => message.includes("with 1 s of its 30 s of grace")));
  });

  it("a deadline that is written already stays, one that is none forces nobody", async () => {
    await started();
    await addNode(world, "a", { terminationGracePeriod: "1h" });
    await addNode(world, "b");
    await addPod(world, "q", "b", {}, KEPT);
    for (const [name, written] of [
      ["claim-a", "2026-03-04T12:30:00Z"],
      ["claim-b", "soon"],
    ] as const) {
      const body = { metadata: { annotations: { [DEADLINE]: written } } };
      await world.api.patch(NODE_CLAIMS, { name }, { type: "merge", body });
    }
    await addPod(world, "p", "a", {}, KEPT);
    for (const name of ["claim-a", "claim-b"]) await world.api.delete(NODE_CLAIMS, { name });
    await world.pass(600);
    assert.equal((await world.get(NODE_CLAIMS, "claim-a")).metadata.annotations?.[DEADLINE], "2026-03-04T12:30:00Z");
    assert.deepEqual(world.gone, []);
    await world.pass(1_200);
    assert.deepEqual(world.gone, ["p"]);
  });

  it("a pod that came back under its name on another node is not touched", async () => {
    await started();
    await addNode(world, "a");
    await addNode(world, "b");
    await addPod(world, "p", "a", {}, KEPT);
    await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
    await world.pass(5);
    await world.api.delete(PODS, { name: "p", namespace: "default" }, { gracePeriodSeconds: 0 });
    await addPod(world, "p", "b");
    await world.pass(60);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(
      (await world.api.get(PODS, { name: "p", namespace: "default" })).metadata.deletionTimestamp,
      undefined,
    );
  });

  it("the volume of a pod that stays does not hold the instance, a volume of none is nobody's", async () => {
    await started();
    await addNode(world, "a");
    await addPod(world, "agent", "a", { tolerations: [{ operator: "Exists" }] }, daemon);
    await world.api.create(VOLUME_ATTACHMENTS, {
      apiVersion: "storage.k8s.io/v1",
      kind: "VolumeAttachment",
      metadata: { name: "inline" },
      spec: { attacher: "csi.example.com", nodeName: "a", source: {} },
    });
    await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
    await world.pass(30);
    assert.equal(await world.exists(NODES, "a"), false);
  });

  it("a node without a claim is drained, and no instance is ended for it", async () => {
    await started();
    await addNode(world, "a");
    await addPod(world, "p", "a");
    await patchNode("a", { metadata: { ownerReferences: null } });
    await world.api.patch(
      NODE_CLAIMS,
      { name: "claim-a" },
      { type: "merge", body: { metadata: { finalizers: null } } },
    );
    await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
    await world.api.delete(NODES, { name: "a" });
    await world.pass(20);
    assert.deepEqual(world.gone, ["p"]);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(world.cloud.instances.get("fake://a")?.isTerminating, false);
  });

  for (const { status, drained } of [
    { status: "Unknown", drained: false },
    { status: "True", drained: true },
  ] as const) {
    it(`a node whose instance is gone, Ready ${status}, is let go ${drained ? "after" : "without"} a drain`, async () => {
      await started();
      await addNode(world, "a");
      await addPod(world, "p", "a");
      await setReady("a", status);
      world.cloud.instances.clear();
      await world.api.delete(NODES, { name: "a" });
      await world.pass(30);
      assert.equal(await world.exists(NODES, "a"), false);
      assert.deepEqual(world.gone, drained ? ["p"] : []);
    });
  }

  it("a user who deletes the Node deletes its claim and its instance", async () => {
    await started();
    await addNode(world, "a");
    await world.api.delete(NODES, { name: "a" });
    await world.pass(30);
    assert.equal(await world.exists(NODE_CLAIMS, "claim-a"), false);
    assert.equal(world.cloud.instances.size, 0);
  });

  it("a claim that never registered leaves Nodes alone, and ends its instance", async () => {
    await started();
    await addNode(world, "a");
    const { conditions = [] } = (await world.get(NODE_CLAIMS, "claim-a")).status ?? {};
    world.cloud.add("fake://b", "claim-b");
    await world.api.create(NODE_CLAIMS, {
      apiVersion: "karpenter.sh/v1",
      kind: "NodeClaim",
      metadata: { name: "claim-b", finalizers: ["karpenter.sh/termination"] },
      spec: { nodeClassRef, requirements: [] },
    });
    const launched = conditions.filter(({ type }) => type === "Launched");
    const body = { status: { providerID: "fake://b", conditions: launched } };
    await world.api.patch(NODE_CLAIMS, { name: "claim-b" }, { type: "merge", body }, { subresource: "status" });
    await world.api.delete(NODE_CLAIMS, { name: "claim-b" });
    await world.api.create(NODES, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "late" },
      spec: { providerID: "fake://b" },
    });
    await world.pass(20);
    assert.equal(await world.exists(NODE_CLAIMS, "claim-b"), false);
    assert.equal(world.cloud.instances.has("fake://b"), false);
    assert.equal((await world.get(NODES, "late")).metadata.deletionTimestamp, undefined);
  });

  it("a claim that was never launched goes at once", async () => {
    await started();
    await world.api.create(NODE_CLAIMS, {
      apiVersion: "karpenter.sh/v1",
      kind: "NodeClaim",
      metadata: { name: "claim-x", finalizers: ["karpenter.sh/termination"] },
      spec: { nodeClassRef, requirements: [] },
    });
    await world.api.delete(NODE_CLAIMS, { name: "claim-x" });
    await world.pass(2);
    assert.equal(await world.exists(NODE_CLAIMS, "claim-x"), false);
  });

  it("a pod bound to a node starts its quiet time, not again within ten seconds, and DaemonSet pods never", async () => {
    await started({ consolidateAfter: "1h" });
    await addNode(world, "a");
    const eventTime = async (): Promise<string | undefined> =>
      (await world.get(NODE_CLAIMS, "claim-a")).status?.lastPodEventTime;
    await world.pass(10);
    await addPod(world, "agent", "a", {}, daemon);
    await world.pass(1);
    assert.equal(await eventTime(), undefined);
    await addPod(world, "p", "a");
    await world.pass(1);
    const first = await eventTime();
    assert.notEqual(first, undefined);
    await world.pass(5);
    await addPod(world, "q", "a");
    await world.pass(1);
    assert.equal(await eventTime(), first);
    await world.pass(10);
    await addPod(world, "r", "a");
    await world.pass(1);
    assert.notEqual(await eventTime(), first);
  });
});
