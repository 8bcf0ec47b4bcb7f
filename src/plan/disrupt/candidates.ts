import { formatTime } from "../../base/time.ts";
import type { Node, Pod } from "../../model/core.ts";
import { DO_NOT_DISRUPT_ANNOTATION, REPLACEMENT_ANNOTATION } from "../../model/labels.ts";
import { budgetIndexOf } from "../../model/pod-disruption-budgets.ts";
import { isActive, nodeDoNotDisrupt } from "../../model/pod-predicates.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { nodeLoad } from "../fit/node-load.ts";
import { isTrue } from "../lifecycle/conditions.ts";
import { blockOn, type PodBlock } from "./node-pods.ts";
import { readReplacementRecord } from "./replacement-record.ts";

/** A node that may be disrupted by choice, if a method wants it. */
export type Candidate = {
  state: StateNode;
  node: Node;
  claim: NodeClaim;
  pool: NodePool;
  /** Bound and not ended, in order of key. */
  pods: readonly Pod[];
};

export type BlockCode =
  | "NoNode"
  | "NotInitialized"
  | "MarkedForDeletion"
  | "Nominated"
  | "DoNotDisruptNode"
  | "NoNodePoolLabel"
  | "NodePoolNotFound"
  | PodBlock["code"];

/** A managed node that may not be disrupted by choice, with a stable code and a sentence. */
export type Blocked = { state: StateNode; claim: NodeClaim; code: BlockCode; reason: string };

/**
 * "graceful" never passes do-not-disrupt pods and PodDisruptionBudgets; "eventual" does where the claim has a
 * terminationGracePeriod, which ends the waiting for them.
 */
export type DisruptionClass = "graceful" | "eventual";

export type Candidates = { candidates: Candidate[]; blocked: Blocked[] };

/**
 * Every managed node, judged: by its own state first, then by its pods. Nodes without a claim are nobody's business
 * here; those in `underway` (claim names) are being disrupted already. Both lists in order of name.
 * @param states those that are asked about
 * @source reference of disruption, section 2
 */
export function findCandidates(
  snapshot: Snapshot,
  underway: ReadonlySet<string>,
  disruptionClass: DisruptionClass = "graceful",
  states: readonly StateNode[] = snapshot.stateNodes,
): Candidates {
  const judge = candidateJudge(snapshot, underway, disruptionClass);
  const candidates: Candidate[] = [];
  const blocked: Blocked[] = [];
  for (const state of states) {
    const judged = judge(state);
    if (judged === undefined) continue;
    if ("code" in judged) blocked.push(judged);
    else candidates.push(judged);
  }
  return { candidates, blocked };
}

/** The same for one node at a time: undefined for those that are nobody's business here. */
export function candidateJudge(
  snapshot: Snapshot,
  underway: ReadonlySet<string>,
  disruptionClass: DisruptionClass,
): (state: StateNode) => Candidate | Blocked | undefined {
  const budgets = budgetIndexOf(snapshot.view.podDisruptionBudgets, snapshot.memory.surging);
  const expected = nodesExpectingPods(snapshot);
  return (state) => {
    const { claim } = state;
    if (claim === undefined || underway.has(claim.metadata.name)) return undefined;
    const judged = judgeNode(snapshot, state, claim, expected);
    if ("code" in judged) return { state, claim, ...judged };
    const load = nodeLoad(snapshot.view, state);
    const block = passesBlocks(claim, disruptionClass) ? undefined : blockOn(load, budgets, snapshot.nowMs);
    return block === undefined ? { state, claim, ...judged, pods: load.pods } : { state, claim, ...block };
  };
}

/** Whether its pods cannot keep the node: they have until its terminationGracePeriod ends. */
export function passesBlocks({ spec }: NodeClaim, disruptionClass: DisruptionClass): boolean {
  return disruptionClass === "eventual" && spec.terminationGracePeriod !== undefined;
}

