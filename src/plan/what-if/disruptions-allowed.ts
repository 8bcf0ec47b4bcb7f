import type { Pod, PodDisruptionBudget } from "../../model/core.ts";
import { scaledValue } from "../../model/percent.ts";
import { isReady } from "../../model/pod-predicates.ts";

/** The status that the cluster's own controller would come to. */
export type BudgetCount = Required<
  Pick<
    NonNullable<PodDisruptionBudget["status"]>,
    "disruptionsAllowed" | "currentHealthy" | "desiredHealthy" | "expectedPods"
  >
>;

/**
 * @param pods    those that the budget selects, without ended ones
 * @param expected how many there are to be, as their owners say
 */
export function countBudget({ spec }: PodDisruptionBudget, pods: readonly Pod[], expected: number): BudgetCount {
  const healthy = pods.filter((pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined).length;
  const { minAvailable, maxUnavailable = 1 } = spec;
  const desired =
    minAvailable === undefined
      ? expected - (scaledValue(maxUnavailable, expected, "up") ?? 0)
      : (scaledValue(minAvailable, expected, "up") ?? expected);
  const desiredHealthy = Math.max(0, desired);
  return {
    disruptionsAllowed: expected === 0 ? 0 : Math.max(0, healthy - desiredHealthy),
    currentHealthy: healthy,
    desiredHealthy,
    expectedPods: expected,
  };
}
