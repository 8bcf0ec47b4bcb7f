import assert from "node:assert/strict";
import { NAMESPACES, NODES, PODS } from "../../src/model/kinds.ts";
import type { ObjectList } from "../../src/ports/kube-api.ts";
import { type Case, CONFIG_MAPS, type ConfigMap, configMap, NO_SUCH_KIND, pod, refusalOf } from "./side.ts";

/** Getting and listing. */
export const readCases: readonly Case[] = [
  {
    name: "create fills in the metadata, get returns the same object",
    async run(side) {
      const { api, namespace } = side;
      const made = await api.create(CONFIG_MAPS, configMap(side, "a", { labels: { app: "x" } }));
      assert.match(made.metadata.uid, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
      assert.match(made.metadata.resourceVersion, /^[1-9][0-9]*$/);
      assert.match(made.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.deepEqual([made.apiVersion, made.kind], ["v1", "ConfigMap"]);
      assert.deepEqual([made.metadata.namespace, made.metadata.labels], [namespace, { app: "x" }]);
      assert.deepEqual(await api.get(CONFIG_MAPS, { name: "a", namespace }), made);
    },
  },
  {
    name: "create fills in defaults of built-in kinds",
    async run(side) {
      const { spec, status } = await side.api.create(PODS, pod(side, "a"));
      assert.equal((spec as { restartPolicy?: string }).restartPolicy, "Always");
      assert.equal((spec as { schedulerName?: string }).schedulerName, "default-scheduler");
      assert.equal(status?.phase, "Pending");
    },
  },
  {
    name: "get of what is not there is refused with 404 and its details",
    async run({ api, namespace }) {
      const error = await refusalOf(api.get(CONFIG_MAPS, { name: "none", namespace }), {
        code: 404,
        reason: "NotFound",
        message: /^configmaps "none" not found$/,
      });
      assert.equal(error.status.details?.name, "none");
      assert.equal(error.status.details?.kind, "configmaps");
    },
  },
  {
    name: "a kind that the server does not have is refused with 404, by every verb",
    async run({ api, namespace }) {
      const ref = { name: "a", namespace };
      const object = { apiVersion: "nothing.example.com/v1", kind: "Nothing", metadata: { name: "a", namespace } };
      for (const ask of [
        () => api.get(NO_SUCH_KIND, ref),
        () => api.list(NO_SUCH_KIND),
        () => api.create(NO_SUCH_KIND, object),
        () => api.patch(NO_SUCH_KIND, ref, { type: "merge", body: {} }),
        () => api.delete(NO_SUCH_KIND, ref),
      ]) {
        await refusalOf(ask(), { code: 404, reason: "NotFound" });
      }
    },
  },
  {
    name: "list gives what is in the namespace, with what each item is and a version",
    async run(side) {
      const { api, namespace } = side;
      for (const name of ["b", "a"]) await api.create(PODS, pod(side, name));
      const list = await api.list(PODS, { namespace });
      assert.deepEqual(namesOf(list), ["a", "b"]);
      for (const item of list.items) assert.deepEqual([item.apiVersion, item.kind], ["v1", "Pod"]);
      const newest = Math.max(...list.items.map((item) => Number(item.metadata.resourceVersion)));
      assert.ok(Number(list.resourceVersion) >= newest);
      assert.equal(list.continue, undefined);
      const everywhere = await api.list(PODS);
      assert.equal(everywhere.items.filter((item) => item.metadata.namespace === namespace).length, 2);
    },
  },
  {
    name: "list of a namespace without objects is empty, and still has a version",
    async run({ api, namespace }) {
      const list = await api.list(PODS, { namespace });
      assert.deepEqual(list.items, []);
      assert.match(list.resourceVersion, /^[1-9][0-9]*$/);
    },
  },
  {
    name: "list by pages gives every object once, at one version",
    async run(side) {
      const { api, namespace } = side;
      for (let i = 0; i < 7; i += 1) await api.create(CONFIG_MAPS, configMap(side, `m${i}`, { labels: { paged: "" } }));
      const pages: ObjectList<ConfigMap>[] = [];
      let next: string | undefined;
      do {
        const more: { continue?: string } = next === undefined ? {} : { continue: next };
        const page = await api.list(CONFIG_MAPS, { namespace, labelSelector: "paged", limit: 3, ...more });
        pages.push(page);
        next = page.continue;
      } while (next !== undefined && pages.length < 9);
      assert.deepEqual(
        pages.map((page) => namesOf(page)),
        [["m0", "m1", "m2"], ["m3", "m4", "m5"], ["m6"]],
      );
      assert.equal(new Set(pages.map((page) => page.resourceVersion)).size, 1);
    },
  },
  {
    name: "a page tells how many objects remain, when no selector hides some",
    async run(side) {
      const { api, namespace } = side;
      for (let i = 0; i < 5; i += 1) await api.create(PODS, pod(side, `m${i}`));
      const page = await api.list(PODS, { namespace, limit: 2 });
      assert.equal(page.remainingItemCount, 3);
      const rest = await api.list(PODS, { namespace, limit: 10, continue: page.continue ?? "" });
      assert.deepEqual(namesOf(rest), ["m2", "m3", "m4"]);
      assert.equal(rest.remainingItemCount, undefined);
    },
  },
  {
    name: "an unreadable continue token is refused with 400",
    async run({ api, namespace }) {
      await refusalOf(api.list(PODS, { namespace, limit: 2, continue: "odd!" }), { code: 400, reason: "BadRequest" });
    },
  },
  {
    name: "label selectors choose by equality, set and presence",
    async run(side) {
      const { api, namespace } = side;
      await api.create(CONFIG_MAPS, configMap(side, "red", { labels: { color: "red", big: "" } }));
      await api.create(CONFIG_MAPS, configMap(side, "blue", { labels: { color: "blue" } }));
      await api.create(CONFIG_MAPS, configMap(side, "plain", { labels: { case: "labels" } }));
      const cases: [string, string[]][] = [
        ["color=red", ["red"]],
        ["color==red", ["red"]],
        ["color in (red,blue)", ["blue", "red"]],
        ["color notin (red),color", ["blue"]],
        ["color!=red,color", ["blue"]],
        ["color", ["blue", "red"]],
        ["!color,case", ["plain"]],
        ["color,big", ["red"]],
      ];
      for (const [labelSelector, want] of cases) {
        assert.deepEqual(namesOf(await api.list(CONFIG_MAPS, { namespace, labelSelector })), want, labelSelector);
      }
      await refusalOf(api.list(CONFIG_MAPS, { namespace, labelSelector: "color in red" }), {
        code: 400,
        reason: "BadRequest",
      });
    },
  },
  {
    name: "field selectors choose by name and by a pod's node and phase; others are refused with 400",
    async run(side) {
      const { api, namespace } = side;
      await api.create(PODS, pod(side, "a"));
      const there = pod(side, "b");
      await api.create(PODS, { ...there, spec: { ...there.spec, nodeName: "node-1" } });
      const cases: [string, string[]][] = [
        ["metadata.name=a", ["a"]],
        ["metadata.name!=a", ["b"]],
        ["spec.nodeName=", ["a"]],
        ["spec.nodeName=node-1", ["b"]],
        ["status.phase=Pending", ["a", "b"]],
        ["status.phase!=Pending", []],
        ["spec.nodeName!=,status.phase=Pending", ["b"]],
      ];
      for (const [fieldSelector, want] of cases) {
        assert.deepEqual(namesOf(await api.list(PODS, { namespace, fieldSelector })), want, fieldSelector);
      }
      await refusalOf(api.list(PODS, { namespace, fieldSelector: "spec.priority=1" }), {
        code: 400,
        reason: "BadRequest",
      });
    },
  },
  {
    name: "objects without a namespace are found by name alone",
    async run({ api, namespace }) {
      const name = `${namespace}-node`;
      const made = await api.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name }, spec: {} });
      try {
        assert.equal(made.metadata.namespace, undefined);
        assert.deepEqual(await api.get(NODES, { name }), made);
        assert.equal((await api.get(NAMESPACES, { name: namespace })).metadata.name, namespace);
      } finally {
        await api.delete(NODES, { name });
      }
    },
  },
  {
    name: "a kind that has namespaces is not asked for without one: 400",
    async run(side) {
      const { api } = side;
      const { namespace: _, ...metadata } = configMap(side, "a").metadata;
      const body = {};
      for (const promise of [
        api.create(CONFIG_MAPS, { ...configMap(side, "a"), metadata }),
        api.get(CONFIG_MAPS, { name: "a" }),
        api.patch(CONFIG_MAPS, { name: "a" }, { type: "merge", body }),
        api.delete(CONFIG_MAPS, { name: "a" }),
      ]) {
        await refusalOf(promise, { code: 400, reason: "BadRequest", message: /an empty namespace may not be set/ });
      }
    },
  },
];

function namesOf({ items }: { items: readonly { metadata: { name: string } }[] }): string[] {
  return items.map(({ metadata }) => metadata.name);
}
