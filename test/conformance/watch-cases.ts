import assert from "node:assert/strict";
import { PODS } from "../../src/model/kinds.ts";
import type { KubeObject } from "../../src/model/object.ts";
import type { WatchEnd, WatchEvent } from "../../src/ports/kube-api.ts";
import {
  type Case,
  CONFIG_MAPS,
  type ConfigMap,
  configMap,
  eventually,
  NO_SUCH_KIND,
  pause,
  pod,
  refusalOf,
  watched,
} from "./side.ts";

/** Watching. */
export const watchCases: readonly Case[] = [
  {
    name: "a watch from a list's version tells of every later change, in order, with the whole object",
    async run(side) {
      const { api, namespace } = side;
      await api.create(CONFIG_MAPS, configMap(side, "before"));
      const { resourceVersion } = await api.list(CONFIG_MAPS, { namespace });
      const seen = watched(api, CONFIG_MAPS, { namespace, resourceVersion });
      const made = await api.create(CONFIG_MAPS, configMap(side, "a"));
      const updated = await api.update(CONFIG_MAPS, { ...made, data: { a: "2" } });
      await api.create(CONFIG_MAPS, configMap(side, "b"));
      await api.delete(CONFIG_MAPS, { name: "a", namespace });
      await seen.atLeast(4);
      assert.deepEqual(seen.names(), ["ADDED a", "MODIFIED a", "ADDED b", "DELETED a"]);
      const [first, second, third, last] = objects(seen.events);
      assert.deepEqual([first, second], [made, updated]);
      const versions = [resourceVersion, ...objects(seen.events).map(({ metadata }) => metadata.resourceVersion)];
      assert.deepEqual(
        versions,
        [...versions].sort((x, y) => Number(x) - Number(y)),
      );
      assert.equal(new Set(versions).size, 5, "a deletion has a version of its own");
      assert.deepEqual([third?.metadata.name, last?.metadata.uid], ["b", made.metadata.uid]);
      await stopped(seen);
    },
  },
  {
    name: "a watch without a version begins with what there is, as ADDED",
    async run(side) {
      const { api, namespace } = side;
      for (const name of ["b", "a"]) await api.create(CONFIG_MAPS, configMap(side, name));
      const seen = watched(api, CONFIG_MAPS, { namespace, labelSelector: "!later" });
      await seen.atLeast(2);
      await api.create(CONFIG_MAPS, configMap(side, "c"));
      await seen.atLeast(3);
      assert.deepEqual(seen.names().slice(0, 2).sort(), ["ADDED a", "ADDED b"]);
      assert.equal(seen.names()[2], "ADDED c");
      for (const object of objects(seen.events))
        assert.deepEqual([object.apiVersion, object.kind], ["v1", "ConfigMap"]);
      await stopped(seen);
    },
  },
  {
    name: "a watch goes on from the version of the last event, without gap or repetition",
    async run(side) {
      const { api, namespace } = side;
      const { resourceVersion } = await api.list(CONFIG_MAPS, { namespace });
      const first = watched(api, CONFIG_MAPS, { namespace, resourceVersion });
      await api.create(CONFIG_MAPS, configMap(side, "a"));
      await first.atLeast(1);
      await stopped(first);
      await api.create(CONFIG_MAPS, configMap(side, "b"));
      await api.delete(CONFIG_MAPS, { name: "a", namespace });
      const from = objects(first.events)[0]!.metadata.resourceVersion;
      const second = watched(api, CONFIG_MAPS, { namespace, resourceVersion: from });
      await second.atLeast(2);
      assert.deepEqual(second.names(), ["ADDED b", "DELETED a"]);
      await stopped(second);
    },
  },
  {
    name: "a watch sees its namespace only; one without a namespace sees all",
    async run(side) {
      const { api, namespace } = side;
      const { resourceVersion } = await api.list(CONFIG_MAPS);
      const own = watched(api, CONFIG_MAPS, { namespace, resourceVersion });
      const all = watched(api, CONFIG_MAPS, { resourceVersion });
      const foreign = `x-${namespace}`;
      await api.create(CONFIG_MAPS, configMap(side, foreign, { namespace: "default" }));
      await api.create(CONFIG_MAPS, configMap(side, "a"));
      await api.delete(CONFIG_MAPS, { name: foreign, namespace: "default" });
      await own.atLeast(1);
      await eventually(
        () => all.names().includes(`DELETED ${foreign}`),
        () => all.names().join(", "),
      );
      assert.deepEqual(own.names(), ["ADDED a"]);
      assert.ok(all.names().includes("ADDED a") && all.names().includes(`ADDED ${foreign}`));
      await stopped(own);
      await stopped(all);
    },
  },
  {
    name: "an object that begins to match a selector is ADDED, one that ceases to is DELETED",
    async run(side) {
      const { api, namespace } = side;
      const { resourceVersion } = await api.list(CONFIG_MAPS, { namespace });
      const seen = watched(api, CONFIG_MAPS, { namespace, resourceVersion, labelSelector: "color=red" });
      await api.create(CONFIG_MAPS, configMap(side, "a"));
      const ref = { name: "a", namespace };
      const paint = (color: string) =>
        api.patch(CONFIG_MAPS, ref, { type: "merge", body: { metadata: { labels: { color } } } });
      await paint("red");
      await api.patch(CONFIG_MAPS, ref, { type: "merge", body: { data: { a: "2" } } });
      const blue = await paint("blue");
      await api.patch(CONFIG_MAPS, ref, { type: "merge", body: { data: { a: "3" } } });
      await paint("red");
      await api.delete(CONFIG_MAPS, ref);
      await seen.atLeast(5);
      assert.deepEqual(seen.names(), ["ADDED a", "MODIFIED a", "DELETED a", "ADDED a", "DELETED a"]);
      // As it was while it matched, at the version of the change.
      const gone = objects(seen.events)[2]!;
      assert.equal(gone.metadata.labels?.["color"], "red");
      assert.equal(gone.metadata.resourceVersion, blue.metadata.resourceVersion);
      await stopped(seen);
    },
  },
  {
    name: "a field selector follows a pod that is bound",
    async run(side) {
      const { api, namespace } = side;
      const { resourceVersion } = await api.list(PODS, { namespace });
      const waiting = watched(api, PODS, { namespace, resourceVersion, fieldSelector: "spec.nodeName=" });
      const bound = watched(api, PODS, { namespace, resourceVersion, fieldSelector: "spec.nodeName=node-1" });
      await api.create(PODS, pod(side, "a"));
      const ref = { name: "a", namespace };
      const target = { apiVersion: "v1", kind: "Node", name: "node-1" };
      await api.act(PODS, ref, "binding", { apiVersion: "v1", kind: "Binding", metadata: ref, target });
      await waiting.atLeast(2);
      await bound.atLeast(1);
      assert.deepEqual(waiting.names(), ["ADDED a", "DELETED a"]);
      assert.deepEqual(bound.names(), ["ADDED a"]);
      await stopped(waiting);
      await stopped(bound);
      await api.delete(PODS, ref, { gracePeriodSeconds: 0 });
    },
  },
  {
    name: "a watch that is stopped ends so, and tells nothing more",
    async run(side) {
      const { api, namespace } = side;
      const { resourceVersion } = await api.list(CONFIG_MAPS, { namespace });
      const seen = watched(api, CONFIG_MAPS, { namespace, resourceVersion });
      await api.create(CONFIG_MAPS, configMap(side, "a"));
      await seen.atLeast(1);
      await stopped(seen);
      await api.create(CONFIG_MAPS, configMap(side, "b"));
      await pause(20);
      assert.deepEqual(seen.names(), ["ADDED a"]);
      seen.watch.stop();
    },
  },
  {
    name: "a watch that is stopped before it has begun ends too",
    async run({ api, namespace }) {
      const seen = watched(api, CONFIG_MAPS, { namespace });
      await stopped(seen);
    },
  },
  {
    name: "a watch with a time limit is closed by the server when it is over, not before",
    async run(side) {
      const { api, namespace, passTime } = side;
      const { resourceVersion } = await api.list(CONFIG_MAPS, { namespace });
      const seen = watched(api, CONFIG_MAPS, { namespace, resourceVersion, timeoutMs: 10_000 });
      await api.create(CONFIG_MAPS, configMap(side, "a"));
      await seen.atLeast(1);
      await passTime(3_000);
      await api.create(CONFIG_MAPS, configMap(side, "b"));
      await seen.atLeast(2);
      await passTime(8_000);
      assert.deepEqual(await seen.watch.ended, { reason: "closed" });
    },
  },
  {
    name: "a watch tells now and then which version it has come to, also when nothing in it changed",
    async run(side) {
      const { api, namespace, passTime } = side;
      const { resourceVersion } = await api.list(CONFIG_MAPS, { namespace });
      const seen = watched(api, CONFIG_MAPS, { namespace, resourceVersion, labelSelector: "never" });
      // The request must be there before time passes.
      await pause(50);
      const made = await api.create(CONFIG_MAPS, configMap(side, "a"));
      await passTime(80_000);
      await eventually(
        () => seen.events.length > 0,
        () => "a bookmark",
      );
      const last = seen.events.at(-1);
      assert.equal(last?.type, "BOOKMARK");
      assert.ok(last?.type === "BOOKMARK" && Number(last.resourceVersion) >= Number(made.metadata.resourceVersion));
      assert.deepEqual(seen.names(), []);
      await stopped(seen);
    },
  },
  {
    name: "a watch from a version that is forgotten ends as expired, and so does a list's next page",
    async run(side) {
      const { api, namespace, historyEventsMax } = side;
      if (historyEventsMax === undefined) return;
      for (const name of ["x", "y"]) await api.create(CONFIG_MAPS, configMap(side, name));
      const page = await api.list(CONFIG_MAPS, { namespace, limit: 1 });
      for (let i = 0; i <= historyEventsMax; i += 1) {
        const body = { data: { a: `n${i}` } };
        await api.patch(CONFIG_MAPS, { name: "x", namespace }, { type: "merge", body });
      }
      const seen = watched(api, CONFIG_MAPS, { namespace, resourceVersion: page.resourceVersion });
      assert.deepEqual(await seen.watch.ended, { reason: "expired" });
      assert.deepEqual(seen.names(), []);
      const next = page.continue ?? "";
      await refusalOf(api.list(CONFIG_MAPS, { namespace, limit: 1, continue: next }), { code: 410, reason: "Expired" });
    },
  },
  {
    name: "a watch of a kind that is not there fails with the server's 404",
    async run({ api }) {
      const end = await watched(api, NO_SUCH_KIND, {}).watch.ended;
      assert.equal(end.reason, "failed");
      await refusalOf(Promise.reject(end.reason === "failed" ? end.error : undefined), {
        code: 404,
        reason: "NotFound",
      });
    },
  },
  {
    name: "a watch with an unreadable selector fails with the server's 400",
    async run({ api, namespace }) {
      const end = await watched(api, CONFIG_MAPS, { namespace, labelSelector: "a in b" }).watch.ended;
      assert.equal(end.reason, "failed");
      await refusalOf(Promise.reject(end.reason === "failed" ? end.error : undefined), {
        code: 400,
        reason: "BadRequest",
      });
    },
  },
  {
    name: "many changes come, none lost; a watch that a busy server closes goes on from its last version",
    async run(side) {
      const { api, namespace } = side;
      const { resourceVersion } = await api.list(CONFIG_MAPS, { namespace });
      const writes = Array.from({ length: 100 }, (_, i) =>
        api.create(CONFIG_MAPS, { ...configMap(side, `m${i}`), data: { text: "ü€𝄞".repeat(2_000) } }),
      );
      await Promise.all(writes);
      const events: WatchEvent<ConfigMap>[] = [];
      for (let version = resourceVersion; events.length < 100; ) {
        const seen = watched(api, CONFIG_MAPS, { namespace, resourceVersion: version });
        const missing = 100 - events.length;
        let end: WatchEnd | undefined;
        void seen.watch.ended.then((ended) => {
          end = ended;
        });
        await eventually(
          () => end !== undefined || seen.names().length >= missing,
          () => `${missing} events`,
        );
        if (end === undefined) await stopped(seen);
        else assert.deepEqual(end, { reason: "closed" });
        events.push(...seen.events.filter(({ type }) => type !== "BOOKMARK"));
        const last = objects(seen.events).at(-1);
        version = last?.metadata.resourceVersion ?? version;
      }
      assert.equal(new Set(objects(events).map(({ metadata }) => metadata.name)).size, 100);
      for (const { data } of objects(events)) assert.equal(data?.["text"]?.length, 4 * 2_000);
    },
  },
];

function objects<T extends KubeObject>(events: readonly WatchEvent<T>[]): T[] {
  return events.flatMap((event) => (event.type === "BOOKMARK" ? [] : [event.object]));
}

async function stopped({ watch }: { watch: { stop(): void; ended: Promise<unknown> } }): Promise<void> {
  watch.stop();
  assert.deepEqual(await watch.ended, { reason: "stopped" });
}
