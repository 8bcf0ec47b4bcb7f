import { parseTime } from "../../base/time.ts";
import type { Offering } from "../../model/instance-type.ts";
import {
  CAPACITY_TYPE_LABEL,
  INSTANCE_TYPE_LABEL,
  LAST_GROWTH_ANNOTATION,
  NODE_POOL_LABEL,
  REPLACEMENT_ANNOTATION,
  ZONE_LABEL,
} from "../../model/labels.ts";
import { isReschedulable } from "../../model/pod-predicates.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { isTrue } from "../lifecycle/conditions.ts";
import type { BlockCode, Candidate } from "./candidates.ts";
import { consolidatable, quietFor } from "./consolidatable.ts";
import { roundOf } from "./consolidation-round.ts";
import { disruptionCost } from "./eviction-cost.ts";

/** A node that may go because its pods can be had for less elsewhere. */
export type Consolidatee = {
  candidate: Candidate;
  claimName: string;
  poolName: string;
  /** In USD per hour. */
  price: number;
  isSpot: boolean;
  disruptionCost: number;
  /** Since pods last came or left, and since its pool last had to grow. */
  quietMs: number;
  /** How many moves in a row it came of, see consolidation-round.ts. */
  round: number;
};

export type KeptCode =
  | BlockCode
  | "Empty"
  | "Paused"
  | "StaticNodePool"
  | "ConsolidationOff"
  | "OnlyWhenEmpty"
  | "NotConsolidatable"
  | "InstanceTypeUnknown"
  | "OfferingUnknown"
  | "BudgetUsedUp"
  | "NoOtherPlace"
  | "NotCheaper"
  | "SpotToSpotOff"
  | "TooFewSpotTypes"
  | "MinValuesNotMet"
  | "NotBalanced"
  | "TooTight"
  | "TooEarly"
  | "NotTried";

/** Why a node stays, with a stable code and a sentence with its numbers. */
export type Kept = { state: StateNode; claim: NodeClaim; code: KeptCode; reason: string };

/** Candidates with pods that consolidation may take, and why it may not take the others. */
export function consolidatees(
  snapshot: Snapshot,
  candidates: readonly Candidate[],
): { able: Consolidatee[]; kept: Kept[] } {
  const able: Consolidatee[] = [];
  const kept: Kept[] = [];
  const grown = sinceGrowth(snapshot);
  for (const candidate of candidates) {
    const { state, claim, pool, pods } = candidate;
    const refusal = refusalByPool(candidate, snapshot.nowMs);
    if (refusal !== undefined) {
      kept.push({ state, claim, ...refusal });
      continue;
    }
    const offering = offeringOf(snapshot, state);
    if ("code" in offering) {
      kept.push({ state, claim, ...offering });
      continue;
    }
    able.push({
      candidate,
      claimName: claim.metadata.name,
      poolName: pool.metadata.name,
      price: offering.priceUsdPerHour,
      isSpot: offering.capacityType === "spot",
      disruptionCost: disruptionCost(pods),
      quietMs: Math.min(quietFor(claim, snapshot.nowMs), grown(pool)),
      round: roundOf(claim, snapshot),
    });
  }
  return { able, kept };
}

/**
 * For a pool, how long ago a node was last bought for pods that had none. What is taken away soon after that is often bought
 * again. Replacements of other nodes are no growth.
 */
function sinceGrowth({ view, nowMs }: Snapshot): (pool: NodePool) => number {
  const newest = new Map<string, number>();
  for (const { metadata } of view.nodeClaims.values()) {
    const pool = metadata.labels?.[NODE_POOL_LABEL] ?? "";
    const createdMs = parseTime(metadata.creationTimestamp) ?? nowMs;
    if (metadata.annotations?.[REPLACEMENT_ANNOTATION] !== undefined) continue;
    newest.set(pool, Math.max(newest.get(pool) ?? createdMs, createdMs));
  }
  return ({ metadata }) => {
    const writtenMs = parseTime(metadata.annotations?.[LAST_GROWTH_ANNOTATION] ?? "") ?? Number.NEGATIVE_INFINITY;
    return Math.max(0, nowMs - Math.max(writtenMs, newest.get(metadata.name) ?? Number.NEGATIVE_INFINITY));
  };
}

