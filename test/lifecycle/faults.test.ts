import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../src/base/random.ts";
import { NODE_CLAIMS, NODES, PODS } from "../../src/model/kinds.ts";
import type { NodeClaim } from "../../src/model/resources/node-claim.ts";
import { isTrue } from "../../src/plan/lifecycle/conditions.ts";
import { addNode, addPod, addPool, startWorld, type World } from "./node-world.ts";

/** Eight nodes; those returned have a pod that never goes, some of the others have one that will. */
async function addSomeNodes(world: World, random: Random): Promise<ReadonlySet<string>> {
  const busy = new Set<string>();
  for (let i = 0; i < 8; i += 1) {
    const name = `n${i}`;
    await addNode(world, name);
    if (random.chance(0.6)) await addPod(world, `p${i}`, name);
    if (random.chance(0.3)) busy.add(name);
  }
  for (const name of busy) await addPod(world, `stays-${name}`, name);
  return busy;
}

/** Deletes pods that may go, so many at most. */
async function removePods({ api }: World, most: number): Promise<void> {
  const { items } = await api.list(PODS);
  const leavers = items.filter(({ metadata }) => !metadata.name.startsWith("stays")).slice(0, most);
  for (const { metadata } of leavers) await api.delete(PODS, { name: metadata.name, namespace: "default" });
}

async function nodesGoing({ api }: World): Promise<number> {
  const { items } = await api.list(NODE_CLAIMS);
  const isGoing = (claim: NodeClaim): boolean =>
    claim.metadata.deletionTimestamp !== undefined && !isTrue(claim, "InstanceTerminating");
  return items.filter(isGoing).length;
}

describe("taking nodes away while calls fail and controllers die", () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    it(`budgets hold, busy nodes stay, and nothing is left of empty ones [SEED=${seed}]`, async () => {
      const random = new Random(seed);
      const world = startWorld(random.fork("faults"));
      const allowed = random.between(1, 3);
      await addPool(world, { budgets: [{ nodes: String(allowed) }] });
      const busy = await addSomeNodes(world, random);
      for (let second = 0; second < 600; second += 1) {
        await world.pass(1);
        if (second < 300 && random.chance(0.03)) await world.restart();
        if (second < 300 && random.chance(0.03)) await removePods(world, 1);
        const going = await nodesGoing(world);
        assert.ok(going <= allowed, `${going} nodes go at once, ${allowed} may`);
      }
      await removePods(world, Number.POSITIVE_INFINITY);
      await world.pass(900);
      const nodes = (await world.api.list(NODES)).items;
      assert.deepEqual(
        nodes.map(({ metadata }) => metadata.name),
        [...busy].sort(),
      );
      assert.deepEqual(
        [...world.cloud.instances.keys()].sort(),
        nodes.map(({ spec }) => spec.providerID),
      );
      assert.ok(nodes.every(({ spec }) => (spec.taints ?? []).length === 0));
      assert.ok(world.gone.every((name) => !name.startsWith("stays")));
      await world.stop();
    });
  }
});
