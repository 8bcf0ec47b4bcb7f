import type { Pod } from "../../model/core.ts";
import { DO_NOT_DISRUPT_ANNOTATION } from "../../model/labels.ts";
import { keyOf } from "../../model/object.ts";
import {
  type BudgetIndex,
  budgetBlock,
  isBlockedForGood,
  isCurrentlyReschedulable,
} from "../../model/pod-disruption-budgets.ts";
import { isDisruptable } from "../../model/pod-predicates.ts";
import type { NodeLoad } from "../fit/node-load.ts";

/** Why a pod keeps its node from being disrupted by choice, with a stable code and a sentence. */
export type PodBlock = { code: "DoNotDisruptPod" | "PdbBlocks" | "SeveralPdbs"; reason: string };

/** What the pods of a node come to under some budgets. */
type Judged = {
  budgets: BudgetIndex;
  block: PodBlock | undefined;
  moving: readonly Pod[];
};

/** Pods and budgets mostly stay as they are from one look at the cluster to the next. */
const known = new WeakMap<NodeLoad, Judged>();

/** The first pod of the node that keeps it from being disrupted by choice, in words. */
export function blockOn(load: NodeLoad, budgets: BudgetIndex, nowMs: number): PodBlock | undefined {
  return judged(load, budgets, nowMs).block;
}

/** The node's pods that are provided for elsewhere when it goes. */
export function podsMovingFrom(load: NodeLoad, budgets: BudgetIndex, nowMs: number): readonly Pod[] {
  return judged(load, budgets, nowMs).moving;
}

function judged(load: NodeLoad, budgets: BudgetIndex, nowMs: number): Judged {
  const before = known.get(load);
  if (before?.budgets === budgets) return before;
  const judgement = {
    budgets,
    block: blockingPod(load.pods, budgets, nowMs),
    moving: load.pods.filter((pod) => isCurrentlyReschedulable(pod, budgets, nowMs)),
  };
  // What protects a pod for some time makes the answer one of the moment.
  if (load.withDoNotDisrupt.length === 0) known.set(load, judgement);
  return judgement;
}

/** The first of the pods that keeps its node from being disrupted by choice, in words. */
export function blockingPod(pods: readonly Pod[], budgets: BudgetIndex, nowMs: number): PodBlock | undefined {
  for (const pod of pods) {
    if (!isDisruptable(pod, nowMs)) {
      return { code: "DoNotDisruptPod", reason: `Pod ${keyOf(pod)} has the annotation "${DO_NOT_DISRUPT_ANNOTATION}"` };
    }
  }
  for (const pod of pods) {
    const block = budgetBlock(pod, budgets, nowMs);
    if (block === undefined) continue;
    const names = block.budgets.join(", ");
    return block.kind === "several"
      ? {
          code: "SeveralPdbs",
          reason: `Pod ${keyOf(pod)} has several PodDisruptionBudgets (${names}), which evicts nothing`,
        }
      : { code: "PdbBlocks", reason: `PodDisruptionBudget ${names} ${howLong(pod, budgets)} of pod ${keyOf(pod)}` };
  }
  return undefined;
}

/** A budget that allows nothing although all is well is a mistake, or a wish; in any case nothing to wait for. */
function howLong(pod: Pod, budgets: BudgetIndex): string {
  return isBlockedForGood(pod, budgets) ? "will never allow the eviction" : "allows no eviction";
}
