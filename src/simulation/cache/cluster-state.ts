import type { Pod } from "../../model/core.ts";
import { type Kind, PODS, resourceOf } from "../../model/kinds.ts";
import { type KubeObject, keyOf } from "../../model/object.ts";
import type { ApiServer } from "../api-server/api-server.ts";
import type { ObjectListBody } from "../api-server/requests.ts";
import { ObjectSet } from "./object-set.ts";

/**
 * What the simulated control plane sees: the API server's objects, at once after each write. The product never sees
 * this; it has to watch like everybody.
 */
export class ClusterState {
  readonly #server: ApiServer;
  readonly #sets = new Map<string, ObjectSet<KubeObject>>();
  readonly #podsByNode = new Map<string, Map<string, Pod>>();
  readonly #unobserve: () => void;

  constructor(server: ApiServer) {
    this.#server = server;
    this.#unobserve = server.observe(({ resource, before, after }) => {
      this.#sets.get(resourceOf(resource))?.apply(before, after);
    });
    this.of(PODS).onChange((before, after) => this.#indexPod(before, after));
    for (const pod of this.of(PODS).values()) this.#indexPod(undefined, pod);
  }

  /** The objects of a kind; the first call reads them, later changes follow by themselves. */
  of<T extends KubeObject>(kind: Kind<T>): ObjectSet<T> {
    const name = resourceOf(kind);
    const known = this.#sets.get(name);
    if (known !== undefined) return known as unknown as ObjectSet<T>;
    const set = new ObjectSet<KubeObject>(kind);
    this.#sets.set(name, set);
    const list = this.#server.handle({ verb: "list", resource: this.#server.resourceOfKind(kind) });
    for (const object of (list.body as ObjectListBody).items) set.apply(undefined, object);
    return set as unknown as ObjectSet<T>;
  }

  podsOn(nodeName: string): Pod[] {
    return [...(this.#podsByNode.get(nodeName)?.values() ?? [])];
  }

  close(): void {
    this.#unobserve();
  }

  #indexPod(before: Pod | undefined, after: Pod | undefined): void {
    const from = before?.spec.nodeName;
    if (before !== undefined && from !== undefined) {
      const pods = this.#podsByNode.get(from);
      pods?.delete(keyOf(before));
      if (pods?.size === 0) this.#podsByNode.delete(from);
    }
    const to = after?.spec.nodeName;
    if (after === undefined || to === undefined || to === "") return;
    const pods = this.#podsByNode.get(to) ?? new Map<string, Pod>();
    pods.set(keyOf(after), after);
    this.#podsByNode.set(to, pods);
  }
}
