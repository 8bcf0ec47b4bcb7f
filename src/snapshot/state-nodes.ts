import { byText } from "../base/order.ts";
import type { ClusterView } from "../model/cluster-view.ts";
import type { InstanceType } from "../model/instance-type.ts";
import { HOSTNAME_LABEL } from "../model/labels.ts";
import { isBound, isProvisionable } from "../model/pod-predicates.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import { type ExpectedNode, expectedNode } from "./expected-node.ts";
import { type SeenNodes, seenNodes } from "./seen-nodes.ts";
import type { Memory, StateNode } from "./snapshot.ts";

type TypesByPool = ReadonlyMap<string, readonly InstanceType[]>;
const NO_TYPES: TypesByPool = new Map();

/**
 * Nodes and claims as planning sees them: one entry per Node, per claim whose Node has not come yet, or for both merged
 * by provider id. Sorted by name. A claim that is not launched yet counts as the node it will become.
 * Of the views of one mirror, entries and the list itself stay the same objects as long as nothing about them changes.
 * @param instanceTypes per pool, what it can launch
 * @source reference of the scheduling rules, section 16
 */
export function stateNodesOf(
  view: ClusterView,
  memory: Pick<Memory, "markedForDeletion" | "expectedOn">,
  instanceTypes: TypesByPool = NO_TYPES,
): readonly StateNode[] {
  const seen = seenNodes(view);
  const states =
    seen.hasClaimsOnly || memory.markedForDeletion.size > 0 ? remembered(seen, memory, instanceTypes) : seen.states;
  return withWaitingPods(view, memory, states);
}

/** With what only we know: claims that are about to be deleted, and what claims that are not launched yet will become. */
function remembered(
  { states }: SeenNodes,
  memory: Pick<Memory, "markedForDeletion">,
  instanceTypes: TypesByPool,
): readonly StateNode[] {
  return states.map((state) => {
    const { node, claim } = state;
    const isMarked = claim !== undefined && memory.markedForDeletion.has(claim.metadata.name);
    const marked = isMarked && !state.markedForDeletion ? { ...state, markedForDeletion: true } : state;
    const isComing = node === undefined && claim !== undefined && claim.status?.providerID === undefined;
    return isComing ? withExpected(marked, claim, instanceTypes) : marked;
  });
}

/** Pods for which a claim was bought count as if they were on its node already, wherever they wait. */
function withWaitingPods(
  view: ClusterView,
  { expectedOn }: Pick<Memory, "expectedOn">,
  states: readonly StateNode[],
): readonly StateNode[] {
  if (expectedOn === undefined || expectedOn.size === 0) return states;
  const leaving = states.filter(({ markedForDeletion }) => markedForDeletion).flatMap(({ podKeys }) => podKeys);
  const waiting = new Map<string, string[]>();
  for (const key of [...view.unboundPods, ...leaving]) {
    const pod = view.pods.get(key);
    const claim = pod === undefined ? undefined : expectedOn.get(pod.metadata.uid);
    if (pod === undefined || claim === undefined || !(isBound(pod) || isProvisionable(pod))) continue;
    waiting.set(claim, [...(waiting.get(claim) ?? []), key]);
  }
  return states.map((state) => {
    const more = state.markedForDeletion ? undefined : waiting.get(state.claim?.metadata.name ?? "");
    return more === undefined ? state : { ...state, podKeys: [...state.podKeys, ...more].sort(byText) };
  });
}

function withExpected(state: StateNode, claim: NodeClaim, instanceTypes: TypesByPool): StateNode {
  const expected: ExpectedNode = expectedNode(claim, instanceTypes.get(state.nodePool ?? "") ?? []);
  return {
    ...state,
    labels: { ...expected.labels, [HOSTNAME_LABEL]: state.hostname },
    capacity: expected.capacity,
    allocatable: expected.allocatable,
  };
}
