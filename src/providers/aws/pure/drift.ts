import { INSTANCE_TYPE_LABEL } from "../../../model/labels.ts";
import type { Requirements } from "../../../model/requirements.ts";
import type { Ec2NodeClass } from "../../../model/resources/ec2-node-class.ts";
import type { NodeClaim } from "../../../model/resources/node-claim.ts";
import type { Ec2Instance } from "../aws-api.ts";
import type { ClassView } from "./class-view.ts";
import { amiFor } from "./compatibility.ts";
import { HASH_ANNOTATION, HASH_VERSION_ANNOTATION, PLACEMENT_GROUP_LABEL } from "./labels.ts";

/** Why a node is not what its class asks for any more, or why that cannot be told now. */
export type Drift = { kind: "none" } | { kind: "drifted"; reason: string } | { kind: "unknown"; why: string };

const NONE: Drift = { kind: "none" };
const drifted = (reason: string): Drift => ({ kind: "drifted", reason });
const unknown = (why: string): Drift => ({ kind: "unknown", why });

/** The class was changed since the node was launched. Hashes of different versions cannot be compared. */
export function isClassChanged(claim: NodeClaim, nodeClass: Ec2NodeClass): boolean {
  const [own = {}, wanted = {}] = [claim.metadata.annotations, nodeClass.metadata.annotations];
  const versions = [own[HASH_VERSION_ANNOTATION], wanted[HASH_VERSION_ANNOTATION]];
  const hashes = [own[HASH_ANNOTATION], wanted[HASH_ANNOTATION]];
  if ([...versions, ...hashes].includes(undefined) || versions[0] !== versions[1]) return false;
  return hashes[0] !== hashes[1];
}

/**
 * What of the things that the class looks up is not as the node has it; the first in upstream's order.
 * @param requirements of the node's type
 * @source reference of the AWS provider's API, section 4
 */
export function dynamicDrift(
  claim: NodeClaim,
  instance: Ec2Instance,
  requirements: Requirements | undefined,
  view: ClassView,
): Drift {
  const { imageID } = claim.status ?? {};
  if (view.amis.length === 0) return unknown("the class has found no images");
  if (imageID === undefined) return unknown("the claim does not tell its image");
  if (requirements === undefined) {
    return unknown(`there is no instance type ${claim.metadata.labels?.[INSTANCE_TYPE_LABEL] ?? ""}`);
  }
  if (amiFor(requirements, view.amis)?.id !== imageID) return drifted("AMIDrift");
  if (view.securityGroupIds.length === 0) return unknown("the class has found no security groups");
  if (!isSameSet(view.securityGroupIds, instance.securityGroupIds)) return drifted("SecurityGroupDrift");
  if (view.subnets.length === 0) return unknown("the class has found no subnets");
  if (!view.subnets.some(({ id }) => id === instance.subnetId)) return drifted("SubnetDrift");
  if (isOutOfReservation(instance, view)) return drifted("CapacityReservationDrift");
  const group = claim.metadata.labels?.[PLACEMENT_GROUP_LABEL] ?? "";
  return group === (view.placementGroup?.id ?? "") ? NONE : drifted("PlacementGroupDrift");
}

export function isOutOfReservation(
  { capacityReservationId, usesReservationOnly }: Ec2Instance,
  view: ClassView,
): boolean {
  if (capacityReservationId === undefined || !usesReservationOnly) return false;
  return !view.reservations.some(({ id }) => id === capacityReservationId);
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && [...left].every((one) => right.has(one));
}
