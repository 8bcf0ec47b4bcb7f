import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { byText } from "../../src/base/order.ts";
import { Random } from "../../src/base/random.ts";
import type { ClusterView } from "../../src/model/cluster-view.ts";
import type { PodSpec } from "../../src/model/core.ts";
import { apiVersionOf } from "../../src/model/kinds.ts";
import { HOSTNAME_LABEL, WELL_KNOWN_LABELS, ZONE_LABEL } from "../../src/model/labels.ts";
import { type KubeObject, keyOf } from "../../src/model/object.ts";
import { planDisruption } from "../../src/plan/disrupt/plan-disruption.ts";
import { rehome } from "../../src/plan/disrupt/rehome.ts";
import { planProvisioning } from "../../src/plan/provision/plan-provisioning.ts";
import { daemonSet, FAMILY, node, nodePool, pod } from "../../src/plan/provision/test-cluster.ts";
import type { Memory, Snapshot } from "../../src/snapshot/snapshot.ts";
import { stateNodesOf } from "../../src/snapshot/state-nodes.ts";
import { takeSnapshot } from "../../src/snapshot/take-snapshot.ts";
import { ClusterStore } from "../../src/watch/cluster-store.ts";
import { type WatchedKind, watchedKinds } from "../../src/watch/watched-kinds.ts";

const KINDS: ReadonlyMap<string, WatchedKind> = new Map(
  watchedKinds([]).map((watched) => [`${apiVersionOf(watched.kind)} ${watched.kind.kind}`, watched]),
);
const TYPES = new Map(["default", "other"].map((name) => [name, FAMILY]));
const ZONES = ["zone-a", "zone-b"];
const APPS = ["a", "b", "c"];

function kindOf(object: KubeObject): WatchedKind {
  const kind = KINDS.get(`${object.apiVersion} ${object.kind}`);
  assert.ok(kind);
  return kind;
}

/** A claim that has no instance yet. */
function notLaunched(claim: KubeObject): KubeObject {
  const requirements = [{ key: ZONE_LABEL, operator: "In", values: ["zone-a"] }];
  const resources = { requests: { cpu: "1" } };
  return { ...claim, spec: { requirements, resources }, status: {} } as KubeObject;
}

/** A cluster that changes by itself: what the API server would have, and the store of a mirror that watches it. */
class Restless {
  readonly store = new ClusterStore();
  readonly #objects = new Map<string, KubeObject>();
  readonly #random: Random;
  /** What was there before the last changes, to go back to. */
  readonly #undo: (() => void)[] = [];
  #version = 1;
  #made = 0;

  constructor(random: Random) {
    this.#random = random;
    const limits = { cpu: random.between(20, 60) };
    this.#put(nodePool({ name: "default" }));
    this.#put(nodePool({ name: "other", weight: 1, limits }));
    this.#put(daemonSet("agent", "100m"));
    this.#put({ apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } } as KubeObject);
    for (let i = 0; i < 6; i += 1) this.#addNode();
    for (let i = 0; i < 12; i += 1) this.#addPod();
  }

  step(): void {
    const draw = this.#random.between(0, 9);
    if (draw <= 2) this.#addPod();
    else if (draw === 3) this.#bind();
    else if (draw === 4) this.#remove("Pod");
    else if (draw === 5) this.#touch();
    else if (draw === 6) this.#addNode();
    else if (draw === 7) this.#remove(this.#random.pick(["Node", "NodeClaim", "Pod"]));
    else if (draw === 8) this.#relabel();
    else this.#undo.pop()?.();
  }

  /** The same objects in a mirror that has seen nothing before. */
  fresh(): ClusterView {
    const store = new ClusterStore();
    const all = [...this.#objects.keys()].sort(byText).map((id) => this.#objects.get(id));
    for (const object of this.#random.chance(0.5) ? all : all.reverse()) {
      if (object !== undefined) store.put(kindOf(object), structuredClone(object));
    }
    return store.view();
  }

  names(kind: string): string[] {
    return this.#of(kind).map(({ metadata }) => metadata.name);
  }

  #of(kind: string): KubeObject[] {
    return [...this.#objects.values()].filter((object) => object.kind === kind);
  }

  #some(kind: string): KubeObject | undefined {
    const all = this.#of(kind);
    return all.length === 0 ? undefined : this.#random.pick(all);
  }

