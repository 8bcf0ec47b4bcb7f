import { MINUTE_MS, parseTime } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import {
  isCritical,
  isMirror,
  isOwnedByDaemonSet,
  isTerminal,
  isTerminating,
  toleratesDisruption,
} from "../../model/pod-predicates.ts";
import { bySize } from "../../model/pod-requests.ts";

export type DrainPlan = {
  /** Pods that keep the node: empty means drained. Also those that protect themselves. */
  waiting: readonly Pod[];
  /** Of these, to be deleted now: the deadline would cut their grace short. */
  force: readonly Pod[];
  /** Of these, to be asked to leave now: the first tier that is not empty. */
  evict: readonly Pod[];
};

/**
 * Who leaves a node next. Pods go in tiers, so that what the others lean on goes last: ordinary ones, then DaemonSets',
 * then critical ones, then critical DaemonSets'. A tier is over when its pods are gone. In a tier the largest go first:
 * what comes in their stead finds its room before smaller pods have taken a bit of it everywhere.
 * @param deadlineMs from the claim's termination timestamp; undefined: the node waits for as long as it takes
 * @param graceMaxSeconds a pod is forced out no earlier than this before the deadline, also if its own grace is longer
 * @returns lists from the largest pod to the smallest
 */
export function planDrain(
  pods: readonly Pod[],
  nowMs: number,
  deadlineMs: number | undefined,
  graceMaxSeconds = Number.POSITIVE_INFINITY,
): DrainPlan {
  const waiting = pods.filter((pod) => isDrainable(pod, nowMs)).sort(bySize);
  const force = waiting.filter((pod) => isOverdue(pod, nowMs, deadlineMs, graceMaxSeconds));
  const polite = waiting.filter((pod) => !force.includes(pod));
  const first = Math.min(...polite.map(tierOf));
  return { waiting, force, evict: polite.filter((pod) => tierOf(pod) === first && !isTerminating(pod)) };
}

/** Whole seconds of grace that a forced delete may still give, at least one. */
export function forcedGraceSeconds(deadlineMs: number, nowMs: number): number {
  return Math.max(1, Math.floor((deadlineMs - nowMs) / 1_000));
}

/** A pod that a drain is over without: it wants to stay, or has long been told to go and its kubelet is silent. */
export function isDrainable(pod: Pod, nowMs: number): boolean {
  return !isTerminal(pod) && !toleratesDisruption(pod) && !isMirror(pod) && !isStuck(pod, nowMs);
}

/** The deletion time already holds the grace period; a kubelet that is alive needs no minute more. */
const STUCK_AFTER_MS = MINUTE_MS;

function isStuck(pod: Pod, nowMs: number): boolean {
  const deletedMs = parseTime(pod.metadata.deletionTimestamp ?? "");
  return deletedMs !== undefined && nowMs - deletedMs > STUCK_AFTER_MS;
}

function isOverdue(pod: Pod, nowMs: number, deadlineMs: number | undefined, graceMaxSeconds: number): boolean {
  if (deadlineMs === undefined) return false;
  const deletedMs = parseTime(pod.metadata.deletionTimestamp ?? "");
  if (deletedMs !== undefined) return deletedMs > deadlineMs;
  const graceSeconds = Math.min(pod.spec.terminationGracePeriodSeconds ?? 30, graceMaxSeconds);
  return nowMs > deadlineMs - graceSeconds * 1_000;
}

function tierOf(pod: Pod): number {
  return (isCritical(pod) ? 2 : 0) + (isOwnedByDaemonSet(pod) ? 1 : 0);
}
