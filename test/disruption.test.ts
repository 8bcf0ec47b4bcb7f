import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS } from "../src/base/time.ts";
import { NODE_CLAIMS, NODE_POOLS } from "../src/model/kinds.ts";
import { REPLACEMENT_ANNOTATION } from "../src/model/labels.ts";
import { isReschedulable } from "../src/model/pod-predicates.ts";
import type { NodeClaim } from "../src/model/resources/node-claim.ts";
import { readReplacementRecord } from "../src/plan/disrupt/replacement-record.ts";
import { isTrue } from "../src/plan/lifecycle/conditions.ts";
import { mayNotBeEvicted } from "../src/simulation/checks/pods-run.ts";
import { NO_FAULTS } from "../src/simulation/faults/fault-mix.ts";
import { Story, type StoryNeeds } from "../src/simulation/world/story.ts";
import { WebShop } from "../src/simulation/world/web-shop.ts";
import type { World } from "../src/simulation/world/world.ts";
import { type WorldOptions, worldOf } from "./simulated-world.ts";

const QUIET_MS = 60 * MINUTE_MS;
/** What befalls pools and machines is up to the test. */
const tale = (needs: StoryNeeds): Story => new Story(needs, { onlyUsers: true });

/** A web shop at night, on small nodes. */
function shopWorld(more: Partial<WorldOptions> = {}): World {
  const shop = (needs: StoryNeeds): WebShop => new WebShop(needs);
  return worldOf({ seed: 1, tale: shop, scale: 1, largestCpu: 4, faults: NO_FAULTS, processes: 1, ...more });
}

/** Every pool's template gets a label that its nodes do not have. */
async function changeTemplates(world: World): Promise<void> {
  const api = world.server.api({ user: "user" });
  for (const { metadata } of (await api.list(NODE_POOLS)).items) {
    const template = { metadata: { labels: { generation: "next" } } };
    const body = { spec: { template, disruption: { budgets: [{ nodes: "34%" }] } } };
    await api.patch(NODE_POOLS, { name: metadata.name }, { type: "merge", body });
  }
}

type Watched = { replaced: number; tooEarly: string[] };

/** Notes claims with pods that go for the reason before each of their replacements is up. */
function watchReplacements(world: World, wanted = "Drifted"): Watched {
  const { state } = world.cluster;
  const watched: Watched = { replaced: 0, tooEarly: [] };
  state.of(NODE_CLAIMS).onChange((before, after) => {
    const isNew = after?.metadata.deletionTimestamp !== undefined && before?.metadata.deletionTimestamp === undefined;
    const reason = after?.status?.conditions?.find(({ type }) => type === "DisruptionReason")?.reason;
    if (!isNew || after === undefined || reason !== wanted) return;
    const pods = state.podsOn(after.status?.nodeName ?? "").filter(isReschedulable);
    const replacements = replacementsOf([...state.of(NODE_CLAIMS).values()], after.metadata.name);
    if (replacements.length > 0) watched.replaced += 1;
    const unready = replacements.filter((claim) => !isTrue(claim, "Initialized"));
    if (pods.length > 0 && unready.length > 0) watched.tooEarly.push(after.metadata.name);
  });
  return watched;
}

function replacementsOf(claims: readonly NodeClaim[], name: string): NodeClaim[] {
  return claims.filter(({ metadata }) =>
    readReplacementRecord(metadata.annotations?.[REPLACEMENT_ANNOTATION])?.candidates.includes(name),
  );
}

/** Claims of the old template that nothing keeps: no protected pod, and no deletion that waits for one. */
function oldClaims(world: World): string[] {
  const { state } = world.cluster;
  return [...state.of(NODE_CLAIMS).values()]
    .filter(({ metadata }) => metadata.labels?.["generation"] !== "next" && metadata.deletionTimestamp === undefined)
    .filter(({ status }) =>
      state.podsOn(status?.nodeName ?? "").every((pod) => !mayNotBeEvicted(state, pod, world.clock.nowMs())),
    )
    .map(({ metadata }) => metadata.name);
}

describe("a changed template", () => {
  it("replaces every node, each replacement first, within the budgets", async () => {
    const world = shopWorld();
    try {
      await world.runStory(20 * MINUTE_MS);
      assert.equal(await world.runUntilQuiet({ atMostMs: QUIET_MS }), true);
      assert.ok(oldClaims(world).length >= 3);
      const watched = watchReplacements(world);
      await changeTemplates(world);
      await world.clock.runFor(5 * MINUTE_MS);
      assert.equal(await world.runUntilQuiet({ atMostMs: 3 * QUIET_MS }), true);
      assert.deepEqual(oldClaims(world), []);
      assert.ok(watched.replaced > 0);
      assert.deepEqual(watched.tooEarly, []);
      assert.deepEqual(world.podsWaiting(), []);
      assert.deepEqual(world.violations(), []);
    } finally {
      world.stop();
    }
  });

  for (const seed of [3, 7, 14]) {
    it(`replaces every node, whatever fails meanwhile [SEED=${seed}]`, async () => {
      const world = worldOf({ seed, tale, scale: 1 });
      try {
        const watched = watchReplacements(world);
        world.clock.after(15 * MINUTE_MS, () => void changeTemplates(world));
        await world.runStory(40 * MINUTE_MS);
        assert.equal(await world.runUntilQuiet({ atMostMs: 4 * QUIET_MS }), true);
        assert.deepEqual(oldClaims(world), []);
        assert.deepEqual(watched.tooEarly, []);
        assert.deepEqual(world.violations(), []);
      } finally {
        world.stop();
      }
    });
  }
});

