import type { RequirementSpec } from "../../model/requirements.ts";
import type { Resources } from "../../model/resources.ts";
import type { SearchPhase } from "./packing/packing-problem.ts";

/** A node to buy. */
export type PlannedClaim = {
  /** Derived from pool, pods and order: the same plan gives the same name, so a retry buys nothing twice. */
  name: string;
  nodePool: string;
  /** Keys of the pods that are meant to run on it, sorted. */
  pods: string[];
  /** Names, cheapest first; the pods (and daemons) fit on each. */
  instanceTypes: string[];
  /** For NodeClaim.spec.requirements: with instance-type and capacity-type, without hostname. Sorted by key. */
  requirements: RequirementSpec[];
  /** Pods plus daemons, for NodeClaim.spec.resources.requests. */
  requests: Resources;
  labels: Record<string, string>;
  /** The cheapest available offering that meets the requirements. */
  cheapestPrice: number;
  minValuesRelaxed: boolean;
  /** Why this shape: a stable code, and a sentence with its numbers. */
  why: { code: string; reason: string };
};

/** A pod that stays without a node, with a stable code and a sentence with its numbers. */
export type Refusal = { pod: string; code: string; reason: string };

export type ProvisionPlan = {
  newNodeClaims: PlannedClaim[];
  /** Pods that fit on nodes that exist or are on their way; only nodes that got some. */
  existingNodes: { name: string; pods: string[] }[];
  unschedulable: Refusal[];
  /** Pods that are not ours to judge (opted out of Karpenter's pools), by key. */
  ignored: string[];
  /** Pools whose requirements rule out every type, with the requirement that does it. */
  poolsWithoutTypes: { nodePool: string; code: string; reason: string }[];
  /** Pods that are placed without something they would have liked, and what it is. */
  remarks: { code: string; reason: string; pods: string[] }[];
  /** Sum of cheapestPrice. */
  pricePerHour: number;
  /** No plan for these pods can be cheaper. */
  lowerBoundPerHour: number;
  /** What the plan cost after each phase of the search, the last being the choice that was not taken. */
  pricePhases: readonly SearchPhase[];
};
