import { HOUR_MS } from "../../src/base/time.ts";
import type { Node } from "../../src/model/core.ts";
import { NODES } from "../../src/model/kinds.ts";
import { NODE_POOL_LABEL } from "../../src/model/labels.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { PRICE_LABEL } from "../../src/providers/kwok/labels.ts";
import type { ClusterState } from "../../src/simulation/cache/cluster-state.ts";

/** Adds up what the product's nodes cost from now on. The returned function tells the sum in USD. */
export function costMeter(state: ClusterState, clock: Clock): () => number {
  let spentUsd = 0;
  let priceUsdPerHour = 0;
  let lastMs = clock.nowMs();
  const settle = (): void => {
    const nowMs = clock.nowMs();
    spentUsd += (priceUsdPerHour * (nowMs - lastMs)) / HOUR_MS;
    lastMs = nowMs;
  };
  const nodes = state.of(NODES);
  for (const node of nodes.values()) priceUsdPerHour += priceOf(node);
  nodes.onChange((before, after) => {
    settle();
    priceUsdPerHour += priceOf(after) - priceOf(before);
  });
  return () => {
    settle();
    return spentUsd;
  };
}

/** 0 for a node that the product does not manage. */
export function priceOf(node: Node | undefined): number {
  const labels = node?.metadata.labels;
  if (labels?.[NODE_POOL_LABEL] === undefined) return 0;
  return Number(labels[PRICE_LABEL] ?? 0);
}