describe("a rollout whose replacements do not come up", () => {
  it("pauses, says so, and goes on when they do", async () => {
    const world = shopWorld();
    const { state } = world.cluster;
    const paused = (): (string | undefined)[] =>
      [...state.of(NODE_POOLS).values()].map(
        ({ status }) => status?.conditions?.find(({ type }) => type === "DriftRolloutHealthy")?.status,
      );
    try {
      await world.runStory(20 * MINUTE_MS);
      assert.equal(await world.runUntilQuiet({ atMostMs: QUIET_MS }), true);
      world.cloud.loseNext(10_000);
      await changeTemplates(world);
      const before = oldClaims(world).length;
      await world.clock.runFor(50 * MINUTE_MS);
      assert.ok(paused().includes("False"));
      const since = world.numbers().claims;
      await world.clock.runFor(8 * MINUTE_MS);
      assert.ok(world.numbers().claims - since <= paused().length, "only now and then another is tried");
      assert.ok(oldClaims(world).length > 0 && oldClaims(world).length <= before);
      assert.deepEqual(world.podsWaiting(), []);
      world.cloud.loseNext(0);
      await world.clock.runFor(90 * MINUTE_MS);
      assert.equal(await world.runUntilQuiet({ atMostMs: 3 * QUIET_MS }), true);
      assert.deepEqual(oldClaims(world), []);
      assert.deepEqual(new Set(paused()), new Set([undefined]));
      assert.deepEqual(world.violations(), []);
    } finally {
      world.stop();
    }
  });
});

describe("nodes near the end of their time", () => {
  it("are replaced one after the other before their hour, and no pod waits for long", async () => {
    const world = shopWorld();
    try {
      const api = world.server.api({ user: "user" });
      world.clock.after(1, async () => {
        for (const { metadata } of (await api.list(NODE_POOLS)).items) {
          const body = { spec: { template: { spec: { expireAfter: "3h" } } } };
          await api.patch(NODE_POOLS, { name: metadata.name }, { type: "merge", body });
        }
      });
      await world.runStory(20 * MINUTE_MS);
      assert.equal(await world.runUntilQuiet({ atMostMs: QUIET_MS }), true);
      const first = new Set(world.boughtNodes());
      const watched = watchReplacements(world, "Expired");
      let atTheHour = 0;
      world.cluster.state.of(NODE_CLAIMS).onChange((before, after) => {
        const isNew =
          after?.metadata.deletionTimestamp !== undefined && before?.metadata.deletionTimestamp === undefined;
        if (isNew && !isTrue(after, "DisruptionReason")) atTheHour += 1;
      });
      await world.clock.runFor(200 * MINUTE_MS);
      assert.equal(await world.runUntilQuiet({ atMostMs: QUIET_MS }), true);
      assert.deepEqual(
        world.boughtNodes().filter((name) => first.has(name)),
        [],
      );
      assert.ok(watched.replaced > 0);
      assert.deepEqual(watched.tooEarly, []);
      assert.equal(atTheHour, 0);
      assert.deepEqual(world.violations(), []);
    } finally {
      world.stop();
    }
  });
});

describe("a static pool", () => {
  const own = (world: World): NodeClaim[] =>
    [...world.cluster.state.of(NODE_CLAIMS).values()].filter(
      ({ metadata }) => metadata.labels?.["karpenter.sh/nodepool"] === "fixed",
    );

  it("keeps its number of nodes, replaces drifted ones one for one, and shrinks", async () => {
    const world = shopWorld({ gates: { staticCapacity: true } });
    try {
      await world.runStory(5 * MINUTE_MS);
      const api = world.server.api({ user: "user" });
      const nodeClassRef = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };
      const spec = {
        replicas: 3,
        limits: { nodes: "4" },
        template: {
          spec: { nodeClassRef, requirements: [], taints: [{ key: "fixed", effect: "NoSchedule" as const }] },
        },
        disruption: { budgets: [{ nodes: "100%" }] },
      };
      await api.create(NODE_POOLS, {
        apiVersion: "karpenter.sh/v1",
        kind: "NodePool",
        metadata: { name: "fixed" },
        spec,
      });
      let most = 0;
      world.cluster.state.of(NODE_CLAIMS).onChange(() => {
        most = Math.max(most, own(world).length);
      });
      const settle = async (patch: unknown, minutes: number): Promise<void> => {
        await api.patch(NODE_POOLS, { name: "fixed" }, { type: "merge", body: { spec: patch } });
        await world.clock.runFor(minutes * MINUTE_MS);
      };
      await settle({}, 5);
      assert.deepEqual(
        own(world).map((claim) => isTrue(claim, "Initialized")),
        [true, true, true],
      );
      const watched = watchReplacements(world);
      await settle({ template: { metadata: { labels: { generation: "next" } } } }, 30);
      assert.deepEqual(
        own(world).map(({ metadata }) => metadata.labels?.["generation"]),
        ["next", "next", "next"],
      );
      assert.deepEqual([watched.replaced, watched.tooEarly, most], [3, [], 4]);
      await settle({ replicas: 4 }, 5);
      assert.equal(own(world).length, 4);
      await settle({ replicas: 1 }, 5);
      assert.equal(own(world).length, 1);
      assert.deepEqual(world.violations(), []);
    } finally {
      world.stop();
    }
  });
});
