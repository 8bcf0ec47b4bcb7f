import type { PodSpec } from "../../model/core.ts";

/** A port that a pod claims of its node's own address. */
export type HostPort = { ip: string; port: number; protocol: string };

export const EVERY_IP = "0.0.0.0";

/** Host ports of the containers (init containers end before they could be in the way). No ip, and "::", mean every address. */
export function hostPortsOf(spec: PodSpec): readonly HostPort[] {
  const ports: HostPort[] = [];
  for (const container of spec.containers) {
    for (const { hostPort, hostIP, protocol } of container.ports ?? []) {
      if (hostPort === undefined || hostPort === 0) continue;
      const ip = hostIP === undefined || hostIP === "" || hostIP === "::" ? EVERY_IP : hostIP;
      ports.push({ ip, port: hostPort, protocol: protocol ?? "TCP" });
    }
  }
  return ports;
}
