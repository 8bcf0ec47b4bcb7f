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
  #usdPerHour = 0;
  #usd = 0;
  #sinceMs: number;

  constructor(clock: Clock, state: ClusterState) {
    this.#clock = clock;
    this.#sinceMs = clock.nowMs();
    const nodes = state.of(NODES);
    for (const node of nodes.values()) this.#change(priceOf(node));
    nodes.onChange((before, after) => {
      const byUsd = (after === undefined ? 0 : priceOf(after)) - (before === undefined ? 0 : priceOf(before));
      if (byUsd !== 0) this.#change(byUsd);
    });
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

/** USD per hour; 0 for a node that the simulated cloud did not sell. */
export function priceOf(node: Node): number {
  const price = Number(node.metadata.labels?.[PRICE_LABEL] ?? 0);
  return Number.isFinite(price) ? price : 0;
}
