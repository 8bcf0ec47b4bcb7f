import type { Pod, PodSpec } from "../../model/core.ts";
import { keyOf } from "../../model/object.ts";
import { type Amounts, podAmounts } from "../cache/amounts.ts";

/** What the scheduler asks about a pod, worked out once. */
export type PodNeeds = {
  pod: Pod;
  key: string;
  amounts: Amounts;
  hostPorts: { slot: string; ip: string }[];
  /** Of a pod that is pinned to one node by name, as the daemons are. */
  pinnedTo: string | undefined;
  /** Its place depends on where other pods are. */
  looksAtPods: boolean;
  /** Whether it has one may depend on other pods: not only on which it prefers. */
  waitsForPods: boolean;
  /** Equal for pods that the scheduler cannot tell apart. */
  classKey: string;
};

export function podNeeds(pod: Pod): PodNeeds {
  const { spec } = pod;
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const looksAtPods =
    podAffinity !== undefined || podAntiAffinity !== undefined || (spec.topologySpreadConstraints ?? []).length > 0;
  return {
    pod,
    key: keyOf(pod),
    amounts: podAmounts(spec),
    hostPorts: hostPortsOf(spec),
    pinnedTo: pinnedNode(spec),
    looksAtPods,
    waitsForPods:
      podAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined ||
      podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined ||
      (spec.topologySpreadConstraints ?? []).some(({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule"),
    classKey: classKeyOf(pod, looksAtPods),
  };
}

function hostPortsOf(spec: PodSpec): PodNeeds["hostPorts"] {
  const ports: PodNeeds["hostPorts"] = [];
  const sidecars = (spec.initContainers ?? []).filter((container) => container.restartPolicy === "Always");
  for (const container of [...spec.containers, ...sidecars]) {
    for (const { hostPort, hostIP, protocol, containerPort } of container.ports ?? []) {
      const port = spec.hostNetwork === true ? (hostPort ?? containerPort) : hostPort;
      if (port === undefined || port === 0) continue;
      const ip = hostIP === undefined || hostIP === "" ? "0.0.0.0" : hostIP;
      ports.push({ slot: `${protocol ?? "TCP"}/${port}`, ip });
    }
  }
  return ports;
}

function pinnedNode(spec: PodSpec): string | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const names = terms.map((term) => {
    const field = term.matchFields?.find(({ key, operator }) => key === "metadata.name" && operator === "In");
    return field?.values?.length === 1 ? field.values[0] : undefined;
  });
  return names.length > 0 && names.every((name) => name !== undefined && name === names[0]) ? names[0] : undefined;
}

function classKeyOf(pod: Pod, looksAtPods: boolean): string {
  const { nodeName: _, ...spec } = pod.spec;
  return JSON.stringify([pod.metadata.namespace, looksAtPods ? pod.metadata.labels : 0, spec]);
}
