import type { Random } from "../base/random.ts";
import type { ClusterView } from "../model/cluster-view.ts";
import { apiVersionOf, resourceOf } from "../model/kinds.ts";
import type { KubeObject } from "../model/object.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Log } from "../ports/telemetry.ts";
import type { Change } from "../runtime/controller.ts";
import { ClusterStore } from "./cluster-store.ts";
import { KindWatcher } from "./kind-watcher.ts";
import { type WatchedKind, watchedKinds } from "./watched-kinds.ts";

export type MirrorOptions = {
  api: KubeApi;
  clock: Clock;
  random: Random;
  log: Log;
  /** CloudProvider.nodeClasses: the node-class kinds to watch. */
  nodeClasses: readonly { group: string; kind: string }[];
  /** Pods are spread by default: Services and the pods' owners are watched too. */
  hasDefaultSpread?: boolean;
};

/** The cluster as last seen, kept up to date by list and watch. */
export interface Mirror {
  /** The present state, for looking up a few keys without waiting in between: it goes on changing. */
  readonly live: ClusterView;
  /** The present state, frozen: what a plan is made from. Copies only the maps that changed since the last call. */
  view(): ClusterView;
  /** True once every kind has been listed. It stays true: later gaps are only delay. */
  isSynced(): boolean;
  /** How long it has been incomplete; 0 once isSynced is true. */
  unsyncedMs(): number;
  /** How long the kind that has been cut off longest has had no watch; 0: all have one. */
  behindMs(): number;
  /** Resolves when isSynced is true, or when the mirror is stopped. */
  whenSynced(): Promise<void>;
  /** Calls `listener` for each change, in order, after the maps have changed. The returned function ends that. */
  subscribe(listener: (change: Change) => void): () => void;
  /**
   * Takes in an object as a write or a read of ours returned it, before the watch tells of it. An older version than
   * the known one, or an object that is known to be deleted, changes nothing.
   */
  remember(object: KubeObject): void;
  /** Takes out an object that a read of ours found to be gone, before the watch tells of it. It does not come back. */
  forget(object: KubeObject): void;
  stop(): Promise<void>;
}

/** Starts listing and watching at once. */
export function startMirror(options: MirrorOptions): Mirror {
  return new ListWatchMirror(options);
}

class ListWatchMirror implements Mirror {
  readonly #store = new ClusterStore();
  readonly #log: Log;
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #watchers: KindWatcher[];
  readonly #byApiKind = new Map<string, WatchedKind>();
  readonly #notListed = new Set<string>();
  readonly #synced = Promise.withResolvers<void>();
  readonly #clock: Clock;
  readonly #startMs: number;

  constructor({ api, clock, random, log, nodeClasses, hasDefaultSpread }: MirrorOptions) {
    this.#log = log.with({ logger: "mirror" });
    this.#clock = clock;
    this.#startMs = clock.nowMs();
    const kinds = watchedKinds(nodeClasses, hasDefaultSpread);
    for (const watched of kinds) {
      this.#byApiKind.set(`${apiVersionOf(watched.kind)} ${watched.kind.kind}`, watched);
      this.#notListed.add(resourceOf(watched.kind));
    }
    this.#watchers = kinds.map((watched) => {
      const own = random.fork(resourceOf(watched.kind));
      return new KindWatcher({
        watched,
        api,
        clock,
        random: own,
        log: this.#log,
        onList: (objects, version) => this.#listed(watched, objects, version),
        onEvent: (event) =>
          this.#publish(
            event.type === "DELETED"
              ? this.#store.remove(watched, event.object)
              : this.#store.put(watched, event.object),
          ),
      });
    });
  }

  get live(): ClusterView {
    return this.#store.live;
  }

  view(): ClusterView {
    return this.#store.view();
  }

  isSynced(): boolean {
    return this.#notListed.size === 0;
  }

  unsyncedMs(): number {
    return this.isSynced() ? 0 : this.#clock.nowMs() - this.#startMs;
  }

  behindMs(): number {
    return this.#watchers.reduce((most, watcher) => Math.max(most, watcher.behindMs()), 0);
  }

  whenSynced(): Promise<void> {
    return this.#synced.promise;
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  remember(object: KubeObject): void {
    const watched = this.#byApiKind.get(`${object.apiVersion} ${object.kind}`);
    if (watched !== undefined) this.#publish(this.#store.put(watched, object));
  }

  forget(object: KubeObject): void {
    const watched = this.#byApiKind.get(`${object.apiVersion} ${object.kind}`);
    if (watched !== undefined) this.#publish(this.#store.remove(watched, object));
  }

  async stop(): Promise<void> {
    this.#synced.resolve();
    await Promise.all(this.#watchers.map((watcher) => watcher.stop()));
    this.#listeners.clear();
  }

  #listed(watched: WatchedKind, objects: readonly KubeObject[], version: string | undefined): void {
    this.#publish(this.#store.replaceAll(watched, objects, version));
    if (this.#notListed.delete(resourceOf(watched.kind)) && this.#notListed.size === 0) this.#synced.resolve();
  }

  #publish(changes: readonly Change[]): void {
    for (const change of changes) {
      for (const listener of this.#listeners) {
        try {
          listener(change);
        } catch (error) {
          this.#log.error("a listener failed", { key: change.key, resource: resourceOf(change.kind), error });
        }
      }
    }
  }
}
