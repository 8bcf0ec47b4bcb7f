import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import type { Node } from "../../src/model/core.ts";
import { NODE_CLAIMS, NODES } from "../../src/model/kinds.ts";
import type { Draft } from "../../src/model/object.ts";
import { nodeClassRef, startedWorld, type World } from "./node-world.ts";

describe("what has lost its other half", () => {
  let world: World;
  afterEach(() => world.stop());

  it("an instance without a claim is collected, but not one whose claim does not know it yet", async () => {
    world = await startedWorld();
    world.cloud.add("fake://lost", "claim-lost");
    world.cloud.add("fake://young", "claim-young");
    await world.api.create(NODE_CLAIMS, {
      apiVersion: "karpenter.sh/v1",
      kind: "NodeClaim",
      metadata: { name: "claim-young", labels: {} },
      spec: { nodeClassRef, requirements: [] },
    });
    await world.pass(250);
    assert.deepEqual([...world.cloud.instances.keys()], ["fake://young"]);
  });

  it("a claim that is deleted before it knows its instance takes it along", async () => {
    world = await startedWorld();
    world.cloud.add("fake://a", "claim-a");
    await world.api.create(NODE_CLAIMS, {
      apiVersion: "karpenter.sh/v1",
      kind: "NodeClaim",
      metadata: { name: "claim-a", finalizers: ["karpenter.sh/termination"] },
      spec: { nodeClassRef, requirements: [] },
    });
    await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
    await world.pass(20);
    assert.equal(world.cloud.instances.size, 0);
    assert.equal(await world.exists(NODE_CLAIMS, "claim-a"), false);
  });

  it("the node of a collected instance, left alone, is collected too", async () => {
    world = await startedWorld();
    const labels = { "karpenter.sh/nodepool": "default" };
    const node: Draft<Node> = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "x", labels },
      spec: { providerID: "fake://x" },
    };
    await world.api.create(NODES, node);
    await world.pass(260);
    assert.equal(await world.exists(NODES, "x"), false);
  });
});
