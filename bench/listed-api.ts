import type { Kind } from "../src/model/kinds.ts";
import { apiVersionOf } from "../src/model/kinds.ts";
import type { KubeObject } from "../src/model/object.ts";
import type { KubeApi, WatchEnd, WatchEvent } from "../src/ports/kube-api.ts";

/** An API server that lists what it is given, tells watches what it is told, and takes no writes. */
export type ListedApi = { api: KubeApi; emit(type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject): void };

export function listedApi(objects: readonly KubeObject[]): ListedApi {
  const listeners = new Map<string, (event: WatchEvent<KubeObject>) => void>();
  const of = (kind: Kind): string => `${apiVersionOf(kind)} ${kind.kind}`;
  const byKind = Map.groupBy(objects, ({ apiVersion, kind }) => `${apiVersion} ${kind}`);
  const readers: Pick<KubeApi, "list" | "watch"> = {
    list: async (kind) => ({ items: (byKind.get(of(kind as Kind)) ?? []) as never[], resourceVersion: "1" }),
    watch(kind, _, onEvent) {
      listeners.set(of(kind as Kind), onEvent as (event: WatchEvent<KubeObject>) => void);
      const ended = Promise.withResolvers<WatchEnd>();
      return { ended: ended.promise, stop: () => ended.resolve({ reason: "stopped" }) };
    },
  };
  return {
    api: readers as KubeApi,
    emit: (type, object) => listeners.get(`${object.apiVersion} ${object.kind}`)?.({ type, object }),
  };
}
