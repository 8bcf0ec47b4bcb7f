import { byText } from "../base/order.ts";
import { PartedMap } from "../base/parted-map.ts";
import type { Pod, PodDisruptionBudget } from "./core.ts";
import { matchesLabelSelector } from "./label-selector.ts";
import { keyOf } from "./object.ts";
import { isDisruptable, isEvictable, isReschedulable } from "./pod-predicates.ts";

export type BudgetIndex = {
  /** So that a pod meets only its neighbours. */
  readonly byNamespace: ReadonlyMap<string, readonly PodDisruptionBudget[]>;
  /** Uids of pods whose successor is brought up first: no budget stands in their way. */
  readonly surging: ReadonlySet<string>;
};

const known = new WeakMap<ReadonlyMap<string, PodDisruptionBudget>, BudgetIndex>();

/** The index of a view's budgets: the same one as long as neither they nor the surging pods have changed. */
export function budgetIndexOf(
  budgets: ReadonlyMap<string, PodDisruptionBudget>,
  surging: ReadonlySet<string> = NOBODY,
): BudgetIndex {
  const before = known.get(budgets);
  if (before?.surging === surging) return before;
  const index = indexBudgets(budgets.values(), surging);
  // What goes on changing says nothing of what has changed.
  if (budgets instanceof PartedMap && budgets.original !== budgets) known.set(budgets, index);
  return index;
}

/** @param surging uids of pods that leave only when their successor is ready */
export function indexBudgets(
  budgets: Iterable<PodDisruptionBudget>,
  surging: ReadonlySet<string> = NOBODY,
): BudgetIndex {
  const index = new Map<string, PodDisruptionBudget[]>();
  for (const budget of budgets) {
    const namespace = budget.metadata.namespace ?? "";
    const present = index.get(namespace);
    if (present === undefined) index.set(namespace, [budget]);
    else present.push(budget);
  }
  for (const list of index.values()) list.sort((a, b) => byText(a.metadata.name, b.metadata.name));
  return { byNamespace: index, surging };
}

const NOBODY: ReadonlySet<string> = new Set();

/** The budgets that select the pod, by name. An empty selector selects the whole namespace. */
export function budgetsOf(pod: Pod, { byNamespace }: BudgetIndex): PodDisruptionBudget[] {
  return (byNamespace.get(pod.metadata.namespace ?? "") ?? []).filter(({ spec }) =>
    matchesLabelSelector(spec.selector, pod.metadata.labels),
  );
}

/** Why a pod cannot be evicted at this moment: keys of the budgets. */
export type BudgetBlock = { kind: "several" | "exhausted"; budgets: string[] };

/** Looks at evictable pods only; the eviction API itself refuses pods with more than one budget. */
export function budgetBlock(pod: Pod, index: BudgetIndex, nowMs: number): BudgetBlock | undefined {
  if (!isEvictable(pod, nowMs) || index.surging.has(pod.metadata.uid)) return undefined;
  const budgets = budgetsOf(pod, index);
  const [budget] = budgets;
  if (budget === undefined) return undefined;
  if (budgets.length > 1) return { kind: "several", budgets: budgets.map(keyOf) };
  if (budget.spec.unhealthyPodEvictionPolicy === "AlwaysAllow" && isUnready(pod)) return undefined;
  if ((budget.status?.disruptionsAllowed ?? 0) > 0) return undefined;
  return { kind: "exhausted", budgets: [keyOf(budget)] };
}

/** By what the budgets say, not by their momentary state: this pod can never be evicted. */
export function isFullyBlocked(pod: Pod, index: BudgetIndex, nowMs: number): boolean {
  if (!isEvictable(pod, nowMs) || index.surging.has(pod.metadata.uid)) return false;
  const budgets = budgetsOf(pod, index);
  return budgets.length > 1 || budgets.some(allowsNothing);
}

/** No patience helps: the budget allows nothing although all its pods are well, or there is more than one. */
export function isBlockedForGood(pod: Pod, index: BudgetIndex): boolean {
  const budgets = budgetsOf(pod, index);
  return budgets.length > 1 || budgets.some((budget) => allowsNothing(budget) || allowsNothingWhenWell(budget));
}

function allowsNothingWhenWell({ status }: PodDisruptionBudget): boolean {
  const { disruptionsAllowed, currentHealthy, expectedPods } = status ?? {};
  if (disruptionsAllowed !== 0 || currentHealthy === undefined || expectedPods === undefined) return false;
  return currentHealthy >= expectedPods;
}

/** Pods that a simulation moves when their node goes. Others wait for their owner's own decision. */
export function isCurrentlyReschedulable(pod: Pod, index: BudgetIndex, nowMs: number): boolean {
  return isReschedulable(pod) && isDisruptable(pod, nowMs) && !isFullyBlocked(pod, index, nowMs);
}

function allowsNothing({ spec }: PodDisruptionBudget): boolean {
  return spec.maxUnavailable === 0 || spec.maxUnavailable === "0%" || spec.minAvailable === "100%";
}

function isUnready(pod: Pod): boolean {
  return (pod.status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "False");
}
