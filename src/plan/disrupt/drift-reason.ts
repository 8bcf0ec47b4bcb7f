import { HOUR_MS, parseTime } from "../../base/time.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import {
  CAPACITY_TYPE_LABEL,
  INSTANCE_TYPE_LABEL,
  NODE_POOL_HASH_ANNOTATION,
  NODE_POOL_HASH_VERSION_ANNOTATION,
} from "../../model/labels.ts";
import {
  incompatibility,
  intersects,
  labelRequirements,
  requirement,
  requirementsOf,
  withRequirement,
} from "../../model/requirements.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";

/** Why a claim is no longer what its pool would make, and in words how. */
export type Drift = { reason: "NodePoolDrifted" | "RequirementsDrifted" | "InstanceTypeNotFound"; message: string };

/** A type that has just been bought may not be in the catalogue's next answer yet. */
const TYPE_MUST_BE_KNOWN_AFTER_MS = HOUR_MS;

export type DriftInput = {
  claim: NodeClaim;
  pool: NodePool;
  nowMs: number;
  /** What the pool can launch; undefined when that is not known at the moment. */
  instanceTypes: readonly InstanceType[] | undefined;
};

/**
 * Whether the claim has drifted from its pool; the first of the reasons in upstream's order. The provider's own reasons
 * come after these.
 * @source reference of disruption, section 13
 */
export function driftOf({ claim, pool, nowMs, instanceTypes }: DriftInput): Drift | undefined {
  return hashDrift(claim, pool) ?? requirementsDrift(claim, pool) ?? typeDrift(claim, nowMs, instanceTypes);
}

/** Hashes of different versions, or none at all, say nothing. */
function hashDrift(claim: NodeClaim, pool: NodePool): Drift | undefined {
  const [ofClaim, ofPool] = [claim.metadata.annotations ?? {}, pool.metadata.annotations ?? {}];
  const [version, hash] = [ofClaim[NODE_POOL_HASH_VERSION_ANNOTATION], ofClaim[NODE_POOL_HASH_ANNOTATION]];
  const wanted = ofPool[NODE_POOL_HASH_ANNOTATION];
  if (version === undefined || hash === undefined || wanted === undefined) return undefined;
  if (version !== ofPool[NODE_POOL_HASH_VERSION_ANNOTATION] || hash === wanted) return undefined;
  return { reason: "NodePoolDrifted", message: `The template of NodePool ${pool.metadata.name} has changed` };
}

function requirementsDrift(claim: NodeClaim, pool: NodePool): Drift | undefined {
  const wanted = requirementsOf(pool.spec.template.spec.requirements ?? []);
  const misfit = incompatibility(labelRequirements(claim.metadata.labels ?? {}), wanted);
  if (misfit === undefined) return undefined;
  const has = claim.metadata.labels?.[misfit.key];
  return {
    reason: "RequirementsDrifted",
    message: `The label ${misfit.key} ${has === undefined ? "is missing" : `is ${has}`}, which NodePool ${pool.metadata.name} no longer allows`,
  };
}

/** Whether the claim is so old that the provider must know its type. */
export function isTypeJudged({ metadata }: NodeClaim, nowMs: number): boolean {
  return nowMs - (parseTime(metadata.creationTimestamp) ?? nowMs) >= TYPE_MUST_BE_KNOWN_AFTER_MS;
}

function typeDrift(
  claim: NodeClaim,
  nowMs: number,
  instanceTypes: readonly InstanceType[] | undefined,
): Drift | undefined {
  // An empty catalogue is a fault of the catalogue, not of every node.
  if (instanceTypes === undefined || instanceTypes.length === 0) return undefined;
  if (!isTypeJudged(claim, nowMs)) return undefined;
  const labels = claim.metadata.labels ?? {};
  const name = labels[INSTANCE_TYPE_LABEL] ?? "";
  const type = instanceTypes.find((one) => one.name === name);
  if (type === undefined) {
    return { reason: "InstanceTypeNotFound", message: `The provider no longer has an instance type "${name}"` };
  }
  const isSold = type.offerings.some(
    ({ requirements }) => intersects(offeringSide(labels), requirements) === undefined,
  );
  if (isSold) return undefined;
  return { reason: "InstanceTypeNotFound", message: `The provider no longer sells ${name} where this node is` };
}

/** What was bought as reserved goes on as on-demand when the reservation ends; the reservation's own labels are let be. */
function offeringSide(labels: Readonly<Record<string, string>>) {
  const side = labelRequirements(labels);
  if (labels[CAPACITY_TYPE_LABEL] !== "reserved") return side;
  const rest = new Map(
    [...side].filter(([key]) => key !== CAPACITY_TYPE_LABEL && !key.includes("capacity-reservation")),
  );
  return withRequirement(rest, requirement(CAPACITY_TYPE_LABEL, "In", ["reserved", "on-demand"]));
}
