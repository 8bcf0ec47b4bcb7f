import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../base/random.ts";
import { formatTime, MINUTE_MS } from "../../base/time.ts";
import { type Kind, NODE_CLAIMS, NODES, POD_DISRUPTION_BUDGETS, PODS } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import { crdOf } from "../../model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../model/resources/custom-resources.ts";
import { createApiServer } from "../api-server/api-server.ts";
import { ClusterState } from "../cache/cluster-state.ts";
import { ClusterWriter } from "../cache/cluster-writer.ts";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { priceOf } from "../cloud/price-meter.ts";
import type { Judge, JudgeNeeds } from "./judge.ts";
import { judgeOrderOfLeaving } from "./order-of-leaving.ts";
import { judgeProtectedPods } from "./protected-pods.ts";

const nodeClassRef = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };
const labels = { "karpenter.sh/nodepool": "p" };

class Court {
  readonly clock = new VirtualClock(1_767_571_200_000);
  readonly found: string[] = [];
  readonly writer: ClusterWriter;
  readonly #server = createApiServer({ clock: this.clock, random: new Random(1), crds: CUSTOM_RESOURCES.map(crdOf) });
  readonly #state = new ClusterState(this.#server);
  readonly #judge: Judge;

  constructor(judgeOf: (needs: JudgeNeeds) => Judge) {
    this.writer = new ClusterWriter(this.#server, "test");
    this.#judge = judgeOf({
      clock: this.clock,
      state: this.#state,
      watchesLag: false,
      stockChanges: () => 0,
      priceChanges: () => 0,
      priceOf,
      report: (_, what) => this.found.push(what),
    });
  }

  create(kind: Kind, object: object, status?: object): void {
    const made = this.writer.create(kind, object as KubeObject);
    if (status !== undefined) this.writer.patchStatus(kind, made.metadata, status);
  }

  /** A node that is up, its claim, and nothing on it. */
  addNode(name: string, annotations: Record<string, string> = {}): void {
    const spec = { requirements: [], nodeClassRef };
    const finalizers = ["karpenter.sh/termination"];
    this.create(NODES, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels, annotations, finalizers },
      spec: { providerID: `x://${name}` },
    });
    this.create(
      NODE_CLAIMS,
      { apiVersion: "karpenter.sh/v1", kind: "NodeClaim", metadata: { name, labels, finalizers }, spec },
      { providerID: `x://${name}`, nodeName: name, conditions: [isTrue("Initialized")] },
    );
  }

  addPod(name: string, nodeName: string, annotations: Record<string, string> = {}): void {
    const metadata = { name, namespace: "default", labels: { app: name }, annotations };
    const spec = { nodeName, containers: [{ name: "c", image: "i" }] };
    this.create(PODS, { apiVersion: "v1", kind: "Pod", metadata, spec }, { startTime: formatTime(this.clock.nowMs()) });
  }

  addBudget(name: string, app: string, disruptionsAllowed: number): void {
    const spec = { selector: { matchLabels: { app } }, maxUnavailable: 1 };
    const metadata = { name, namespace: "default" };
    this.create(
      POD_DISRUPTION_BUDGETS,
      { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec },
      { disruptionsAllowed, currentHealthy: 1, desiredHealthy: 0, expectedPods: 1 },
    );
  }

  disrupt(name: string, reason: string): void {
    const conditions = [isTrue("Initialized"), isTrue("DisruptionReason", reason)];
    this.writer.patchStatus(NODE_CLAIMS, { name }, { conditions });
  }

  pass(minutes: number): Promise<unknown> {
    return this.clock.runFor(minutes * MINUTE_MS);
  }

  call(verb: string, kind: string, key: string): void {
    this.#judge.onCall?.({ life: 1, verb, kind, key });
  }

  close(): void {
    this.#state.close();
    this.#server.close();
  }
}

function isTrue(type: string, reason = type): object {
  return { type, status: "True", reason, message: "", lastTransitionTime: "2026-01-05T00:00:00Z" };
}

async function inCourt(judgeOf: (needs: JudgeNeeds) => Judge, run: (court: Court) => Promise<void> | void) {
  const court = new Court(judgeOf);
  try {
    await run(court);
  } finally {
    court.close();
  }
}

