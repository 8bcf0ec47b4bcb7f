import type { Random } from "../base/random.ts";
import type { ClusterView } from "../model/cluster-view.ts";
import type { KubeObject } from "../model/object.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Log } from "../ports/telemetry.ts";
import type { Change } from "../runtime/controller.ts";

export type MirrorOptions = {
  api: KubeApi;
  clock: Clock;
  random: Random;
  log: Log;
  /** CloudProvider.nodeClasses: the node-class kinds to watch. */
  nodeClasses: readonly { group: string; kind: string }[];
};

/** The cluster as last seen, kept up to date by list and watch. */
export interface Mirror {
  /** The present state, for looking up a few keys without waiting in between: it goes on changing. */
  readonly live: ClusterView;
  /** The present state, frozen: what a plan is made from. Copies only the maps that changed since the last call. */
  view(): ClusterView;
  /** True once every kind has been listed. It stays true: later gaps are only delay. */
  isSynced(): boolean;
  /** Resolves when isSynced is true, or when the mirror is stopped. */
  whenSynced(): Promise<void>;
  /** Calls `listener` for each change, in order, after the maps have changed. The returned function ends that. */
  subscribe(listener: (change: Change) => void): () => void;
  /**
   * Takes in an object as a write or a read of ours returned it, before the watch tells of it. An older version than
   * the known one, or an object that is known to be deleted, changes nothing.
   */
  remember(object: KubeObject): void;
  stop(): Promise<void>;
}

/** Starts listing and watching at once. */
export function startMirror(_options: MirrorOptions): Mirror {
  throw new RangeError("follows");
}
