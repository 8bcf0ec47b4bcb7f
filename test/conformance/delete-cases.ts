import assert from "node:assert/strict";
import { NODES, POD_DISRUPTION_BUDGETS, PODS } from "../../src/model/kinds.ts";
import { isNotFound } from "../../src/ports/kube-api.ts";
import { type Case, CONFIG_MAPS, configMap, eventually, pod, refusalOf, type Side } from "./side.ts";

const FINALIZER = "example.com/hold";
const OTHER_UID = "00000000-0000-4000-8000-000000000000";

/** Deleting, binding and evicting. */
export const deleteCases: readonly Case[] = [
  {
    name: "delete removes the object; a second one is refused with 404",
    async run(side) {
      const { api, namespace } = side;
      await api.create(CONFIG_MAPS, configMap(side, "a"));
      await api.delete(CONFIG_MAPS, { name: "a", namespace });
      await refusalOf(api.get(CONFIG_MAPS, { name: "a", namespace }), { code: 404, reason: "NotFound" });
      await refusalOf(api.delete(CONFIG_MAPS, { name: "a", namespace }), { code: 404, reason: "NotFound" });
    },
  },
  {
    name: "an object with finalizers stays, marked, until the last one is removed",
    async run(side) {
      const { api, namespace } = side;
      const ref = { name: "a", namespace };
      await api.create(CONFIG_MAPS, configMap(side, "a", { finalizers: [FINALIZER, "example.com/too"] }));
      await api.delete(CONFIG_MAPS, ref);
      const marked = await api.get(CONFIG_MAPS, ref);
      assert.match(marked.metadata.deletionTimestamp ?? "", /^\d{4}-.*Z$/);
      await api.delete(CONFIG_MAPS, ref);
      const again = await api.get(CONFIG_MAPS, ref);
      assert.equal(again.metadata.deletionTimestamp, marked.metadata.deletionTimestamp);
      const setFinalizers = (finalizers: string[]) =>
        api.patch(CONFIG_MAPS, ref, { type: "merge", body: { metadata: { finalizers } } });
      await setFinalizers([FINALIZER]);
      assert.deepEqual((await api.get(CONFIG_MAPS, ref)).metadata.finalizers, [FINALIZER]);
      await setFinalizers([]);
      await refusalOf(api.get(CONFIG_MAPS, ref), { code: 404, reason: "NotFound" });
    },
  },
  {
    name: "no finalizer can be added to an object that is being deleted",
    async run(side) {
      const { api, namespace } = side;
      const ref = { name: "a", namespace };
      await api.create(CONFIG_MAPS, configMap(side, "a", { finalizers: [FINALIZER] }));
      await api.delete(CONFIG_MAPS, ref);
      const add = { metadata: { finalizers: [FINALIZER, "example.com/more"] } };
      await refusalOf(api.patch(CONFIG_MAPS, ref, { type: "merge", body: add }), { code: 422, reason: "Invalid" });
      await api.patch(CONFIG_MAPS, ref, { type: "merge", body: { metadata: { finalizers: null } } });
    },
  },
  {
    name: "delete keeps to its preconditions, else 409",
    async run(side) {
      const { api, namespace } = side;
      const ref = { name: "a", namespace };
      const made = await api.create(CONFIG_MAPS, configMap(side, "a"));
      await refusalOf(api.delete(CONFIG_MAPS, ref, { preconditions: { uid: OTHER_UID } }), {
        code: 409,
        reason: "Conflict",
      });
      const { resourceVersion, uid } = made.metadata;
      await api.patch(CONFIG_MAPS, ref, { type: "merge", body: { data: { a: "2" } } });
      await refusalOf(api.delete(CONFIG_MAPS, ref, { preconditions: { resourceVersion } }), {
        code: 409,
        reason: "Conflict",
      });
      await api.delete(CONFIG_MAPS, ref, { preconditions: { uid } });
      assert.equal(await isGone(side, "a"), true);
    },
  },
  {
    name: "a pod on a node is marked with its grace, and goes with a grace of 0; one without a node goes at once",
    async run(side) {
      const { api, namespace } = side;
      const there = pod(side, "there");
      await api.create(PODS, { ...there, spec: { ...there.spec, nodeName: "node-1" } });
      await api.create(PODS, pod(side, "waiting"));
      await api.delete(PODS, { name: "waiting", namespace });
      await refusalOf(api.get(PODS, { name: "waiting", namespace }), { code: 404, reason: "NotFound" });
      const ref = { name: "there", namespace };
      await api.delete(PODS, ref);
      const marked = await api.get(PODS, ref);
      assert.equal(marked.metadata.deletionGracePeriodSeconds, 30);
      assert.ok(Date.parse(marked.metadata.deletionTimestamp ?? "") > Date.parse(marked.metadata.creationTimestamp));
      await api.delete(PODS, ref, { gracePeriodSeconds: 5 });
      assert.equal((await api.get(PODS, ref)).metadata.deletionGracePeriodSeconds, 5);
      await api.delete(PODS, ref, { gracePeriodSeconds: 0 });
      await refusalOf(api.get(PODS, ref), { code: 404, reason: "NotFound" });
    },
  },
  {
    name: "a binding puts a pod on a node once",
    async run(side) {
      const { api, namespace } = side;
      const ref = { name: "a", namespace };
      await api.create(PODS, pod(side, "a"));
      const bind = (node: string) =>
        api.act(PODS, ref, "binding", {
          apiVersion: "v1",
          kind: "Binding",
          metadata: ref,
          target: { apiVersion: "v1", kind: "Node", name: node },
        });
      await bind("node-1");
      const bound = await api.get(PODS, ref);
      assert.equal(bound.spec.nodeName, "node-1");
      assert.equal(bound.status?.conditions?.find(({ type }) => type === "PodScheduled")?.status, "True");
      await refusalOf(bind("node-2"), { code: 409, reason: "Conflict" });
      await api.delete(PODS, ref, { gracePeriodSeconds: 0 });
    },
  },
  {
    name: "an eviction deletes a pod that no budget protects",
    async run(side) {
      const { api } = side;
      const ref = await running(side, "a", "free");
      await evict(side, "a");
      assert.notEqual((await api.get(PODS, ref)).metadata.deletionTimestamp, undefined);
      await api.delete(PODS, ref, { gracePeriodSeconds: 0 });
      await refusalOf(evict(side, "none"), { code: 404, reason: "NotFound" });
    },
  },
  {
    name: "an eviction keeps to the pod's uid",
    async run(side) {
      const ref = await running(side, "a", "free");
      const eviction = { metadata: ref, deleteOptions: { preconditions: { uid: OTHER_UID } } };
      await refusalOf(side.api.act(PODS, ref, "eviction", { ...EVICTION, ...eviction }), {
        code: 409,
        reason: "Conflict",
      });
      assert.equal((await side.api.get(PODS, ref)).metadata.deletionTimestamp, undefined);
      await side.api.delete(PODS, ref, { gracePeriodSeconds: 0 });
    },
  },
  {
    name: "an eviction takes from the pod's budget, and is refused with 429 when there is nothing left",
    async run(side) {
      const { api, namespace } = side;
      const refs = [await running(side, "a", "guarded"), await running(side, "b", "guarded")];
      await withBudget(side, "guard", "guarded", 1);
      await evict(side, "a");
      const budget = await api.get(POD_DISRUPTION_BUDGETS, { name: "guard", namespace });
      assert.equal(budget.status?.disruptionsAllowed, 0);
      assert.deepEqual(Object.keys(budget.status?.disruptedPods ?? {}), ["a"]);
      const error = await refusalOf(evict(side, "b"), {
        code: 429,
        reason: "TooManyRequests",
        message: /disruption budget/,
      });
      assert.equal(error.status.details?.causes?.[0]?.reason, "DisruptionBudget");
      assert.equal((await api.get(PODS, refs[1]!)).metadata.deletionTimestamp, undefined);
      for (const ref of refs) await api.delete(PODS, ref, { gracePeriodSeconds: 0 });
    },
  },
  {
    name: "an eviction of a pod with two budgets is refused with 500",
    async run(side) {
      const ref = await running(side, "a", "twice");
      await withBudget(side, "one", "twice", 1);
      await withBudget(side, "two", "twice", 1);
      await refusalOf(evict(side, "a"), {
        code: 500,
        // The server names none.
        reason: "",
        message: /more than one PodDisruptionBudget/,
      });
      await side.api.delete(PODS, ref, { gracePeriodSeconds: 0 });
    },
  },
  {
    name: "a node with a finalizer is deleted in two steps, and leaves a gap for another of its name",
    async run({ api, namespace }) {
      const name = `${namespace}-node`;
      const draft = {
        apiVersion: "v1" as const,
        kind: "Node" as const,
        metadata: { name, finalizers: [FINALIZER] },
        spec: {},
      };
      const made = await api.create(NODES, draft);
      await api.delete(NODES, { name });
      await refusalOf(api.create(NODES, draft), { code: 409, reason: "AlreadyExists" });
      await api.patch(NODES, { name }, { type: "merge", body: { metadata: { finalizers: null } } });
      const next = await api.create(NODES, { ...draft, metadata: { name } });
      assert.notEqual(next.metadata.uid, made.metadata.uid);
      await api.delete(NODES, { name });
    },
  },
];

