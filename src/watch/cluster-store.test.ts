import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../base/random.ts";
import type { ClusterView } from "../model/cluster-view.ts";
import type { Node, Pod } from "../model/core.ts";
import { type KubeObject, keyOf } from "../model/object.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import { ClusterStore } from "./cluster-store.ts";
import { type WatchedKind, watchedKinds } from "./watched-kinds.ts";

const kinds = watchedKinds([{ group: "karpenter.kwok.sh", kind: "KWOKNodeClass" }]);
const pods = watched("pods");
const nodes = watched("nodes");
const claims = watched("nodeClaims");

function watched(slot: string): WatchedKind {
  const found = kinds.find((one) => one.slot === slot);
  assert.ok(found);
  return found;
}

/** A cluster whose history is written down: each step is what a watch would send. */
type Step = { kind: WatchedKind; type: "put" | "remove"; object: KubeObject };
class History {
  readonly steps: Step[] = [];
  readonly #random: Random;
  readonly #present = new Map<string, KubeObject>();
  #version = 100;
  #uid = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  get version(): string {
    return String(this.#version);
  }

  objects(kind: WatchedKind): KubeObject[] {
    return [...this.#present.values()].filter((object) => object.kind === kind.kind.kind);
  }

  step(): void {
    const kind = this.#random.pick([pods, pods, nodes, claims]);
    const name = `${kind.kind.kind.toLowerCase()}-${this.#random.between(0, 5)}`;
    const id = `${kind.kind.kind} ${name}`;
    const before = this.#present.get(id);
    this.#version += this.#random.between(1, 7);
    if (before !== undefined && this.#random.chance(0.25)) {
      this.#present.delete(id);
      const object = { ...before, metadata: { ...before.metadata, resourceVersion: this.version } };
      this.steps.push({ kind, type: "remove", object });
      return;
    }
    this.#uid += before === undefined ? 1 : 0;
    const object = this.#object(kind, name, before?.metadata.uid ?? `uid-${this.#uid}`);
    this.#present.set(id, object);
    this.steps.push({ kind, type: "put", object });
  }

  #object(kind: WatchedKind, name: string, uid: string): KubeObject {
    const metadata = { name, uid, resourceVersion: this.version, creationTimestamp: "2024-01-01T00:00:00Z" };
    const id = this.#random.pick(["none", "", "kwok://a", "kwok://b", "kwok://c"]);
    if (kind === pods) {
      const node = this.#random.pick(["none", "", "node-0", "node-1", "node-2"]);
      const spec = { containers: [{ name: "c" }], ...(node === "none" ? {} : { nodeName: node }) };
      return { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, namespace: "default" }, spec } as KubeObject;
    }
    const given = id === "none" ? {} : { providerID: id };
    return kind === nodes
      ? ({ apiVersion: "v1", kind: "Node", metadata, spec: given } as KubeObject)
      : ({ apiVersion: "karpenter.sh/v1", kind: "NodeClaim", metadata, spec: {}, status: given } as KubeObject);
  }
}

/** The view with every index made anew. */
function rebuilt(view: ClusterView): ClusterView {
  const fresh = {
    podsByNode: new Map<string, Set<string>>(),
    unboundPods: new Set<string>(),
    nodeByProviderId: new Map<string, string>(),
    claimByProviderId: new Map<string, string>(),
  };
  for (const [key, { spec }] of view.pods) {
    const nodeName = spec.nodeName ?? "";
    if (nodeName === "") fresh.unboundPods.add(key);
    else fresh.podsByNode.set(nodeName, (fresh.podsByNode.get(nodeName) ?? new Set()).add(key));
  }
  for (const name of [...view.nodes.keys()].sort().reverse()) {
    const id = view.nodes.get(name)?.spec.providerID;
    if (id !== undefined && id !== "") fresh.nodeByProviderId.set(id, name);
  }
  for (const name of [...view.nodeClaims.keys()].sort().reverse()) {
    const id = view.nodeClaims.get(name)?.status?.providerID;
    if (id !== undefined && id !== "") fresh.claimByProviderId.set(id, name);
  }
  return { ...view, ...fresh };
}

/** Maps and sets of the usual kind, which can be compared and cloned. */
function plain(view: ClusterView): Record<string, unknown> {
  const all = Object.entries(view).map(([slot, map]) => [
    slot,
    map instanceof Set ? map : new Map<string, unknown>(map as ReadonlyMap<string, unknown>),
  ]);
  return Object.fromEntries(all);
}

function apply(store: ClusterStore, { kind, type, object }: Step): void {
  if (type === "put") store.put(kind, object);
  else store.remove(kind, object);
}

function assertEqualTo(store: ClusterStore, history: History, message: string): void {
  for (const kind of [pods, nodes, claims]) {
    const want = new Map(history.objects(kind).map((object) => [keyOf(object), object]));
    assert.deepEqual(new Map<string, unknown>(store.live[kind.slot]), want, message);
  }
}

