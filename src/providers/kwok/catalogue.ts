import { UserError } from "../../base/errors.ts";
import type { InstanceType, Offering } from "../../model/instance-type.ts";
import { REGION_LABEL } from "../../model/labels.ts";
import type { Resources } from "../../model/resources.ts";
import { CATALOGUE_REGIONS, ec2Region, spotFraction } from "../ec2/catalogue.ts";
import { deviceResources } from "../ec2/devices.ts";
import type { Ec2Facts } from "../ec2/facts.ts";
import { ec2Labels } from "../ec2/labels.ts";
import { kwokInstanceType, kwokOffering } from "./instance-type.ts";

const cache = new Map<string, readonly InstanceType[]>();

/**
 * What EC2 offers to Linux nodes in a region, in order of the types' names: hardware, zones and on-demand prices of
 * the catalogue's date, spot prices by `spotFraction`. The list is made once and shared.
 * @throws UserError KARP_UNKNOWN_REGION
 */
export function catalogueInstanceTypes(region: string): readonly InstanceType[] {
  const known = cache.get(region);
  if (known !== undefined) return known;
  const sold = ec2Region(region);
  if (sold === undefined) {
    throw new UserError({
      code: "KARP_UNKNOWN_REGION",
      what: `the catalogue does not know the region "${region}"`,
      remedy: `use one of ${CATALOGUE_REGIONS.join(", ")}, or give a file of instance types`,
    });
  }
  const types = sold.types.map(({ facts, zones, usdPerHour }) => typeOf(facts, region, zones, usdPerHour));
  cache.set(region, types);
  return types;
}

/** The volume that a node boots from, when its class does not say otherwise. */
const EPHEMERAL_BYTES = 20 * 2 ** 30;

function typeOf(facts: Ec2Facts, region: string, zones: readonly string[], onDemand: number): InstanceType {
  return kwokInstanceType({
    name: facts.name,
    architecture: facts.arch,
    operatingSystems: ["linux"],
    resources: resourcesOf(facts),
    offerings: zones.flatMap((zone) => offeringsOf(facts, zone, onDemand)),
    labels: { ...ec2Labels(facts), [REGION_LABEL]: region },
  });
}

function offeringsOf({ name, usageClasses }: Ec2Facts, zone: string, onDemand: number): Offering[] {
  const offering = (capacityType: "on-demand" | "spot", priceUsdPerHour: number) =>
    kwokOffering({ zone, capacityType, priceUsdPerHour, available: true });
  const list = [offering("on-demand", onDemand)];
  // Six places are what EC2 itself prints.
  if (usageClasses.includes("spot")) {
    list.push(offering("spot", Math.round(onDemand * spotFraction(name, zone) * 1e6) / 1e6));
  }
  return list;
}

function resourcesOf(facts: Ec2Facts): Resources {
  return {
    cpu: facts.cpu * 1_000,
    memory: facts.memoryMiB * 2 ** 20,
    "ephemeral-storage": EPHEMERAL_BYTES,
    // One address of each interface is the interface's own; two pods use the node's.
    pods: (facts.cards[0] ?? 0) * (facts.addresses - 1) + 2,
    ...deviceResources(facts),
    ...(facts.efaInterfaces > 0 ? { "vpc.amazonaws.com/efa": facts.efaInterfaces } : {}),
  };
}