type Refusal = { code: KeptCode; reason: string };

function refusalByPool({ claim, pool, pods }: Candidate, nowMs: number): Refusal | undefined {
  const { disruption, replicas } = pool.spec;
  const { name } = pool.metadata;
  if (replicas !== undefined) {
    return { code: "StaticNodePool", reason: `NodePool ${name} has a fixed number of nodes (spec.replicas)` };
  }
  if (disruption?.consolidateAfter === "Never") {
    return {
      code: "ConsolidationOff",
      reason: `NodePool ${name} has consolidation switched off (consolidateAfter is Never)`,
    };
  }
  if (!isTrue(claim, "Consolidatable")) return { code: "NotConsolidatable", reason: whyNotYet(claim, pool, nowMs) };
  if (!pods.some(isReschedulable)) {
    return { code: "Empty", reason: "Node is empty: it goes when the budgets for reason Empty allow it" };
  }
  if (disruption?.consolidationPolicy === "WhenEmpty") {
    return {
      code: "OnlyWhenEmpty",
      reason: `NodePool ${name} consolidates only empty nodes (consolidationPolicy is WhenEmpty)`,
    };
  }
  return undefined;
}

function whyNotYet(claim: NodeClaim, pool: NodePool, nowMs: number): string {
  const state = consolidatable(claim, pool, nowMs);
  if (state.kind !== "not-yet") return "The NodeClaim has no condition Consolidatable yet";
  const seconds = Math.ceil(state.afterMs / 1_000);
  return `Pods came or went less than consolidateAfter (${pool.spec.disruption?.consolidateAfter}) ago: another ${seconds} s`;
}

/** How the node was bought: with its price, also when it cannot be had any more. */
export function offeringOf(snapshot: Snapshot, { labels, nodePool }: StateNode): Offering | Refusal {
  const typeName = labels[INSTANCE_TYPE_LABEL];
  const type = snapshot.instanceTypes.get(nodePool ?? "")?.find(({ name }) => name === typeName);
  if (type === undefined) {
    return { code: "InstanceTypeUnknown", reason: `Instance type ${typeName ?? "(no label)"} is not offered` };
  }
  const [zone, capacityType] = [labels[ZONE_LABEL], labels[CAPACITY_TYPE_LABEL]];
  for (const [key, value] of [
    [ZONE_LABEL, zone],
    [CAPACITY_TYPE_LABEL, capacityType],
  ]) {
    if (value === undefined)
      return { code: "OfferingUnknown", reason: `Node has no label ${key}: its price is not known` };
  }
  const offering = type.offerings.find((one) => one.zone === zone && one.capacityType === capacityType);
  if (offering !== undefined) return offering;
  return {
    code: "OfferingUnknown",
    reason: `${typeName} is not offered as ${capacityType} in ${zone}: its price is not known`,
  };
}

/** In USD per hour; 0 where it is not known. */
export function priceOfNode(snapshot: Snapshot, state: StateNode): number {
  const offering = offeringOf(snapshot, state);
  return "code" in offering ? 0 : offering.priceUsdPerHour;
}

/**
 * Names of the claims whose nodes take no pods in a consolidation: those that are still coming up, and those to which
 * pods came, or left, less than consolidateAfter ago: they may be about to go, or to fill up.
 */
export function closedTargets({ stateNodes, view, nowMs }: Snapshot): ReadonlySet<string> {
  const closed = new Set<string>();
  for (const { claim, initialized, nodePool } of stateNodes) {
    if (claim === undefined) continue;
    const pool = view.nodePools.get(nodePool ?? "");
    const isWaiting = pool !== undefined && consolidatable(claim, pool, nowMs).kind === "not-yet";
    if (!initialized || isWaiting) closed.add(claim.metadata.name);
  }
  return closed;
}