const EVICTION = { apiVersion: "policy/v1", kind: "Eviction" };

async function evict({ api, namespace }: Side, name: string): Promise<void> {
  await api.act(PODS, { name, namespace }, "eviction", { ...EVICTION, metadata: { name, namespace } });
}

/** A ready pod on a node. */
async function running(side: Side, name: string, app: string): Promise<{ name: string; namespace: string }> {
  const draft = pod(side, name, { labels: { app } });
  const made = await side.api.create(PODS, { ...draft, spec: { ...draft.spec, nodeName: "node-1" } });
  await side.api.updateStatus(PODS, {
    ...made,
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
  } as typeof made);
  return { name, namespace: side.namespace };
}

/** A budget as its controller would keep it. */
async function withBudget(
  { api, namespace }: Side,
  name: string,
  app: string,
  disruptionsAllowed: number,
): Promise<void> {
  const made = await api.create(POD_DISRUPTION_BUDGETS, {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name, namespace },
    spec: { maxUnavailable: 1, selector: { matchLabels: { app } } },
  });
  const counts = { disruptionsAllowed, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 };
  const status = { ...counts, observedGeneration: made.metadata.generation ?? 1 };
  await eventually(
    async () => {
      const current = await api.get(POD_DISRUPTION_BUDGETS, { name, namespace });
      const written = await api.updateStatus(POD_DISRUPTION_BUDGETS, { ...current, status });
      return written.status?.disruptionsAllowed === disruptionsAllowed;
    },
    () => "the budget's status",
  );
}

async function isGone({ api, namespace }: Side, name: string): Promise<boolean> {
  try {
    await api.get(CONFIG_MAPS, { name, namespace });
    return false;
  } catch (error) {
    return isNotFound(error);
  }
}
