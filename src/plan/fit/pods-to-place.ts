import type { Pod } from "../../model/core.ts";
import { FARGATE_PROFILE_LABEL } from "../../model/labels.ts";
import { keyOf } from "../../model/object.ts";
import { budgetIndexOf, isCurrentlyReschedulable } from "../../model/pod-disruption-budgets.ts";
import { isProvisionable, isReschedulable } from "../../model/pod-predicates.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { isDeadlineNear } from "../terminate/interruption.ts";
import { DefaultSpread } from "./default-spread.ts";
import { optsOut, type PodProblem, selectorProblem, volumeProblem } from "./pod-problem.ts";
import { uncoveredRule } from "./uncovered-rules.ts";

export type PodsToPlace = {
  pods: readonly Pod[];
  /** Pods that cannot be judged, or that use a rule which is not planned for. */
  refused: readonly { pod: Pod; problem: PodProblem }[];
  /** Keys of pods that are none of our business. */
  ignored: readonly string[];
};

/** Pods that wait for a node, and pods whose node is going away. */
export function podsToPlace(snapshot: Snapshot): PodsToPlace {
  const { view } = snapshot;
  const pods: Pod[] = [];
  const refused: { pod: Pod; problem: PodProblem }[] = [];
  const ignored: string[] = [];
  const defaultSpread = new DefaultSpread(snapshot.settings.defaultSpread ?? [], view);
  for (const candidate of candidates(snapshot)) {
    const pod = defaultSpread.of(candidate);
    if (optsOut(pod) || runsElsewhere(pod)) {
      ignored.push(keyOf(pod));
      continue;
    }
    const problem = problemOf(pod, snapshot) ?? uncoveredRule(pod);
    if (problem === undefined) pods.push(pod);
    else refused.push({ pod, problem });
  }
  return { pods, refused, ignored };
}

function candidates(snapshot: Snapshot): readonly Pod[] {
  const { view, stateNodes, nowMs, memory } = snapshot;
  const found: Pod[] = [];
  // A node was bought for it already; what is still to be found out is only when that comes up.
  const isExpected = (pod: Pod): boolean => memory.expectedOn?.has(pod.metadata.uid) === true;
  for (const key of view.unboundPods) {
    const pod = view.pods.get(key);
    if (pod !== undefined && isProvisionable(pod) && !isExpected(pod)) found.push(pod);
  }
  const marked = stateNodes.filter((state) => state.markedForDeletion);
  if (marked.length === 0) return found;
  const budgets = budgetIndexOf(view.podDisruptionBudgets, memory.surging);
  for (const { podKeys, claim } of marked) {
    const isForced = isDeadlineNear(claim, nowMs);
    for (const key of podKeys) {
      const pod = view.pods.get(key);
      if (pod === undefined || isExpected(pod)) continue;
      if (isForced ? isReschedulable(pod) : isCurrentlyReschedulable(pod, budgets, nowMs)) found.push(pod);
    }
  }
  return found;
}

/** Most pods select nothing and mount no claims: for them there is nothing to check. */
function problemOf(pod: Pod, { view, wellKnownLabels }: Snapshot): PodProblem | undefined {
  const { nodeSelector, affinity, volumes } = pod.spec;
  const bySelector =
    nodeSelector === undefined && affinity === undefined ? undefined : selectorProblem(pod, wellKnownLabels);
  if (bySelector !== undefined) return bySelector;
  return volumes === undefined ? undefined : volumeProblem(pod, view);
}

/** EKS runs these on Fargate, without a node of ours. */
function runsElsewhere(pod: Pod): boolean {
  return pod.spec.schedulerName === "fargate-scheduler" || pod.metadata.labels?.[FARGATE_PROFILE_LABEL] !== undefined;
}
