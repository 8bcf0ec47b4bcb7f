import { byText } from "../base/order.ts";

/**
 * Which object has which provider id. An id ought to be held once; while two hold it, the smaller name is shown, so that
 * the index does not depend on the order of arrival.
 */
export class ProviderIdIndex {
  readonly #holders = new Map<string, string[]>();

  /** The object `name` had the id `from` and has `to` now; `shown` gives the map that is shown to others. */
  move(name: string, from: string | undefined, to: string | undefined, shown: () => Map<string, string>): void {
    if (from === to) return;
    if (from !== undefined && from !== "") {
      this.#show(
        from,
        this.#holdersOf(from).filter((holder) => holder !== name),
        shown(),
      );
    }
    if (to !== undefined && to !== "") this.#show(to, [...this.#holdersOf(to), name].sort(byText), shown());
  }

  #holdersOf(id: string): string[] {
    return this.#holders.get(id) ?? [];
  }

  #show(id: string, holders: string[], shown: Map<string, string>): void {
    const [first] = holders;
    if (first === undefined) {
      this.#holders.delete(id);
      shown.delete(id);
    } else {
      this.#holders.set(id, holders);
      shown.set(id, first);
    }
  }
}
