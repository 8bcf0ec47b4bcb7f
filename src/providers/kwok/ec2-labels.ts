import type { Devices, Ec2Facts } from "./ec2-facts.ts";

const PREFIX = "karpenter.k8s.aws/";

/**
 * The labels that nodes of an EC2 type have, so that pools written for EKS find their types. Labels that the type has
 * no value for are left out, as on EC2.
 * @source reference of the AWS provider's API, section 5
 */
export function ec2Labels(facts: Ec2Facts): Record<string, string> {
  const { name } = facts;
  const [family = "", size = ""] = name.split(".");
  const [, category, generation] = /^([a-z]+)(?:-[0-9]+tb)?([0-9]+)/.exec(family) ?? [];
  const labels: Readonly<Record<string, string | number | boolean | undefined>> = {
    "instance-category": category,
    "instance-generation": generation,
    "instance-family": family,
    "instance-size": size,
    "instance-capability-flex": family.includes("-flex"),
    "instance-cpu": facts.cpu,
    "instance-cpu-manufacturer": facts.cpuMaker,
    "instance-cpu-sustained-clock-speed-mhz": aboveZero(facts.clockMhz),
    "instance-memory": facts.memoryMiB,
    "instance-hypervisor": facts.hypervisor,
    "instance-encryption-in-transit-supported": facts.isEncryptedInTransit,
    "instance-ebs-bandwidth": aboveZero(facts.ebsMbps),
    "instance-network-bandwidth": aboveZero(facts.networkMbps),
    "instance-local-nvme": aboveZero(facts.nvmeGB),
    ...deviceLabels("instance-gpu", facts.gpu),
    ...deviceLabels("instance-accelerator", facts.accelerator),
    // Only GPUs are told by their memory.
    "instance-gpu-memory": aboveZero(facts.gpu?.[3] ?? 0),
  };
  const result: Record<string, string> = {};
  for (const [suffix, value] of Object.entries(labels)) {
    if (value !== undefined) result[`${PREFIX}${suffix}`] = String(value);
  }
  return result;
}

function deviceLabels(prefix: string, devices: Devices | undefined): Record<string, string | number> {
  if (devices === undefined) return {};
  const [name, maker, count] = devices;
  return { [`${prefix}-name`]: name, [`${prefix}-manufacturer`]: maker, [`${prefix}-count`]: count };
}

function aboveZero(amount: number): number | undefined {
  return amount > 0 ? amount : undefined;
}
