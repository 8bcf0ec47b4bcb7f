import { parseTime } from "../../base/time.ts";
import type { Pod, PodDisruptionBudget } from "../../model/core.ts";
import { parseDuration } from "../../model/duration.ts";
import { POD_DISRUPTION_BUDGETS } from "../../model/kinds.ts";
import { DO_NOT_DISRUPT_ANNOTATION } from "../../model/labels.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import { selects } from "../cache/selectors.ts";

/*
 * What protects a pod, read apart from the product's own reading: two readings that agree on every simulated day are
 * worth more than one.
 */

/** Whether a pod asks not to be disrupted at this moment: for good, or for so long after its start. */
export function asksForPeace({ metadata, status }: Pod, nowMs: number): boolean {
  const text = metadata.annotations?.[DO_NOT_DISRUPT_ANNOTATION];
  if (text === undefined) return false;
  if (text === "true") return true;
  const durationMs = parseDuration(text) ?? 0;
  if (durationMs <= 0) return false;
  const startMs = parseTime(status?.startTime ?? "");
  return startMs === undefined || nowMs - startMs < durationMs;
}

/** The budgets that keep a pod from being evicted at this moment: one that allows nothing, or all of several. */
export function budgetsAgainst(state: ClusterState, { metadata, status }: Pod): PodDisruptionBudget[] {
  const own = [...state.of(POD_DISRUPTION_BUDGETS).values()].filter(
    (budget) => budget.metadata.namespace === metadata.namespace && selects(budget.spec.selector, metadata.labels),
  );
  const [only] = own;
  if (own.length !== 1 || only === undefined) return own;
  const isUnready = status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "False") === true;
  if (only.spec.unhealthyPodEvictionPolicy === "AlwaysAllow" && isUnready) return [];
  return (only.status?.disruptionsAllowed ?? 0) === 0 ? own : [];
}