/** One more step of history, which is lost until the next list, late, or comes twice. */
function badlyConnected(store: ClusterStore, history: History, random: Random): void {
  history.step();
  const latest = history.steps.at(-1);
  assert.ok(latest);
  if (random.chance(0.8)) apply(store, latest);
  if (random.chance(0.3)) apply(store, random.pick(history.steps));
  if (random.chance(0.9)) return;
  for (const kind of [pods, nodes, claims]) store.replaceAll(kind, history.objects(kind), history.version);
  assertEqualTo(store, history, `after the list at ${history.version}`);
}

describe("the store behind the mirror", () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    it(`keeps its indexes whatever order events come in [SEED=${seed}]`, () => {
      const history = new History(seed);
      const random = new Random(seed + 1_000);
      const store = new ClusterStore();
      let held = { view: store.view(), copy: structuredClone(plain(store.view())) };
      for (let i = 0; i < 200; i += 1) {
        badlyConnected(store, history, random);
        assert.deepEqual(plain(store.live), plain(rebuilt(store.live)));
        assert.deepEqual(plain(held.view), held.copy, "a view never changes");
        if (random.chance(0.2)) held = { view: store.view(), copy: structuredClone(plain(store.view())) };
      }
    });
  }

  it("hands out the same view, and the same maps, while nothing changed", () => {
    const history = new History(7);
    const store = new ClusterStore();
    for (let i = 0; i < 50; i += 1) history.step();
    for (const step of history.steps) apply(store, step);
    const before = store.view();
    assert.equal(store.view(), before);
    const pod = {
      ...history.objects(pods)[0],
      metadata: { ...history.objects(pods)[0]?.metadata, resourceVersion: "9999" },
    };
    assert.equal(store.put(pods, pod as Pod).length, 1);
    const now = store.view();
    assert.notEqual(now.pods, before.pods);
    assert.equal(now.nodes, before.nodes);
  });

  it("has another set of pods for a node whenever one of these pods has changed", () => {
    const store = new ClusterStore();
    const pod = (name: string, version: string): Pod =>
      ({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, namespace: "n", uid: name, resourceVersion: version, creationTimestamp: "" },
        spec: { containers: [], nodeName: `node-of-${name}` },
      }) as unknown as Pod;
    for (const name of ["a", "b"]) store.put(pods, pod(name, "1"));
    const before = store.view().podsByNode;
    store.put(pods, pod("a", "2"));
    const now = store.view().podsByNode;
    assert.deepEqual(now.get("node-of-a"), before.get("node-of-a"));
    assert.notEqual(now.get("node-of-a"), before.get("node-of-a"));
    assert.equal(now.get("node-of-b"), before.get("node-of-b"));
  });

  it("tells of an object replaced by another of its name as one gone and one new", () => {
    const store = new ClusterStore();
    const node = (uid: string, resourceVersion: string): Node => ({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "a", uid, resourceVersion, creationTimestamp: "2024-01-01T00:00:00Z" },
      spec: {},
    });
    store.put(nodes, node("1", "5"));
    const changes = store.put(nodes, node("2", "9"));
    assert.deepEqual(
      changes.map(({ before, after }) => [before?.metadata.uid, after?.metadata.uid]),
      [
        ["1", undefined],
        [undefined, "2"],
      ],
    );
    assert.deepEqual(store.put(nodes, node("1", "10")), [], "the old one does not come back");
  });

  it("keeps an object that is newer than a list", () => {
    const store = new ClusterStore();
    const claim = {
      apiVersion: "karpenter.sh/v1",
      kind: "NodeClaim",
      metadata: { name: "a", uid: "1", resourceVersion: "50", creationTimestamp: "2024-01-01T00:00:00Z" },
      spec: { nodeClassRef: { group: "g", kind: "k", name: "n" }, requirements: [] },
    } satisfies NodeClaim;
    store.put(claims, claim);
    assert.deepEqual(store.replaceAll(claims, [], "49"), []);
    assert.equal(store.live.nodeClaims.size, 1);
    assert.equal(store.replaceAll(claims, [], "50").length, 1);
    assert.equal(store.live.nodeClaims.size, 0);
  });

  it("does not keep what no plan looks at", () => {
    const store = new ClusterStore();
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: "p",
        namespace: "n",
        uid: "1",
        resourceVersion: "1",
        creationTimestamp: "2024-01-01T00:00:00Z",
        managedFields: [{}],
      },
      spec: { containers: [{ name: "c", env: [{ name: "SECRET", value: "x" }] }] },
    };
    store.put(pods, pod as Pod);
    assert.deepEqual(store.live.pods.get("n/p")?.spec.containers, [{ name: "c" }]);
    assert.equal(store.live.pods.get("n/p")?.metadata.managedFields, undefined);
  });
});
