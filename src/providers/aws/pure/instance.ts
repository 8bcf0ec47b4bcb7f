import { parseTime } from "../../../base/time.ts";
import type { CapacityType, InstanceType } from "../../../model/instance-type.ts";
import {
  CAPACITY_TYPE_LABEL,
  INSTANCE_TYPE_LABEL,
  NODE_POOL_LABEL,
  REGION_LABEL,
  ZONE_LABEL,
} from "../../../model/labels.ts";
import { formatResources } from "../../../model/resources.ts";
import type { Instance } from "../../../ports/cloud-provider.ts";
import type { Ec2Instance } from "../aws-api.ts";
import type { ClassView } from "./class-view.ts";
import {
  EFA_RESOURCE,
  NODE_CLAIM_TAG,
  NODE_POOL_TAG,
  PLACEMENT_GROUP_LABEL,
  RESERVATION_ID_LABEL,
  RESERVATION_INTERRUPTIBLE_LABEL,
  RESERVATION_TYPE_LABEL,
  TENANCY_LABEL,
  ZONE_ID_LABEL,
} from "./labels.ts";

export const providerIdOf = (zone: string, id: string): string => `aws:///${zone}/${id}`;

/** "aws:///us-east-1a/i-0abc" is i-0abc. */
export function instanceIdOf(providerId: string): string | undefined {
  return /^aws:\/\/\/[^/]*\/(i-[\w-]+)$/.exec(providerId)?.[1];
}

/** An instance as DescribeInstances tells it. */
export function instanceOf(ec2: Ec2Instance, region: string): Instance {
  const { id, zone, tags, imageId, instanceType, state } = ec2;
  const pool = tags[NODE_POOL_TAG] ?? "";
  const claimName = tags[NODE_CLAIM_TAG];
  return {
    providerId: providerIdOf(zone, id),
    labels: {
      [INSTANCE_TYPE_LABEL]: instanceType,
      [ZONE_LABEL]: zone,
      [REGION_LABEL]: region,
      [CAPACITY_TYPE_LABEL]: capacityTypeOf(ec2),
      ...(pool === "" ? {} : { [NODE_POOL_LABEL]: pool }),
    },
    annotations: {},
    imageId,
    capacity: {},
    allocatable: {},
    ...(claimName === undefined ? {} : { claimName }),
    createdAtMs: parseTime(ec2.launchTime) ?? 0,
    isTerminating: state === "shutting-down" || state === "terminated",
  };
}

/** An open reservation that an instance happened to meet does not make it reserved. */
export function capacityTypeOf({ isSpot, capacityReservationId, usesReservationOnly }: Ec2Instance): CapacityType {
  if (isSpot) return "spot";
  return capacityReservationId !== undefined && usesReservationOnly ? "reserved" : "on-demand";
}

/** What was launched, as the answer to CreateFleet and our own request tell it. */
export type Launched = {
  id: string;
  instanceType: string;
  zone: string;
  imageId: string;
  capacityType: CapacityType;
  tenancy: string;
  reservationId: string | undefined;
};

/** What a claim gets for a launch. */
export function launchedInstance(
  launched: Launched,
  type: InstanceType,
  view: ClassView,
  annotations: Record<string, string>,
  wantsEfa: boolean,
  claimName: string,
  nowMs: number,
): Instance {
  const without = (list: Record<string, string>): Record<string, string> => {
    const { [EFA_RESOURCE]: _efa, ...rest } = list;
    return wantsEfa || view.spec.networkInterfaces !== undefined ? list : rest;
  };
  return {
    providerId: providerIdOf(launched.zone, launched.id),
    labels: launchLabels(launched, type, view),
    annotations,
    imageId: launched.imageId,
    capacity: without(formatResources(type.capacity)),
    allocatable: without(formatResources(type.allocatable)),
    claimName,
    createdAtMs: nowMs,
    isTerminating: false,
  };
}

/** Labels of reservations only where one is used; otherwise all that the type leaves no choice of. */
function launchLabels(launched: Launched, type: InstanceType, view: ClassView): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const { key, complement, values } of type.requirements.values()) {
    const [value] = values;
    const isReservation = key.startsWith("karpenter.k8s.aws/capacity-reservation-");
    if (!complement && values.size === 1 && value !== undefined && value !== "" && !isReservation) labels[key] = value;
  }
  const reservation = view.reservations.find(({ id }) => id === launched.reservationId);
  const zoneId = view.zoneIds.get(launched.zone) ?? "";
  return {
    ...labels,
    [ZONE_LABEL]: launched.zone,
    ...(zoneId === "" ? {} : { [ZONE_ID_LABEL]: zoneId }),
    [CAPACITY_TYPE_LABEL]: launched.capacityType,
    [TENANCY_LABEL]: launched.tenancy,
    ...(view.placementGroup === undefined ? {} : { [PLACEMENT_GROUP_LABEL]: view.placementGroup.id }),
    ...(reservation === undefined || launched.capacityType !== "reserved"
      ? {}
      : {
          [RESERVATION_ID_LABEL]: reservation.id,
          [RESERVATION_TYPE_LABEL]: reservation.reservationType ?? "default",
          [RESERVATION_INTERRUPTIBLE_LABEL]: String(reservation.interruptible ?? false),
        }),
  };
}
