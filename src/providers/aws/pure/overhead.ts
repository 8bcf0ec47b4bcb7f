import { parseAmount, type Resources } from "../../../model/resources.ts";
import { type Kubelet, percentOf } from "./kubelet.ts";

const MI = 2 ** 20;
const GI = 2 ** 30;

export type Overhead = { kubeReserved: Resources; systemReserved: Resources; evictionHard: Resources };

/** Thousandths of each core that the kubelet keeps: 6 % of the first, 1 % of the second, and so on. */
const CPU_BRACKETS: readonly { cores: number; share: number }[] = [
  { cores: 1, share: 0.06 },
  { cores: 1, share: 0.01 },
  { cores: 2, share: 0.005 },
  { cores: Number.POSITIVE_INFINITY, share: 0.0025 },
];

/**
 * What the kubelet keeps from pods: for itself, for the system, and the room that it evicts to keep free. Amounts of
 * the kubelet's settings replace the defaults one by one. Soft eviction thresholds take nothing away.
 * @param pods     how many the kubelet's memory is reckoned for
 * @param capacity memory and ephemeral storage in bytes
 * @source reference of the AWS provider, section 1.3
 */
export function overheadOf(kubelet: Kubelet, cpu: number, pods: number, capacity: Resources): Overhead {
  const { memory = 0, "ephemeral-storage": storage = 0 } = capacity;
  const hard = kubelet.evictionHard ?? {};
  return {
    kubeReserved: {
      cpu: reservedCpuMilli(cpu),
      memory: (11 * pods + 255) * MI,
      "ephemeral-storage": GI,
      ...amounts(kubelet.kubeReserved),
    },
    systemReserved: amounts(kubelet.systemReserved),
    evictionHard: {
      memory: threshold(hard["memory.available"], memory) ?? 100 * MI,
      "ephemeral-storage": threshold(hard["nodefs.available"], storage) ?? Math.ceil(storage / 10),
    },
  };
}

function reservedCpuMilli(cpu: number): number {
  let rest = cpu;
  let milli = 0;
  for (const { cores, share } of CPU_BRACKETS) {
    const counted = Math.min(rest, cores);
    // Rounded first: 0.06 times 1000 is a little less than 60 to a machine.
    milli += Math.floor(Math.round(counted * share * 1e6) / 1e3);
    rest -= counted;
  }
  return milli;
}

function amounts(list: Readonly<Record<string, string>> | undefined): Resources {
  const result: Record<string, number> = {};
  for (const [name, value] of Object.entries(list ?? {})) {
    // There is nothing to schedule process ids by.
    if (name !== "pid") result[name] = parseAmount(name, value);
  }
  return result;
}

/** Of a part of the capacity or an amount; 100 % switches the threshold off. */
function threshold(value: string | undefined, capacity: number): number | undefined {
  if (value === undefined) return undefined;
  const percent = percentOf(value);
  if (percent === undefined) return parseAmount("memory", value);
  return percent >= 100 ? 0 : Math.ceil((capacity / 100) * percent);
}
