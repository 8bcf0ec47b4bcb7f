import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { NODES } from "../../src/model/kinds.ts";
import { addNode, addPod, startedWorld, type World } from "./node-world.ts";

describe("nodes at the end of their time", () => {
  let world: World;
  afterEach(() => world.stop());

  it("a claim expires at its age, also when its pods have no other place", async () => {
    world = await startedWorld({ consolidateAfter: "Never" });
    await addNode(world, "a", { expireAfter: "1h" });
    await addPod(world, "p", "a");
    await world.pass(3_590);
    assert.equal(await world.exists(NODES, "a"), true);
    assert.ok(world.reasons("Node").includes("DisruptionBlocked"));
    await world.pass(40);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(world.cloud.instances.size, 0);
  });

  it("an empty node goes a little before its hour", async () => {
    world = await startedWorld({ consolidateAfter: "Never" });
    await addNode(world, "a", { expireAfter: "1h" });
    await world.pass(53 * 60);
    assert.equal(await world.exists(NODES, "a"), true);
    await world.pass(3 * 60);
    assert.equal(await world.exists(NODES, "a"), false);
    const labels = {
      reason: "expired",
      nodepool: "default",
      capacity_type: "",
      consolidation_policy: "",
      termination_mode: "graceful",
    };
    assert.equal(world.metrics.read("karpenter_nodeclaims_disrupted_total", labels), 1);
  });
});
