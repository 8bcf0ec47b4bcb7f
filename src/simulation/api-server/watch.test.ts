import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS } from "../../base/time.ts";
import { PODS } from "../../model/kinds.ts";
import { settled } from "../clock/virtual-clock.ts";
import { configMapNamed, podNamed, serverUnderTest } from "./server-under-test.ts";

const configMaps = { of: "configmaps", namespace: "default" };

describe("watching", () => {
  it("tells what exists and then what happens, in order, after it has returned", async () => {
    const { create, send, watch } = serverUnderTest();
    create(configMapNamed("a"));
    const w = watch(configMaps);
    create(configMapNamed("b"));
    assert.deepEqual(w.seen(), []);
    send({ verb: "patch", patchType: "merge", ...configMaps, name: "a", body: { data: { x: "1" } } });
    send({ verb: "delete", ...configMaps, name: "b" });
    await settled();
    assert.deepEqual(w.seen(), ["ADDED a", "ADDED b", "MODIFIED a", "DELETED b"]);
  });

  it("goes on after a version, without what came before it", async () => {
    const { create, server, watch } = serverUnderTest();
    create(configMapNamed("a"));
    const resourceVersion = server.resourceVersion();
    create(configMapNamed("b"));
    const w = watch({ ...configMaps, query: { resourceVersion } });
    await settled();
    assert.deepEqual(w.seen(), ["ADDED b"]);
  });

  it("shows objects that enter or leave the selection as added or deleted", async () => {
    const { create, send, server, watch } = serverUnderTest();
    create(podNamed("p", { labels: { app: "a" } }));
    const query = { labelSelector: "app=b", resourceVersion: server.resourceVersion() };
    const w = watch({ of: "pods", query });
    const label = (app: string) =>
      send({
        verb: "patch",
        patchType: "merge",
        of: "pods",
        namespace: "default",
        name: "p",
        body: { metadata: { labels: { app } } },
      });
    label("b");
    label("b2");
    label("b");
    send({
      verb: "patch",
      patchType: "merge",
      of: "pods",
      namespace: "default",
      name: "p",
      body: { metadata: { labels: { more: "x" } } },
    });
    await settled();
    assert.deepEqual(w.seen(), ["ADDED p", "DELETED p", "ADDED p", "MODIFIED p"]);
    const left = w.events[1]?.object;
    assert.equal(left?.metadata.labels?.["app"], "b", "as it was last seen");
    assert.ok(Number(left?.metadata.resourceVersion) > Number(w.events[0]?.object.metadata.resourceVersion));
  });

  it("ends with 410 for a version that is forgotten", async () => {
    const { create, server, watch } = serverUnderTest({ history: { eventsMax: 3 } });
    const resourceVersion = server.resourceVersion();
    for (const name of ["a", "b", "c", "d"]) create(configMapNamed(name));
    const w = watch({ ...configMaps, query: { resourceVersion } });
    assert.equal(w.ends.length, 0);
    await settled();
    const end = w.ends[0];
    assert.equal(end?.reason === "failed" && end.error.code, 410);
  });

  it("forgets by age too", async () => {
    const { clock, create, server, watch } = serverUnderTest();
    const resourceVersion = server.resourceVersion();
    create(configMapNamed("a"));
    await clock.runUntil(clock.nowMs() + 6 * MINUTE_MS);
    const w = watch({ ...configMaps, query: { resourceVersion } });
    await settled();
    assert.equal(w.ends[0]?.reason, "failed");
  });

  it("a running watch misses nothing, however short the history", async () => {
    const { create, watch } = serverUnderTest({ history: { eventsMax: 1 } });
    const w = watch(configMaps);
    for (let i = 0; i < 2_000; i += 1) create(configMapNamed(`c${i}`));
    await settled();
    assert.equal(w.events.length, 2_000);
  });

  it("announces the end of the initial events when asked", async () => {
    const { create, server, watch } = serverUnderTest();
    create(configMapNamed("a"));
    const query = { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan", allowWatchBookmarks: true };
    const w = watch({ ...configMaps, query });
    await settled();
    assert.deepEqual(w.seen(), ["ADDED a", `BOOKMARK ${server.resourceVersion()}`]);
    assert.deepEqual(w.events[1]?.object.metadata.annotations, { "k8s.io/initial-events-end": "true" });
  });

  it("sends bookmarks while other things happen, and ends at its timeout", async () => {
    const { clock, create, watch } = serverUnderTest();
    const w = watch({ ...configMaps, query: { allowWatchBookmarks: true, timeoutMs: 3 * MINUTE_MS } });
    create(podNamed("p"));
    await clock.runUntil(clock.nowMs() + 10 * MINUTE_MS);
    assert.deepEqual(
      w.events.map(({ type }) => type),
      ["BOOKMARK"],
    );
    assert.deepEqual(w.ends, [{ reason: "timeout" }]);
  });

  it("is told when the server closes", async () => {
    const { server, watch } = serverUnderTest();
    const w = watch(configMaps);
    const port = server.api().watch(PODS, {}, () => {});
    server.close();
    assert.deepEqual(w.ends, [{ reason: "closed" }]);
    assert.deepEqual(await port.ended, { reason: "closed" });
  });
});

describe("the port in process", () => {
  it("delays answers and events by its latency", async () => {
    const { clock, server } = serverUnderTest();
    const api = server.api({ latencyMs: 100 });
    const startMs = clock.nowMs();
    const seen: number[] = [];
    const watch = api.watch(PODS, {}, () => seen.push(clock.nowMs() - startMs));
    const created = api.create(PODS, podNamed("p") as never).then(() => clock.nowMs() - startMs);
    await clock.runUntil(startMs + 1_000);
    assert.equal(await created, 200);
    assert.deepEqual(seen, [200]);
    watch.stop();
    assert.deepEqual(await watch.ended, { reason: "stopped" });
  });

  it("tells nothing after it was stopped", async () => {
    const { server } = serverUnderTest();
    const api = server.api();
    let events = 0;
    const watch = api.watch(PODS, {}, () => {
      events += 1;
      watch.stop();
    });
    await api.create(PODS, podNamed("p1") as never);
    await api.create(PODS, podNamed("p2") as never);
    await settled();
    assert.equal(events, 1);
  });
});
