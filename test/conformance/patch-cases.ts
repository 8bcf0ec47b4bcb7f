import assert from "node:assert/strict";
import { NODES, PODS } from "../../src/model/kinds.ts";
import type { Patch } from "../../src/ports/kube-api.ts";
import { type Case, CONFIG_MAPS, configMap, DEPLOYMENTS, deployment, pod, refusalOf, type Side } from "./side.ts";

/** The four kinds of patches. */
export const patchCases: readonly Case[] = [
  {
    name: "a merge patch sets, adds and removes fields, and replaces lists",
    async run(side) {
      const { api, ref } = await withMap(side);
      const body = {
        metadata: { labels: { x: null, y: "2" }, finalizers: ["example.com/b"] },
        data: { a: null, b: "2" },
      };
      const patched = await api.patch(CONFIG_MAPS, ref, { type: "merge", body });
      assert.deepEqual(patched.metadata.labels, { y: "2" });
      assert.deepEqual(patched.metadata.finalizers, ["example.com/b"]);
      assert.deepEqual(patched.data, { b: "2" });
      await api.patch(CONFIG_MAPS, ref, { type: "merge", body: { metadata: { finalizers: null } } });
    },
  },
  {
    name: "a patch that changes nothing keeps the version",
    async run(side) {
      const { api, ref, made } = await withMap(side);
      const patched = await api.patch(CONFIG_MAPS, ref, { type: "merge", body: { data: { a: "1" } } });
      assert.equal(patched.metadata.resourceVersion, made.metadata.resourceVersion);
    },
  },
  {
    name: "a patch that names a version is refused with 409 when another is there",
    async run(side) {
      const { api, ref, made } = await withMap(side);
      const { resourceVersion } = made.metadata;
      const body = (value: string) => ({ metadata: { resourceVersion }, data: { a: value } });
      await api.patch(CONFIG_MAPS, ref, { type: "merge", body: body("2") });
      await refusalOf(api.patch(CONFIG_MAPS, ref, { type: "merge", body: body("3") }), {
        code: 409,
        reason: "Conflict",
      });
    },
  },
  {
    name: "a patch of what is not there is refused with 404, unless it is an apply",
    async run({ api, namespace }) {
      const ref = { name: "none", namespace };
      for (const patch of [
        { type: "merge", body: {} },
        { type: "strategic", body: {} },
        { type: "json", body: [] },
      ] satisfies Patch[]) {
        await refusalOf(api.patch(CONFIG_MAPS, ref, patch), { code: 404, reason: "NotFound" });
      }
    },
  },
  {
    name: "a JSON patch adds, replaces, removes, moves, copies and tests",
    async run(side) {
      const { api, ref } = await withMap(side);
      const patched = await api.patch(CONFIG_MAPS, ref, {
        type: "json",
        body: [
          { op: "test", path: "/data/a", value: "1" },
          { op: "add", path: "/data/b", value: "2" },
          { op: "replace", path: "/data/a", value: "3" },
          { op: "copy", from: "/data/a", path: "/data/c" },
          { op: "move", from: "/data/b", path: "/data/d" },
          { op: "add", path: "/metadata/labels/example.com~1team", value: "t" },
          { op: "remove", path: "/metadata/labels/x" },
        ],
      });
      assert.deepEqual(patched.data, { a: "3", c: "3", d: "2" });
      assert.deepEqual(patched.metadata.labels, { "example.com/team": "t" });
    },
  },
  {
    name: "a JSON patch whose test fails or whose path is missing is refused with 422, and does nothing",
    async run(side) {
      const { api, ref, made } = await withMap(side);
      for (const last of [
        { op: "test", path: "/data/a", value: "9" },
        { op: "remove", path: "/data/none" },
      ]) {
        const body = [{ op: "add", path: "/data/b", value: "2" }, last];
        await refusalOf(api.patch(CONFIG_MAPS, ref, { type: "json", body }), { code: 422, reason: "Invalid" });
      }
      assert.deepEqual(await api.get(CONFIG_MAPS, ref), made);
    },
  },
  {
    name: "a strategic patch merges lists by their key and sets by their values",
    async run(side) {
      const { api, namespace } = side;
      await api.create(DEPLOYMENTS, deployment(side, "a"));
      const containers = [
        { name: "main", image: "example.com/app:2" },
        { name: "side", image: "example.com/side:1" },
      ];
      const patched = await api.patch(
        DEPLOYMENTS,
        { name: "a", namespace },
        { type: "strategic", body: { spec: { template: { spec: { containers } } } } },
      );
      const spec = (patched.spec["template"] as { spec: { containers: { name: string; image: string }[] } }).spec;
      // New items of a list that merges by key go before those that were there, or behind them.
      assert.deepEqual(spec.containers.map(({ name, image }) => `${name}=${image}`).sort(), [
        "main=example.com/app:2",
        "side=example.com/side:1",
      ]);
      const remove = [{ $patch: "delete", name: "side" }];
      const less = await api.patch(
        DEPLOYMENTS,
        { name: "a", namespace },
        { type: "strategic", body: { spec: { template: { spec: { containers: remove } } } } },
      );
      assert.equal((less.spec["template"] as { spec: typeof spec }).spec.containers.length, 1);
    },
  },
  {
    name: "a strategic patch of a node's taints and conditions keeps those of other keys",
    async run({ api, namespace }) {
      const name = `${namespace}-node`;
      const taints = [{ key: "a", value: "1", effect: "NoSchedule" as const }];
      await api.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name }, spec: { taints } });
      try {
        const condition = (type: string, status: string) => ({ conditions: [{ type, status }] });
        const patch = (body: unknown) =>
          api.patch(NODES, { name }, { type: "strategic", body }, { subresource: "status" });
        await patch({ status: condition("Ready", "True") });
        const patched = await patch({ status: condition("DiskPressure", "False") });
        const seen = patched.status?.conditions?.map(({ type, status }) => `${type}=${status}`).sort();
        assert.deepEqual(seen, ["DiskPressure=False", "Ready=True"]);
      } finally {
        await api.delete(NODES, { name });
      }
    },
  },
  {
    name: "an apply creates, and then owns what it set: what it no longer names is removed",
    async run({ api, namespace }) {
      const ref = { name: "a", namespace };
      const apply = (data: Record<string, string>): Patch => ({
        type: "apply",
        fieldManager: "one",
        body: { apiVersion: "v1", kind: "ConfigMap", metadata: ref, data },
      });
      const made = await api.patch(CONFIG_MAPS, ref, apply({ a: "1", b: "1" }));
      assert.deepEqual(made.data, { a: "1", b: "1" });
      await api.patch(CONFIG_MAPS, ref, { type: "merge", body: { data: { c: "1" } } });
      const again = await api.patch(CONFIG_MAPS, ref, apply({ a: "2" }));
      assert.deepEqual(again.data, { a: "2", c: "1" });
    },
  },
  {
    name: "an apply of another's field is refused with 409 that names field and owner, unless forced",
    async run({ api, namespace }) {
      const ref = { name: "a", namespace };
      const apply = (fieldManager: string, value: string, force: boolean): Patch => ({
        type: "apply",
        fieldManager,
        force,
        body: { apiVersion: "v1", kind: "ConfigMap", metadata: ref, data: { a: value } },
      });
      await api.patch(CONFIG_MAPS, ref, apply("one", "1", false));
      const error = await refusalOf(api.patch(CONFIG_MAPS, ref, apply("two", "2", false)), {
        code: 409,
        reason: "Conflict",
        message: /conflict with "one"/,
      });
      assert.equal(error.status.details?.causes?.[0]?.field, ".data.a");
      const forced = await api.patch(CONFIG_MAPS, ref, apply("two", "2", true));
      assert.deepEqual(forced.data, { a: "2" });
      const same = await api.patch(CONFIG_MAPS, ref, apply("one", "2", false));
      assert.deepEqual(same.data, { a: "2" });
    },
  },
  {
    name: "a patch that breaks the object is refused with 422",
    async run(side) {
      await side.api.create(PODS, pod(side, "a"));
      const body = { metadata: { labels: { "not a key": "x" } } };
      await refusalOf(side.api.patch(PODS, { name: "a", namespace: side.namespace }, { type: "merge", body }), {
        code: 422,
        reason: "Invalid",
        message: /metadata\.labels/,
      });
    },
  },
];

async function withMap(side: Side) {
  const { api, namespace } = side;
  const made = await api.create(
    CONFIG_MAPS,
    configMap(side, "a", { labels: { x: "1" }, finalizers: ["example.com/a"] }),
  );
  const ref = { name: "a", namespace };
  return { api, ref, made };
}
