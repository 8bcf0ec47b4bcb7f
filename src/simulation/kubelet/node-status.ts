import { formatTime } from "../../base/time.ts";
import type { Node, NodeCondition } from "../../model/core.ts";
import { ARCH_LABEL, OS_LABEL } from "../../model/labels.ts";

const HEALTHY: readonly [type: string, status: "True" | "False", reason: string, message: string][] = [
  ["MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"],
  ["DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"],
  ["PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"],
  ["Ready", "True", "KubeletReady", "kubelet is posting ready status"],
];

/** What a healthy kubelet posts; transition times stay where nothing turned. */
export function healthyConditions(node: Node, nowMs: number): NodeCondition[] {
  const now = formatTime(nowMs);
  return HEALTHY.map(([type, status, reason, message]) => {
    const old = node.status?.conditions?.find((condition) => condition.type === type);
    const lastTransitionTime = old?.status === status ? (old.lastTransitionTime ?? now) : now;
    return { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime };
  });
}

/** Status of a node whose kubelet has just joined, beside what the provider wrote into it. */
export function joinedStatus(node: Node, ip: string, nowMs: number): Partial<NonNullable<Node["status"]>> {
  const { labels = {}, name, uid } = node.metadata;
  return {
    conditions: healthyConditions(node, nowMs),
    addresses: [
      { type: "InternalIP", address: ip },
      { type: "Hostname", address: name },
      { type: "InternalDNS", address: `${name}.internal` },
    ],
    nodeInfo: {
      architecture: labels[ARCH_LABEL] ?? "amd64",
      bootID: uid,
      containerRuntimeVersion: "simulated://1.0",
      kernelVersion: "6.12.0",
      kubeProxyVersion: "",
      kubeletVersion: "v1.34.0",
      machineID: uid.replaceAll("-", ""),
      operatingSystem: labels[OS_LABEL] ?? "linux",
      osImage: "Simulated Linux",
      systemUUID: uid,
    },
  };
}
