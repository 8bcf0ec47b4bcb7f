import type { Container } from "../../model/core.ts";
import { NODES, PODS } from "../../model/kinds.ts";
import type { Usage, UsageSource } from "../api-server/http/sources.ts";
import { amountsOf } from "../cache/amounts.ts";
import type { ClusterState } from "../cache/cluster-state.ts";

const IDLE: Usage = { cpuMilli: 1, memoryBytes: 4 * 2 ** 20 };
const SYSTEM: Usage = { cpuMilli: 40, memoryBytes: 180 * 2 ** 20 };
/** A simulated container burns this share of what it asks for. */
const SHARE = 0.7;

/** What kubectl top shows: nothing is measured, the requests are taken for the use. */
export function containerUsage(state: ClusterState): UsageSource {
  return {
    ofNode(name) {
      if (state.of(NODES).get(name) === undefined) return undefined;
      const total = { ...SYSTEM };
      for (const { spec, status } of state.podsOn(name)) {
        if (status?.phase !== "Running") continue;
        for (const container of spec.containers) add(total, useOf(container));
      }
      return total;
    },
    ofPod(namespace, name) {
      const pod = state.of(PODS).get(`${namespace}/${name}`);
      if (pod?.status?.phase !== "Running") return undefined;
      return pod.spec.containers.map((container) => ({ container: container.name, ...useOf(container) }));
    },
  };
}

function useOf({ resources }: Container): Usage {
  const { cpu = 0, memory = 0 } = amountsOf(resources?.requests);
  return {
    cpuMilli: Math.max(IDLE.cpuMilli, Math.round(cpu * SHARE)),
    memoryBytes: Math.max(IDLE.memoryBytes, Math.round(memory * SHARE)),
  };
}

function add(sum: Usage, more: Usage): void {
  sum.cpuMilli += more.cpuMilli;
  sum.memoryBytes += more.memoryBytes;
}