describe("law 2: what may not be disturbed is not", () => {
  type Case = { given: string; add(court: Court): void; reason: string; wantMinutes: [number, number]; want: string[] };
  const cases: Case[] = [
    {
      given: "a pod that says do-not-disrupt",
      add: (court) => court.addPod("a", "n", { "karpenter.sh/do-not-disrupt": "true" }),
      reason: "Underutilized",
      wantMinutes: [2, 4],
      want: ["takes n away (Underutilized) under pod default/a, which says do-not-disrupt"],
    },
    {
      given: "a pod that says so for ten minutes, which are not over",
      add: (court) => court.addPod("a", "n", { "karpenter.sh/do-not-disrupt": "10m" }),
      reason: "Underutilized",
      wantMinutes: [2, 4],
      want: ["takes n away (Underutilized) under pod default/a, which says do-not-disrupt"],
    },
    {
      given: "a budget that allows nothing",
      add: (court) => {
        court.addPod("a", "n");
        court.addBudget("a", "a", 0);
      },
      reason: "Drifted",
      wantMinutes: [2, 4],
      want: ["takes n away (Drifted) under pod default/a, which no budget lets go"],
    },
    {
      given: "two budgets for one pod",
      add: (court) => {
        court.addPod("a", "n");
        court.addBudget("a", "a", 1);
        court.addBudget("b", "a", 1);
      },
      reason: "Drifted",
      wantMinutes: [2, 4],
      want: ["takes n away (Drifted) under pod default/a, which no budget lets go"],
    },
    {
      given: "a pod on a node that is said to be empty",
      add: (court) => court.addPod("a", "n"),
      reason: "Empty",
      wantMinutes: [2, 4],
      want: ["takes n away (Empty) with pod default/a on it"],
    },
  ];
  for (const { given, add, reason, wantMinutes, want } of cases) {
    const [early, late] = wantMinutes;
    it(`${given}: fine while the product may not know it, found out after ${late} minutes`, () =>
      inCourt(judgeProtectedPods, async (court) => {
        court.addNode("n");
        add(court);
        await court.pass(early);
        court.disrupt("n", reason);
        assert.deepEqual(court.found, []);
        await court.pass(late - early);
        court.call("delete", "nodeclaims.karpenter.sh", "n");
        assert.deepEqual(court.found, want);
      }));
  }

  it("lets go what nothing protects: a duration that is over, a budget that allows one, reasons that are no choice", () =>
    inCourt(judgeProtectedPods, async (court) => {
      for (const name of ["n", "m"]) court.addNode(name);
      court.addPod("a", "n", { "karpenter.sh/do-not-disrupt": "3m" });
      court.addPod("b", "n");
      court.addBudget("b", "b", 1);
      court.addPod("c", "m", { "karpenter.sh/do-not-disrupt": "true" });
      await court.pass(10);
      court.disrupt("n", "Underutilized");
      court.disrupt("m", "Expired");
      assert.deepEqual(court.found, []);
    }));
});

describe("law 2: a node goes in its order", () => {
  it("an instance does not end with pods on it, but for those that stay to the end", () =>
    inCourt(judgeOrderOfLeaving, async (court) => {
      court.addNode("n");
      court.addPod("a", "n");
      await court.pass(5);
      court.call("terminate", "instance", "n");
      assert.deepEqual(court.found, ["ends the instance of n with pod default/a on it"]);
    }));

  it("a claim is not forgotten while its node is there", () =>
    inCourt(judgeOrderOfLeaving, (court) => {
      court.addNode("n");
      court.writer.patch(NODE_CLAIMS, { name: "n" }, { metadata: { finalizers: null } });
      court.writer.delete(NODE_CLAIMS, { name: "n" });
      assert.deepEqual(court.found, ["n is forgotten, its node is still there"]);
    }));

  it("a node is not deleted before what was bought for it is ready", () =>
    inCourt(judgeOrderOfLeaving, (court) => {
      court.addNode("old");
      court.addNode("new");
      const record = JSON.stringify({ reason: "Drifted", candidates: ["old"], replacements: ["new"] });
      const annotations = { "karpenter.sh/disruption-command": record };
      court.writer.patch(NODE_CLAIMS, { name: "new" }, { metadata: { annotations } });
      court.disrupt("old", "Drifted");
      court.call("delete", "nodeclaims.karpenter.sh", "old");
      assert.deepEqual(court.found, []);
      court.writer.patchStatus(NODE_CLAIMS, { name: "new" }, { conditions: [] });
      court.call("delete", "nodeclaims.karpenter.sh", "old");
      assert.deepEqual(court.found, ["deletes old before new is ready, which was bought for it"]);
    }));
});
