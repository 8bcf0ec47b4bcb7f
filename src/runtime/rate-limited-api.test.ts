import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RetryError } from "../base/errors.ts";
import { PODS } from "../model/kinds.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import { VirtualClock } from "../simulation/clock/virtual-clock.ts";
import { silentLog } from "../telemetry/log.ts";
import { fencedApi } from "./fenced-api.ts";
import { rateLimitedApi } from "./rate-limited-api.ts";
import { shutDown } from "./shutdown.ts";

describe("rate-limited API", () => {
  it("lets a burst pass, the rest in order at its rate, watches always", async () => {
    const clock = new VirtualClock(0);
    const calls: [string, number][] = [];
    const note = (name: string) => calls.push([name, clock.nowMs()]);
    const inner = new Proxy({} as KubeApi, {
      get: (_target, verb) => () => {
        note(String(verb));
        return verb === "watch" ? { ended: Promise.resolve(), stop: () => undefined } : Promise.resolve({});
      },
    });
    const api = rateLimitedApi(inner, { qps: 10, burst: 2, clock });
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" } } as never;
    const ref = { name: "a", namespace: "b" };
    void api.get(PODS, ref);
    void api.list(PODS);
    void api.create(PODS, pod);
    void api.update(PODS, pod);
    void api.updateStatus(PODS, pod);
    void api.patch(PODS, ref, { type: "merge", body: {} });
    void api.delete(PODS, ref);
    void api.act(PODS, ref, "eviction", {});
    api.watch(PODS, {}, () => undefined);
    await clock.runFor(10_000);
    assert.deepEqual(calls, [
      ["watch", 0],
      ["get", 0],
      ["list", 0],
      ["create", 100],
      ["update", 200],
      ["updateStatus", 300],
      ["patch", 400],
      ["delete", 500],
      ["act", 600],
    ]);
    assert.equal(rateLimitedApi(inner, { qps: 0, burst: 1, clock }), inner);
  });
});

describe("fenced API", () => {
  it("lets reads pass always, writes only while they are allowed", async () => {
    const calls: string[] = [];
    const inner = new Proxy({} as KubeApi, {
      get: (_target, verb) => () => {
        calls.push(String(verb));
        return verb === "watch" ? { ended: Promise.resolve(), stop: () => undefined } : Promise.resolve({});
      },
    });
    let mayWrite = true;
    const api = fencedApi(inner, () => mayWrite);
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" } } as never;
    const ref = { name: "a", namespace: "b" };
    const writes = [
      () => api.create(PODS, pod),
      () => api.update(PODS, pod),
      () => api.updateStatus(PODS, pod),
      () => api.patch(PODS, ref, { type: "merge", body: {} }),
      () => api.delete(PODS, ref),
      () => api.act(PODS, ref, "eviction", {}),
    ];
    for (const write of writes) await write();
    assert.equal(calls.length, 6);
    mayWrite = false;
    for (const write of writes) await assert.rejects(write, RetryError);
    assert.equal(calls.length, 6);
    await api.get(PODS, ref);
    await api.list(PODS);
    api.watch(PODS, {}, () => undefined);
    assert.deepEqual(calls.slice(6), ["get", "list", "watch"]);
  });
});

describe("shutdown", () => {
  it("runs its steps in order, also after a failed one, and leaves out the rest when it takes too long", async () => {
    const clock = new VirtualClock(0);
    const order: string[] = [];
    const step = (name: string, ms: number, fails = false) => ({
      name,
      async run() {
        await clock.sleep(ms);
        order.push(`${name} at ${clock.nowMs()}`);
        if (fails) throw new TypeError("broken");
      },
    });
    const run = async (steps: ReturnType<typeof step>[]) => {
      order.length = 0;
      const done = shutDown({ steps, graceMs: 10_000, clock, log: silentLog });
      await clock.runFor(60_000);
      return await done;
    };
    assert.equal(await run([step("a", 1_000), step("b", 2_000)]), true);
    assert.deepEqual(order, ["a at 1000", "b at 3000"]);
    assert.equal(await run([step("a", 0, true), step("b", 0)]), false);
    assert.equal(order.length, 2);
    assert.equal(await run([step("slow", 20_000), step("never", 0)]), false);
    assert.equal(order.length, 1);
  });
});
