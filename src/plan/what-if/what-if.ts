import { byText } from "../../base/order.ts";
import { keyOf } from "../../model/object.ts";
import { type BudgetIndex, indexBudgets, isBlockedForGood } from "../../model/pod-disruption-budgets.ts";
import { isDisruptable, isEvictable } from "../../model/pod-predicates.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { passesBlocks } from "../disrupt/candidates.ts";
import { priceOfNode } from "../disrupt/consolidate-candidates.ts";
import type { Drift } from "../disrupt/drift-reason.ts";
import { hasPodsToMove } from "../disrupt/emptiness.ts";
import { nodeLoad } from "../fit/node-load.ts";
import { planProvisioning } from "../provision/plan-provisioning.ts";
import type { PlannedClaim, ProvisionPlan, Refusal } from "../provision/provision-plan.ts";
import { estimateRollout, type Rollout, type RolloutPace } from "./rollout.ts";

/** Why a node goes, with a stable code and a sentence. */
export type Leaving = { code: string; reason: string };
export type LeavingNode = Leaving & { state: StateNode; priceUsdPerHour: number };

export type WhatIfInput = {
  before: Snapshot;
  /** The cluster with the change in it. Nodes that are lost or removed are not in it any more, and their pods wait. */
  after: Snapshot;
  /** By node name: why it is in the one and not in the other. */
  gone: ReadonlyMap<string, Leaving>;
  /** By name of the claim: nodes of `after` that would be replaced because of the change. */
  drifts: ReadonlyMap<string, Drift | Leaving>;
  pace: RolloutPace;
};

/** What a change would come to. Every list in order of name. */
export type WhatIf = {
  /** Lost or removed at once. */
  gone: readonly LeavingNode[];
  /** Replaced in the course of the roll-out. */
  drifted: readonly LeavingNode[];
  /** Would be replaced too, but something on them forbids it for good. */
  held: readonly LeavingNode[];
  /** Nothing is left on them that comes back elsewhere: consolidation takes them away. */
  emptied: readonly LeavingNode[];
  bought: readonly PlannedClaim[];
  /** Pods that run now, and run elsewhere afterwards. */
  moved: readonly { pod: string; from: string; to: string }[];
  /** Pods that do not run now, and have a place afterwards. */
  placed: readonly { pod: string; to: string }[];
  /** Pods without a place that have one, or are not there, today. */
  stuck: readonly Refusal[];
  /** Pods that have no place with or without the change. */
  stuckAnyway: readonly Refusal[];
  /** Pods that have a node today. */
  podsRunning: number;
  /** Managed nodes, with what pods that wait already would get. */
  nodes: { before: number; after: number };
  priceUsdPerHour: { before: number; after: number };
  rollout: Rollout;
  plan: ProvisionPlan;
};

/**
 * The same plans as always, on the cluster as it is and on the cluster with the change. What is bought for drifted nodes is
 * planned as if all of them went at once, while the controller goes node by node: then prices come out a little different.
 */
export function planWhatIf({ before, after, gone, drifts, pace }: WhatIfInput): WhatIf {
  const baseline = planProvisioning(before);
  const { drifted, held } = driftedIn(after, drifts);
  const going = new Set(drifted.map(({ state }) => state.name));
  const plan = planProvisioning(marked(after, going));
  const targets = targetsOf(plan);
  const emptied = emptiedIn(before, after, { going, targets: new Set(targets.values()) });
  const staying = after.stateNodes.filter(({ managed, name }) => managed && !going.has(name));
  const nodesBefore = before.stateNodes.filter(({ managed }) => managed);
  const wasStuck = new Set(baseline.unschedulable.map(({ pod }) => pod));
  const places = [...targets].sort(([a], [b]) => byText(a, b));
  const fromOf = (pod: string): string => before.view.pods.get(pod)?.spec.nodeName ?? "";
  return {
    gone: before.stateNodes.flatMap((state) => {
      const why = gone.get(state.name);
      return why === undefined ? [] : [{ ...why, state, priceUsdPerHour: priceOfNode(before, state) }];
    }),
    drifted,
    held,
    emptied,
    bought: plan.newNodeClaims,
    moved: places.flatMap(([pod, to]) => (fromOf(pod) === "" ? [] : [{ pod, from: fromOf(pod), to }])),
    placed: places.flatMap(([pod, to]) => (fromOf(pod) === "" ? [{ pod, to }] : [])),
    stuck: plan.unschedulable.filter(({ pod }) => !wasStuck.has(pod)),
    stuckAnyway: plan.unschedulable.filter(({ pod }) => wasStuck.has(pod)),
    podsRunning: before.view.pods.size - before.view.unboundPods.size,
    nodes: {
      before: nodesBefore.length + baseline.newNodeClaims.length,
      after: staying.length - emptied.length + plan.newNodeClaims.length,
    },
    priceUsdPerHour: {
      before: rounded(sumOfPrices(before, nodesBefore) + baseline.pricePerHour),
      after: rounded(sumOfPrices(after, staying) - sumOf(emptied) + plan.pricePerHour),
    },
    rollout: estimateRollout(after, drifted, pace),
    plan,
  };
}

