import ec2 from "./data/ec2.json" with { type: "json" };
import type { Devices, Ec2Facts } from "./facts.ts";

/** What a region sells: its zones, and of each type where and for how much (on-demand, Linux, USD per hour). */
export type Ec2Region = {
  zones: readonly string[];
  types: readonly { facts: Ec2Facts; zones: readonly string[]; usdPerHour: number }[];
};

type RegionData = { zones: string[]; zoneMask: number[]; usdPerHour: number[]; estimated: number[] };
const regions: Readonly<Record<string, RegionData>> = ec2.regions;

/** The regions that the catalogue knows. */
export const CATALOGUE_REGIONS: readonly string[] = Object.keys(regions);

/** What EC2 sold in a region at the catalogue's date, in order of the types' names; undefined where it knows no such region. */
export function ec2Region(region: string): Ec2Region | undefined {
  const data = Object.hasOwn(regions, region) ? regions[region] : undefined;
  if (data === undefined) return undefined;
  const types = ec2.names.flatMap((_, i) => {
    const mask = data.zoneMask[i] ?? 0;
    if (mask === 0) return [];
    const zones = data.zones.filter((_zone, bit) => (mask & (1 << bit)) !== 0);
    return [{ facts: factsAt(i), zones, usdPerHour: data.usdPerHour[i] ?? 0 }];
  });
  return { zones: data.zones, types };
}

/** How many interfaces a type has for pods with security groups of their own; 0: none. No AWS API tells it. */
export function branchInterfaces(type: string): number {
  return branches.get(type) ?? 0;
}

const branches: ReadonlyMap<string, number> = new Map(
  ec2.names.map((name, i) => [name, ec2.columns.branchInterfaces[i] ?? 0]),
);

/**
 * What spot capacity costs, as a part of the on-demand price: an estimate, since spot prices change by the hour. From
 * 0.28 to 0.52 by type, 0.04 more or less by zone; equal for equal names, so that plans can be repeated.
 */
export function spotFraction(type: string, zone: string): number {
  return 0.28 + 0.24 * share(type) + 0.08 * (share(`${type} ${zone}`) - 0.5);
}

function factsAt(i: number): Ec2Facts {
  const { columns } = ec2;
  const name = ec2.names[i] ?? "";
  const number = (column: readonly number[]) => column[i] ?? 0;
  const flag = (column: readonly number[]) => column[i] === 1;
  const word = (column: { values: readonly string[]; of: readonly number[] }) => column.values[column.of[i] ?? 0] ?? "";
  const rare = <T>(column: object): T | undefined => (column as Readonly<Record<string, T>>)[name];
  const devices = (column: object): Devices[] => [rare<Devices>(column)].filter((one) => one !== undefined);
  const nvmeGB = number(columns.nvmeGB);
  return {
    name,
    cpu: number(columns.cpu),
    memoryMiB: number(columns.memoryMiB),
    arch: word(columns.arch),
    cpuMaker: word(columns.maker),
    clockMhz: number(columns.clockMhz),
    hypervisor: word(columns.hypervisor),
    cards: rare<number[]>(columns.cards) ?? [number(columns.interfaces)],
    addresses: number(columns.addresses),
    efaInterfaces: number(columns.efa),
    networkMbps: number(columns.networkMbps),
    ebsMbps: number(columns.ebsMbps),
    nvmeGB,
    storageGB: rare<number>(columns.otherStorageGB) ?? nvmeGB,
    isEncryptedInTransit: flag(columns.encrypted),
    hasEna: flag(columns.ena),
    hasEnclaves: flag(columns.enclaves),
    hasNestedVirtualization: flag(columns.nestedVirtualization),
    placementStrategies: [...(flag(columns.clusterPlacement) ? ["cluster"] : []), "partition", "spread"],
    usageClasses: [
      "on-demand",
      ...(flag(columns.spot) ? ["spot"] : []),
      ...(flag(columns.capacityBlock) ? ["capacity-block"] : []),
    ],
    gpus: devices(columns.gpu),
    accelerators: devices(columns.accelerator),
    neuronCores: rare<number>(columns.neuronCores) ?? 0,
  };
}

/** A number in [0, 1) that looks random, but belongs to the text (FNV-1a, then a last mix of the bits). */
function share(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}
