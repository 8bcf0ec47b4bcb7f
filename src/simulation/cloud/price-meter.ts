import { HOUR_MS } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { NODES } from "../../model/kinds.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClusterState } from "../cache/cluster-state.ts";

/** What eks-node-viewer shows, and the simulated cloud writes on each of its nodes: USD per hour. */
const PRICE_LABEL = "eks-node-viewer/instance-price";

/** Adds up what the simulated nodes cost, from their first to their last second. */
export class PriceMeter {
  readonly #clock: Clock;
  readonly #state: ClusterState;
  readonly #priceOf: (node: Node) => number;
  #usdPerHour = 0;
  #usd = 0;
  #sinceMs: number;

  /** @param priceNow USD per hour of a node at this moment; default: as it is written on it */
  constructor(clock: Clock, state: ClusterState, priceNow: (node: Node) => number = priceOf) {
    this.#clock = clock;
    this.#state = state;
    this.#priceOf = priceNow;
    this.#sinceMs = clock.nowMs();
    this.reprice();
    state.of(NODES).onChange((before, after) => {
      const [was, is] = [before, after].map((node) => (node === undefined ? 0 : priceNow(node)));
      if (was !== is) this.#change((is ?? 0) - (was ?? 0));
    });
  }

  /** Prices have changed. */
  reprice(): void {
    let usdPerHour = 0;
    for (const node of this.#state.of(NODES).values()) usdPerHour += this.#priceOf(node);
    this.#change(usdPerHour - this.#usdPerHour);
  }

  /** The price of all nodes at this moment. */
  usdPerHour(): number {
    return this.#usdPerHour;
  }

  /** The bill since the meter began. */
  totalUsd(): number {
    return this.#usd + (this.#usdPerHour * (this.#clock.nowMs() - this.#sinceMs)) / HOUR_MS;
  }

  #change(byUsd: number): void {
    this.#usd = this.totalUsd();
    this.#sinceMs = this.#clock.nowMs();
    this.#usdPerHour = Math.max(0, this.#usdPerHour + byUsd);
  }
}

/** USD per hour when it was launched; 0 for a node that the simulated cloud did not sell. */
export function priceOf(node: Node): number {
  const price = Number(node.metadata.labels?.[PRICE_LABEL] ?? 0);
  return Number.isFinite(price) ? price : 0;
}
