import { parseTime } from "../base/time.ts";
import type { Node, Pod } from "./core.ts";
import { parseDurationNanos } from "./duration.ts";
import { DO_NOT_DISRUPT_ANNOTATION } from "./labels.ts";
import type { OwnerReference } from "./object.ts";
import { DISRUPTED_TAINT, tolerates } from "./taints.ts";

/** Waits for a node that we may buy: the scheduler found none, and nothing else owns its placement. */
export function isProvisionable(pod: Pod): boolean {
  return (
    !isBound(pod) &&
    (pod.status?.nominatedNodeName ?? "") === "" &&
    (pod.status?.conditions ?? []).some(({ type, reason }) => type === "PodScheduled" && reason === "Unschedulable") &&
    // Upstream would also buy for pods that are being deleted or have ended.
    isActive(pod) &&
    !isOwnedByDaemonSet(pod) &&
    !isMirror(pod)
  );
}

export function isBound(pod: Pod): boolean {
  return (pod.spec.nodeName ?? "") !== "";
}

export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === "Failed" || pod.status?.phase === "Succeeded";
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

export function isActive(pod: Pod): boolean {
  return !isTerminal(pod) && !isTerminating(pod);
}

export function isPending(pod: Pod): boolean {
  return pod.status?.phase === "Pending";
}

/** Will come back elsewhere when its node goes: active, or a StatefulSet's pod that only its own end holds up. */
export function isReschedulable(pod: Pod): boolean {
  const comesBack = isActive(pod) || (isTerminating(pod) && isOwnedBy(pod, "apps/v1", "StatefulSet"));
  return comesBack && !isOwnedByDaemonSet(pod) && !isMirror(pod);
}

export function isOwnedByDaemonSet(pod: Pod): boolean {
  return isOwnedBy(pod, "apps/v1", "DaemonSet");
}

/** Belongs to a Job, also one of a CronJob: it comes to an end by itself. */
export function isOwnedByJob(pod: Pod): boolean {
  return isOwnedBy(pod, "batch/v1", "Job");
}

/** A static pod's picture in the API: the kubelet runs it whatever the API says. */
export function isMirror(pod: Pod): boolean {
  return isOwnedBy(pod, "v1", "Node");
}

/** By name of the class, not by its value. */
export function isCritical(pod: Pod): boolean {
  const { priorityClassName } = pod.spec;
  return priorityClassName === "system-cluster-critical" || priorityClassName === "system-node-critical";
}

export function isReady(pod: Pod): boolean {
  return (pod.status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True");
}

/** Asks for devices through dynamic resource allocation. */
export function hasResourceClaims({ spec }: Pick<Pod, "spec">): boolean {
  const { resourceClaims = [], containers, initContainers = [] } = spec;
  return (
    resourceClaims.length > 0 ||
    [...containers, ...initContainers].some(({ resources }) => (resources?.claims ?? []).length > 0)
  );
}

/** What a do-not-disrupt annotation says at this moment. */
export type DoNotDisrupt =
  | { kind: "none" }
  | { kind: "always" }
  | { kind: "until"; untilMs: number }
  /** A duration that runs from the start of what has not started yet. */
  | { kind: "not-started" }
  | { kind: "elapsed"; untilMs: number }
  | { kind: "invalid"; problem: string };

/** "true", or a positive duration from the pod's start; anything else protects nothing and is said so. */
export function doNotDisrupt(pod: Pod, nowMs: number): DoNotDisrupt {
  return readDoNotDisrupt(pod, pod.status?.startTime, nowMs);
}

/** The same of a node, from its creation. "false" is how people take it back. */
export function nodeDoNotDisrupt(node: Node, nowMs: number): DoNotDisrupt {
  if (node.metadata.annotations?.[DO_NOT_DISRUPT_ANNOTATION] === "false") return { kind: "none" };
  return readDoNotDisrupt(node, node.metadata.creationTimestamp, nowMs);
}

function readDoNotDisrupt({ metadata }: Pod | Node, startTime: string | undefined, nowMs: number): DoNotDisrupt {
  const written = metadata.annotations?.[DO_NOT_DISRUPT_ANNOTATION];
  if (written === undefined) return { kind: "none" };
  if (written === "true") return { kind: "always" };
  const nanos = parseDurationNanos(written);
  if (nanos === undefined) return { kind: "invalid", problem: `"${written}" is neither "true" nor a duration` };
  if (nanos <= 0n) return { kind: "invalid", problem: `duration "${written}" is not positive` };
  const startMs = parseTime(startTime ?? "");
  if (startMs === undefined) return { kind: "not-started" };
  const untilMs = startMs + Number(nanos / 1_000_000n);
  return nowMs < untilMs ? { kind: "until", untilMs } : { kind: "elapsed", untilMs };
}

export function isProtected(pod: Pod, nowMs: number): boolean {
  const { kind } = doNotDisrupt(pod, nowMs);
  return kind === "always" || kind === "until" || kind === "not-started";
}

/** Does not stand in the way of disrupting its node by its own annotation. */
export function isDisruptable(pod: Pod, nowMs: number): boolean {
  return !isActive(pod) || !isProtected(pod, nowMs);
}

/** May be asked to leave through the eviction API. */
export function isEvictable(pod: Pod, nowMs: number): boolean {
  return isActive(pod) && !toleratesDisruption(pod) && !isMirror(pod) && !isProtected(pod, nowMs);
}

/** Means to stay on a node that goes: it is neither evicted nor waited for. */
export function toleratesDisruption(pod: Pod): boolean {
  return (pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, DISRUPTED_TAINT));
}

export function isOwnedBy(pod: Pod, apiVersion: string, kind: string): boolean {
  return (pod.metadata.ownerReferences ?? []).some(
    (owner: OwnerReference) => owner.apiVersion === apiVersion && owner.kind === kind,
  );
}
