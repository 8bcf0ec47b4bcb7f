/** More values than this beyond those that rows have now are forgotten. */
const STALE_MAX = 1_000;

/** One fact of every node of a list, the different values numbered. */
export class NumberedColumn<V, Row> {
  readonly #read: (row: Row) => V;
  readonly #idOf: (value: V) => string | undefined;
  #ids = new Map<string | undefined, number>();
  #values: V[] = [];
  #numbers = new Int32Array();

  /** @param idOf values with equal ids are one value */
  constructor(read: (row: Row) => V, idOf: (value: V) => string | undefined) {
    this.#read = read;
    this.#idOf = idOf;
  }

  /** Per row the number of its value. */
  get numbers(): Int32Array {
    return this.#numbers;
  }

  /** By number; some may be no row's any more. */
  get values(): readonly V[] {
    return this.#values;
  }

  /** @param from per row its place in the list before, -1: it is new */
  follow(rows: readonly Row[], from: Int32Array): void {
    const before = this.#numbers;
    const isStale = this.#values.length > rows.length + STALE_MAX;
    if (isStale) {
      this.#ids = new Map();
      this.#values = [];
    }
    this.#numbers = Int32Array.from(rows, (row, i) => {
      const place = from[i] ?? -1;
      return place >= 0 && !isStale ? (before[place] ?? 0) : this.#number(row);
    });
  }

  #number(row: Row): number {
    const value = this.#read(row);
    const id = this.#idOf(value);
    const known = this.#ids.get(id);
    if (known !== undefined) return known;
    this.#ids.set(id, this.#values.length);
    this.#values.push(value);
    return this.#values.length - 1;
  }
}