  #put(object: KubeObject): void {
    this.#version += 1;
    const id = `${object.kind} ${keyOf(object)}`;
    const before = this.#objects.get(id);
    const uid = before?.metadata.uid ?? `uid-${this.#version}`;
    const next = { ...object, metadata: { ...object.metadata, uid, resourceVersion: String(this.#version) } };
    this.#objects.set(id, next);
    this.store.put(kindOf(next), next);
    this.#undo.push(() => (before === undefined ? this.#drop(next) : this.#put(before)));
  }

  #drop(object: KubeObject): void {
    if (!this.#objects.delete(`${object.kind} ${keyOf(object)}`)) return;
    this.store.remove(kindOf(object), object);
    this.#undo.push(() => this.#put(object));
  }

  #addPod(): void {
    this.#made += 1;
    const random = this.#random;
    const app = random.pick(APPS);
    const nodes = this.#of("Node");
    const target = nodes.length > 0 && random.chance(0.5) ? random.pick(nodes) : undefined;
    const on = target === undefined ? {} : { node: target.metadata.name };
    const isDaemon = target !== undefined && random.chance(0.2);
    this.#put(
      pod({
        name: `pod-${this.#made}`,
        cpu: random.pick(["200m", "500m", 1, 2]),
        memory: random.pick(["256Mi", "1Gi"]),
        labels: { app },
        ...on,
        ...(isDaemon ? { daemonOf: "agent" } : this.#rules(app)),
      }) as KubeObject,
    );
  }

  #rules(app: string): Partial<PodSpec> & { hostPort?: number } {
    const random = this.#random;
    const labelSelector = { matchLabels: { app: random.chance(0.7) ? app : random.pick(APPS) } };
    const topologyKey = random.pick([ZONE_LABEL, HOSTNAME_LABEL]);
    const terms = { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector }] };
    switch (random.between(0, 7)) {
      case 0: {
        const whenUnsatisfiable = random.pick(["DoNotSchedule", "ScheduleAnyway"] as const);
        return { topologySpreadConstraints: [{ maxSkew: 1, topologyKey, whenUnsatisfiable, labelSelector }] };
      }
      case 1:
        return { affinity: { podAntiAffinity: terms } };
      case 2:
        return { affinity: { podAffinity: terms } };
      case 3:
        return { nodeSelector: { [ZONE_LABEL]: random.pick(ZONES) } };
      case 4:
        return { tolerations: [{ key: "dedicated", operator: "Exists" }] };
      case 5:
        return { hostPort: random.pick([80, 443]) };
      default:
        return {};
    }
  }

  #addNode(): void {
    this.#made += 1;
    const random = this.#random;
    const sketch = {
      name: `node-${this.#made}`,
      cpu: random.pick([2, 4, 8]),
      initialized: random.chance(0.8),
      joined: random.chance(0.9),
      labels: { [ZONE_LABEL]: random.pick(ZONES), "node.kubernetes.io/instance-type": random.pick(FAMILY).name },
      taints: random.chance(0.2) ? [{ key: "dedicated", effect: "NoSchedule" as const }] : [],
      deleting: random.chance(0.1),
    };
    for (const object of node(random.chance(0.8) ? { ...sketch, pool: "default" } : sketch)) {
      this.#put(object.kind === "NodeClaim" && random.chance(0.2) ? notLaunched(object) : object);
    }
  }

  #bind(): void {
    const waiting = this.#of("Pod").filter((one) => (one as { spec?: PodSpec }).spec?.nodeName === undefined);
    const target = this.#some("Node");
    if (waiting.length === 0 || target === undefined) return;
    const one = this.#random.pick(waiting) as KubeObject & { spec: PodSpec };
    const spec = { ...one.spec, nodeName: target.metadata.name };
    this.#put({ ...one, spec, status: { phase: "Running" } } as KubeObject);
  }

  /** A new version of the same, or of a pod that has ended or is leaving. */
  #touch(): void {
    const one = this.#some(this.#random.pick(["Pod", "Node", "NodeClaim", "DaemonSet", "NodePool"]));
    if (one === undefined) return;
    if (one.kind === "Pod" && this.#random.chance(0.4)) {
      if (this.#random.chance(0.5)) this.#put({ ...one, status: { phase: "Succeeded" } } as KubeObject);
      else this.#put({ ...one, metadata: { ...one.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } });
    } else this.#put(one);
  }

  #relabel(): void {
    const one = this.#some(this.#random.pick(["Pod", "Node"]));
    if (one === undefined) return;
    const [key, value] = one.kind === "Pod" ? ["app", this.#random.pick(APPS)] : [ZONE_LABEL, this.#random.pick(ZONES)];
    this.#put({ ...one, metadata: { ...one.metadata, labels: { ...one.metadata.labels, [key]: value } } });
  }

  #remove(kind: string): void {
    const one = this.#some(kind);
    if (one !== undefined) this.#drop(one);
  }
}

