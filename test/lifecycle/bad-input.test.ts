import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { DAY_MS, HOUR_MS } from "../../src/base/time.ts";
import type { Node } from "../../src/model/core.ts";
import { EVENTS, NODE_CLAIMS, NODE_POOLS, NODES } from "../../src/model/kinds.ts";
import { NODE_POOL_LABEL } from "../../src/model/labels.ts";
import { isReady } from "../../src/model/pod-predicates.ts";
import { findCondition } from "../../src/plan/lifecycle/conditions.ts";
import { DEPLOYMENTS } from "../../src/simulation/workloads/kinds.ts";
import { DeploymentWorld, type PoolWanted } from "./deployment-world.ts";

describe("input that cannot be right", () => {
  let world: DeploymentWorld;
  afterEach(() => world.stop());

  /** Two pools with a node each; the pod of a pool has its name. */
  const started = async (odd: PoolWanted = {}, fine: PoolWanted = {}): Promise<void> => {
    world = new DeploymentWorld();
    await world.addPool(fine);
    await world.addPool(odd, "odd");
    for (const name of ["default", "odd"]) {
      await world.deploy(name, { pod: { nodeSelector: { [NODE_POOL_LABEL]: name } } });
    }
    await world.pass(120);
    assert.equal(world.nodes().length, 2);
  };
  const nodesOf = (pool: string): Node[] =>
    world.nodes().filter(({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] === pool);
  const nodeOf = (pool: string): Node => nodesOf(pool)[0] ?? assert.fail(`no node of ${pool}`);
  const scaleDown = async (name: string): Promise<void> => {
    const ref = { name, namespace: "default" };
    await world.api.patch(DEPLOYMENTS, ref, { type: "merge", body: { spec: { replicas: 0 } } });
  };
  const poolCondition = async (pool: string, type: string) =>
    findCondition(await world.api.get(NODE_POOLS, { name: pool }), type);
  const messages = async (reason: string): Promise<string[]> => {
    const { items } = await world.api.list(EVENTS);
    return items.filter((event) => event.reason === reason).map(({ message }) => message ?? "");
  };

  for (const { given, budget, problem } of [
    { given: "a schedule", budget: { nodes: "1", schedule: "a b c d e", duration: "1h" }, problem: "a b c d e" },
    {
      given: "a schedule of impossible hours",
      budget: { nodes: "1", schedule: "0 25 * * *", duration: "1h" },
      problem: "25",
    },
  ]) {
    it(`a budget with ${given} that cannot be read closes its pool, says so, and opens it when mended`, async () => {
      await started(
        { disruption: { consolidateAfter: "0s", budgets: [budget] } },
        { disruption: { consolidateAfter: "0s" } },
      );
      for (const name of ["default", "odd"]) await scaleDown(name);
      await world.pass(300);
      assert.deepEqual([nodesOf("default").length, nodesOf("odd").length], [0, 1]);
      const condition = await poolCondition("odd", "DisruptionBudgetsReadable");
      assert.deepEqual([condition?.status, condition?.reason], ["False", "UnreadableBudget"]);
      assert.ok(condition?.message.includes(problem));
      assert.equal((await poolCondition("odd", "Ready"))?.status, "True", "pods still get nodes from it");
      assert.ok((await messages("UnreadableBudget")).some((message) => message.includes(problem)));
      const body = { spec: { disruption: { budgets: [{ nodes: "1" }] } } };
      await world.api.patch(NODE_POOLS, { name: "odd" }, { type: "merge", body });
      await world.pass(120);
      assert.equal(nodesOf("odd").length, 0);
      assert.equal(await poolCondition("odd", "DisruptionBudgetsReadable"), undefined);
    });
  }

  it("budgets of nothing keep their pool, which says so; the other goes on", async () => {
    const budgets = [{ nodes: "0" }, { nodes: "100%" }];
    await started({ disruption: { consolidateAfter: "0s", budgets } }, { disruption: { consolidateAfter: "0s" } });
    for (const name of ["default", "odd"]) await scaleDown(name);
    await world.pass(300);
    assert.deepEqual([nodesOf("default").length, nodesOf("odd").length], [0, 1]);
    assert.ok((await messages("DisruptionBlocked")).some((message) => message.includes("allow no disruption")));
  });

  it("a PodDisruptionBudget without a selector keeps nobody", async () => {
    world = new DeploymentWorld();
    await world.addPool();
    await world.deploy("web", { budget: { maxUnavailable: 0, selector: undefined } });
    await world.pass(120);
    const before = world.nodes()[0]?.metadata.name;
    await world.changeTemplate();
    await world.pass(600);
    assert.notEqual(world.nodes()[0]?.metadata.name, before);
    assert.ok(world.pods("web").every(isReady));
  });

  it("a finalizer on a Node that nobody removes holds neither its instance nor its claim", async () => {
    await started();
    const { name } = nodeOf("odd").metadata;
    const finalizers = [...(nodeOf("odd").metadata.finalizers ?? []), "example.com/forgotten"];
    await world.api.patch(NODES, { name }, { type: "merge", body: { metadata: { finalizers } } });
    await world.api.delete(NODES, { name });
    await world.pass(900);
    const claims = (await world.api.list(NODE_CLAIMS)).items;
    assert.ok(claims.every(({ metadata }) => metadata.deletionTimestamp === undefined));
    assert.ok(world.pods("odd").every(isReady), "its pod runs elsewhere");
    assert.ok((await messages("FinalizerRemains")).some((message) => message.includes("example.com/forgotten")));
    await world.api.patch(NODES, { name }, { type: "merge", body: { metadata: { finalizers: null } } });
    await world.pass(60);
    assert.equal(nodesOf("odd").length, 1);
    assert.deepEqual(world.world.violations(), []);
  });

  it("a finalizer on a NodeClaim that nobody removes is told on the claim, and its pods run elsewhere", async () => {
    await started();
    const claim = (await world.api.list(NODE_CLAIMS)).items.find(
      ({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] === "odd",
    );
    const name = claim?.metadata.name ?? "";
    const finalizers = [...(claim?.metadata.finalizers ?? []), "example.com/forgotten"];
    await world.api.patch(NODE_CLAIMS, { name }, { type: "merge", body: { metadata: { finalizers } } });
    await world.api.delete(NODE_CLAIMS, { name });
    await world.pass(900);
    const left = await world.api.get(NODE_CLAIMS, { name });
    assert.deepEqual(left.metadata.finalizers, ["example.com/forgotten"]);
    const condition = findCondition(left, "Finalized");
    assert.deepEqual([condition?.status, condition?.reason], ["False", "ForeignFinalizer"]);
    assert.ok((await messages("FinalizerRemains")).length > 0);
    assert.ok(world.pods("odd").length === 1 && world.pods("odd").every(isReady));
  });

  it("a node that comes back under another name is taken over", async () => {
    await started();
    const old = nodeOf("odd");
    await world.api.patch(
      NODES,
      { name: old.metadata.name },
      { type: "merge", body: { metadata: { finalizers: null } } },
    );
    await world.api.delete(NODES, { name: old.metadata.name });
    const { labels = {} } = old.metadata;
    await world.api.create(NODES, {
      apiVersion: "v1",
      kind: "Node",
      metadata: {
        name: "renamed",
        labels: { "kwok.x-k8s.io/node": "fake", "kubernetes.io/os": labels["kubernetes.io/os"] ?? "" },
      },
      spec: { providerID: old.spec.providerID ?? "" },
      status: { capacity: old.status?.capacity ?? {}, allocatable: old.status?.allocatable ?? {} },
    });
    await world.pass(120);
    const node = await world.api.get(NODES, { name: "renamed" });
    assert.equal(node.metadata.labels?.[NODE_POOL_LABEL], "odd");
    assert.equal(node.metadata.labels?.["karpenter.sh/initialized"], "true");
    assert.ok(node.metadata.finalizers?.includes("karpenter.sh/termination"));
    const claim = (await world.api.list(NODE_CLAIMS)).items.find(({ status }) => status?.nodeName === "renamed");
    assert.ok(claim !== undefined && claim.metadata.deletionTimestamp === undefined);
    assert.ok((await messages("NodeRenamed")).length > 0);
  });

  it("two nodes with one provider id: the claim says so, and goes with both", async () => {
    await started();
    const node = nodeOf("odd");
    await world.api.create(NODES, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "twin", labels: { ...node.metadata.labels, "kubernetes.io/hostname": "twin" } },
      spec: { providerID: node.spec.providerID ?? "" },
    });
    await world.pass(660);
    const claim = (await world.api.list(NODE_CLAIMS)).items.find(
      ({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] === "odd",
    );
    assert.ok(claim !== undefined);
    assert.equal(findCondition(claim, "ConsistentStateFound")?.status, "False");
    assert.ok((await messages("FailedConsistencyCheck")).some((message) => message.includes("twin")));
    await world.api.delete(NODE_CLAIMS, { name: claim.metadata.name });
    await world.pass(300);
    const names = world.nodes().map(({ metadata }) => metadata.name);
    assert.ok(!names.includes("twin") && !names.includes(node.metadata.name));
    assert.ok(world.pods("default").every(isReady));
  });

  for (const { given, aheadMs } of [
    { given: "a year ahead", aheadMs: 365 * DAY_MS },
    { given: "six hours back", aheadMs: -6 * HOUR_MS },
  ]) {
    it(`a clock that jumps ${given} takes no node away, is told, and all goes on when it is right again`, async () => {
      await started({ template: { expireAfter: "720h" }, disruption: { consolidateAfter: "30s" } });
      world.world.setClocksAhead(aheadMs);
      await scaleDown("default");
      await scaleDown("odd");
      await world.pass(600);
      assert.equal(world.nodes().length, 2);
      const condition = await poolCondition("odd", "DisruptionPaused");
      assert.deepEqual([condition?.status, condition?.reason], ["True", "WrongClock"]);
      assert.ok((await messages("DisruptionPaused")).some((message) => message.includes("clock")));
      world.world.setClocksAhead(0);
      await world.pass(300);
      assert.deepEqual([nodesOf("default").length, nodesOf("odd").length], [1, 0]);
      assert.equal(await poolCondition("odd", "DisruptionPaused"), undefined);
      assert.deepEqual(world.world.violations(), []);
    });
  }
});
