import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RetryError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import type { CoreEvent } from "../model/core.ts";
import { ApiError, type KubeApi, type Patch, type Ref } from "../ports/kube-api.ts";
import type { EventRecord } from "../ports/telemetry.ts";
import { VirtualClock } from "../simulation/clock/virtual-clock.ts";
import { EVENT_TABLE } from "./event-table.ts";
import { createEvents } from "./events.ts";
import { silentLog } from "./log.ts";

const START_MS = Date.parse("2026-11-21T10:00:00Z");

/** Keeps what is created and patched, and fails the next calls with the given errors. */
function server() {
  const created: CoreEvent[] = [];
  const patched: { ref: Ref; body: unknown }[] = [];
  const failures: unknown[] = [];
  const maybeFail = (): void => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
  };
  const api = {
    async create(_kind: unknown, object: CoreEvent) {
      maybeFail();
      created.push(object);
      return object;
    },
    async patch(_kind: unknown, ref: Ref, patch: Patch) {
      maybeFail();
      patched.push({ ref, body: patch.body });
    },
  } as unknown as KubeApi;
  return { api, created, patched, failures };
}

function setup() {
  const clock = new VirtualClock(START_MS);
  const side = server();
  const events = createEvents({ api: side.api, clock, random: new Random(1), log: silentLog });
  return { ...side, clock, events };
}

function pod(name: string, over: Partial<EventRecord> = {}, namespace = "shop"): EventRecord {
  const metadata = { name, namespace, uid: `uid-${name}-${namespace}`, resourceVersion: "7", creationTimestamp: "" };
  return {
    object: { apiVersion: "v1", kind: "Pod", metadata },
    type: "Normal",
    reason: "Evicted",
    message: "Evicted pod: Drifted",
    ...over,
  };
}

function refused(code: number, reason: string): ApiError {
  return new ApiError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: reason,
    reason,
    code,
  });
}

