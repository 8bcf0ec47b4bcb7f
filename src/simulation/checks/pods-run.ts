import type { Pod } from "../../model/core.ts";
import { POD_DISRUPTION_BUDGETS, PODS } from "../../model/kinds.ts";
import { DO_NOT_DISRUPT_ANNOTATION } from "../../model/labels.ts";
import { keyOf } from "../../model/object.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import { selects } from "../cache/selectors.ts";

/** Law 4 is asked at the end, when the faults have stopped: pods that should run by now and do not, by key. */
export function podsWaiting(state: ClusterState): string[] {
  return [...state.of(PODS).values()].filter(isWaiting).map(keyOf).sort();
}

function isWaiting(pod: Pod): boolean {
  const phase = pod.status?.phase ?? "Pending";
  return phase === "Pending" && (pod.spec.schedulingGates ?? []).length === 0;
}

/** Whether a pod must not be evicted at the moment, so that its node has to wait for it, perhaps for ever. */
export function mayNotBeEvicted(state: ClusterState, pod: Pod): boolean {
  if (pod.metadata.annotations?.[DO_NOT_DISRUPT_ANNOTATION] === "true") return true;
  return [...state.of(POD_DISRUPTION_BUDGETS).values()].some(
    ({ metadata, spec, status }) =>
      metadata.namespace === pod.metadata.namespace &&
      selects(spec.selector, pod.metadata.labels) &&
      (status?.disruptionsAllowed ?? 0) === 0,
  );
}
