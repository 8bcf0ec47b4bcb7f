import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../base/random.ts";
import { MINUTE_MS } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import { type Kind, NODE_CLAIMS, NODE_POOLS, NODES, PODS } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import { crdOf } from "../../model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../model/resources/custom-resources.ts";
import { createApiServer } from "../api-server/api-server.ts";
import { ClusterState } from "../cache/cluster-state.ts";
import { ClusterWriter } from "../cache/cluster-writer.ts";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { priceOf } from "../cloud/price-meter.ts";
import { judgeBoughtTwice } from "./bought-twice.ts";
import { judgeConsolidations } from "./consolidations.ts";
import { judgeInstancesAndClaims } from "./instances-and-claims.ts";
import type { Judge, JudgeNeeds } from "./judge.ts";
import { judgeLimitsAndBudgets } from "./limits-and-budgets.ts";
import { judgePeace } from "./peace.ts";

type Court = {
  clock: VirtualClock;
  writer: ClusterWriter;
  judge: Judge;
  found: string[];
  create(kind: Kind, object: object, status?: object): void;
};

async function inCourt(
  judgeOf: (needs: JudgeNeeds) => Judge,
  run: (court: Court) => Promise<void> | void,
): Promise<void> {
  const clock = new VirtualClock(1_767_571_200_000);
  const server = createApiServer({ clock, random: new Random(1), crds: CUSTOM_RESOURCES.map(crdOf) });
  const state = new ClusterState(server);
  const writer = new ClusterWriter(server, "test");
  const found: string[] = [];
  const judge = judgeOf({
    clock,
    state,
    watchesLag: false,
    stockChanges: () => 0,
    priceChanges: () => 0,
    priceOf,
    report: (_, what) => found.push(what),
  });
  const create = (kind: Kind, object: object, status?: object): void => {
    const made = writer.create(kind, object as KubeObject);
    if (status !== undefined) writer.patchStatus(kind, made.metadata, status);
  };
  try {
    await run({ clock, writer, judge, found, create });
  } finally {
    state.close();
    server.close();
  }
}

const nodeClassRef = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };
const labels = { "karpenter.sh/nodepool": "p" };
const claim = (name: string, cpu = "1"): object => ({
  apiVersion: "karpenter.sh/v1",
  kind: "NodeClaim",
  metadata: { name, labels },
  spec: { requirements: [], nodeClassRef, resources: { requests: { cpu } } },
});
const pool = (more: object): object => ({
  apiVersion: "karpenter.sh/v1",
  kind: "NodePool",
  metadata: { name: "p" },
  spec: { template: { spec: { requirements: [], nodeClassRef } }, ...more },
});
const pod = (name: string, cpu: string, more: object = {}): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", ...more },
  spec: { containers: [{ name: "c", image: "i", resources: { requests: { cpu } } }] },
});
const isTrue = (type: string, reason = type): object => ({
  type,
  status: "True",
  reason,
  message: "",
  lastTransitionTime: "2026-01-05T00:00:00Z",
});

async function seconds({ clock, judge }: Court, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10_000) {
    await clock.runFor(10_000);
    judge.onSecond?.(clock.nowMs());
  }
}

describe("the judges find", () => {
  it("a node without a claim and a claim without an instance, after a while", () =>
    inCourt(judgeInstancesAndClaims, async (court) => {
      court.create(NODES, {
        apiVersion: "v1",
        kind: "Node",
        metadata: { name: "stray", labels },
        spec: { providerID: "kwok://stray" },
      });
      court.create(NODE_CLAIMS, claim("empty"), { providerID: "kwok://gone" });
      await seconds(court, 21 * MINUTE_MS);
      assert.deepEqual(court.found, []);
      await seconds(court, 2 * MINUTE_MS);
      assert.deepEqual([...new Set(court.found)], ["node stray has no claim", "claim empty has no instance"]);
    }));

  it("a pool beyond its limits, but not for what is on its way out", () =>
    inCourt(judgeLimitsAndBudgets, ({ create, found, writer }) => {
      create(NODE_POOLS, pool({ limits: { cpu: "10" } }));
      create(NODE_CLAIMS, claim("a"), { capacity: { cpu: "8" } });
      writer.patchStatus(NODE_CLAIMS, { name: "a" }, { conditions: [isTrue("DisruptionReason", "Expired")] });
      create(NODE_CLAIMS, claim("b"), { capacity: { cpu: "8" } });
      assert.deepEqual(found, []);
      create(NODE_CLAIMS, claim("c"), { capacity: { cpu: "4" } });
      assert.deepEqual(found, ["pool p has 12000 of cpu, its limit is 10000"]);
    }));

  it("more nodes disrupted at once than a budget allows", () =>
    inCourt(judgeLimitsAndBudgets, ({ create, found, writer }) => {
      create(NODE_POOLS, pool({ disruption: { consolidateAfter: "0s", budgets: [{ nodes: "1" }] } }));
      const disrupt = (name: string): void => {
        const conditions = [isTrue("Initialized"), isTrue("DisruptionReason", "Empty")];
        writer.patchStatus(NODE_CLAIMS, { name }, { conditions });
      };
      for (const name of ["a", "b", "c"]) create(NODE_CLAIMS, claim(name), { conditions: [isTrue("Initialized")] });
      disrupt("a");
      assert.deepEqual(found, []);
      disrupt("b");
      assert.deepEqual(found, ["pool p loses 2 of 3 nodes at once (Empty), budget 1: b"]);
    }));

  it("pods deleted past the eviction API, and evictions of pods that say do-not-disrupt", () =>
    inCourt(judgeLimitsAndBudgets, ({ create, found, judge }) => {
      create(PODS, pod("a", "1"));
      create(PODS, pod("b", "1", { annotations: { "karpenter.sh/do-not-disrupt": "true" } }));
      judge.onCall?.({ life: 1, verb: "eviction", kind: "pods", key: "default/a" });
      assert.deepEqual(found, []);
      judge.onCall?.({ life: 1, verb: "delete", kind: "pods", key: "default/a" });
      judge.onCall?.({ life: 1, verb: "eviction", kind: "pods", key: "default/b" });
      assert.deepEqual(found, [
        "deletes default/a past the eviction API",
        "evicts default/b, which says do-not-disrupt",
      ]);
    }));

  it("claims for more than the pods that wait, but not for pods that came later", () =>
    inCourt(judgeBoughtTwice, async ({ create, found, clock, writer }) => {
      create(PODS, pod("a", "3"));
      create(NODE_CLAIMS, claim("first", "3"));
      await clock.runFor(5_000);
      create(PODS, pod("b", "2"));
      create(NODE_CLAIMS, claim("second", "2"));
      assert.deepEqual(found, []);
      writer.act(PODS, { name: "a", namespace: "default" }, "binding", {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name: "a" },
        target: { apiVersion: "v1", kind: "Node", name: "n" },
      } satisfies Partial<Pod> | object);
      create(NODE_CLAIMS, claim("again", "3"));
      assert.deepEqual(found, ["3 claims on their way for 8000 of cpu, pods need 5000: again"]);
    }));
});