function snapshotOf(view: ClusterView, memory: Memory): Snapshot {
  return takeSnapshot(view, {
    nowMs: 0,
    instanceTypes: TYPES,
    wellKnownLabels: new Set(WELL_KNOWN_LABELS),
    memory,
    settings: { searchSteps: 20_000 },
  });
}

/** What we know besides; uids are the same in both clusters. */
function someMemory(cluster: Restless, random: Random): Memory {
  const claims = cluster.names("NodeClaim");
  const expectedOn = new Map<string, string>();
  if (claims.length > 0 && random.chance(0.3)) {
    for (const key of cluster.store.live.unboundPods) {
      const uid = cluster.store.live.pods.get(key)?.metadata.uid;
      if (uid !== undefined && random.chance(0.3)) expectedOn.set(uid, random.pick(claims));
    }
  }
  const marked = claims.filter(() => random.chance(0.05));
  return { markedForDeletion: new Set(marked), nominatedUntilMs: new Map(), expectedOn };
}

describe("what is kept from one plan to the next", () => {
  for (let seed = 1; seed <= 12; seed += 1) {
    it(`changes nothing in any plan, whatever happens in between [SEED=${seed}]`, () => {
      const random = new Random(seed);
      const cluster = new Restless(random);
      for (let round = 0; round < 15; round += 1) {
        for (let i = random.between(1, 4); i > 0; i -= 1) cluster.step();
        const memory = someMemory(cluster, random);
        if (random.chance(0.3)) stateNodesOf(cluster.store.live, memory);
        const [kept, fresh] = [snapshotOf(cluster.store.view(), memory), snapshotOf(cluster.fresh(), memory)];
        assert.deepEqual(kept.stateNodes, fresh.stateNodes);
        assert.deepEqual(planProvisioning(kept), planProvisioning(fresh));
        const leaving = new Set(cluster.names("NodeClaim").filter(() => random.chance(0.3)));
        assert.deepEqual(rehome(kept, { leaving }), rehome(fresh, { leaving }), "after a what-if");
        assert.deepEqual(planProvisioning(kept), planProvisioning(fresh), "the what-if has been undone");
        if (round % 5 > 0) continue;
        assert.deepEqual(planDisruption(kept, { spotToSpot: false }), planDisruption(fresh, { spotToSpot: false }));
      }
    });
  }

  it("is the very same where nothing has happened", () => {
    const cluster = new Restless(new Random(1));
    const memory: Memory = { markedForDeletion: new Set(), nominatedUntilMs: new Map() };
    const first = snapshotOf(cluster.store.view(), memory).stateNodes;
    const name = first.find(({ node: one }) => one !== undefined)?.name ?? "";
    const again = snapshotOf(cluster.store.view(), memory).stateNodes;
    assert.ok(first.every((state, i) => state.node === undefined || state === again[i]));
    const more = pod({ name: "one-more", node: name }) as KubeObject;
    cluster.store.put(kindOf(more), more);
    const later = snapshotOf(cluster.store.view(), memory).stateNodes;
    const others = later
      .filter((state, i) => state.node !== undefined && state !== first[i])
      .map((state) => state.name);
    assert.deepEqual(others, [name]);
  });
});
