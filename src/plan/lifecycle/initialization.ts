import type { Node, ResourceList } from "../../model/core.ts";
import { INITIALIZED_LABEL } from "../../model/labels.ts";
import { parseQuantity } from "../../model/quantity.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { formatTaint, isEphemeralTaint, isSameTaint } from "../../model/taints.ts";
import { NODE_CLAIM_CONDITIONS, setCondition, withConditions } from "./conditions.ts";

export type Initialization = {
  claim: NodeClaim;
  /** The node before and after, when it is initialized. It is written before the claim. */
  node?: { before: Node; after: Node };
};

/** What is next for a claim whose node has registered: it is initialized once pods can use all of it. */
export function planInitialization(claim: NodeClaim, node: Node | undefined, nowMs: number): Initialization {
  const obstacle =
    node === undefined ? { reason: "NodeNotFound", message: "the node is gone" } : obstacleOf(claim, node);
  if (node === undefined || obstacle !== undefined) {
    const condition = { type: "Initialized", status: "Unknown", ...obstacle } as const;
    return { claim: withConditions(claim, setCondition(claim, NODE_CLAIM_CONDITIONS, condition, nowMs)) };
  }
  const after: Node = {
    ...node,
    metadata: { ...node.metadata, labels: { ...node.metadata.labels, [INITIALIZED_LABEL]: "true" } },
  };
  const conditions = setCondition(claim, NODE_CLAIM_CONDITIONS, { type: "Initialized", status: "True" }, nowMs);
  return { claim: withConditions(claim, conditions), node: { before: node, after } };
}

type Obstacle = { reason: string; message: string };

/** The first thing that is missing, in the order in which a node comes up. */
function obstacleOf(claim: NodeClaim, node: Node): Obstacle | undefined {
  const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
  if (ready?.status !== "True") {
    return { reason: "NodeNotReady", message: `the node's Ready condition is ${ready?.status ?? "missing"}` };
  }
  const taints = node.spec.taints ?? [];
  const startup = taints.find((taint) => (claim.spec.startupTaints ?? []).some((own) => isSameTaint(own, taint)));
  if (startup !== undefined) {
    return { reason: "StartupTaintsExist", message: `the startup taint ${formatTaint(startup)} is still there` };
  }
  const ephemeral = taints.find(isEphemeralTaint);
  if (ephemeral !== undefined) {
    return { reason: "KnownEphemeralTaintsExist", message: `the taint ${formatTaint(ephemeral)} is still there` };
  }
  const missing = missingResource(claim.spec.resources?.requests ?? {}, node.status?.allocatable ?? {});
  if (missing === undefined) return undefined;
  return { reason: "ResourceNotRegistered", message: `the node does not offer ${missing} yet` };
}

/** The first requested resource, by name, of which the node offers nothing. */
function missingResource(requests: ResourceList, offered: ResourceList): string | undefined {
  return Object.keys(requests)
    .sort()
    .find((name) => isPositive(requests[name]) && !isPositive(offered[name]));
}

function isPositive(quantity: string | number | undefined): boolean {
  return quantity !== undefined && (parseQuantity(quantity)?.nano ?? 0n) > 0n;
}
