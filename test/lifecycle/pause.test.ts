import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { formatTime } from "../../src/base/time.ts";
import { type Kind, NODE_CLAIMS, NODE_POOLS, NODES } from "../../src/model/kinds.ts";
import { findCondition } from "../../src/plan/lifecycle/conditions.ts";
import { addNode, START, startedWorld, type World } from "./node-world.ts";

describe("disruption that has to wait", () => {
  let world: World;
  afterEach(() => world.stop());

  it("a paused pool keeps its empty nodes, says until when, and goes on by itself", async () => {
    world = await startedWorld();
    await addNode(world, "a");
    const pause = `${formatTime(START + 600_000)} # ann: under repair`;
    const body = { metadata: { annotations: { "karpenter.sh/disruption-pause": pause } } };
    await world.api.patch(NODE_POOLS, { name: "default" }, { type: "merge", body });
    await world.pass(590);
    assert.equal((await world.get(NODES, "a")).metadata.deletionTimestamp, undefined);
    const paused = findCondition(await world.get(NODE_POOLS, "default"), "DisruptionPaused");
    assert.equal(paused?.message, "Disruption is paused until 2026-03-04T12:10:00Z: ann: under repair");
    await world.pass(60);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(findCondition(await world.get(NODE_POOLS, "default"), "DisruptionPaused"), undefined);
    assert.deepEqual(world.reasons("NodePool"), ["DisruptionPaused", "DisruptionResumed"]);
  });

  it("while watches are cut off nothing is disrupted", async () => {
    world = await startedWorld();
    world.setDeaf(true);
    await world.restart();
    await world.pass(2);
    await addNode(world, "a");
    for (const kind of [NODES, NODE_CLAIMS] as Kind[])
      for (const one of (await world.api.list(kind)).items) world.tellMirror(one);
    await world.pass(200);
    assert.equal((await world.get(NODES, "a")).metadata.deletionTimestamp, undefined);
    assert.ok(world.events.some(({ message }) => message.startsWith("Nothing is disrupted")));
    world.setDeaf(false);
    await world.pass(90);
    assert.equal(await world.exists(NODES, "a"), false);
  });
});
