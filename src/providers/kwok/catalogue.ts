import { UserError } from "../../base/errors.ts";
import type { InstanceType, Offering } from "../../model/instance-type.ts";
import { REGION_LABEL } from "../../model/labels.ts";
import type { Resources } from "../../model/resources.ts";
import ec2 from "./data/ec2.json" with { type: "json" };
import type { Devices, Ec2Facts } from "./ec2-facts.ts";
import { ec2Labels } from "./ec2-labels.ts";
import { kwokInstanceType, kwokOffering } from "./instance-type.ts";

type RegionData = { zones: string[]; zoneMask: number[]; usdPerHour: number[]; estimated: number[] };
const regions: Readonly<Record<string, RegionData>> = ec2.regions;

/** The regions that the catalogue knows. */
export const CATALOGUE_REGIONS: readonly string[] = Object.keys(regions);

const cache = new Map<string, readonly InstanceType[]>();

/**
 * What EC2 offers to Linux nodes in a region, in order of the types' names: hardware, zones and on-demand prices of
 * the catalogue's date, spot prices by `spotFraction`. The list is made once and shared.
 * @throws UserError KARP_UNKNOWN_REGION
 */
export function catalogueInstanceTypes(region: string): readonly InstanceType[] {
  const known = cache.get(region);
  if (known !== undefined) return known;
  const data = Object.hasOwn(regions, region) ? regions[region] : undefined;
  if (data === undefined) {
    throw new UserError({
      code: "KARP_UNKNOWN_REGION",
      what: `the catalogue does not know the region "${region}"`,
      remedy: `use one of ${CATALOGUE_REGIONS.join(", ")}, or give a file of instance types`,
    });
  }
  const types: InstanceType[] = [];
  for (let i = 0; i < ec2.names.length; i += 1) {
    const mask = data.zoneMask[i] ?? 0;
    if (mask !== 0) types.push(typeAt(i, region, zonesOf(data.zones, mask), data.usdPerHour[i] ?? 0));
  }
  cache.set(region, types);
  return types;
}

/**
 * What spot capacity costs, as a part of the on-demand price: an estimate, since spot prices change by the hour. From
 * 0.28 to 0.52 by type, 0.04 more or less by zone; equal for equal names, so that plans can be repeated.
 */
export function spotFraction(type: string, zone: string): number {
  return 0.28 + 0.24 * share(type) + 0.08 * (share(`${type} ${zone}`) - 0.5);
}

/** The volume that a node boots from, when its class does not say otherwise. */
const EPHEMERAL_BYTES = 20 * 2 ** 30;

function typeAt(i: number, region: string, zones: readonly string[], onDemand: number): InstanceType {
  const facts = factsAt(i);
  return kwokInstanceType({
    name: facts.name,
    architecture: facts.arch,
    operatingSystems: ["linux"],
    resources: resourcesOf(facts),
    offerings: zones.flatMap((zone) => offeringsOf(facts, zone, onDemand)),
    labels: { ...ec2Labels(facts), [REGION_LABEL]: region },
  });
}

function offeringsOf({ name, hasSpot }: Ec2Facts, zone: string, onDemand: number): Offering[] {
  const offering = (capacityType: "on-demand" | "spot", priceUsdPerHour: number) =>
    kwokOffering({ zone, capacityType, priceUsdPerHour, available: true });
  const list = [offering("on-demand", onDemand)];
  // Six places are what EC2 itself prints.
  if (hasSpot) list.push(offering("spot", Math.round(onDemand * spotFraction(name, zone) * 1e6) / 1e6));
  return list;
}

function resourcesOf(facts: Ec2Facts): Resources {
  const { gpu, accelerator } = facts;
  return {
    cpu: facts.cpu * 1_000,
    memory: facts.memoryMiB * 2 ** 20,
    "ephemeral-storage": EPHEMERAL_BYTES,
    // One address of each interface is the interface's own; two pods use the node's.
    pods: facts.interfaces * (facts.addresses - 1) + 2,
    ...deviceResources(gpu ?? accelerator),
    ...(facts.efaInterfaces > 0 ? { "vpc.amazonaws.com/efa": facts.efaInterfaces } : {}),
  };
}

const DEVICE_RESOURCES: Readonly<Record<string, string>> = {
  nvidia: "nvidia.com/gpu",
  amd: "amd.com/gpu",
  habana: "habana.ai/gaudi",
  aws: "aws.amazon.com/neuron",
};

function deviceResources(devices: Devices | undefined): Resources {
  const resource = devices === undefined ? undefined : DEVICE_RESOURCES[devices[1]];
  return resource === undefined || devices === undefined ? {} : { [resource]: devices[2] };
}

function factsAt(i: number): Ec2Facts {
  const { columns } = ec2;
  const name = ec2.names[i] ?? "";
  const number = (column: readonly number[]) => column[i] ?? 0;
  const word = (column: { values: readonly string[]; of: readonly number[] }) => column.values[column.of[i] ?? 0] ?? "";
  const devices = (column: Readonly<Record<string, unknown>>) => column[name] as Devices | undefined;
  return {
    name,
    cpu: number(columns.cpu),
    memoryMiB: number(columns.memoryMiB),
    arch: word(columns.arch),
    cpuMaker: word(columns.maker),
    clockMhz: number(columns.clockMhz),
    hypervisor: word(columns.hypervisor),
    interfaces: number(columns.interfaces),
    addresses: number(columns.addresses),
    efaInterfaces: number(columns.efa),
    networkMbps: number(columns.networkMbps),
    ebsMbps: number(columns.ebsMbps),
    nvmeGB: number(columns.nvmeGB),
    isEncryptedInTransit: number(columns.encrypted) === 1,
    hasSpot: number(columns.spot) === 1,
    gpu: devices(columns.gpu),
    accelerator: devices(columns.accelerator),
  };
}

function zonesOf(zones: readonly string[], mask: number): string[] {
  return zones.filter((_, i) => (mask & (1 << i)) !== 0);
}

/** A number in [0, 1) that looks random, but belongs to the text (FNV-1a, then a last mix of the bits). */
function share(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}
