/** While a part has fewer entries on average the map is not divided further. */
const PART_ENTRIES = 64;

/**
 * A map by text of which copies are cheap: copy and original share every part that neither changes afterwards. A first write to a
 * part copies some dozens of entries, however many the map has. Order is by part, then by arrival in it.
 */
export class PartedMap<V> implements Map<string, V> {
  readonly [Symbol.toStringTag] = "PartedMap";
  #parts: Map<string, V>[] = [new Map()];
  /** Parts that no copy shares. */
  readonly #own = new Set<Map<string, V>>(this.#parts);
  #size = 0;
  #copy: PartedMap<V> | undefined;
  #original: PartedMap<V> = this;

  /** What this is a copy of, itself where it is none: copies of one map follow each other. */
  get original(): PartedMap<V> {
    return this.#original;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    return this.#parts[this.#at(key)]?.get(key);
  }

  has(key: string): boolean {
    return this.#parts[this.#at(key)]?.has(key) === true;
  }

  set(key: string, value: V): this {
    const part = this.#writable(this.#at(key));
    const before = part.size;
    part.set(key, value);
    this.#size += part.size - before;
    if (this.#size > PART_ENTRIES * this.#parts.length) this.#divide();
    return this;
  }

  delete(key: string): boolean {
    const at = this.#at(key);
    if (this.#parts[at]?.has(key) !== true) return false;
    this.#writable(at).delete(key);
    this.#size -= 1;
    return true;
  }

  clear(): void {
    this.#parts = [new Map()];
    this.#own.clear();
    this.#size = 0;
    this.#copy = undefined;
  }

  /** The map as it is now, for good; the same one until the next write. */
  copy(): PartedMap<V> {
    if (this.#copy === undefined) {
      this.#copy = new PartedMap();
      this.#copy.#parts = [...this.#parts];
      this.#copy.#own.clear();
      this.#copy.#size = this.#size;
      this.#copy.#original = this.#original;
      this.#own.clear();
    }
    return this.#copy;
  }

  *entries(): MapIterator<[string, V]> {
    for (const part of this.#parts) yield* part;
  }

  *keys(): MapIterator<string> {
    for (const part of this.#parts) yield* part.keys();
  }

  *values(): MapIterator<V> {
    for (const part of this.#parts) yield* part.values();
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  forEach(visit: (value: V, key: string, map: Map<string, V>) => void): void {
    for (const part of this.#parts) for (const [key, value] of part) visit(value, key, this);
  }

  /** Keys whose value is not the same one in both: quick where one map is a copy of the other with a few changes. */
  changedKeys(other: PartedMap<V>): string[] {
    if (this.#parts.length !== other.#parts.length) return changedKeys(this, other);
    return this.#parts.flatMap((part, at) => {
      const before = other.#parts[at];
      return before === undefined || before === part ? [] : changedKeys(part, before);
    });
  }

  #at(key: string): number {
    const mask = this.#parts.length - 1;
    return mask === 0 ? 0 : hashOf(key) & mask;
  }

  #writable(at: number): Map<string, V> {
    this.#copy = undefined;
    const part = this.#parts[at] ?? new Map<string, V>();
    if (this.#own.has(part)) return part;
    const own = new Map(part);
    this.#own.add(own);
    this.#parts[at] = own;
    return own;
  }

  #divide(): void {
    const parts = Array.from({ length: this.#parts.length * 2 }, () => new Map<string, V>());
    const before = this.#parts;
    this.#parts = parts;
    this.#own.clear();
    for (const part of parts) this.#own.add(part);
    for (const part of before) for (const [key, value] of part) parts[this.#at(key)]?.set(key, value);
  }
}

function changedKeys<V>(one: ReadonlyMap<string, V>, other: ReadonlyMap<string, V>): string[] {
  const changed: string[] = [];
  for (const [key, value] of one) if (other.get(key) !== value) changed.push(key);
  for (const key of other.keys()) if (!one.has(key)) changed.push(key);
  return changed;
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash ^ (hash >>> 15);
}
