import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { formatTime } from "../../src/base/time.ts";
import type { Node } from "../../src/model/core.ts";
import { NODE_CLAIMS, NODES, PODS } from "../../src/model/kinds.ts";
import { INSTANCE_TYPE_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import { isReady } from "../../src/model/pod-predicates.ts";
import { NO_FAULTS } from "../../src/simulation/faults/fault-mix.ts";
import { DeploymentWorld, type Wanted } from "./deployment-world.ts";

describe("an instance that the cloud takes back", () => {
  let world: DeploymentWorld;
  afterEach(() => world.stop());

  /** A spot node with one pod, and the moment at which its notice was written. */
  const interrupted = async (
    wanted: Wanted = {},
    template: Record<string, unknown> = {},
  ): Promise<{ node: Node; noticeMs: number; claim: string }> => {
    world = new DeploymentWorld();
    await world.addPool({ values: ["spot"], template });
    await world.deploy("web", wanted);
    await world.pass(120);
    const [node] = world.nodes();
    assert.ok(node !== undefined && world.pods("web").every(isReady));
    const noticeMs = world.world.clock.nowMs();
    world.world.takeBack(node);
    const claim = (await world.api.list(NODE_CLAIMS)).items[0]?.metadata.name ?? "";
    return { node, noticeMs, claim };
  };

  /** When the pods of the app were first marked for deletion, with the grace that they got. */
  const watchPods = (app: string): { atMs: number; graceSeconds: number }[] => {
    const ends: { atMs: number; graceSeconds: number }[] = [];
    world.world.cluster.state.of(PODS).onChange((before, after) => {
      if (after?.metadata.labels?.["app"] !== app || after.metadata.deletionTimestamp === undefined) return;
      const isSame = before?.metadata.deletionGracePeriodSeconds === after.metadata.deletionGracePeriodSeconds;
      if (before?.metadata.deletionTimestamp !== undefined && isSame) return;
      ends.push({ atMs: world.world.clock.nowMs(), graceSeconds: after.metadata.deletionGracePeriodSeconds ?? 0 });
    });
    return ends;
  };

  it("is left by its pods at once, and a new one is under way before they wait", async () => {
    const { node, noticeMs, claim } = await interrupted();
    const ends = watchPods("web");
    await world.pass(4);
    const going = await world.api.get(NODE_CLAIMS, { name: claim });
    assert.notEqual(going.metadata.deletionTimestamp, undefined);
    const deadline = formatTime(noticeMs + 120_000);
    assert.equal(going.metadata.annotations?.["karpenter.sh/nodeclaim-termination-timestamp"], deadline);
    const condition = going.status?.conditions?.find(({ type }) => type === "Interrupted");
    assert.equal(condition?.reason, "SpotInterrupted");
    await world.pass(3);
    const others = (await world.api.list(NODE_CLAIMS)).items.filter(({ metadata }) => metadata.name !== claim);
    assert.equal(others.length, 1, "the replacement is bought at once");
    assert.ok((ends[0]?.atMs ?? Number.POSITIVE_INFINITY) - noticeMs < 10_000, "the pod was asked to leave at once");
    await world.pass(150);
    assert.equal(
      world.nodes().some(({ metadata }) => metadata.name === node.metadata.name),
      false,
    );
    assert.equal(world.pods("web").filter(isReady).length, 1);
    assert.deepEqual(world.world.violations(), []);
  });

  it("says so on node and claim, and in the metrics", async () => {
    await interrupted();
    await world.pass(60);
    for (const kind of ["Node", "NodeClaim"]) {
      const reasons = await world.reasons(kind);
      assert.ok(reasons.includes("SpotInterrupted") && reasons.includes("TerminatingOnInterruption"), kind);
    }
    const lines = world.metrics();
    const has = (text: string): boolean => lines.some((line) => line.startsWith(text));
    assert.ok(has('karpenter_interruption_received_messages_total{message_type="spot_interrupted"} 1'));
    assert.ok(has("karpenter_interruption_deleted_messages_total 1"));
    assert.ok(has("karpenter_interruption_message_queue_duration_seconds_count 1"));
    assert.ok(lines.some((line) => /nodeclaims_disrupted_total\{.*reason="spot_interrupted".*\} 1/.test(line)));
  });

  it("is not bought again in the same zone as long as it is short", async () => {
    const { node } = await interrupted();
    await world.pass(60);
    const claims = (await world.api.list(NODE_CLAIMS)).items.filter((c) => c.metadata.deletionTimestamp === undefined);
    assert.equal(claims.length, 1);
    const [old, now] = [node.metadata.labels ?? {}, claims[0]?.metadata.labels ?? {}];
    const isSame = old[INSTANCE_TYPE_LABEL] === now[INSTANCE_TYPE_LABEL] && old[ZONE_LABEL] === now[ZONE_LABEL];
    assert.equal(isSame, false);
  });

  for (const { given, wanted, template, atSeconds, graceSeconds } of [
    {
      given: "a pod that a budget keeps",
      wanted: { budget: { maxUnavailable: 0 } },
      template: {},
      atSeconds: 90,
      graceSeconds: 29,
    },
    {
      given: "a protected pod, whatever the terminationGracePeriod",
      wanted: { annotations: { "karpenter.sh/do-not-disrupt": "true" } },
      template: { terminationGracePeriod: "24h" },
      atSeconds: 90,
      graceSeconds: 29,
    },
    {
      given: "a pod with a long grace that a budget keeps",
      wanted: { budget: { minAvailable: 1 }, pod: { terminationGracePeriodSeconds: 600 } },
      template: {},
      atSeconds: 60,
      graceSeconds: 59,
    },
  ]) {
    it(`deletes near the end, with the seconds that are left: ${given}`, async () => {
      const { noticeMs } = await interrupted(wanted, template);
      const ends = watchPods("web");
      await world.pass(atSeconds - 2);
      assert.equal(ends.length, 0);
      await world.pass(6);
      const [first] = ends;
      assert.ok(first !== undefined);
      assert.ok(Math.abs(first.graceSeconds - graceSeconds) <= 2, `${first.graceSeconds} s of grace`);
      assert.ok(first.atMs + first.graceSeconds * 1_000 <= noticeMs + 120_000);
      await world.pass(140);
      assert.equal(world.pods("web").filter(isReady).length, 1, "its place was made in advance");
    });
  }

  it("a deadline that a deletion has set is brought forward", async () => {
    world = new DeploymentWorld();
    await world.addPool({ values: ["spot"], template: { terminationGracePeriod: "2h" } });
    await world.deploy("web", { budget: { maxUnavailable: 0 } });
    await world.pass(120);
    const [node] = world.nodes();
    assert.ok(node !== undefined);
    await world.api.delete(NODES, { name: node.metadata.name });
    await world.pass(30);
    const noticeMs = world.world.clock.nowMs();
    world.world.takeBack(node);
    await world.pass(10);
    const claim = (await world.api.list(NODE_CLAIMS)).items.find((c) => c.status?.nodeName === node.metadata.name);
    const deadline = claim?.metadata.annotations?.["karpenter.sh/nodeclaim-termination-timestamp"];
    assert.equal(deadline, formatTime(noticeMs + 120_000));
  });

  it("a machine that is to be worked on is drained as usual, and one that is at risk stays", async () => {
    world = new DeploymentWorld();
    await world.addPool();
    await world.deploy("web", { replicas: 2 });
    await world.pass(120);
    const [a, b] = world.nodes();
    assert.ok(a !== undefined && b !== undefined);
    world.world.cloud.announce("scheduled_change", a.spec.providerID ?? "");
    world.world.cloud.announce("rebalance_recommendation", b.spec.providerID ?? "");
    await world.pass(60);
    const claims = (await world.api.list(NODE_CLAIMS)).items;
    const claimOf = (node: Node) => claims.find(({ status }) => status?.nodeName === node.metadata.name);
    assert.equal(claimOf(a)?.metadata.annotations?.["karpenter.sh/nodeclaim-termination-timestamp"], undefined);
    assert.equal(claimOf(b)?.metadata.deletionTimestamp, undefined);
    assert.ok((await world.reasons("Node")).includes("SpotRebalanceRecommendation"));
    await world.pass(120);
    assert.equal(
      world.nodes().some(({ metadata }) => metadata.name === a.metadata.name),
      false,
    );
  });

  for (const seed of [3, 8]) {
    it(`has told every pod to leave before it is gone, whatever fails meanwhile [SEED=${seed}]`, async () => {
      const calls = { refused: 0.04, conflict: 0.05, lostReply: 0.05, cloudRefused: 0.1, cloudLostReply: 0.1 };
      const faults = { ...NO_FAULTS, ...calls, crashEveryMs: 120_000, latencyMaxMs: 20 };
      world = new DeploymentWorld({ seed, processes: 2, faults });
      await world.addPool({ values: ["spot"] });
      await world.deploy("web", { replicas: 3, budget: { maxUnavailable: 0 } });
      await world.pass(300);
      const { state } = world.world.cluster;
      for (const node of world.nodes()) {
        world.world.takeBack(node);
        await world.pass(119);
        const left = state.podsOn(node.metadata.name).filter(({ metadata }) => metadata.labels?.["app"] === "web");
        assert.deepEqual(
          left.filter(({ metadata }) => metadata.deletionTimestamp === undefined),
          [],
        );
        await world.pass(120);
      }
      await world.pass(300);
      assert.equal(world.pods("web").filter(isReady).length, 3);
      assert.deepEqual(world.world.violations(), []);
    });
  }
});
