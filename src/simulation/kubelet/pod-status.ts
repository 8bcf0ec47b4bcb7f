import { formatTime } from "../../base/time.ts";
import type { ContainerStatus, Node, Pod, PodCondition, PodStatus } from "../../model/core.ts";

type Ending = { exitCode: number; phase: "Succeeded" | "Failed" };

/** The status of a pod whose containers have all started. */
export function runningStatus(pod: Pod, node: Node, podIP: string, nowMs: number): PodStatus {
  const startedAt = formatTime(nowMs);
  const hostIP = addressOf(node);
  return {
    phase: "Running",
    conditions: withConditions(
      pod,
      { Initialized: "True", Ready: "True", ContainersReady: "True", PodReadyToStartContainers: "True" },
      nowMs,
    ),
    startTime: pod.status?.startTime ?? startedAt,
    podIP,
    podIPs: [{ ip: podIP }],
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: [{ ip: hostIP }] }),
    containerStatuses: pod.spec.containers.map((container) => ({
      ...identityOf(pod, container),
      ready: true,
      started: true,
      state: { running: { startedAt } },
      lastState: {},
    })),
    ...initStatuses(pod, startedAt),
  };
}

/** The status of a pod whose containers have all ended by themselves. */
export function endedStatus(pod: Pod, { exitCode, phase }: Ending, nowMs: number): PodStatus {
  const finishedAt = formatTime(nowMs);
  const reason = exitCode === 0 ? "Completed" : "Error";
  const startedAt = pod.status?.startTime ?? finishedAt;
  const ready = { Ready: "False", ContainersReady: "False", PodReadyToStartContainers: "False" } as const;
  return {
    phase,
    conditions: withConditions(pod, ready, nowMs).map((condition) =>
      condition.type in ready && phase === "Succeeded" ? { ...condition, reason: "PodCompleted" } : condition,
    ),
    containerStatuses: pod.spec.containers.map((container) => ({
      ...identityOf(pod, container),
      ready: false,
      started: false,
      state: { terminated: { exitCode, reason, startedAt, finishedAt } },
      lastState: {},
    })),
  };
}

function identityOf(pod: Pod, { name, image }: { name: string; image?: string }): ContainerStatus {
  const old = pod.status?.containerStatuses?.find((status) => status.name === name);
  return {
    name,
    image: image ?? "",
    imageID: image === undefined ? "" : `simulated://${image}`,
    restartCount: old?.restartCount ?? 0,
    ...{ containerID: `simulated://${pod.metadata.uid}/${name}` },
  };
}

function initStatuses(pod: Pod, at: string): { initContainerStatuses?: ContainerStatus[] } {
  if (pod.spec.initContainers === undefined || pod.spec.initContainers.length === 0) return {};
  return {
    initContainerStatuses: pod.spec.initContainers.map((container) => {
      const isSidecar = container.restartPolicy === "Always";
      const ended = { exitCode: 0, reason: "Completed", startedAt: at, finishedAt: at };
      return {
        ...identityOf(pod, container),
        ready: true,
        started: isSidecar,
        state: isSidecar ? { running: { startedAt: at } } : { terminated: ended },
      };
    }),
  };
}

function withConditions(pod: Pod, statuses: Record<string, "True" | "False">, nowMs: number): PodCondition[] {
  const old = pod.status?.conditions ?? [];
  const kept = old.filter(({ type }) => !(type in statuses));
  const changed = Object.entries(statuses).map(([type, status]): PodCondition => {
    const known = old.find((condition) => condition.type === type);
    const lastTransitionTime = known?.status === status ? known.lastTransitionTime : undefined;
    return { type, status, lastTransitionTime: lastTransitionTime ?? formatTime(nowMs) } as PodCondition;
  });
  return [...kept, ...changed];
}

export function addressOf(node: Node): string | undefined {
  return node.status?.addresses?.find(({ type }) => type === "InternalIP")?.address;
}
