import type { Kind } from "../../model/kinds.ts";
import { type KubeObject, keyOf } from "../../model/object.ts";

export type OnChange<T> = (before: T | undefined, after: T | undefined) => void;

/** All objects of one kind, as the API server has them at this moment, with an index by controlling owner. */
export class ObjectSet<T extends KubeObject> {
  readonly kind: Kind<T>;
  readonly #items = new Map<string, T>();
  readonly #byOwner = new Map<string, Map<string, T>>();
  readonly #handlers: OnChange<T>[] = [];

  constructor(kind: Kind<T>) {
    this.kind = kind;
  }

  get size(): number {
    return this.#items.size;
  }

  /** @param key "namespace/name" or "name" */
  get(key: string): T | undefined {
    return this.#items.get(key);
  }

  /** In order of arrival, which is the same in every run of a seed. */
  values(): IterableIterator<T> {
    return this.#items.values();
  }

  /** Those whose controlling owner has this uid. */
  controlledBy(uid: string): T[] {
    return [...(this.#byOwner.get(uid)?.values() ?? [])];
  }

  /** Called after the set has changed; it must not write. */
  onChange(handler: OnChange<T>): void {
    this.#handlers.push(handler);
  }

  apply(before: T | undefined, after: T | undefined): void {
    if (before !== undefined) this.#remove(before);
    if (after !== undefined) this.#insert(after);
    for (const handler of this.#handlers) handler(before, after);
  }

  #insert(object: T): void {
    const key = keyOf(object);
    this.#items.set(key, object);
    const owner = controllerUidOf(object);
    if (owner === undefined) return;
    const owned = this.#byOwner.get(owner) ?? new Map<string, T>();
    owned.set(key, object);
    this.#byOwner.set(owner, owned);
  }

  #remove(object: T): void {
    const key = keyOf(object);
    const owner = controllerUidOf(object);
    if (owner !== undefined) {
      const owned = this.#byOwner.get(owner);
      owned?.delete(key);
      if (owned?.size === 0) this.#byOwner.delete(owner);
    }
    this.#items.delete(key);
  }
}

/** The uid of the owner that manages it. */
export function controllerUidOf(object: KubeObject): string | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true)?.uid;
}
