import { PartedMap } from "../base/parted-map.ts";
import { type ClusterView, emptyClusterView, type MutableClusterView } from "../model/cluster-view.ts";
import type { Node, Pod } from "../model/core.ts";
import { type KubeObject, keyOf } from "../model/object.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import type { Change } from "../runtime/controller.ts";
import { ProviderIdIndex } from "./provider-id-index.ts";
import { compareVersions } from "./resource-version.ts";
import { trim } from "./trim.ts";
import { slotKey, type WatchedKind } from "./watched-kinds.ts";

/** So many deleted objects are remembered, so that a late event does not bring one back. */
const TOMBSTONES_MAX = 20_000;

/**
 * The maps behind the mirror, with their indexes. One version of an object replaces another only when it is newer.
 * A view shares with the next one all that has not changed in between. A node's set of pods is a new one whenever any of these
 * pods has changed: who has seen the set has seen the pods.
 */
export class ClusterStore {
  readonly live: ClusterView;
  readonly #maps: MutableClusterView = partedMaps();
  /** The set of unbound pods is part of a view: it is copied before it is changed. */
  #areUnboundShared = false;
  /** Nodes whose set of pods was made since the last hand-out: only those may be changed in place. */
  readonly #ownPodSets = new Set<string>();
  readonly #deletedUids = new Set<string>();
  readonly #nodeIds = new ProviderIdIndex();
  readonly #claimIds = new ProviderIdIndex();
  #view: ClusterView | undefined;

