import { Matches } from "../../base/matches.ts";
import { settleAll } from "../../base/settle-all.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type { Node } from "../../model/core.ts";
import { NODE_CLAIMS, NODES, PODS } from "../../model/kinds.ts";
import { DISRUPTION_REASON_ANNOTATION } from "../../model/labels.ts";
import { keyOf } from "../../model/object.ts";
import { indexBudgets, isCurrentlyReschedulable } from "../../model/pod-disruption-budgets.ts";
import { isReschedulable } from "../../model/pod-predicates.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { DISRUPTED_TAINT, isSameTaint, mergeTaints } from "../../model/taints.ts";
import { type Candidate, passesBlocks } from "../../plan/disrupt/candidates.ts";
import type { DisruptionCommand } from "../../plan/disrupt/command.ts";
import { blockingPod } from "../../plan/disrupt/node-pods.ts";
import { storyOf } from "../../plan/disrupt/story.ts";
import {
  clearCondition,
  findCondition,
  isTrue,
  NODE_CLAIM_CONDITIONS,
  setCondition,
  withConditions,
} from "../../plan/lifecycle/conditions.ts";
import { listAll } from "../../ports/list-all.ts";
import type { Needs } from "../ports.ts";
import { patchObject } from "../write.ts";

/**
 * Closes the node for new pods and says why. True when the decision still holds after that: the scheduler may have been
 * quicker than our view of the cluster, and brought a pod that nobody has planned a place for.
 */
export async function markNode(needs: Needs, candidate: Candidate, command: DisruptionCommand): Promise<boolean> {
  const { api, mirror, clock, log } = needs;
  const { node, claim } = candidate;
  const { name } = node.metadata;
  const { reason } = command;
  try {
    const taints = mergeTaints(node.spec.taints ?? [], [DISRUPTED_TAINT]);
    const annotations = { ...node.metadata.annotations, [DISRUPTION_REASON_ANNOTATION]: reason };
    const metadata = { ...node.metadata, annotations };
    await patchObject(needs, NODES, node, { ...node, metadata, spec: { ...node.spec, taints } });
    for (const pod of await listAll(api, PODS, { fieldSelector: `spec.nodeName=${name}` })) mirror.remember(pod);
    if (!holdsStill(needs, name, claim, command)) return false;
    const message = storyOf(command, candidate);
    const condition = { type: "DisruptionReason", status: "True", reason, message } as const;
    const conditions = setCondition(claim, NODE_CLAIM_CONDITIONS, condition, clock.nowMs());
    await patchObject(needs, NODE_CLAIMS, claim, withConditions(claim, conditions), "status");
    return true;
  } catch (error) {
    log.debug("a node cannot be marked for disruption", { Node: name, error });
    return false;
  }
}

/** Whether no pod on the node stands in the way, and every one that has to move has a place to go. */
function holdsStill(
  { mirror, clock, memory }: Needs,
  nodeName: string,
  claim: NodeClaim,
  { reason, moves }: DisruptionCommand,
): boolean {
  const { pods, podsByNode, podDisruptionBudgets } = mirror.live;
  const nowMs = clock.nowMs();
  const budgets = indexBudgets(podDisruptionBudgets.values(), memory.surging());
  const here = [...(podsByNode.get(nodeName) ?? [])].map((key) => pods.get(key)).filter((pod) => pod !== undefined);
  const isForced = passesBlocks(claim, reason === "Drifted" || reason === "Expired" ? "eventual" : "graceful");
  if (!isForced && blockingPod(here, budgets, nowMs) !== undefined) return false;
  if (reason === "Empty") return !here.some(isReschedulable);
  return here.every((pod) => moves.has(keyOf(pod)) || !isCurrentlyReschedulable(pod, budgets, nowMs));
}

/** Nodes that a command was about to disrupt and that no command knows any more: after a restart, or given up. */
export async function releaseForgotten(needs: Needs, underway: ReadonlySet<string>): Promise<void> {
  const { mirror, memory } = needs;
  const view = mirror.view();
  const left: Promise<void>[] = [];
  for (const [name, claim] of markedClaims(view)) {
    const isGoing = claim.metadata.deletionTimestamp !== undefined || isTrue(claim, "InstanceTerminating");
    if (isGoing || underway.has(name) || memory.isMarkedForDeletion(name)) continue;
    left.push(release(needs, claim, view.nodes.get(view.nodeByProviderId.get(claim.status?.providerID ?? "") ?? "")));
  }
  await settleAll(left);
}

const TAINTED = new Matches<Node>(isDisrupted);
const WITH_REASON = new Matches<NodeClaim>((claim) => findCondition(claim, "DisruptionReason") !== undefined);

function isDisrupted({ spec }: Node): boolean {
  return spec.taints?.some((taint) => isSameTaint(taint, DISRUPTED_TAINT)) === true;
}

/** Claims that say, or whose node says, that they are being disrupted. */
function markedClaims(view: ClusterView): ReadonlyMap<string, NodeClaim> {
  const ofTainted = TAINTED.in(view.nodes).flatMap(
    ({ spec }) => view.nodeClaims.get(view.claimByProviderId.get(spec.providerID ?? "") ?? "") ?? [],
  );
  return new Map([...WITH_REASON.in(view.nodeClaims), ...ofTainted].map((claim) => [claim.metadata.name, claim]));
}

async function release(needs: Needs, claim: NodeClaim, node: Node | undefined): Promise<void> {
  if (node !== undefined && node.metadata.deletionTimestamp === undefined) {
    const taints = (node.spec.taints ?? []).filter((taint) => !isSameTaint(taint, DISRUPTED_TAINT));
    const { [DISRUPTION_REASON_ANNOTATION]: _, ...annotations } = node.metadata.annotations ?? {};
    const metadata = { ...node.metadata, annotations };
    await patchObject(needs, NODES, node, { ...node, metadata, spec: { ...node.spec, taints } });
  }
  if (findCondition(claim, "DisruptionReason") === undefined) return;
  const conditions = clearCondition(claim, NODE_CLAIM_CONDITIONS, "DisruptionReason");
  await patchObject(needs, NODE_CLAIMS, claim, withConditions(claim, conditions), "status");
}