type Block = { code: BlockCode; reason: string };

function judgeNode(
  snapshot: Snapshot,
  state: StateNode,
  claim: NodeClaim,
  expected: ReadonlySet<string>,
): { node: Node; pool: NodePool } | Block {
  const { node, nodePool } = state;
  if (node === undefined) return { code: "NoNode", reason: "Node has not joined the cluster" };
  if (!state.initialized) return { code: "NotInitialized", reason: "Node is not initialized" };
  if (state.markedForDeletion) return { code: "MarkedForDeletion", reason: "Node is deleting or marked for deletion" };
  if (expected.has(state.name) || expected.has(claim.metadata.name)) {
    return { code: "Nominated", reason: "Node is expected to receive pending pods" };
  }
  const wish = nodeDoNotDisrupt(node, snapshot.nowMs);
  if (wish.kind === "always" || wish.kind === "until") {
    const until = wish.kind === "until" ? ` until ${formatTime(wish.untilMs)}` : "";
    return { code: "DoNotDisruptNode", reason: `Node has the annotation "${DO_NOT_DISRUPT_ANNOTATION}"${until}` };
  }
  if (nodePool === undefined) return { code: "NoNodePoolLabel", reason: "Node has no NodePool label" };
  const pool = snapshot.view.nodePools.get(nodePool);
  if (pool === undefined) return { code: "NodePoolNotFound", reason: `NodePool ${nodePool} is not found` };
  return { node, pool };
}

/** By our own plans, or by the scheduler's preemption. */
function nodesExpectingPods(snapshot: Snapshot): ReadonlySet<string> {
  const { view, memory, nowMs } = snapshot;
  const names = new Set<string>();
  if (arePodsOnTheirWay(snapshot)) {
    for (const [name, untilMs] of memory.nominatedUntilMs) if (untilMs > nowMs) names.add(name);
  }
  for (const key of view.unboundPods) {
    const preemptsOn = view.pods.get(key)?.status?.nominatedNodeName ?? "";
    if (preemptsOn !== "") names.add(preemptsOn);
  }
  if (memory.expectedOn !== undefined && memory.expectedOn.size > 0) {
    const leaving = snapshot.stateNodes.filter(({ markedForDeletion }) => markedForDeletion);
    for (const key of [...view.unboundPods, ...leaving.flatMap(({ podKeys }) => podKeys)]) {
      const boughtFor = memory.expectedOn.get(view.pods.get(key)?.metadata.uid ?? "");
      if (boughtFor !== undefined) names.add(boughtFor);
    }
  }
  for (const name of replacementsOfLeaving(snapshot)) names.add(name);
  return names;
}

/** A replacement is not empty while what it replaces is still there, also when a restart has forgotten what was planned. */
function replacementsOfLeaving({ view }: Snapshot): readonly string[] {
  const leaving = [...view.nodeClaims.values()].filter(
    (claim) => claim.metadata.deletionTimestamp !== undefined || isTrue(claim, "DisruptionReason"),
  );
  if (leaving.length === 0) return [];
  const names = new Set(leaving.map(({ metadata }) => metadata.name));
  return [...view.nodeClaims.values()]
    .filter(({ metadata }) => {
      const record = readReplacementRecord(metadata.annotations?.[REPLACEMENT_ANNOTATION]);
      return record?.candidates.some((name) => names.has(name)) === true;
    })
    .map(({ metadata }) => metadata.name);
}

/** A nomination is for pods that wait, or that are on a node which goes: without any, nobody is expected anywhere. */
function arePodsOnTheirWay({ view, stateNodes }: Snapshot): boolean {
  for (const key of view.unboundPods) {
    const pod = view.pods.get(key);
    if (pod !== undefined && isActive(pod)) return true;
  }
  return stateNodes.some(({ markedForDeletion, podKeys }) => markedForDeletion && podKeys.length > 0);
}
