import type { Node } from "../../src/model/core.ts";
import { NODES } from "../../src/model/kinds.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, NODE_POOL_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { ClusterState } from "../../src/simulation/cache/cluster-state.ts";
import { priceOf } from "../../src/simulation/cloud/price-meter.ts";
import { duration } from "./live-view.ts";

/** Tells of each of the product's nodes that comes, becomes ready and goes, one line each. */
export function watchNews(state: ClusterState, clock: Clock, tell: (line: string) => void): void {
  const startMs = clock.nowMs();
  const say = (text: string): void => tell(`${duration(clock.nowMs() - startMs).padStart(6)}  ${text}`);
  state.of(NODES).onChange((before, after) => {
    if ((after ?? before)?.metadata.labels?.[NODE_POOL_LABEL] === undefined) return;
    if (after === undefined) say(`node ${before?.metadata.name} is gone`);
    else if (before === undefined) say(`node ${after.metadata.name} bought: ${inWords(after)}`);
    else if (!isReady(before) && isReady(after)) say(`node ${after.metadata.name} is ready`);
    else if (before.metadata.deletionTimestamp === undefined && after.metadata.deletionTimestamp !== undefined) {
      say(`node ${after.metadata.name} is being drained`);
    }
  });
}

function inWords(node: Node): string {
  const labels = node.metadata.labels ?? {};
  return `${labels[INSTANCE_TYPE_LABEL]} in ${labels[ZONE_LABEL]}, ${labels[CAPACITY_TYPE_LABEL]}, $${priceOf(node).toFixed(4)}/h`;
}

function isReady(node: Node): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}
