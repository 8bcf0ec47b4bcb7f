import type { CapacityType, Offering } from "../../../model/instance-type.ts";
import { CAPACITY_TYPE_LABEL, ZONE_LABEL } from "../../../model/labels.ts";
import { type Requirement, type Requirements, requirement } from "../../../model/requirements.ts";
import type { Ec2Facts } from "../../ec2/facts.ts";
import type { ClassView, StatusReservation } from "./class-view.ts";
import { partitionsOf, reservationsOf } from "./instance-type.ts";
import {
  PARTITION_LABEL,
  RESERVATION_ID_LABEL,
  RESERVATION_INTERRUPTIBLE_LABEL,
  RESERVATION_TYPE_LABEL,
  ZONE_ID_LABEL,
} from "./labels.ts";

/** What is known at the moment about what can be bought. */
export type Market = {
  /** US dollars per hour; undefined: no price is known, and nothing is bought blindly. */
  onDemandPrice(type: string): number | undefined;
  spotPrice(type: string, zone: string): number | undefined;
  isUnavailable(offering: { type: string; zone: string; capacityType: CapacityType }, view: ClassView): boolean;
  /** How many instances the reservation has left. */
  reservationLeft(id: string): number;
  /** Nothing is to be launched in the zone for now. */
  isShifted(zoneId: string | undefined): boolean;
};

/** Capacity that is paid for already: still told apart by size. */
const RESERVED_PRICE_FACTOR = 1 / 10_000_000;

/**
 * Every way to buy the type: on-demand, spot and reservations, in each zone where it is sold.
 * @param fits false: the class' nodes cannot be of the type, and nothing of it can be bought
 * @source reference of the AWS provider, section 2
 */
export function offeringsOf(
  facts: Ec2Facts,
  zones: readonly string[],
  view: ClassView,
  market: Market,
  fits: boolean,
  reservedCapacity: boolean,
): Offering[] {
  const isThere = (zone: string) => fits && view.zoneIds.has(zone) && !market.isShifted(view.zoneIds.get(zone));
  const offerings = zones.flatMap((zone) =>
    (["on-demand", "spot"] as const)
      .filter((one) => facts.usageClasses.includes(one))
      .map((capacityType) => openOffering(facts, zone, capacityType, view, market, isThere(zone))),
  );
  if (reservedCapacity) {
    for (const reservation of reservationsOf(facts, view)) {
      const { availabilityZone } = reservation;
      if (!zones.includes(availabilityZone)) continue;
      offerings.push(reservedOffering(facts, reservation, view, market, isThere(availabilityZone)));
    }
  }
  const { placementGroup: group } = view;
  return group?.strategy === "partition" ? offerings.flatMap((one) => inPartitions(one, group.partitions)) : offerings;
}

function openOffering(
  { name }: Ec2Facts,
  zone: string,
  capacityType: "on-demand" | "spot",
  view: ClassView,
  market: Market,
  isThere: boolean,
): Offering {
  const onDemand = market.onDemandPrice(name);
  const price = capacityType === "spot" ? market.spotPrice(name, zone) : onDemand;
  return {
    requirements: placeRequirements(zone, capacityType, view),
    zone,
    capacityType,
    priceUsdPerHour: price ?? onDemand ?? 0,
    available: isThere && price !== undefined && !market.isUnavailable({ type: name, zone, capacityType }, view),
  };
}

function reservedOffering(
  { name }: Ec2Facts,
  reservation: StatusReservation,
  view: ClassView,
  market: Market,
  isThere: boolean,
): Offering {
  const {
    id,
    availabilityZone: zone,
    state = "active",
    reservationType = "default",
    interruptible = false,
  } = reservation;
  const left = market.reservationLeft(id);
  const requirements = new Map(placeRequirements(zone, "reserved", view));
  for (const [key, value] of [
    [RESERVATION_ID_LABEL, id],
    [RESERVATION_TYPE_LABEL, reservationType],
    [RESERVATION_INTERRUPTIBLE_LABEL, String(interruptible)],
  ] as const) {
    requirements.set(key, requirement(key, "In", [value]));
  }
  return {
    requirements,
    zone,
    capacityType: "reserved",
    priceUsdPerHour: (market.onDemandPrice(name) ?? 0) * RESERVED_PRICE_FACTOR,
    available: isThere && left > 0 && state !== "expiring",
    reservationId: id,
    reservationCapacity: left,
  };
}

function inPartitions(offering: Offering, count: number): Offering[] {
  return partitionsOf(count).map((partition) => ({
    ...offering,
    requirements: new Map(offering.requirements).set(PARTITION_LABEL, requirement(PARTITION_LABEL, "In", [partition])),
  }));
}

const NO_RESERVATION = [RESERVATION_ID_LABEL, RESERVATION_TYPE_LABEL, RESERVATION_INTERRUPTIBLE_LABEL].map((key) =>
  requirement(key, "DoesNotExist"),
);
/** Thousands of offerings are in the same few places. */
const places = new Map<string, Requirements>();
const PLACES_MAX = 1_000;

function placeRequirements(zone: string, capacityType: CapacityType, view: ClassView): Requirements {
  const zoneId = view.zoneIds.get(zone) ?? "";
  const key = `${zone} ${zoneId} ${capacityType}`;
  const known = places.get(key);
  if (known !== undefined) return known;
  const list: Requirement[] = [
    requirement(CAPACITY_TYPE_LABEL, "In", [capacityType]),
    requirement(ZONE_LABEL, "In", [zone]),
    ...(zoneId === "" ? [] : [requirement(ZONE_ID_LABEL, "In", [zoneId])]),
    ...(capacityType === "reserved" ? [] : NO_RESERVATION),
  ];
  const made = new Map(list.map((one) => [one.key, one]));
  if (places.size >= PLACES_MAX) places.clear();
  places.set(key, made);
  return made;
}