describe("events", () => {
  it("become core/v1 Events of the component, in the object's namespace", async () => {
    const { events, clock, created } = setup();
    events.record(pod("web-0"));
    assert.equal(created.length, 0, "nothing is sent while the caller is at work");
    await clock.runFor(0);
    const { metadata, ...event } = created[0]!;
    assert.match(metadata.name, /^web-0\.[0-9a-f]{16}$/);
    assert.equal(metadata.namespace, "shop");
    assert.deepEqual(event, {
      apiVersion: "v1",
      kind: "Event",
      involvedObject: {
        apiVersion: "v1",
        kind: "Pod",
        name: "web-0",
        namespace: "shop",
        uid: "uid-web-0-shop",
        resourceVersion: "7",
      },
      type: "Normal",
      reason: "Evicted",
      message: "Evicted pod: Drifted",
      source: { component: "karpenter" },
      firstTimestamp: "2026-11-21T10:00:00Z",
      lastTimestamp: "2026-11-21T10:00:00Z",
      count: 1,
      reportingComponent: "karpenter",
      reportingInstance: "",
    });
  });

  it("of a cluster-scoped object go to the namespace default, with a name that is short enough", async () => {
    const { events, clock, created } = setup();
    const name = "n".repeat(253);
    const metadata = { name, uid: "u", resourceVersion: "1", creationTimestamp: "" };
    events.record({ ...pod("x"), object: { apiVersion: "v1", kind: "Node", metadata } });
    await clock.runFor(0);
    assert.equal(created[0]?.metadata.namespace, "default");
    assert.equal(created[0]?.involvedObject.namespace, undefined);
    assert.equal(created[0]?.metadata.name.length, 253);
  });

  it("have messages of 1,024 characters at most", async () => {
    const { events, created } = setup();
    events.record(pod("p", { message: "x".repeat(3_000) }));
    await events.stop();
    assert.equal(created[0]?.message, `${"x".repeat(1_021)}...`);
  });

  it("that are equal are published once within their time, whatever the message", async () => {
    const { events, clock, created, patched } = setup();
    events.record(pod("web-0"));
    events.record(pod("web-0", { message: "other words" }));
    events.record(pod("web-1"));
    events.record(pod("web-0", {}, "elsewhere"));
    events.record(pod("web-0", { dedupeValues: ["another"] }));
    await clock.runFor(119_000);
    events.record(pod("web-0"));
    await clock.runFor(0);
    assert.equal(created.length + patched.length, 4);
    await clock.runFor(2_000);
    events.record(pod("web-0"));
    await clock.runFor(0);
    assert.equal(created.length + patched.length, 5);
  });

  it("take the time of their reason from the table", async () => {
    const { events, clock, created, patched } = setup();
    const failed = pod("web-0", { reason: "FailedScheduling", type: "Warning", message: "no room" });
    for (let minute = 0; minute <= 10; minute += 1) {
      events.record(failed);
      await clock.runFor(60_000);
    }
    assert.equal(created.length + patched.length, 3);
  });

  it("that were published before are counted by a patch, or created anew once the server forgot them", async () => {
    const { events, clock, created, patched, failures } = setup();
    events.record(pod("web-0"));
    await clock.runFor(200_000);
    events.record(pod("web-0"));
    await clock.runFor(200_000);
    assert.equal(created.length, 1);
    assert.deepEqual(patched, [
      {
        ref: { name: created[0]?.metadata.name, namespace: "shop" },
        body: { count: 2, message: "Evicted pod: Drifted", lastTimestamp: "2026-11-21T10:03:20Z" },
      },
    ]);
    failures.push(refused(404, "NotFound"));
    events.record(pod("web-0"));
    await clock.runFor(0);
    assert.equal(created.length, 2);
    assert.equal(created[1]?.count, 3);
    assert.equal(created[1]?.firstTimestamp, "2026-11-21T10:00:00Z");
  });

  it("of nominations are limited to ten at once and five per second, and the limit silences no key", async () => {
    const { events, clock, created } = setup();
    const nominate = (i: number) => events.record(pod(`p-${i}`, { reason: "Nominated", message: "to n" }));
    for (let i = 0; i < 30; i += 1) nominate(i);
    await clock.runFor(0);
    assert.equal(created.length, 10);
    await clock.runFor(1_000);
    for (let i = 0; i < 30; i += 1) nominate(i);
    await clock.runFor(0);
    assert.equal(created.length, 15);
    assert.equal(created[10]?.involvedObject.name, "p-10");
  });

  it("of one object are limited to 25, then one in five minutes", async () => {
    const { events, clock, created, patched } = setup();
    for (let i = 0; i < 40; i += 1) events.record(pod("web-0", { reason: `R${i}` }));
    events.record(pod("web-1"));
    await clock.runFor(0);
    assert.equal(created.length, 26);
    await clock.runFor(301_000);
    for (let i = 0; i < 10; i += 1) events.record(pod("web-0", { reason: `S${i}` }));
    await clock.runFor(0);
    assert.equal(created.length + patched.length, 27);
  });

  it("that are similar are folded into one after ten", async () => {
    const { events, clock, created, patched } = setup();
    for (let i = 0; i < 20; i += 1) events.record(pod("web-0", { message: `try ${i}`, dedupeValues: [String(i)] }));
    await clock.runFor(0);
    assert.equal(created.length, 10);
    assert.equal(created[9]?.message, "(combined from similar events): try 9");
    assert.equal(patched.length, 10);
    assert.equal((patched[9]!.body as { count: number }).count, 11);
  });

  it("are tried again when there was no answer, given up when refused", async () => {
    const { events, clock, created, failures } = setup();
    failures.push(new RetryError("no answer"), new RetryError("no answer", 3_000));
    events.record(pod("web-0"));
    await clock.runFor(3_900);
    assert.equal(created.length, 0);
    await clock.runFor(200);
    assert.equal(created.length, 1);
    failures.push(refused(403, "Forbidden"));
    events.record(pod("web-1"));
    events.record(pod("web-2"));
    await clock.runFor(60_000);
    assert.deepEqual(
      created.map(({ involvedObject }) => involvedObject.name),
      ["web-0", "web-2"],
    );
    failures.push(refused(409, "AlreadyExists"));
    events.record(pod("web-3"));
    await clock.runFor(0);
    assert.equal(created.length, 3);
  });

  it("are sent before a stop ends, and not taken after it", async () => {
    const { events, created } = setup();
    events.record(pod("web-0"));
    await events.stop();
    assert.equal(created.length, 1);
    events.record(pod("web-1"));
    await events.stop();
    assert.equal(created.length, 1);
  });

  it("have one row per reason", () => {
    assert.equal(new Set(EVENT_TABLE.map(({ reason }) => reason)).size, EVENT_TABLE.length);
    for (const { reason, meaning, kinds } of EVENT_TABLE) {
      assert.match(reason, /^[A-Z][A-Za-z]+$/);
      assert.ok(meaning.length > 0 && kinds.length > 0);
    }
  });
});
