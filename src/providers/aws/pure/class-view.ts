import type { Ec2NodeClass } from "../../../model/resources/ec2-node-class.ts";
import type { PlacementGroup } from "../aws-api.ts";
import { type AmiFamily, type Ec2NodeClassSpec, FAMILIES, type FamilyFacts, familyOf } from "./ami-family.ts";
import { type Kubelet, kubeletOf } from "./kubelet.ts";
import { learnedMemory } from "./learned-memory.ts";

export type Ec2NodeClassStatus = NonNullable<Ec2NodeClass["status"]>;
export type StatusAmi = NonNullable<Ec2NodeClassStatus["amis"]>[number];
export type StatusReservation = NonNullable<Ec2NodeClassStatus["capacityReservations"]>[number];
export type StatusSubnet = NonNullable<Ec2NodeClassStatus["subnets"]>[number];

/** A node class, read once: what its instance types and launches are made from. */
export type ClassView = {
  name: string;
  spec: Ec2NodeClassSpec;
  family: AmiFamily;
  familyFacts: FamilyFacts;
  kubelet: Kubelet;
  /** Newest first. */
  amis: readonly StatusAmi[];
  subnets: readonly StatusSubnet[];
  /** Of the subnets: zone to zone id; "" where that is unknown. */
  zoneIds: ReadonlyMap<string, string>;
  securityGroupIds: readonly string[];
  /** The name of the profile in use; "" while there is none. */
  instanceProfile: string;
  reservations: readonly StatusReservation[];
  placementGroup: PlacementGroup | undefined;
  /** By type, in bytes: the memory that nodes of the class really had. */
  learnedMemory: ReadonlyMap<string, number>;
};

/** @param placementGroup what the class' selector finds; it does not stand in the status */
export function classView(
  { metadata, spec, status = {} }: Ec2NodeClass,
  placementGroup: PlacementGroup | undefined,
): ClassView | undefined {
  if (spec === undefined) return undefined;
  const family = familyOf(spec);
  const subnets = status.subnets ?? [];
  return {
    name: metadata.name,
    spec,
    family,
    familyFacts: FAMILIES[family],
    kubelet: kubeletOf(spec.kubelet),
    amis: status.amis ?? [],
    subnets,
    zoneIds: new Map(subnets.map(({ zone, zoneID }) => [zone, zoneID ?? ""])),
    securityGroupIds: (status.securityGroups ?? []).map(({ id }) => id),
    instanceProfile: status.instanceProfile ?? "",
    reservations: status.capacityReservations ?? [],
    placementGroup,
    learnedMemory: learnedMemory({ metadata }, status.amis ?? []),
  };
}
