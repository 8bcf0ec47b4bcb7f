import type { Requirements } from "./requirements.ts";
import type { Resources } from "./resources.ts";

export type CapacityType = "on-demand" | "spot" | "reserved";

/** One way to buy a type: a zone and a capacity type (and, reserved, a reservation). */
export type Offering = {
  /** At least zone and capacity-type, each In one value. */
  requirements: Requirements;
  zone: string;
  capacityType: CapacityType;
  priceUsdPerHour: number;
  /** False while it is known to be sold out: it still has a price, but nothing is planned on it. */
  available: boolean;
  /** Of a reserved offering: its reservation, which is also the value of one of the requirements. */
  reservationId?: string;
  /** How many nodes may still be launched in the reservation, those that run in it taken off. Without it: none. */
  reservationCapacity?: number;
};

/** Something a provider can launch. Immutable; equal names in one list never occur. */
export type InstanceType = {
  name: string;
  /** All labels a node of this type may have: instance-type, arch, os, zone, capacity-type, and the provider's own. */
  requirements: Requirements;
  offerings: readonly Offering[];
  capacity: Resources;
  /** What kubelet and system keep: capacity minus this is allocatable. */
  overhead: Resources;
  allocatable: Resources;
};
