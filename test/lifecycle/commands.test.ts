import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { KWOK_NODE_CLASSES, NODE_CLAIMS, NODE_POOLS, PODS } from "../../src/model/kinds.ts";
import { DISRUPTED_TAINT_KEY } from "../../src/model/labels.ts";
import { isReady } from "../../src/model/pod-predicates.ts";
import type { NodeClaim } from "../../src/model/resources/node-claim.ts";
import { findCondition, isTrue } from "../../src/plan/lifecycle/conditions.ts";
import { DeploymentWorld, type PoolWanted } from "./deployment-world.ts";

describe("a node that is being replaced", () => {
  let world: DeploymentWorld;
  afterEach(() => world.stop());

  /** A drifted node with a pod; returns its claim's name. */
  const drifting = async (pool: PoolWanted = {}): Promise<string> => {
    world = new DeploymentWorld();
    await world.addPool(pool);
    await world.deploy("web", {});
    await world.pass(120);
    const name = (await claims())[0]?.metadata.name ?? "";
    await world.changeTemplate();
    return name;
  };
  const claims = async (): Promise<NodeClaim[]> => (await world.api.list(NODE_CLAIMS)).items;
  const isClosed = (claim: string): boolean => {
    const node = world.nodes().find(({ metadata }) => metadata.ownerReferences?.some(({ name }) => name === claim));
    return (node?.spec.taints ?? []).some(({ key }) => key === DISRUPTED_TAINT_KEY);
  };
  const replacementOf = async (old: string): Promise<NodeClaim> =>
    (await claims()).find(({ metadata }) => metadata.name !== old) ?? assert.fail("no replacement");

  it("is closed, and stays until its replacement is initialized", async () => {
    const old = await drifting();
    await world.pass(10);
    assert.ok(isClosed(old));
    const replacement = await replacementOf(old);
    assert.equal(isTrue(replacement, "Initialized"), false);
    assert.equal((await world.api.get(NODE_CLAIMS, { name: old })).metadata.deletionTimestamp, undefined);
    assert.ok((await world.reasons("NodeClaim")).includes("DisruptionWaitingReadiness"));
    await world.pass(60);
    assert.deepEqual(
      (await claims()).map(({ metadata }) => metadata.name),
      [replacement.metadata.name],
    );
  });

  it("goes back to work when its replacement is deleted", async () => {
    const old = await drifting();
    await world.pass(10);
    const { name } = (await replacementOf(old)).metadata;
    await world.api.delete(NODE_CLAIMS, { name });
    await world.pass(2);
    const claim = await world.api.get(NODE_CLAIMS, { name: old });
    assert.equal(claim.metadata.deletionTimestamp, undefined);
    await world.pass(90);
    assert.ok(world.pods("web").every(isReady), "and is replaced by the next");
    assert.equal(
      (await claims()).some(({ metadata }) => metadata.name === old),
      false,
    );
  });

  it("goes back to work when its replacement does not come up within ten minutes", async () => {
    const old = await drifting();
    const slow = { spec: { nodeRegistrationDelay: "14m" } };
    await world.api.patch(KWOK_NODE_CLASSES, { name: "default" }, { type: "merge", body: slow });
    await world.pass(570);
    assert.ok(isClosed(old));
    await world.pass(60);
    assert.equal(isClosed(old), false);
    assert.equal(findCondition(await world.api.get(NODE_CLAIMS, { name: old }), "DisruptionReason"), undefined);
    assert.ok(world.pods("web").every(isReady));
    assert.ok(world.metrics().some((line) => /queue_failures_total\{.*reason="drifted".*\} 1/.test(line)));
  });

  it("waits for a pod that asks for protection meanwhile, and stays", async () => {
    const old = await drifting();
    await world.pass(10);
    const [pod] = world.pods("web");
    const body = { metadata: { annotations: { "karpenter.sh/do-not-disrupt": "true" } } };
    await world.api.patch(PODS, { name: pod?.metadata.name ?? "", namespace: "default" }, { type: "merge", body });
    await world.pass(700);
    assert.equal((await world.api.get(NODE_CLAIMS, { name: old })).metadata.deletionTimestamp, undefined);
    assert.equal(isClosed(old), false);
  });

  it("needs more than one new node where its pods do not fit on one: all must be there", async () => {
    world = new DeploymentWorld();
    await world.addPool({ cpus: ["4"] });
    await world.deploy("web", { replicas: 2, cpu: "1500m" });
    await world.pass(120);
    assert.equal(world.nodes().length, 1);
    const old = (await claims())[0]?.metadata.name ?? "";
    const requirements = [{ key: "karpenter.kwok.sh/instance-cpu", operator: "In", values: ["2"] }];
    await world.api.patch(
      NODE_POOLS,
      { name: "default" },
      { type: "merge", body: { spec: { template: { spec: { requirements } } } } },
    );
    await world.pass(15);
    const others = (await claims()).filter(({ metadata }) => metadata.name !== old);
    assert.equal(others.length, 2);
    assert.ok(isClosed(old));
    await world.pass(100);
    assert.equal(
      (await claims()).some(({ metadata }) => metadata.name === old),
      false,
    );
    assert.ok(world.pods("web").every(isReady));
    assert.deepEqual(world.world.violations(), []);
  });

  it("no longer is when its template is changed back before anything has begun", async () => {
    const old = await drifting({ disruption: { budgets: [{ nodes: "0" }] } });
    await world.pass(30);
    assert.ok(isTrue(await world.api.get(NODE_CLAIMS, { name: old }), "Drifted"));
    assert.ok((await world.reasons("NodePool")).includes("DisruptionBlocked"));
    const body = { spec: { template: { metadata: null } } };
    await world.api.patch(NODE_POOLS, { name: "default" }, { type: "merge", body });
    await world.pass(30);
    assert.equal(findCondition(await world.api.get(NODE_CLAIMS, { name: old }), "Drifted"), undefined);
  });

  for (const { what, spec, drifts } of [
    {
      what: "a taint",
      spec: { template: { spec: { taints: [{ key: "t", effect: "PreferNoSchedule" }] } } },
      drifts: true,
    },
    {
      what: "a startup taint",
      spec: { template: { spec: { startupTaints: [{ key: "t", effect: "PreferNoSchedule" }] } } },
      drifts: true,
    },
    { what: "an annotation", spec: { template: { metadata: { annotations: { a: "b" } } } }, drifts: true },
    { what: "expireAfter", spec: { template: { spec: { expireAfter: "800h" } } }, drifts: true },
    { what: "terminationGracePeriod", spec: { template: { spec: { terminationGracePeriod: "1h" } } }, drifts: true },
    { what: "a budget", spec: { disruption: { budgets: [{ nodes: "50%" }] } }, drifts: false },
    { what: "the weight", spec: { weight: 7 }, drifts: false },
    { what: "a limit", spec: { limits: { cpu: "100" } }, drifts: false },
    {
      what: "requirements that the node meets",
      spec: {
        template: {
          spec: { requirements: [{ key: "karpenter.kwok.sh/instance-cpu", operator: "In", values: ["2", "4"] }] },
        },
      },
      drifts: false,
    },
    {
      what: "requirements that it does not meet",
      spec: {
        template: {
          spec: { requirements: [{ key: "karpenter.kwok.sh/instance-cpu", operator: "In", values: ["4"] }] },
        },
      },
      drifts: true,
    },
  ]) {
    it(`${drifts ? "has" : "has not"} drifted when ${what} of its NodePool is changed`, async () => {
      world = new DeploymentWorld();
      await world.addPool({ disruption: { budgets: [{ nodes: "0", reasons: ["Drifted"] }] } });
      await world.deploy("web", {});
      await world.pass(120);
      await world.api.patch(NODE_POOLS, { name: "default" }, { type: "merge", body: { spec } });
      await world.pass(30);
      assert.equal(
        (await claims()).some((claim) => isTrue(claim, "Drifted")),
        drifts,
      );
    });
  }
});
