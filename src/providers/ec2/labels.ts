import type { Devices, Ec2Facts } from "./facts.ts";

const PREFIX = "karpenter.k8s.aws/";

/** What ec2Labels may give. */
export const EC2_LABELS: readonly string[] = [
  "instance-category",
  "instance-generation",
  "instance-family",
  "instance-size",
  "instance-capability-flex",
  "instance-cpu",
  "instance-cpu-manufacturer",
  "instance-cpu-sustained-clock-speed-mhz",
  "instance-memory",
  "instance-hypervisor",
  "instance-encryption-in-transit-supported",
  "instance-ebs-bandwidth",
  "instance-network-bandwidth",
  "instance-local-nvme",
  "instance-gpu-name",
  "instance-gpu-manufacturer",
  "instance-gpu-count",
  "instance-gpu-memory",
  "instance-accelerator-name",
  "instance-accelerator-manufacturer",
  "instance-accelerator-count",
  "nitro-sandbox",
].map((suffix) => `${PREFIX}${suffix}`);

/**
 * The labels that nodes of an EC2 type have, so that pools written for EKS find their types. Labels that the type has
 * no value for are left out, as on EC2.
 * @source reference of the AWS provider's API, section 5
 */
export function ec2Labels(facts: Ec2Facts): Record<string, string> {
  const { name } = facts;
  const [family, size] = name.split(".");
  // As upstream reads a name: letters, perhaps "-6tb", the generation, anything, a dot.
  const [, category, generation] = /^([a-z]+)(?:-[0-9]+tb)?([0-9]+).*\./.exec(name) ?? [];
  const labels: Readonly<Record<string, string | number | boolean | undefined>> = {
    "instance-category": category,
    "instance-generation": generation,
    "instance-family": family,
    "instance-size": size,
    "instance-capability-flex": family?.includes("-flex") ?? false,
    "instance-cpu": facts.cpu,
    "instance-cpu-manufacturer": facts.cpuMaker,
    "instance-cpu-sustained-clock-speed-mhz": aboveZero(facts.clockMhz),
    "instance-memory": facts.memoryMiB,
    "instance-hypervisor": facts.hypervisor,
    "instance-encryption-in-transit-supported": facts.isEncryptedInTransit,
    "instance-ebs-bandwidth": aboveZero(facts.ebsMbps),
    "instance-network-bandwidth": aboveZero(facts.networkMbps),
    "instance-local-nvme": aboveZero(facts.nvmeGB),
    "nitro-sandbox": facts.hasEnclaves,
    ...deviceLabels("instance-gpu", facts.gpus),
    ...deviceLabels("instance-accelerator", facts.accelerators),
    // Only GPUs are told by their memory.
    "instance-gpu-memory": facts.gpus.length === 1 ? aboveZero(facts.gpus[0]?.[3] ?? 0) : undefined,
  };
  const result: Record<string, string> = {};
  for (const [suffix, value] of Object.entries(labels)) {
    if (value !== undefined) result[`${PREFIX}${suffix}`] = String(value);
  }
  return result;
}

/** Of the only kind of device; a mixture cannot be told by one label. */
function deviceLabels(prefix: string, devices: readonly Devices[]): Record<string, string | number> {
  const [only, another] = devices;
  if (only === undefined || another !== undefined) return {};
  const [name, maker, count] = only;
  return { [`${prefix}-name`]: name, [`${prefix}-manufacturer`]: maker, [`${prefix}-count`]: count };
}

function aboveZero(amount: number): number | undefined {
  return amount > 0 ? amount : undefined;
}