  constructor() {
    this.live = liveView(this.#maps);
  }

  view(): ClusterView {
    if (this.#view === undefined) {
      this.#view = frozenCopy(this.#maps);
      this.#areUnboundShared = true;
      this.#ownPodSets.clear();
    }
    return this.#view;
  }

  /** Takes in a version of an object; nothing when it is not news. */
  put(watched: WatchedKind, object: KubeObject): Change[] {
    if (this.#deletedUids.has(object.metadata.uid)) return [];
    const key = keyOf(object);
    const known = this.get(watched, key);
    if (known !== undefined && compareVersions(object.metadata.resourceVersion, known.metadata.resourceVersion) <= 0) {
      return [];
    }
    const after = trim(object);
    const kind = watched.kind;
    if (known === undefined) {
      this.#set(watched, key, undefined, after);
      return [{ kind, key, after }];
    }
    if (known.metadata.uid === object.metadata.uid) {
      this.#set(watched, key, known, after);
      return [{ kind, key, before: known, after }];
    }
    this.#bury(known.metadata.uid);
    this.#set(watched, key, known, after);
    return [
      { kind, key, before: known },
      { kind, key, after },
    ];
  }

  /** The object is gone; nothing when another of its name has come since. */
  remove(watched: WatchedKind, object: KubeObject): Change[] {
    this.#bury(object.metadata.uid);
    const key = keyOf(object);
    const known = this.get(watched, key);
    if (known === undefined || known.metadata.uid !== object.metadata.uid) return [];
    this.#set(watched, key, known, undefined);
    return [{ kind: watched.kind, key, before: known }];
  }

  /**
   * All objects of a kind, as they were at `version` (undefined: for good). What is known and not among them has been
   * deleted, unless it is newer than the list.
   */
  replaceAll(watched: WatchedKind, objects: readonly KubeObject[], version: string | undefined): Change[] {
    const changes: Change[] = [];
    const listed = new Set<string>();
    for (const object of objects) {
      listed.add(object.metadata.uid);
      changes.push(...this.put(watched, object));
    }
    for (const known of this.#objectsOf(watched)) {
      const { uid, resourceVersion } = known.metadata;
      if (listed.has(uid) || (version !== undefined && compareVersions(resourceVersion, version) > 0)) continue;
      changes.push(...this.remove(watched, known));
    }
    return changes;
  }

  get(watched: WatchedKind, key: string): KubeObject | undefined {
    return (this.#maps[watched.slot] as ReadonlyMap<string, KubeObject>).get(slotKey(watched, key));
  }

  #objectsOf(watched: WatchedKind): KubeObject[] {
    const all = [...(this.#maps[watched.slot] as ReadonlyMap<string, KubeObject>).entries()];
    if (watched.slot !== "nodeClasses") return all.map(([, object]) => object);
    const prefix = slotKey(watched, "");
    return all.filter(([key]) => key.startsWith(prefix)).map(([, object]) => object);
  }

  #set(watched: WatchedKind, key: string, before: KubeObject | undefined, after: KubeObject | undefined): void {
    const map = this.#writable(watched.slot) as Map<string, KubeObject>;
    if (after === undefined) map.delete(slotKey(watched, key));
    else map.set(slotKey(watched, key), after);
    if (watched.slot === "pods") this.#indexPod(key, before as Pod | undefined, after as Pod | undefined);
    if (watched.slot === "nodes") {
      const [from, to] = [(before as Node | undefined)?.spec.providerID, (after as Node | undefined)?.spec.providerID];
      this.#nodeIds.move(key, from, to, () => this.#writable("nodeByProviderId"));
    }
    if (watched.slot === "nodeClaims") {
      const from = (before as NodeClaim | undefined)?.status?.providerID;
      const to = (after as NodeClaim | undefined)?.status?.providerID;
      this.#claimIds.move(key, from, to, () => this.#writable("claimByProviderId"));
    }
  }

  #indexPod(key: string, before: Pod | undefined, after: Pod | undefined): void {
    const from = before?.spec.nodeName ?? "";
    const to = after?.spec.nodeName ?? "";
    const wasUnbound = before !== undefined && from === "";
    const isUnbound = after !== undefined && to === "";
    if (wasUnbound && !isUnbound) this.#writable("unboundPods").delete(key);
    if (isUnbound && !wasUnbound) this.#writable("unboundPods").add(key);
    if (from === to) {
      if (to !== "") this.#podSet(to);
      return;
    }
    if (from !== "") {
      const pods = this.#podSet(from);
      pods.delete(key);
      if (pods.size === 0) this.#writable("podsByNode").delete(from);
    }
    if (to !== "") this.#podSet(to).add(key);
  }

  /** The node's set of pods, safe to change. */
  #podSet(nodeName: string): Set<string> {
    const byNode = this.#writable("podsByNode") as Map<string, Set<string>>;
    const present = byNode.get(nodeName);
    if (present !== undefined && this.#ownPodSets.has(nodeName)) return present;
    const copy = new Set(present);
    byNode.set(nodeName, copy);
    this.#ownPodSets.add(nodeName);
    return copy;
  }

  #writable<S extends keyof ClusterView>(slot: S): MutableClusterView[S] {
    this.#view = undefined;
    if (slot === "unboundPods" && this.#areUnboundShared) {
      this.#areUnboundShared = false;
      this.#maps.unboundPods = new Set(this.#maps.unboundPods);
    }
    return this.#maps[slot];
  }

  #bury(uid: string): void {
    this.#deletedUids.add(uid);
    if (this.#deletedUids.size <= TOMBSTONES_MAX) return;
    for (const oldest of this.#deletedUids) {
      this.#deletedUids.delete(oldest);
      return;
    }
  }
}

/** Maps whose copies share what does not change. */
function partedMaps(): MutableClusterView {
  const maps: Record<string, unknown> = emptyClusterView();
  for (const slot of Object.keys(maps)) if (maps[slot] instanceof Map) maps[slot] = new PartedMap();
  return maps as unknown as MutableClusterView;
}

function frozenCopy(maps: MutableClusterView): ClusterView {
  const view: Record<string, unknown> = { ...maps };
  for (const slot of Object.keys(view)) {
    const map = view[slot];
    if (map instanceof PartedMap) view[slot] = map.copy();
  }
  return Object.freeze(view) as unknown as ClusterView;
}

/** A view whose maps are always the present ones, also after one was copied. */
function liveView(maps: MutableClusterView): ClusterView {
  const live = {};
  for (const slot of Object.keys(maps) as (keyof ClusterView)[]) {
    Object.defineProperty(live, slot, { enumerable: true, get: () => maps[slot] });
  }
  return live as ClusterView;
}
