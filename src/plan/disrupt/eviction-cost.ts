import type { Pod } from "../../model/core.ts";
import { isReschedulable } from "../../model/pod-predicates.ts";

const DELETION_COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost";
const DELETION_COST_UNIT = 2 ** 27;
const PRIORITY_UNIT = 2 ** 25;
const COST_MAX = 10;
/** Taking a node away is some trouble even without pods. */
const NODE_COST = 1;

/**
 * How bad it is to evict a pod: 1 for most, at most 10, less for pods of low priority or with a low deletion cost, and
 * never below 0: nothing is won by evicting.
 * @source reference of disruption, section 2; a deletion cost that is no number counts as none
 */
export function evictionCost(pod: Pod): number {
  const written = pod.metadata.annotations?.[DELETION_COST_ANNOTATION] ?? "";
  const deletionCost = /^[+-]?\d+$/.test(written) ? Number(written) : 0;
  const cost = 1 + deletionCost / DELETION_COST_UNIT + (pod.spec.priority ?? 0) / PRIORITY_UNIT;
  return Math.min(Math.max(cost, 0), COST_MAX);
}

/** How bad it is to take a node with these pods away: at least 1. */
export function disruptionCost(pods: readonly Pod[]): number {
  return pods.reduce((sum, pod) => (isReschedulable(pod) ? sum + evictionCost(pod) : sum), NODE_COST);
}
