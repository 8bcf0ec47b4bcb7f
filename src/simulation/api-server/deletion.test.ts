import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createGarbageCollector } from "./garbage-collector.ts";
import type { JsonObject } from "./json.ts";
import {
  configMapNamed,
  deploymentNamed,
  podNamed,
  type ServerUnderTest,
  serverUnderTest,
} from "./server-under-test.ts";

const inDefault = { namespace: "default" };
const podAt = { of: "pods", ...inDefault, name: "p" };

describe("deleting", () => {
  it("answers Success when nothing is left, and 404 after that", () => {
    const { create, ask, refusal } = serverUnderTest();
    const { metadata } = create(configMapNamed("c"));
    const at = { verb: "delete", of: "configmaps", ...inDefault, name: "c" } as const;
    assert.deepEqual(ask(at), {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Success",
      details: { name: "c", kind: "configmaps", uid: metadata.uid },
    });
    assert.equal(refusal(at).message, 'configmaps "c" not found');
  });

  it("gives running pods their grace, which can only become shorter", () => {
    const { create, ask, refusal, clock } = serverUnderTest();
    create(podNamed("p", { spec: { nodeName: "n1" } }));
    const mark = (body?: JsonObject) => ask({ verb: "delete", ...podAt, body }).metadata;
    const first = mark();
    assert.deepEqual([first.deletionTimestamp, first.deletionGracePeriodSeconds], ["2026-09-21T14:13:50Z", 30]);
    assert.equal(clock.nowMs() % 1_000, 0);
    assert.equal(mark().resourceVersion, first.resourceVersion, "a second request changes nothing");
    assert.equal(mark({ gracePeriodSeconds: 60 }).deletionGracePeriodSeconds, 30);
    assert.equal(mark({ gracePeriodSeconds: 5 }).deletionTimestamp, "2026-09-21T14:13:25Z");
    mark({ gracePeriodSeconds: 0 });
    assert.equal(refusal({ verb: "get", ...podAt }).code, 404);
  });

  it("takes pods without a node, and ended ones, at once", () => {
    const { create, refusal, send } = serverUnderTest();
    create(podNamed("p"));
    send({ verb: "delete", ...podAt });
    assert.equal(refusal({ verb: "get", ...podAt }).code, 404);
    create(podNamed("p", { spec: { nodeName: "n1" } }));
    send({
      verb: "patch",
      patchType: "merge",
      ...podAt,
      subresource: "status",
      body: { status: { phase: "Succeeded" } },
    });
    send({ verb: "delete", ...podAt });
    assert.equal(refusal({ verb: "get", ...podAt }).code, 404);
  });

  it("waits for finalizers", () => {
    const { create, ask, refusal, send } = serverUnderTest();
    const at = { of: "nodes", name: "n" };
    create({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "n", finalizers: ["karpenter.sh/termination"] },
      spec: {},
    });
    assert.ok(ask({ verb: "delete", ...at }).metadata.deletionTimestamp);
    const more = { metadata: { finalizers: ["karpenter.sh/termination", "a.example/b"] } };
    assert.match(
      refusal({ verb: "patch", patchType: "merge", ...at, body: more }).message,
      /no new finalizers can be added/,
    );
    send({ verb: "patch", patchType: "merge", ...at, body: { metadata: { finalizers: null } } });
    assert.equal(refusal({ verb: "get", ...at }).code, 404);
  });

  it("heeds preconditions", () => {
    const { create, refusal } = serverUnderTest();
    create(podNamed("p"));
    const status = refusal({ verb: "delete", ...podAt, body: { preconditions: { uid: "other" } } });
    assert.equal(status.reason, "Conflict");
    assert.match(status.message, /UID in precondition: other/);
  });

  it("keeps namespaces until they are finalized", () => {
    const { create, ask, refusal, send } = serverUnderTest();
    const at = { of: "namespaces", name: "shop" };
    create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
    const marked = ask({ verb: "delete", ...at });
    assert.deepEqual(marked["status"], { phase: "Terminating" });
    send({ verb: "update", ...at, subresource: "finalize", body: { ...marked, spec: { finalizers: [] } } });
    assert.equal(refusal({ verb: "get", ...at }).code, 404);
    assert.match(refusal({ verb: "delete", of: "namespaces", name: "default" }).message, /may not be deleted/);
  });

  it("takes collections", () => {
    const { create, send, server } = serverUnderTest();
    for (const name of ["a", "b"])
      create({ ...configMapNamed(name), metadata: { name, ...inDefault, labels: { x: name } } });
    send({ verb: "deletecollection", of: "configmaps", ...inDefault, query: { labelSelector: "x=a" } });
    const kind = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps", namespaced: true };
    assert.equal(server.objectCount(kind), 1);
  });
});