function driftedIn(after: Snapshot, drifts: WhatIfInput["drifts"]): Pick<WhatIf, "drifted" | "held"> {
  const budgets = indexBudgets(after.view.podDisruptionBudgets.values());
  const drifted: LeavingNode[] = [];
  const held: LeavingNode[] = [];
  for (const state of after.stateNodes) {
    const drift = drifts.get(state.claim?.metadata.name ?? "");
    if (drift === undefined || state.markedForDeletion) continue;
    const priceUsdPerHour = priceOfNode(after, state);
    const hold = holdOn(after, state, budgets);
    if (hold !== undefined) held.push({ ...hold, state, priceUsdPerHour });
    else
      drifted.push({
        code: codeOf(drift),
        reason: "message" in drift ? drift.message : drift.reason,
        state,
        priceUsdPerHour,
      });
  }
  return { drifted, held };
}

function codeOf(drift: Drift | Leaving): string {
  return "code" in drift ? drift.code : drift.reason;
}

/** What keeps the node for good: waiting does not help, and nothing ends the waiting. */
function holdOn({ view, nowMs }: Snapshot, state: StateNode, budgets: BudgetIndex): Leaving | undefined {
  if (state.claim !== undefined && passesBlocks(state.claim, "eventual")) return undefined;
  for (const pod of nodeLoad(view, state).pods) {
    const key = keyOf(pod);
    if (!isDisruptable(pod, nowMs)) return { code: "DoNotDisruptPod", reason: `pod ${key} is not to be disrupted` };
    if (isEvictable(pod, nowMs) && isBlockedForGood(pod, budgets)) {
      return { code: "PdbBlocks", reason: `a PodDisruptionBudget of pod ${key} will never allow its eviction` };
    }
  }
  return undefined;
}

function marked(snapshot: Snapshot, going: ReadonlySet<string>): Snapshot {
  if (going.size === 0) return snapshot;
  const stateNodes = snapshot.stateNodes.map((state) =>
    going.has(state.name) ? { ...state, markedForDeletion: true } : state,
  );
  return { ...snapshot, stateNodes };
}

/** Pod to the node, or to the claim to be bought, that has a place for it. */
function targetsOf(plan: ProvisionPlan): Map<string, string> {
  const targets = new Map<string, string>();
  for (const { name, pods } of [...plan.existingNodes, ...plan.newNodeClaims]) {
    for (const pod of pods) targets.set(pod, name);
  }
  return targets;
}

type Movement = { going: ReadonlySet<string>; targets: ReadonlySet<string> };

function emptiedIn(before: Snapshot, after: Snapshot, { going, targets }: Movement): LeavingNode[] {
  const wereUsed = new Set(
    before.stateNodes.filter(({ podKeys }) => hasPodsToMove(podKeys, before.view)).map(({ name }) => name),
  );
  return after.stateNodes.flatMap((state): LeavingNode[] => {
    const { disruption, replicas } = after.view.nodePools.get(state.nodePool ?? "")?.spec ?? {};
    const isKept = disruption === undefined || disruption.consolidateAfter === "Never" || replicas !== undefined;
    const isUsed = targets.has(state.name) || hasPodsToMove(state.podKeys, after.view);
    if (!state.managed || going.has(state.name) || !wereUsed.has(state.name) || isUsed || isKept) return [];
    const reason = "no pod is left on it that would come back elsewhere";
    return [{ code: "Empty", reason, state, priceUsdPerHour: priceOfNode(after, state) }];
  });
}

function sumOfPrices(snapshot: Snapshot, states: readonly StateNode[]): number {
  return states.reduce((sum, state) => sum + priceOfNode(snapshot, state), 0);
}

function sumOf(nodes: readonly LeavingNode[]): number {
  return nodes.reduce((sum, { priceUsdPerHour }) => sum + priceUsdPerHour, 0);
}

/** To millionths: what adding up floating numbers leaves behind is no price. */
function rounded(price: number): number {
  return Math.round(price * 1e6) / 1e6;
}
