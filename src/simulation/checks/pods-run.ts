import type { Pod } from "../../model/core.ts";
import { PODS } from "../../model/kinds.ts";
import { keyOf } from "../../model/object.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import { asksForPeace, budgetsAgainst } from "./protection.ts";

/** Law 4 is asked at the end, when the faults have stopped: pods that should run by now and do not, by key. */
export function podsWaiting(state: ClusterState): string[] {
  return [...state.of(PODS).values()].filter(isWaiting).map(keyOf).sort();
}

function isWaiting(pod: Pod): boolean {
  const phase = pod.status?.phase ?? "Pending";
  return phase === "Pending" && (pod.spec.schedulingGates ?? []).length === 0;
}

/** Whether a pod must not be evicted at the moment, so that its node has to wait for it, perhaps for ever. */
export function mayNotBeEvicted(state: ClusterState, pod: Pod, nowMs: number): boolean {
  return asksForPeace(pod, nowMs) || budgetsAgainst(state, pod).length > 0;
}
