import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ObjectListBody, RequestQuery } from "./requests.ts";
import { configMapNamed, podNamed, serverUnderTest } from "./server-under-test.ts";

describe("listing", () => {
  const pods = [
    podNamed("a", { labels: { app: "x" } }),
    podNamed("b", { labels: { app: "y" }, spec: { nodeName: "n1" } }),
    podNamed("c", { spec: { nodeName: "n2" } }),
    { ...podNamed("d"), metadata: { name: "d", namespace: "kube-system" } },
  ];
  const selections: { query: RequestQuery; namespace?: string; names: string }[] = [
    { query: {}, names: "a b c d" },
    { query: {}, namespace: "default", names: "a b c" },
    { query: { labelSelector: "app=x" }, names: "a" },
    { query: { labelSelector: "app in (x,y)" }, names: "a b" },
    { query: { labelSelector: "!app" }, names: "c d" },
    { query: { fieldSelector: "spec.nodeName=n1" }, names: "b" },
    { query: { fieldSelector: "spec.nodeName=" }, names: "a d" },
    { query: { fieldSelector: "spec.nodeName!=n1,status.phase==Pending" }, names: "a c d" },
    { query: { fieldSelector: "metadata.name=c" }, names: "c" },
    { query: { fieldSelector: "metadata.namespace=kube-system" }, names: "d" },
    { query: { fieldSelector: "metadata.name=c" }, namespace: "kube-system", names: "" },
    { query: { fieldSelector: "spec.hostNetwork=false", labelSelector: "app" }, names: "a b" },
  ];
  for (const { query, namespace, names } of selections) {
    it(`selects "${names}" by ${JSON.stringify({ ...query, namespace })}`, () => {
      const { create, ask } = serverUnderTest();
      for (const pod of pods) create(pod);
      const list = ask({ verb: "list", of: "pods", query, ...(namespace === undefined ? {} : { namespace }) });
      const { items, kind } = list as unknown as ObjectListBody;
      assert.equal(kind, "PodList");
      assert.equal(items.map((pod) => pod.metadata.name).join(" "), names);
    });
  }

  it("refuses a field it does not offer, naming those it does", () => {
    const { refusal } = serverUnderTest();
    const status = refusal({ verb: "list", of: "nodes", query: { fieldSelector: "status.phase=x" } });
    assert.equal(status.code, 400);
    assert.match(
      status.message,
      /field label not supported: status.phase \(supported: metadata.name, spec.unschedulable\)/,
    );
  });

  const page = (world: ReturnType<typeof serverUnderTest>, query: RequestQuery) =>
    world.ask({ verb: "list", of: "configmaps", query }) as unknown as ObjectListBody;
  const namesOf = ({ items }: ObjectListBody) => items.map((object) => object.metadata.name);

  it("shows one moment in all pages", () => {
    const world = serverUnderTest();
    for (const name of ["a", "b", "c", "d", "e"]) world.create(configMapNamed(name, { v: "old" }));
    const first = page(world, { limit: 2 });
    assert.deepEqual(namesOf(first), ["a", "b"]);
    assert.equal(first.metadata.remainingItemCount, 3);
    world.send({ verb: "delete", of: "configmaps", namespace: "default", name: "c" });
    world.create(configMapNamed("cc"));
    const at = { of: "configmaps", namespace: "default", name: "d" };
    world.send({ verb: "patch", patchType: "merge", ...at, body: { data: { v: "new" } } });
    const second = page(world, { limit: 2, continue: first.metadata.continue ?? "" });
    assert.deepEqual(namesOf(second), ["c", "d"]);
    assert.deepEqual(second.items[1]?.["data"], { v: "old" });
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
    const third = page(world, { limit: 2, continue: second.metadata.continue ?? "" });
    assert.deepEqual(namesOf(third), ["e"]);
    assert.equal(third.metadata.continue, undefined);
    const exact = { resourceVersion: first.metadata.resourceVersion, resourceVersionMatch: "Exact" };
    assert.deepEqual(namesOf(page(world, exact)), ["a", "b", "c", "d", "e"]);
  });

  it("answers 410 when that moment is forgotten", () => {
    const world = serverUnderTest({ history: { eventsMax: 2 } });
    for (const name of ["a", "b", "c"]) world.create(configMapNamed(name));
    const first = page(world, { limit: 1 });
    for (const name of ["x", "y", "z"]) world.create(configMapNamed(name));
    const query = { limit: 1, continue: first.metadata.continue ?? "" };
    const status = world.refusal({ verb: "list", of: "configmaps", query });
    assert.deepEqual([status.code, status.reason], [410, "Expired"]);
  });

  it("shows core events as events.k8s.io ones, and takes them", () => {
    const { create, ask, server } = serverUnderTest();
    const involvedObject = { kind: "Pod", name: "p", namespace: "default" };
    create({
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: "e", namespace: "default" },
      involvedObject,
      message: "m",
    });
    const query = { fieldSelector: "regarding.name=p" };
    const list = ask({ verb: "list", of: "events.events.k8s.io", query }) as unknown as ObjectListBody;
    assert.deepEqual(list.items[0]?.["regarding"], involvedObject);
    assert.equal(list.items[0]?.["note"], "m");
    const body = {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: "f", namespace: "default" },
      regarding: involvedObject,
      note: "n",
    };
    const created = ask({ verb: "create", of: "events.events.k8s.io", namespace: "default", body });
    assert.equal(created.apiVersion, "events.k8s.io/v1");
    const core = ask({ verb: "get", of: "events", namespace: "default", name: "f" });
    assert.deepEqual([core["message"], core.apiVersion], ["n", "v1"]);
    assert.equal(
      server.objectCount({ group: "", version: "v1", kind: "Event", plural: "events", namespaced: true }),
      2,
    );
  });
});
