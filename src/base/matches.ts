import { byText } from "./order.ts";
import { PartedMap } from "./parted-map.ts";

/**
 * The values of a map that pass a test, by key. Of a map that is the copy of one looked at before only what has changed
 * in between is tested, so that asking again and again costs next to nothing where hardly any value passes.
 */
export class Matches<V> {
  readonly #test: (value: V) => boolean;
  readonly #last = new WeakMap<object, { map: PartedMap<V>; keys: readonly string[] }>();

  /** @param test the same answer for the same value, always */
  constructor(test: (value: V) => boolean) {
    this.#test = test;
  }

  in(map: ReadonlyMap<string, V>): readonly V[] {
    const keys = this.#keysIn(map);
    return keys.map((key) => map.get(key)).filter((value) => value !== undefined);
  }

  #keysIn(map: ReadonlyMap<string, V>): readonly string[] {
    // What goes on changing is not remembered.
    if (!(map instanceof PartedMap) || map.original === map) return this.#passing(map, map.keys());
    const before = this.#last.get(map.original);
    if (before?.map === map) return before.keys;
    const keys = this.#passing(
      map,
      before === undefined ? map.keys() : [...before.keys, ...map.changedKeys(before.map)],
    );
    this.#last.set(map.original, { map, keys });
    return keys;
  }

  #passing(map: ReadonlyMap<string, V>, keys: Iterable<string>): readonly string[] {
    const passing = new Set<string>();
    for (const key of keys) {
      const value = map.get(key);
      if (value !== undefined && this.#test(value)) passing.add(key);
    }
    return [...passing].sort(byText);
  }
}
