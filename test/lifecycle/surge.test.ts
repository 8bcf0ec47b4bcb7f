import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { EVENTS, NODE_CLAIMS, NODES, PODS } from "../../src/model/kinds.ts";
import { DISRUPTED_TAINT_KEY } from "../../src/model/labels.ts";
import { isReady, isTerminating } from "../../src/model/pod-predicates.ts";
import { NO_FAULTS } from "../../src/simulation/faults/fault-mix.ts";
import { DEPLOYMENTS } from "../../src/simulation/workloads/kinds.ts";
import type { WorldOptions } from "../simulated-world.ts";
import { DeploymentWorld, type Wanted } from "./deployment-world.ts";

const SURGE = { "karpenter.sh/surge": "true" };
const KEPT: Wanted = { budget: { minAvailable: 1 } };

describe("a single replica", () => {
  let world: DeploymentWorld;
  afterEach(() => world.stop());

  /** One node with one pod. */
  const started = async (
    wanted: Wanted,
    { pool = {}, ...options }: Partial<WorldOptions> & { pool?: Record<string, string> } = {},
  ): Promise<string> => {
    world = new DeploymentWorld(options);
    await world.addPool({ annotations: pool });
    await world.deploy("web", wanted);
    await world.pass(120);
    assert.ok(world.pods("web").length > 0 && world.pods("web").every(isReady));
    return world.nodes()[0]?.metadata.name ?? "";
  };

  /** The fewest ready pods that there ever were from now on. */
  const watchReady = (): (() => number) => {
    const ready = (): number => world.pods("web").filter((pod) => isReady(pod) && !isTerminating(pod)).length;
    let least = ready();
    world.world.cluster.state.of(PODS).onChange(() => {
      least = Math.min(least, ready());
    });
    return () => least;
  };
  const isThere = (name: string): boolean => world.nodes().some(({ metadata }) => metadata.name === name);
  const isClosed = (name: string): boolean =>
    world.nodes().some(({ metadata, spec }) => {
      return metadata.name === name && (spec.taints ?? []).some(({ key }) => key === DISRUPTED_TAINT_KEY);
    });

  it("that a budget keeps holds its drifted node without the annotation", async () => {
    const node = await started(KEPT);
    await world.changeTemplate();
    await world.pass(900);
    assert.ok(isThere(node) && !isClosed(node));
    assert.ok((await world.reasons("Node")).includes("DisruptionBlocked"));
  });

  for (const { given, wanted, pool } of [
    { given: "kept by a budget", wanted: { ...KEPT, annotations: SURGE }, pool: {} },
    { given: "kept by a budget of nothing", wanted: { budget: { maxUnavailable: 0 }, annotations: SURGE }, pool: {} },
    { given: "without a budget, in a pool with the annotation", wanted: {}, pool: SURGE },
  ]) {
    it(`is replaced by a ready one before its drifted node goes: ${given}`, async () => {
      const node = await started(wanted, { pool });
      const leastReady = watchReady();
      await world.changeTemplate();
      await world.pass(600);
      assert.equal(isThere(node), false);
      assert.equal(leastReady(), 1);
      assert.equal(world.pods("web").length, 1);
      assert.ok((await world.reasons("Pod")).includes("SurgeStarted"));
      assert.deepEqual(world.world.violations(), []);
    });

    it(`is replaced by a ready one when its node is deleted: ${given}`, async () => {
      const node = await started(wanted, { pool });
      const leastReady = watchReady();
      await world.api.delete(NODES, { name: node });
      await world.pass(600);
      assert.equal(isThere(node), false);
      assert.equal(leastReady(), 1);
    });
  }

  it("of a pool with the annotation can decline", async () => {
    const node = await started({ ...KEPT, annotations: { "karpenter.sh/surge": "false" } }, { pool: SURGE });
    await world.changeTemplate();
    await world.pass(900);
    assert.ok(isThere(node));
  });

  it("whose successor does not become ready stays, its node goes back to work, and it is not tried over and over", async () => {
    const node = await started({ ...KEPT, annotations: SURGE });
    // There is no such node, and none can be bought.
    const body = { spec: { template: { spec: { nodeSelector: { "example.com/nowhere": "true" } } } } };
    await world.api.patch(DEPLOYMENTS, { name: "web", namespace: "default" }, { type: "merge", body });
    const leastReady = watchReady();
    await world.changeTemplate();
    await world.pass(420);
    assert.ok(isThere(node) && isClosed(node));
    await world.pass(600);
    assert.ok(isThere(node) && !isClosed(node));
    assert.ok(leastReady() >= 1);
    const { claims } = world.world.numbers();
    await world.pass(900);
    assert.equal(world.world.numbers().claims, claims, "nothing more is bought for it");
  });

  for (const { given, spec, problem } of [
    { given: "Recreate", spec: { strategy: { type: "Recreate", rollingUpdate: null } }, problem: "Recreate" },
    {
      given: "a pod fewer while it rolls out",
      spec: { strategy: { rollingUpdate: { maxUnavailable: 1 } } },
      problem: "maxUnavailable",
    },
    { given: "a rollout that is paused", spec: { paused: true }, problem: "paused" },
  ]) {
    it(`is not moved where its Deployment cannot bring one up first: ${given}`, async () => {
      world = new DeploymentWorld();
      await world.addPool();
      await world.deploy("web", { ...KEPT, annotations: SURGE });
      await world.pass(1);
      await world.api.patch(DEPLOYMENTS, { name: "web", namespace: "default" }, { type: "merge", body: { spec } });
      await world.pass(120);
      const node = world.nodes()[0]?.metadata.name ?? "";
      await world.changeTemplate();
      await world.pass(600);
      assert.ok(isThere(node));
      const { items } = await world.api.list(EVENTS);
      const event = items.find(({ reason }) => reason === "SurgeImpossible");
      assert.match(event?.message ?? "", new RegExp(problem));
    });
  }

  it("two replicas of which the budget spares none are moved the same way", async () => {
    const node = await started({ replicas: 2, budget: { minAvailable: 2 }, annotations: SURGE });
    const leastReady = watchReady();
    await world.changeTemplate();
    await world.pass(900);
    assert.equal(isThere(node), false);
    assert.ok(leastReady() >= 2);
  });

  it("of a StatefulSet that a budget keeps starts anew where its place is ready, and is missing for no longer", async () => {
    world = new DeploymentWorld();
    await world.addPool();
    await world.addStatefulSet("db", { ...KEPT, annotations: SURGE });
    await world.pass(120);
    const node = world.nodes()[0]?.metadata.name ?? "";
    assert.equal(world.pods("db")[0]?.spec.nodeName, node);
    let missingSinceMs: number | undefined;
    let missingMs = 0;
    world.world.cluster.state.of(PODS).onChange(() => {
      const nowMs = world.world.clock.nowMs();
      const isThereNow = world.pods("db").some((pod) => isReady(pod) && !isTerminating(pod));
      if (isThereNow && missingSinceMs !== undefined) missingMs = Math.max(missingMs, nowMs - missingSinceMs);
      missingSinceMs = isThereNow ? undefined : (missingSinceMs ?? nowMs);
    });
    await world.changeTemplate();
    await world.pass(900);
    assert.equal(isThere(node), false);
    assert.deepEqual(world.pods("db").map(isReady), [true]);
    // Its grace period and its start, without the minute that a node takes.
    assert.ok(missingMs > 0 && missingMs < 45_000, `missing for ${missingMs} ms`);
    assert.deepEqual(world.world.violations(), []);
  });

  for (const seed of [2, 5, 9]) {
    it(`is never missing, whatever fails meanwhile [SEED=${seed}]`, async () => {
      const faults = { refused: 0.04, conflict: 0.05, lostReply: 0.05, lateEvent: 0.05, lateEventMaxMs: 3_000 };
      const node = await started(
        { ...KEPT, annotations: SURGE },
        { seed, processes: 2, faults: { ...NO_FAULTS, ...faults, crashEveryMs: 180_000, latencyMaxMs: 20 } },
      );
      const leastReady = watchReady();
      await world.changeTemplate();
      await world.pass(2_400);
      assert.equal(isThere(node), false);
      assert.equal(leastReady(), 1);
      assert.equal((await world.api.list(NODE_CLAIMS)).items.length, 1);
      assert.deepEqual(world.world.violations(), []);
    });
  }
});
