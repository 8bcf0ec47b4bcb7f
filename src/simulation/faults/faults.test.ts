import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RetryError } from "../../base/errors.ts";
import { Random } from "../../base/random.ts";
import { NAMESPACES, PODS } from "../../model/kinds.ts";
import { ApiError, type KubeApi, type WatchEnd, type WatchEvent } from "../../ports/kube-api.ts";
import { createApiServer } from "../api-server/api-server.ts";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { drawFaultMix, type FaultMix, NO_FAULTS } from "./fault-mix.ts";
import type { ProductCall } from "./faulty-call.ts";
import { faultyKubeApi } from "./faulty-kube-api.ts";
import { Life } from "./life.ts";

type Bed = {
  clock: VirtualClock;
  /** Without faults. */
  truth: KubeApi;
  api: KubeApi;
  life: Life;
  calls: ProductCall[];
  crashes: string[];
};

function bed(mix: Partial<FaultMix>): Bed {
  const clock = new VirtualClock(1_767_571_200_000);
  const server = createApiServer({ clock, random: new Random(1) });
  const truth = server.api();
  const calls: ProductCall[] = [];
  const crashes: string[] = [];
  const life = new Life(1, clock, (where) => crashes.push(where));
  const all = { ...NO_FAULTS, ...mix };
  const api = faultyKubeApi(truth, {
    clock,
    random: new Random(2),
    mix: () => all,
    life,
    onCall: (call) => calls.push(call),
    onFault: () => undefined,
  });
  return { clock, truth, api, life, calls, crashes };
}

const namespace = (name: string) => ({ apiVersion: "v1" as const, kind: "Namespace" as const, metadata: { name } });

describe("faults", () => {
  it("refuse without doing anything", async () => {
    const { api, truth, calls } = bed({ refused: 1 });
    await assert.rejects(api.create(NAMESPACES, namespace("shop")), (e) => e instanceof ApiError && e.code >= 500);
    await assert.rejects(truth.get(NAMESPACES, { name: "shop" }), /not found/);
    assert.deepEqual(calls, []);
  });

  it("lose the reply of a write that happened", async () => {
    const { api, truth, calls } = bed({ lostReply: 1 });
    await assert.rejects(api.create(NAMESPACES, namespace("shop")), RetryError);
    assert.equal((await truth.get(NAMESPACES, { name: "shop" })).metadata.name, "shop");
    assert.deepEqual(
      calls.map(({ verb, kind, key }) => `${verb} ${kind} ${key}`),
      ["create namespaces shop"],
    );
  });

  it("conflict only where a version was sent", async () => {
    const { api } = bed({ conflict: 1 });
    const made = await api.create(NAMESPACES, namespace("shop"));
    await api.patch(NAMESPACES, { name: "shop" }, { type: "merge", body: { metadata: { labels: { a: "b" } } } });
    await assert.rejects(api.update(NAMESPACES, made), (e) => e instanceof ApiError && e.reason === "Conflict");
  });

  it("crash at the n-th point: the call never returns, timers are silent, watches end without a word", async () => {
    const { api, life, clock, truth, crashes } = bed({});
    const heard: string[] = [];
    const watch = api.watch(NAMESPACES, {}, (event) => heard.push(event.type));
    await clock.runFor(1);
    life.clock().after(10, () => heard.push("timer"));
    void watch.ended.then(() => heard.push("ended"));
    life.crashSoon(2);
    void api.create(NAMESPACES, namespace("shop")).then(() => heard.push("created"));
    await clock.runFor(1_000);
    assert.deepEqual(crashes, ["after create namespaces shop"]);
    const beforeCrash = heard.length;
    await truth.create(NAMESPACES, namespace("later"));
    void api.get(NAMESPACES, { name: "shop" }).then(() => heard.push("got"));
    await clock.runFor(1_000);
    assert.deepEqual([heard.length, heard.filter((what) => what !== "ADDED")], [beforeCrash, []]);
    assert.equal((await truth.get(NAMESPACES, { name: "shop" })).metadata.name, "shop");
  });

  it("crash before a write as well: then it did not happen", async () => {
    const { api, life, clock, truth } = bed({});
    life.crashAtDeed(1);
    void api.create(NAMESPACES, namespace("shop"));
    await clock.runFor(1_000);
    await assert.rejects(truth.get(NAMESPACES, { name: "shop" }), /not found/);
  });

  it("hold everything up while a process stands still", async () => {
    const { api, life, clock } = bed({});
    const heard: string[] = [];
    const now = () => clock.nowMs() - 1_767_571_200_000;
    life.stallFor(5_000);
    life.clock().after(10, () => heard.push(`timer ${now()}`));
    void api.list(PODS).then(() => heard.push(`list ${now()}`));
    await clock.runFor(10_000);
    assert.deepEqual(heard.sort(), ["list 5000", "timer 5000"]);
  });

  it("make events late but never reorder them", async () => {
    const { api, truth, clock } = bed({ lateEvent: 0.5, lateEventMaxMs: 3_000 });
    const seen: string[] = [];
    const note = (event: WatchEvent<{ metadata: { name: string } }>): void => {
      if (event.type === "ADDED" && event.object.metadata.name.startsWith("n")) seen.push(event.object.metadata.name);
    };
    api.watch(NAMESPACES, {}, note);
    const names = Array.from({ length: 20 }, (_, i) => `n${String(i).padStart(2, "0")}`);
    for (const name of names) {
      await truth.create(NAMESPACES, namespace(name));
      await clock.runFor(100);
    }
    assert.ok(seen.length < names.length, "some are late");
    await clock.runFor(10_000);
    assert.deepEqual(seen, names);
  });

  for (const [fault, reason] of [
    ["droppedWatch", "closed"],
    ["expiredWatch", "expired"],
  ] as const) {
    it(`end a watch: ${reason}, and nothing is told after that`, async () => {
      const { api, truth, clock } = bed({ [fault]: 1 });
      let events = 0;
      let end: WatchEnd | undefined;
      const watch = api.watch(NAMESPACES, {}, () => {
        events += 1;
      });
      void watch.ended.then((how) => {
        end = how;
      });
      await truth.create(NAMESPACES, namespace("shop"));
      await clock.runFor(1_000);
      assert.deepEqual([end, events], [{ reason }, 0]);
    });
  }

  it("are mixed anew for each seed, each fault in about half of the worlds", () => {
    const mixes = Array.from({ length: 200 }, (_, seed) => drawFaultMix(new Random(seed)));
    for (const name of ["refused", "lostReply", "lateEvent", "droppedWatch", "crashEveryMs"] as const) {
      const share = mixes.filter((mix) => mix[name] > 0).length / mixes.length;
      assert.ok(share > 0.3 && share < 0.75, `${name} is in ${share} of the worlds`);
    }
    assert.deepEqual(drawFaultMix(new Random(7)), drawFaultMix(new Random(7)));
  });
});