describe("law 6: a consolidation never raises the price", () => {
  const record = JSON.stringify({ reason: "Underutilized", candidates: ["old"], replacements: ["new"] });
  const priced = (name: string, price: string): object => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "eks-node-viewer/instance-price": price } },
    spec: { providerID: `x://${name}` },
  });
  for (const { price, broken } of [
    { price: "0.3", broken: 1 },
    { price: "0.1", broken: 0 },
  ]) {
    it(`0.2 per hour makes way for ${price}: ${broken === 0 ? "fine" : "found out"}`, () =>
      inCourt(judgeConsolidations, ({ create, writer, found }) => {
        create(NODES, priced("old", "0.2"));
        create(NODES, priced("new", price));
        const held = claim("old") as { metadata: object };
        const old = { ...held, metadata: { ...held.metadata, finalizers: ["karpenter.sh/termination"] } };
        create(NODE_CLAIMS, old, { providerID: "x://old", conditions: [isTrue("DisruptionReason", "Underutilized")] });
        const bought = claim("new") as { metadata: object };
        const annotations = { "karpenter.sh/disruption-command": record };
        create(NODE_CLAIMS, { ...bought, metadata: { ...bought.metadata, annotations } }, { providerID: "x://new" });
        writer.delete(NODE_CLAIMS, { name: "old" });
        assert.equal(found.length, broken);
      }));
  }
});

describe("law 5: no move that the next move undoes", () => {
  const node = (name: string, price: string): object => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "eks-node-viewer/instance-price": price } },
    spec: { providerID: `x://${name}` },
  });
  const own = (name: string): object => {
    const made = claim(name) as { metadata: object };
    return { ...made, metadata: { ...made.metadata, finalizers: ["karpenter.sh/termination"] } };
  };
  /** Each price makes way for the next one. */
  async function moves({ clock, create, writer }: Court, prices: readonly string[], between = (): void => undefined) {
    for (const [i, price] of prices.entries()) {
      create(NODES, node(`n${i}`, price));
      create(NODE_CLAIMS, own(`n${i}`), { providerID: `x://n${i}` });
      if (i > 0) writer.delete(NODE_CLAIMS, { name: `n${i - 1}` });
      await clock.runFor(2 * MINUTE_MS);
      between();
      writer.patchStatus(NODE_CLAIMS, { name: `n${i}` }, { conditions: [isTrue("DisruptionReason", "Underutilized")] });
    }
  }
  const cases = [
    { prices: ["0.3", "0.2", "0.1"], broken: 0, what: "each saves" },
    { prices: ["0.3", "0.4", "0.2"], broken: 0, what: "the second makes good for the first" },
    { prices: ["0.3", "0.2", "0.3"], broken: 1, what: "there and back" },
    { prices: ["0.3", "0.4", "0.3"], broken: 1, what: "dearer, and back" },
  ];
  for (const { prices, broken, what } of cases) {
    it(`${what} (${prices.join(", ")} per hour): ${broken === 0 ? "fine" : "found out"}`, () =>
      inCourt(judgePeace, async (court) => {
        await moves(court, prices);
        assert.equal(court.found.length, broken, court.found.join());
      }));
  }

  it("there and back is fine where users have changed what they want", () =>
    inCourt(judgePeace, async (court) => {
      let count = 0;
      await moves(court, ["0.3", "0.2", "0.3"], () => court.create(PODS, pod(`p${count++}`, "1")));
      assert.deepEqual(court.found, []);
    }));
});
