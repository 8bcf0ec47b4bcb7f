import type { Random } from "../../src/base/random.ts";
import type { Pod } from "../../src/model/core.ts";
import { type Kind, LEASES, NODES, PODS, resourceOf } from "../../src/model/kinds.ts";
import { type KubeObject, keyOf } from "../../src/model/object.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { KubeApi } from "../../src/ports/kube-api.ts";
import { ObjectSet } from "../../src/simulation/cache/object-set.ts";
import type { KubeletState } from "../../src/simulation/kubelet/kubelets.ts";
import { silentLog } from "../../src/telemetry/log.ts";
import { KindWatcher } from "../../src/watch/kind-watcher.ts";

export type WatchedState = KubeletState & { stop(): Promise<void> };

/** What kubelets see of a cluster that is reached over its API, a moment late: as real ones. */
export function watchState(api: KubeApi, clock: Clock, random: Random): WatchedState {
  const sets = new Map<string, ObjectSet<KubeObject>>();
  const watchers = [PODS, NODES, LEASES].map((kind) => {
    const set = new ObjectSet<KubeObject>(kind as Kind);
    sets.set(resourceOf(kind), set);
    return new KindWatcher({
      watched: { kind: kind as Kind, slot: "pods", optional: false },
      api,
      clock,
      random: random.fork(kind.plural),
      log: silentLog,
      onList: (objects) => replaceAll(set, objects),
      onEvent: ({ type, object }) => set.apply(set.get(keyOf(object)), type === "DELETED" ? undefined : object),
    });
  });
  const podsByNode = new Map<string, Map<string, Pod>>();
  (sets.get(resourceOf(PODS)) as unknown as ObjectSet<Pod>).onChange((before, after) => {
    podsByNode.get(before?.spec.nodeName ?? "")?.delete(before?.metadata.uid ?? "");
    if (after?.spec.nodeName === undefined) return;
    const pods = podsByNode.get(after.spec.nodeName) ?? new Map<string, Pod>();
    podsByNode.set(after.spec.nodeName, pods.set(after.metadata.uid, after));
  });
  return {
    of: <T extends KubeObject>(kind: Kind<T>) => sets.get(resourceOf(kind)) as unknown as ObjectSet<T>,
    podsOn: (nodeName) => [...(podsByNode.get(nodeName)?.values() ?? [])],
    async stop() {
      for (const watcher of watchers) await watcher.stop();
    },
  };
}

function replaceAll(set: ObjectSet<KubeObject>, objects: readonly KubeObject[]): void {
  const present = new Set(objects.map(keyOf));
  for (const old of [...set.values()]) if (!present.has(keyOf(old))) set.apply(old, undefined);
  for (const object of objects) set.apply(set.get(keyOf(object)), object);
}
