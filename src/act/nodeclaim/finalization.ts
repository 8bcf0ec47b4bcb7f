import { formatTime, parseTime, SECOND_MS } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { parseDuration } from "../../model/duration.ts";
import { NODE_CLAIMS, NODES } from "../../model/kinds.ts";
import {
  CAPACITY_TYPE_LABEL,
  NODE_POOL_LABEL,
  TERMINATION_FINALIZER,
  TERMINATION_TIMESTAMP_ANNOTATION,
  ZONE_LABEL,
} from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { isTrue, NODE_CLAIM_CONDITIONS, setCondition, withConditions } from "../../plan/lifecycle/conditions.ts";
import { isNotFound } from "../../ports/kube-api.ts";
import { after, type Outcome, onChange } from "../../runtime/controller.ts";
import { tellForeignFinalizers } from "../node/foreign-finalizers.ts";
import { instanceTerminationSeconds, terminateInstance } from "../node/terminate-instance.ts";
import type { Needs } from "../ports.ts";
import { deleteObject, patchObject } from "../write.ts";

/** Nodes are looked for again so often, beside the changes that the mirror tells. */
const NODE_POLL_MS = 5 * SECOND_MS;

/**
 * The next step of a claim that is being deleted: its deadline, then its nodes (which drain), then its instance, then
 * its finalizer. Called by the claim's life cycle until the claim is gone.
 */
export async function finalizeNodeClaim(needs: Needs, claim: NodeClaim): Promise<Outcome> {
  if (!(claim.metadata.finalizers ?? []).includes(TERMINATION_FINALIZER)) return leftToOthers(needs, claim);
  const dated = await withDeadline(needs, claim);
  if (isTrue(dated, "Registered") && (await deleteNodes(needs, dated))) {
    return after(NODE_POLL_MS, "the node is being drained");
  }
  const known = dated.status?.providerID === undefined ? await withLostInstance(needs, dated) : dated;
  const { isGone, waitMs, claim: noted } = await terminateInstance(needs, known);
  if (!isGone) return after(waitMs, "the instance is terminating");
  await finish(needs, noted);
  return onChange;
}

async function leftToOthers(needs: Needs, claim: NodeClaim): Promise<Outcome> {
  const { message, outcome } = tellForeignFinalizers(needs, claim);
  if (message === undefined) return outcome;
  const condition = { type: "Finalized", status: "False", reason: "ForeignFinalizer", message } as const;
  const conditions = setCondition(claim, NODE_CLAIM_CONDITIONS, condition, needs.clock.nowMs());
  await patchObject(needs, NODE_CLAIMS, claim, withConditions(claim, conditions), "status");
  return outcome;
}

/** When all pods must be gone: written once; only an interruption brings it forward. */
async function withDeadline(needs: Needs, claim: NodeClaim): Promise<NodeClaim> {
  const { annotations = {}, deletionTimestamp = "" } = claim.metadata;
  const graceMs = parseDuration(claim.spec.terminationGracePeriod ?? "");
  const deletedMs = parseTime(deletionTimestamp);
  if (graceMs === undefined || deletedMs === undefined) return claim;
  if (annotations[TERMINATION_TIMESTAMP_ANNOTATION] !== undefined) return claim;
  const deadline = formatTime(deletedMs + graceMs);
  const dated = await patchObject(needs, NODE_CLAIMS, claim, {
    ...claim,
    metadata: { ...claim.metadata, annotations: { ...annotations, [TERMINATION_TIMESTAMP_ANNOTATION]: deadline } },
  });
  needs.events.record({
    object: claim,
    type: "Warning",
    reason: "TerminationGracePeriodExpiring",
    message: `All pods will be deleted by ${deadline}`,
  });
  return dated;
}

/** Deletes the claim's nodes; true while there are any that are not drained. One that only others hold is. */
async function deleteNodes(needs: Needs, claim: NodeClaim): Promise<boolean> {
  const nodes = (await nodesOf(needs, claim)).filter(
    ({ metadata }) =>
      metadata.deletionTimestamp === undefined || metadata.finalizers?.includes(TERMINATION_FINALIZER) === true,
  );
  for (const node of nodes) {
    if (node.metadata.deletionTimestamp === undefined) await deleteObject(needs, NODES, node);
  }
  return nodes.length > 0;
}

/** When the mirror shows none the server is asked too: a late watch must not end an instance with pods on it. */
async function nodesOf({ api, mirror }: Needs, claim: NodeClaim): Promise<Node[]> {
  const { providerID, nodeName } = claim.status ?? {};
  if (providerID === undefined) return [];
  if (mirror.live.nodeByProviderId.has(providerID)) {
    return [...mirror.live.nodes.values()].filter(({ spec }) => spec.providerID === providerID);
  }
  if (nodeName === undefined) return [];
  try {
    const node = await api.get(NODES, { name: nodeName });
    mirror.remember(node);
    return node.spec.providerID === providerID ? [node] : [];
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** A launch that was cut short before its result was written: the instance is there, and the claim must not forget it. */
async function withLostInstance({ provider }: Needs, claim: NodeClaim): Promise<NodeClaim> {
  const instance = (await provider.list()).find(({ claimName }) => claimName === claim.metadata.name);
  if (instance === undefined) return claim;
  return { ...claim, status: { ...claim.status, providerID: instance.providerId } };
}

async function finish(needs: Needs, claim: NodeClaim): Promise<void> {
  const { api, clock, metrics, log, mirror } = needs;
  const { name, labels = {}, deletionTimestamp = "" } = claim.metadata;
  const nodeName = claim.status?.nodeName;
  const current = mirror.live.nodeClaims.get(name) ?? claim;
  const finalizers = (current.metadata.finalizers ?? []).filter((finalizer) => finalizer !== TERMINATION_FINALIZER);
  await patchObject({ api, mirror }, NODE_CLAIMS, current, {
    ...current,
    metadata: { ...current.metadata, finalizers },
  });
  const nowMs = clock.nowMs();
  const nodepool = labels[NODE_POOL_LABEL] ?? "";
  metrics.count("karpenter_nodeclaims_terminated_total", {
    nodepool,
    capacity_type: labels[CAPACITY_TYPE_LABEL] ?? "",
    zone: labels[ZONE_LABEL] ?? "",
  });
  const dyingMs = nowMs - (parseTime(deletionTimestamp) ?? nowMs);
  metrics.observe("karpenter_nodeclaims_termination_duration_seconds", dyingMs / SECOND_MS, { nodepool });
  const instanceSeconds = instanceTerminationSeconds(claim, nowMs);
  if (instanceSeconds !== undefined) {
    metrics.observe("karpenter_nodeclaims_instance_termination_duration_seconds", instanceSeconds, { nodepool });
  }
  log.info("deleted nodeclaim", { NodeClaim: name, Node: nodeName, "provider-id": claim.status?.providerID });
}