describe("collecting what owners leave", () => {
  const replicaSet = (owner: { metadata: { uid: string } }, blockOwnerDeletion = true) => ({
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "rs", ...inDefault, ownerReferences: [ownerOf("Deployment", "d", owner, blockOwnerDeletion)] },
    spec: deploymentNamed("d").spec,
  });
  const ownerOf = (
    kind: string,
    name: string,
    { metadata }: { metadata: { uid: string } },
    blockOwnerDeletion = true,
  ) => ({
    apiVersion: "apps/v1",
    kind,
    name,
    uid: metadata.uid,
    controller: true,
    blockOwnerDeletion,
  });
  function family() {
    const world = serverUnderTest();
    createGarbageCollector(world).start();
    const deployment = world.create(deploymentNamed("d"));
    const set = world.create(replicaSet(deployment));
    world.create(
      podNamed("p", { metadata: { ownerReferences: [ownerOf("ReplicaSet", "rs", set)] }, spec: { nodeName: "n" } }),
    );
    return world;
  }
  const settle = ({ clock }: Pick<ServerUnderTest, "clock">) => clock.runUntil(clock.nowMs() + 1_000);
  const isThere = ({ server }: ServerUnderTest, of: string, name: string): boolean => {
    const resource = server.resources().find((r) => r.plural === of);
    if (resource === undefined) return false;
    try {
      server.handle({ verb: "get", resource, ...inDefault, name });
      return true;
    } catch {
      return false;
    }
  };
  const remove = (world: ServerUnderTest, propagationPolicy: string) =>
    world.send({ verb: "delete", of: "deployments.apps", ...inDefault, name: "d", body: { propagationPolicy } });
  const stopPod = (world: ServerUnderTest) => world.send({ verb: "delete", ...podAt, body: { gracePeriodSeconds: 0 } });

  it("in the background: owners go first", async () => {
    const world = family();
    remove(world, "Background");
    assert.equal(isThere(world, "deployments", "d"), false);
    await settle(world);
    assert.equal(isThere(world, "replicasets", "rs"), false);
    assert.ok(world.ask({ verb: "get", ...podAt }).metadata.deletionTimestamp);
  });

  it("in the foreground: dependents go first", async () => {
    const world = family();
    assert.equal(remove(world, "Foreground").code, 202);
    await settle(world);
    assert.ok(isThere(world, "deployments", "d") && isThere(world, "replicasets", "rs"));
    stopPod(world);
    await settle(world);
    assert.deepEqual([isThere(world, "deployments", "d"), isThere(world, "replicasets", "rs")], [false, false]);
  });

  it("orphaned: dependents stay, without an owner", async () => {
    const world = family();
    remove(world, "Orphan");
    await settle(world);
    assert.equal(isThere(world, "deployments", "d"), false);
    const set = world.ask({ verb: "get", of: "replicasets.apps", ...inDefault, name: "rs" });
    assert.equal(set.metadata.ownerReferences, undefined);
    assert.ok(isThere(world, "pods", "p"));
  });

  it("also when the owner never was there, or another one still is", async () => {
    const world = family();
    const { metadata } = world.ask({ verb: "get", of: "deployments.apps", ...inDefault, name: "d" });
    const gone = ownerOf("Deployment", "gone", { metadata: { uid: "gone" } });
    world.create({ ...configMapNamed("lost"), metadata: { name: "lost", ...inDefault, ownerReferences: [gone] } });
    const both = [{ ...gone, controller: false }, ownerOf("Deployment", "d", { metadata })];
    world.create({ ...configMapNamed("kept"), metadata: { name: "kept", ...inDefault, ownerReferences: both } });
    await settle(world);
    assert.equal(isThere(world, "configmaps", "lost"), false);
    const kept = world.ask({ verb: "get", of: "configmaps", ...inDefault, name: "kept" });
    assert.deepEqual(
      kept.metadata.ownerReferences?.map(({ name }) => name),
      ["d"],
    );
  });
});
