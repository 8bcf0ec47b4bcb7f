import type { Node } from "../../model/core.ts";
import {
  DO_NOT_SYNC_TAINTS_LABEL,
  REGISTERED_LABEL,
  TERMINATION_FINALIZER,
  UNREGISTERED_TAINT_KEY,
} from "../../model/labels.ts";
import type { OwnerReference } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { isSameTaint, mergeTaints, UNREGISTERED_TAINT } from "../../model/taints.ts";
import { type NewCondition, NODE_CLAIM_CONDITIONS, setCondition, withConditions } from "./conditions.ts";

export type Registration = {
  claim: NodeClaim;
  /** The node before and after, once there is one. It is written before the claim. */
  node?: { before: Node; after: Node };
  /** The node joined without the taint that keeps pods away until its own taints are there. */
  taintMissing: boolean;
};

/**
 * What is next for a claim that is launched and whose node has not registered.
 * @param nodes those with the claim's provider id
 */
export function planRegistration(claim: NodeClaim, nodes: readonly Node[], nowMs: number): Registration {
  const [node, second] = nodes;
  if (node === undefined) {
    return { claim: registered(claim, unknown("NodeNotFound", "no node has joined yet"), nowMs), taintMissing: false };
  }
  if (second !== undefined) {
    const message = `nodes ${nodes.map(({ metadata }) => metadata.name).join(", ")} have the same provider id`;
    const condition: NewCondition = { type: "Registered", status: "False", reason: "MultipleNodesFound", message };
    return { claim: registered(claim, condition, nowMs), taintMissing: false };
  }
  const isLabelled = node.metadata.labels?.[REGISTERED_LABEL] === "true";
  const hasTaint = (node.spec.taints ?? []).some((taint) => isSameTaint(taint, UNREGISTERED_TAINT));
  const done = registered(claim, { type: "Registered", status: "True" }, nowMs);
  return {
    claim: { ...done, status: { ...done.status, nodeName: node.metadata.name } },
    node: { before: node, after: registeredNode(node, claim) },
    taintMissing: !isLabelled && !hasTaint,
  };
}

/** The node with what its claim says of labels, annotations and taints, and with our finalizer. */
export function registeredNode(node: Node, claim: NodeClaim): Node {
  const { metadata, spec } = node;
  const present = (spec.taints ?? []).filter((taint) => taint.key !== UNREGISTERED_TAINT_KEY);
  const wanted = [...(claim.spec.taints ?? []), ...(claim.spec.startupTaints ?? [])];
  const taints = metadata.labels?.[DO_NOT_SYNC_TAINTS_LABEL] === "true" ? present : mergeTaints(present, wanted);
  const { taints: _, ...restOfSpec } = spec;
  return {
    ...node,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...claim.metadata.labels, [REGISTERED_LABEL]: "true" },
      annotations: { ...metadata.annotations, ...claim.metadata.annotations },
      finalizers: withItem(metadata.finalizers ?? [], TERMINATION_FINALIZER),
      ownerReferences: withOwner(metadata.ownerReferences ?? [], claim),
    },
    spec: taints.length === 0 ? restOfSpec : { ...restOfSpec, taints },
  };
}

function withItem(items: readonly string[], item: string): string[] {
  return items.includes(item) ? [...items] : [...items, item];
}

function withOwner(owners: readonly OwnerReference[], { apiVersion, kind, metadata }: NodeClaim): OwnerReference[] {
  if (owners.some(({ uid }) => uid === metadata.uid)) return [...owners];
  return [...owners, { apiVersion, kind, name: metadata.name, uid: metadata.uid, blockOwnerDeletion: true }];
}

function unknown(reason: string, message: string): NewCondition {
  return { type: "Registered", status: "Unknown", reason, message };
}

function registered(claim: NodeClaim, condition: NewCondition, nowMs: number): NodeClaim {
  return withConditions(claim, setCondition(claim, NODE_CLAIM_CONDITIONS, condition, nowMs));
}
