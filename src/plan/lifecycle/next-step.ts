import type { Node } from "../../model/core.ts";
import { INITIALIZED_LABEL, TERMINATION_FINALIZER } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { isTrue, NODE_CLAIM_CONDITIONS, startedConditions, withConditions } from "./conditions.ts";
import { planInitialization } from "./initialization.ts";
import { type Liveness, livenessOf } from "./liveness.ts";
import { planRegistration, registeredNode } from "./registration.ts";

export type LifecycleStep =
  /** The claim is being deleted. */
  | { do: "finalize" }
  /** Before anything is launched, so that deleting the claim cannot lose an instance. */
  | { do: "add-finalizer"; claim: NodeClaim }
  | { do: "launch" }
  | { do: "give-up"; reason: "launch_timeout" | "registration_timeout" }
  /** Write the node first, then the claim; either may be unchanged. */
  | {
      do: "write";
      claim: NodeClaim;
      node?: { before: Node; after: Node };
      /** This write makes the node a registered one. */
      registers: boolean;
      taintMissing: boolean;
      /** The node's earlier name, where it has come back under another. */
      renamedFrom?: string;
      /** When to look again although nothing changed. */
      recheckMs: number | undefined;
    };

/**
 * A claim's next step on its way from created to initialized.
 * @param nodes those with the claim's provider id, none before it has one
 * @source kubernetes-sigs/karpenter pkg/controllers/nodeclaim/lifecycle; there two nodes with one provider id end a
 *   claim's registration for good, here it goes on when one of them has left
 */
export function nextLifecycleStep(claim: NodeClaim, nodes: readonly Node[], nowMs: number): LifecycleStep {
  const { metadata } = claim;
  if (metadata.deletionTimestamp !== undefined) return { do: "finalize" };
  const finalizers = metadata.finalizers ?? [];
  if (!finalizers.includes(TERMINATION_FINALIZER)) {
    return {
      do: "add-finalizer",
      claim: { ...claim, metadata: { ...metadata, finalizers: [...finalizers, TERMINATION_FINALIZER] } },
    };
  }
  const started = withConditions(claim, startedConditions(claim, NODE_CLAIM_CONDITIONS));
  if (!isTrue(started, "Launched")) return { do: "launch" };
  return afterLaunch(started, nodes, nowMs);
}

function afterLaunch(claim: NodeClaim, nodes: readonly Node[], nowMs: number): LifecycleStep {
  if (isTrue(claim, "Registered")) {
    const renamed = renamedNode(claim, nodes);
    if (renamed !== undefined) return renamed;
    const { claim: next, node } = isTrue(claim, "Initialized")
      ? { claim, node: undefined }
      : planInitialization(claim, nodes[0], nowMs);
    return write(next, node, false, false, { kind: "alive" });
  }
  const registration = planRegistration(claim, nodes, nowMs);
  const liveness = livenessOf(registration.claim, nowMs);
  if (liveness.kind === "lost") return { do: "give-up", reason: "registration_timeout" };
  const { node, taintMissing } = registration;
  return write(registration.claim, node, node !== undefined, taintMissing, liveness);
}

/** A machine that has joined anew under another name: it is the same instance, and gets what makes it ours again. */
function renamedNode(claim: NodeClaim, [node, second]: readonly Node[]): LifecycleStep | undefined {
  const { nodeName: renamedFrom } = claim.status ?? {};
  if (node === undefined || second !== undefined || renamedFrom === undefined) return undefined;
  if (node.metadata.name === renamedFrom || node.metadata.deletionTimestamp !== undefined) return undefined;
  const { startupTaints: _, ...spec } = claim.spec;
  const registered = registeredNode(node, { ...claim, spec });
  const labels = {
    ...registered.metadata.labels,
    ...(isTrue(claim, "Initialized") ? { [INITIALIZED_LABEL]: "true" } : {}),
  };
  const after: Node = { ...registered, metadata: { ...registered.metadata, labels } };
  const named: NodeClaim = { ...claim, status: { ...claim.status, nodeName: node.metadata.name } };
  return { ...write(named, { before: node, after }, false, false, { kind: "alive" }), renamedFrom } as LifecycleStep;
}

function write(
  claim: NodeClaim,
  node: { before: Node; after: Node } | undefined,
  registers: boolean,
  taintMissing: boolean,
  liveness: Liveness,
): LifecycleStep {
  const recheckMs = liveness.kind === "waiting" ? liveness.ms : undefined;
  return { do: "write", claim, ...(node === undefined ? {} : { node }), registers, taintMissing, recheckMs };
}
