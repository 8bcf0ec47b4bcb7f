import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { formatTime } from "../../src/base/time.ts";
import { NODES } from "../../src/model/kinds.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";
import { addNode, addPod, addPool, startWorld, type World } from "./node-world.ts";

describe("sick nodes", () => {
  let world: World;
  const started = async (disruption?: NodePool["spec"]["disruption"]): Promise<World> => {
    world = startWorld();
    await addPool(world, disruption);
    return world;
  };
  afterEach(() => world.stop());

  const makeSick = async (name: string, type: string, status: "True" | "False"): Promise<void> => {
    const node = await world.get(NODES, name);
    const lastTransitionTime = formatTime(world.clock.nowMs());
    const others = (node.status?.conditions ?? []).filter((condition) => condition.type !== type);
    const conditions = [...others, { type, status, lastTransitionTime }];
    await world.api.updateStatus(NODES, { ...node, status: { ...node.status, conditions } });
  };

  it("a sick node is deleted when it has been sick for too long, with all its pods", async () => {
    await started({ consolidateAfter: "Never", budgets: [{ nodes: "0" }] });
    for (const name of ["a", "b", "c", "d"]) await addNode(world, name);
    await addPod(world, "p", "a", {}, { annotations: { "karpenter.sh/do-not-disrupt": "true" } });
    await makeSick("a", "Ready", "False");
    await world.pass(590);
    assert.equal(await world.exists(NODES, "a"), true);
    await world.pass(60);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(world.cloud.instances.size, 3);
    const labels = { condition: "ready", nodepool: "default", capacity_type: "", image_id: "" };
    assert.equal(world.metrics.read("karpenter_nodeclaims_unhealthy_disrupted_total", labels), 1);
  });

  it("a node that gets well in time stays, and one of several policies that is due first counts", async () => {
    await started({ consolidateAfter: "Never" });
    for (const name of ["a", "b"]) await addNode(world, name);
    await makeSick("a", "Ready", "False");
    await makeSick("b", "DiskIsBroken", "True");
    await makeSick("a", "Ready", "True");
    await world.pass(50);
    assert.equal((await world.get(NODES, "b")).metadata.deletionTimestamp, undefined);
    await world.pass(700);
    assert.equal(await world.exists(NODES, "b"), false);
    assert.equal((await world.get(NODES, "a")).metadata.deletionTimestamp, undefined);
  });

  it("when more than a fifth of a pool is sick none is deleted, and the events say so", async () => {
    await started({ consolidateAfter: "Never" });
    for (const name of ["a", "b", "c", "d", "e"]) await addNode(world, name);
    for (const name of ["a", "b"]) await makeSick(name, "DiskIsBroken", "True");
    await world.pass(500);
    for (const name of ["a", "b"]) assert.equal((await world.get(NODES, name)).metadata.deletionTimestamp, undefined);
    assert.ok(world.reasons("Node").includes("NodeRepairBlocked"));
    await makeSick("b", "DiskIsBroken", "False");
    await world.pass(400);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(await world.exists(NODES, "b"), true);
  });

  it("a node that has got well while the watch is cut off stays", async () => {
    await started({ consolidateAfter: "Never" });
    for (const name of ["a", "b"]) await addNode(world, name);
    await makeSick("a", "Ready", "False");
    await world.pass(300);
    world.setDeaf(true);
    await world.restart();
    await world.pass(5);
    await makeSick("a", "Ready", "True");
    await world.pass(600);
    assert.equal((await world.get(NODES, "a")).metadata.deletionTimestamp, undefined);
  });
});
