import { parseTime, SECOND_MS } from "../../base/time.ts";
import type { Node, Pod } from "../../model/core.ts";
import { PODS } from "../../model/kinds.ts";
import {
  ARCH_LABEL,
  CAPACITY_TYPE_LABEL,
  INSTANCE_TYPE_LABEL,
  NODE_POOL_LABEL,
  ZONE_LABEL,
} from "../../model/labels.ts";
import { isBound, isPending, isReady, isTerminal } from "../../model/pod-predicates.ts";
import type { Change } from "../../runtime/controller.ts";
import type { Needs } from "../ports.ts";

/** When a pod that was seen waiting was first found a place for; undefined: not yet. */
type Waiting = { createdMs: number; firstSeenMs: number; placedMs: number | undefined; isBound: boolean };

/** Measures how long pods wait to be bound and to be ready, and shows where they are. */
export type PodObserver = {
  observe(change: Change): void;
  /** A plan had a place for these pods. */
  placed(podKeys: Iterable<string>): void;
  refresh(): void;
};

export function podObserver({ mirror, clock, metrics }: Needs): PodObserver {
  const waiting = new Map<string, Waiting>();

  function bound(pod: Waiting, nowMs: number): void {
    pod.isBound = true;
    metrics.observe("karpenter_pods_bound_duration_seconds", (nowMs - pod.createdMs) / SECOND_MS);
    if (pod.placedMs === undefined) return;
    metrics.observe("karpenter_pods_provisioning_bound_duration_seconds", (nowMs - pod.placedMs) / SECOND_MS);
  }

  function started(pod: Waiting, nowMs: number): void {
    metrics.observe("karpenter_pods_startup_duration_seconds", (nowMs - pod.createdMs) / SECOND_MS);
    if (pod.placedMs === undefined) return;
    metrics.observe("karpenter_pods_provisioning_startup_duration_seconds", (nowMs - pod.placedMs) / SECOND_MS);
  }

  function gaugesOfWaiting(): void {
    const nowMs = clock.nowMs();
    for (const [key, pod] of waiting) {
      const metadata = mirror.live.pods.get(key)?.metadata;
      if (metadata === undefined) continue;
      const labels = { name: metadata.name, namespace: metadata.namespace ?? "" };
      const show = (name: string, sinceMs: number): void => metrics.gauge(name, (nowMs - sinceMs) / SECOND_MS, labels);
      show("karpenter_pods_unstarted_time_seconds", pod.createdMs);
      if (!pod.isBound) show("karpenter_pods_unbound_time_seconds", pod.createdMs);
      if (pod.placedMs !== undefined) show("karpenter_pods_provisioning_unstarted_time_seconds", pod.placedMs);
      if (pod.placedMs !== undefined && !pod.isBound)
        show("karpenter_pods_provisioning_unbound_time_seconds", pod.placedMs);
      if (pod.placedMs === undefined && !pod.isBound) {
        show("karpenter_pods_provisioning_scheduling_undecided_time_seconds", pod.firstSeenMs);
      }
    }
  }

  return {
    observe({ kind, key, after: object }) {
      if (kind !== PODS) return;
      const pod = object as Pod | undefined;
      const nowMs = clock.nowMs();
      const known = waiting.get(key);
      if (pod === undefined || isTerminal(pod)) {
        waiting.delete(key);
      } else if (known === undefined && isPending(pod) && !isReady(pod)) {
        const createdMs = parseTime(pod.metadata.creationTimestamp) ?? nowMs;
        waiting.set(key, { createdMs, firstSeenMs: nowMs, placedMs: undefined, isBound: isBound(pod) });
      } else if (known !== undefined) {
        if (!known.isBound && isBound(pod)) bound(known, nowMs);
        if (!isReady(pod)) return;
        started(known, nowMs);
        waiting.delete(key);
      }
    },
    placed(podKeys) {
      for (const key of podKeys) {
        const pod = waiting.get(key);
        if (pod !== undefined) pod.placedMs ??= clock.nowMs();
      }
    },
    refresh() {
      for (const name of GAUGES) metrics.forget(name, {});
      gaugesOfWaiting();
      for (const pod of mirror.live.pods.values()) {
        metrics.gauge("karpenter_pods_state", 1, stateLabels(pod, mirror.live.nodes.get(pod.spec.nodeName ?? "")));
      }
    },
  };
}

const GAUGES = [
  "karpenter_pods_state",
  "karpenter_pods_unstarted_time_seconds",
  "karpenter_pods_unbound_time_seconds",
  "karpenter_pods_provisioning_unstarted_time_seconds",
  "karpenter_pods_provisioning_unbound_time_seconds",
  "karpenter_pods_provisioning_scheduling_undecided_time_seconds",
];

function stateLabels(pod: Pod, node: Node | undefined): Record<string, string> {
  const { name, namespace = "", ownerReferences = [] } = pod.metadata;
  const [owner] = ownerReferences;
  const labels = node?.metadata.labels ?? {};
  const ownerPath =
    owner === undefined
      ? ""
      : `/apis/${owner.apiVersion}/namespaces/${namespace}/${owner.kind.toLowerCase()}s/${owner.name}`;
  return {
    name,
    namespace,
    owner: ownerPath,
    node: pod.spec.nodeName ?? "",
    scheduled: String(isBound(pod)),
    nodepool: labels[NODE_POOL_LABEL] ?? "",
    zone: labels[ZONE_LABEL] ?? "",
    arch: labels[ARCH_LABEL] ?? "",
    capacity_type: labels[CAPACITY_TYPE_LABEL] ?? "",
    instance_type: labels[INSTANCE_TYPE_LABEL] ?? "",
    phase: pod.status?.phase ?? "",
    ready: String(isReady(pod)),
    managed: String(labels[NODE_POOL_LABEL] !== undefined),
  };
}
