import assert from "node:assert/strict";
import { NODE_POOLS, PODS } from "../../src/model/kinds.ts";
import type { Draft } from "../../src/model/object.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";
import { type Case, CONFIG_MAPS, type ConfigMap, configMap, DEPLOYMENTS, deployment, pod, refusalOf } from "./side.ts";

/** Creating, updating and checking. */
export const writeCases: readonly Case[] = [
  {
    name: "create of what is there already is refused with 409 AlreadyExists",
    async run(side) {
      await side.api.create(CONFIG_MAPS, configMap(side, "a"));
      await refusalOf(side.api.create(CONFIG_MAPS, configMap(side, "a")), {
        code: 409,
        reason: "AlreadyExists",
        message: /^configmaps "a" already exists$/,
      });
    },
  },
  {
    name: "create with generateName makes a new name each time",
    async run(side) {
      const { api, namespace } = side;
      const draft = { ...configMap(side, "x"), metadata: { generateName: "run-", namespace } };
      const names = [await api.create(CONFIG_MAPS, draft), await api.create(CONFIG_MAPS, draft)].map(
        ({ metadata }) => metadata.name,
      );
      for (const name of names) assert.match(name, /^run-[a-z0-9]{5}$/);
      assert.notEqual(names[0], names[1]);
    },
  },
  {
    name: "create without a name, or with one that cannot be, is refused with 422",
    async run(side) {
      const { namespace } = side;
      const nameless = { ...configMap(side, "x"), metadata: { namespace } };
      await refusalOf(side.api.create(CONFIG_MAPS, nameless), { code: 422, reason: "Invalid" });
      const error = await refusalOf(side.api.create(CONFIG_MAPS, configMap(side, "No_Name")), {
        code: 422,
        reason: "Invalid",
        message: /metadata\.name: Invalid value: "No_Name"/,
      });
      assert.equal(error.status.details?.causes?.[0]?.field, "metadata.name");
    },
  },
  {
    name: "create in a namespace that is not there is refused with 404",
    async run(side) {
      const draft = configMap(side, "a", { namespace: `${side.namespace}-none` });
      await refusalOf(side.api.create(CONFIG_MAPS, draft), {
        code: 404,
        reason: "NotFound",
        message: /namespaces ".*-none"/,
      });
    },
  },
  {
    name: "a dry run answers as if, and keeps nothing",
    async run(side) {
      const { api, namespace } = side;
      const made = await api.create(CONFIG_MAPS, configMap(side, "a"), { dryRun: true });
      assert.notEqual(made.metadata.uid, "");
      await refusalOf(api.get(CONFIG_MAPS, { name: "a", namespace }), { code: 404, reason: "NotFound" });
      const real = await api.create(CONFIG_MAPS, configMap(side, "a"));
      const body = { data: { a: "2" } };
      const tried = await api.patch(CONFIG_MAPS, { name: "a", namespace }, { type: "merge", body }, { dryRun: true });
      assert.equal(tried.data?.["a"], "2");
      assert.deepEqual(await api.get(CONFIG_MAPS, { name: "a", namespace }), real);
      await refusalOf(api.create(CONFIG_MAPS, configMap(side, "a"), { dryRun: true }), {
        code: 409,
        reason: "AlreadyExists",
      });
    },
  },
  {
    name: "update replaces the object and moves its version on",
    async run(side) {
      const { api, namespace } = side;
      const made = await api.create(CONFIG_MAPS, configMap(side, "a", { labels: { x: "1" } }));
      const { labels: _, ...metadata } = made.metadata;
      const updated = await api.update(CONFIG_MAPS, { ...made, metadata, data: { b: "2" } });
      assert.deepEqual(updated.data, { b: "2" });
      assert.equal(updated.metadata.labels, undefined);
      assert.equal(updated.metadata.uid, made.metadata.uid);
      assert.equal(updated.metadata.creationTimestamp, made.metadata.creationTimestamp);
      assert.ok(Number(updated.metadata.resourceVersion) > Number(made.metadata.resourceVersion));
      assert.deepEqual(await api.get(CONFIG_MAPS, { name: "a", namespace }), updated);
    },
  },
  {
    name: "update from an old version is refused with 409 Conflict; without a version it goes through",
    async run(side) {
      const { api } = side;
      const made = await api.create(CONFIG_MAPS, configMap(side, "a"));
      await api.update(CONFIG_MAPS, { ...made, data: { a: "2" } });
      await refusalOf(api.update(CONFIG_MAPS, { ...made, data: { a: "3" } }), {
        code: 409,
        reason: "Conflict",
        message: /the object has been modified/,
      });
      const { resourceVersion: _, ...metadata } = made.metadata;
      const forced = await api.update(CONFIG_MAPS, { ...made, metadata, data: { a: "4" } } as unknown as ConfigMap);
      assert.deepEqual(forced.data, { a: "4" });
    },
  },
  {
    name: "update of another object of the same name is refused with 409",
    async run(side) {
      const made = await side.api.create(CONFIG_MAPS, configMap(side, "a"));
      const other = { ...made, metadata: { ...made.metadata, uid: "00000000-0000-4000-8000-000000000000" } };
      await refusalOf(side.api.update(CONFIG_MAPS, other), { code: 409, reason: "Conflict" });
    },
  },
  {
    name: "update that changes nothing keeps the version",
    async run(side) {
      const made = await side.api.create(CONFIG_MAPS, configMap(side, "a"));
      const again = await side.api.update(CONFIG_MAPS, made);
      assert.equal(again.metadata.resourceVersion, made.metadata.resourceVersion);
    },
  },
  {
    name: "update of what is not there is refused with 404",
    async run(side) {
      const made = await side.api.create(CONFIG_MAPS, configMap(side, "a"));
      const gone = { ...made, metadata: { ...made.metadata, name: "none" } };
      await refusalOf(side.api.update(CONFIG_MAPS, gone), { code: 404, reason: "NotFound" });
    },
  },
  {
    name: "status is written by updateStatus alone, and updateStatus writes nothing else",
    async run(side) {
      const { api } = side;
      const made = await api.create(PODS, pod(side, "a"));
      const status = { ...made.status, phase: "Running" as const };
      const ignored = await api.update(PODS, { ...made, status });
      assert.equal(ignored.status?.phase, "Pending");
      const labelled = { ...made.metadata, labels: { x: "1" } };
      const { metadata: current } = ignored;
      const written = await api.updateStatus(PODS, {
        ...made,
        metadata: { ...labelled, resourceVersion: current.resourceVersion },
        status,
      });
      assert.equal(written.status?.phase, "Running");
      assert.ok(Number(written.metadata.resourceVersion) > Number(current.resourceVersion));
      await refusalOf(api.updateStatus(PODS, { ...made, status: { ...status, phase: "Failed" } }), {
        code: 409,
        reason: "Conflict",
      });
    },
  },
  {
    name: "the generation counts changes of spec, not those of labels or status",
    async run(side) {
      const { api } = side;
      const made = await api.create(DEPLOYMENTS, deployment(side, "a"));
      assert.equal(made.metadata.generation, 1);
      const ref = { name: "a", namespace: side.namespace };
      const patch = (body: unknown) => api.patch(DEPLOYMENTS, ref, { type: "merge", body });
      assert.equal((await patch({ metadata: { labels: { x: "1" } } })).metadata.generation, 1);
      assert.equal((await patch({ spec: { minReadySeconds: 5 } })).metadata.generation, 2);
      const status = { type: "merge" as const, body: { status: { replicas: 1 } } };
      const written = await api.patch(DEPLOYMENTS, ref, status, { subresource: "status" });
      assert.equal(written.metadata.generation, 2);
      assert.equal(written.status?.["replicas"], 1);
    },
  },
  {
    name: "the scale subresource reads as a Scale and sets the replicas",
    async run(side) {
      const { api, namespace } = side;
      await api.create(DEPLOYMENTS, deployment(side, "a"));
      const ref = { name: "a", namespace };
      const body = { spec: { replicas: 3 } };
      const scale: { kind: string } = await api.patch(
        DEPLOYMENTS,
        ref,
        { type: "merge", body },
        { subresource: "scale" },
      );
      assert.equal(scale.kind, "Scale");
      const { spec, metadata } = await api.get(DEPLOYMENTS, ref);
      assert.equal(spec["replicas"], 3);
      assert.equal(metadata.generation, 2);
    },
  },
  {
    name: "what may not change, like a pod's containers' count, is refused with 422",
    async run(side) {
      const made = await side.api.create(PODS, pod(side, "a"));
      const more = { name: "more", image: "example.com/more:1" };
      const changed = { ...made, spec: { ...made.spec, containers: [...made.spec.containers, more] } };
      await refusalOf(side.api.update(PODS, changed), { code: 422, reason: "Invalid" });
    },
  },
  {
    name: "unknown fields are refused in strict mode by name, dropped otherwise",
    async run(side) {
      const { api, namespace } = side;
      const made = deployment(side, "a");
      const odd = { ...made, spec: { ...made.spec, replicsa: 3 } };
      await refusalOf(api.create(DEPLOYMENTS, odd, { fieldValidation: "Strict" }), {
        code: 400,
        reason: "BadRequest",
        message: /unknown field "spec\.replicsa"/,
      });
      await refusalOf(api.get(DEPLOYMENTS, { name: "a", namespace }), { code: 404, reason: "NotFound" });
      const kept = await api.create(DEPLOYMENTS, odd, { fieldValidation: "Ignore" });
      assert.equal(kept.spec["replicsa"], undefined);
    },
  },
  {
    name: "custom resources get their defaults, and their schema and rules are checked",
    async run({ api, namespace }) {
      const name = `pool-${namespace}`;
      const made = await api.create(NODE_POOLS, nodePool(name));
      try {
        assert.equal(made.metadata.generation, 1);
        assert.equal(made.spec.disruption?.consolidationPolicy, "WhenEmptyOrUnderutilized");
        assert.equal(made.spec.template.spec.expireAfter, "720h");
        const ref = { name };
        const patch = (body: unknown) => api.patch(NODE_POOLS, ref, { type: "merge", body });
        await refusalOf(patch({ spec: { weight: 0 } }), { code: 422, reason: "Invalid", message: /spec\.weight/ });
        await refusalOf(patch({ spec: { weight: "heavy" } }), {
          code: 422,
          reason: "Invalid",
          message: /spec\.weight/,
        });
        await refusalOf(patch({ spec: { template: { spec: { requirements: [odd] } } } }), {
          code: 422,
          reason: "Invalid",
          message: /spec\.template\.spec\.requirements/,
        });
        assert.deepEqual(await api.get(NODE_POOLS, ref), made, "a refused write changes nothing");
        const status = { type: "merge" as const, body: { status: { resources: { cpu: "4" } } } };
        const written = await api.patch(NODE_POOLS, ref, status, { subresource: "status" });
        assert.deepEqual(written.status?.resources, { cpu: "4" });
        assert.equal(written.metadata.generation, 1);
        assert.equal((await patch({ status: { resources: { cpu: "8" } } })).status?.resources?.["cpu"], "4");
        assert.equal((await patch({ spec: { weight: 10 } })).metadata.generation, 2);
      } finally {
        await api.delete(NODE_POOLS, { name });
      }
    },
  },
];

/** An operator without the values that it needs. */
const odd = { key: "kubernetes.io/arch", operator: "In", values: [] };

function nodePool(name: string): Draft<NodePool> {
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { name },
    spec: {
      template: {
        spec: {
          requirements: [{ key: "kubernetes.io/arch", operator: "In", values: ["amd64"] }],
          nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
        },
      },
    },
  } as unknown as Draft<NodePool>;
}
