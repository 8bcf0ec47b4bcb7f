import type { Pod } from "../../model/core.ts";
import { keyOf } from "../../model/object.ts";
import { budgetIndexOf } from "../../model/pod-disruption-budgets.ts";
import { isProvisionable } from "../../model/pod-predicates.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { nodeLoad } from "../fit/node-load.ts";
import { freeName } from "../provision/claim-name.ts";
import { planProvisioning } from "../provision/plan-provisioning.ts";
import type { PlannedClaim, ProvisionPlan } from "../provision/provision-plan.ts";
import { podsMovingFrom } from "./node-pods.ts";

/** Where the pods of nodes would go if these nodes went. */
export type Rehoming = {
  /** To be bought for them, with names that no claim has. Pods that wait for other reasons are not in them. */
  replacements: readonly PlannedClaim[];
  /** Pod key to the name of the existing node or of the replacement. */
  moves: ReadonlyMap<string, string>;
  /** Why not all of them find a place; undefined: all do. */
  problem: string | undefined;
};

export type RehomingOptions = {
  /** Names of the claims whose nodes go. */
  leaving: ReadonlySet<string>;
  /** Names of claims whose nodes get none of the pods, since they are to go as well. */
  avoid?: ReadonlySet<string>;
};

/**
 * The what-if behind every replacement. First come the pods that wait already, or whose node goes anyway: the room that
 * they find on other nodes is theirs. Then the pods of the leaving nodes. A place on a node that is still coming up is
 * none yet. Pods that must not be moved now (do-not-disrupt, a budget that never allows it) are not provided for.
 * @source reference of disruption, section 4. There, pods that wait swell the replacements.
 */
export function rehome(snapshot: Snapshot, { leaving, avoid }: RehomingOptions): Rehoming {
  const gone = withoutNodes(snapshot, leaving, avoid ?? new Set());
  const own = podsOn(gone, leaving);
  if (own.length === 0) return { replacements: [], moves: new Map(), problem: undefined };
  const others = otherPods(gone, leaving);
  const settled = others.length === 0 ? gone : withOthersSettled(gone, own, others);
  return named(gone, own, planProvisioning(settled));
}

/** The snapshot in which these nodes are about to go, and others take no more pods. */
function withoutNodes(snapshot: Snapshot, leaving: ReadonlySet<string>, closed: ReadonlySet<string>): Snapshot {
  const stateNodes = snapshot.stateNodes.map((state): StateNode => {
    return leaving.has(state.claim?.metadata.name ?? "") ? { ...state, markedForDeletion: true } : state;
  });
  return { ...snapshot, stateNodes, closed };
}

function podsOn({ stateNodes, view, nowMs, memory }: Snapshot, leaving: ReadonlySet<string>): Pod[] {
  const budgets = budgetIndexOf(view.podDisruptionBudgets, memory.surging);
  return stateNodes
    .filter(({ claim }) => leaving.has(claim?.metadata.name ?? ""))
    .flatMap((state) => podsMovingFrom(nodeLoad(view, state), budgets, nowMs));
}

/** Pods that a plan of the present cluster is about anyway. */
function otherPods({ stateNodes, view }: Snapshot, leaving: ReadonlySet<string>): Pod[] {
  const waiting = [...view.unboundPods].map((key) => view.pods.get(key)).filter((pod) => pod !== undefined);
  const onMarked = stateNodes
    .filter(({ markedForDeletion, claim }) => markedForDeletion && !leaving.has(claim?.metadata.name ?? ""))
    .flatMap(({ podKeys }) => podKeys.map((key) => view.pods.get(key)))
    .filter((pod) => pod !== undefined);
  return [...waiting.filter(isProvisionable), ...onMarked];
}

/** The others take the room that they find; then they are out of the plan. */
function withOthersSettled(snapshot: Snapshot, own: readonly Pod[], others: readonly Pod[]): Snapshot {
  const { existingNodes } = planProvisioning(notPlanning(snapshot, own));
  const guests = new Map(existingNodes.map(({ name, pods }) => [name, pods]));
  const stateNodes = snapshot.stateNodes.map((state) => {
    const more = guests.get(state.name);
    return more === undefined ? state : { ...state, podKeys: [...state.podKeys, ...more] };
  });
  return notPlanning({ ...snapshot, stateNodes }, others);
}

function notPlanning(snapshot: Snapshot, pods: readonly Pod[]): Snapshot {
  const expectedOn = new Map(snapshot.memory.expectedOn);
  for (const { metadata } of pods) if (!expectedOn.has(metadata.uid)) expectedOn.set(metadata.uid, "");
  return { ...snapshot, memory: { ...snapshot.memory, expectedOn } };
}

function named(snapshot: Snapshot, own: readonly Pod[], plan: ProvisionPlan): Rehoming {
  const taken = new Set(snapshot.view.nodeClaims.keys());
  const moves = new Map<string, string>();
  const replacements = plan.newNodeClaims.map((planned) => {
    const name = freeName(taken, planned.name);
    taken.add(name);
    for (const key of planned.pods) moves.set(key, name);
    return { ...planned, name };
  });
  const unready = new Set(
    snapshot.stateNodes.filter(({ managed, initialized }) => managed && !initialized).map(({ name }) => name),
  );
  let problem = plan.unschedulable.map(({ pod, reason }) => `Pod ${pod} has no other place: ${reason}`)[0];
  for (const { name, pods } of plan.existingNodes) {
    for (const key of pods) moves.set(key, name);
    if (unready.has(name)) problem ??= `Pods would go to node ${name}, which is not initialized yet`;
  }
  const homeless = own.find((pod) => !moves.has(keyOf(pod)));
  if (homeless !== undefined) problem ??= `Pod ${keyOf(homeless)} has no other place`;
  return { replacements, moves, problem };
}
