import { someOf } from "../../base/some-of.ts";
import { DAY_MS, parseTime } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import { keyOf } from "../../model/object.ts";
import { type BudgetIndex, budgetsOf, indexBudgets, isBlockedForGood } from "../../model/pod-disruption-budgets.ts";
import { isActive, isEvictable, isOwnedByDaemonSet, isProtected } from "../../model/pod-predicates.ts";
import { optsForSurge } from "../../model/surge.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { priceOfNode } from "../disrupt/consolidate-candidates.ts";
import type { ProvisionPlan } from "../provision/provision-plan.ts";
import type { Finding } from "./finding.ts";

const HOURS_PER_MONTH = 730;
const NODES_NAMED_MAX = 3;

/** What workloads do to themselves, or to the nodes that they are on. */
export function workloadChecks(snapshot: Snapshot, plan: ProvisionPlan, protectedDays: number): Finding[] {
  const { stateNodes, view } = snapshot;
  const index = indexBudgets(view.podDisruptionBudgets.values());
  const evictees = stateNodes.flatMap((state) => evicteesOf(snapshot, state));
  return [
    ...waitingPods(plan),
    ...deadBudgets(evictees, index),
    ...severalBudgets(evictees, index),
    ...stateNodes.flatMap((state) => heldNode(snapshot, state, protectedDays)),
  ];
}

/** Pods with one reason are one finding. */
function waitingPods({ unschedulable }: ProvisionPlan): Finding[] {
  const groups = grouped(unschedulable, ({ code, reason }) => `${code}\n${reason}`);
  return [...groups.values()].flatMap(([first, ...others]): Finding[] => {
    if (first === undefined) return [];
    const more = others.length === 0 ? "" : ` and ${others.length} more`;
    return [
      {
        code: first.code,
        severity: "error",
        object: `Pod ${first.pod}${more}`,
        evidence: `no node can take it: ${first.reason}`,
        fix: `karpenter explain pod ${first.pod}`,
        docs: "docs/planner.md",
      },
    ];
  });
}

type Evictee = { pod: Pod; node: string };

/** Pods that a drain of one of our nodes would have to evict. */
function evicteesOf({ view, nowMs }: Snapshot, { podKeys, managed, name, nodePool = "" }: StateNode): Evictee[] {
  if (!managed) return [];
  return podKeys
    .map((key) => view.pods.get(key))
    .filter((pod) => pod !== undefined)
    .filter((pod) => isEvictable(pod, nowMs) && !isOwnedByDaemonSet(pod))
    .filter((pod) => !optsForSurge(pod, view.nodePools.get(nodePool)))
    .map((pod) => ({ pod, node: name }));
}

function deadBudgets(evictees: readonly Evictee[], index: BudgetIndex): Finding[] {
  const blocked = evictees.filter(({ pod }) => budgetsOf(pod, index).length === 1 && isBlockedForGood(pod, index));
  const groups = grouped(blocked, ({ pod }) => budgetsOf(pod, index).map(keyOf).join());
  return [...groups].map(([budget, held]) => {
    const nodes = [...new Set(held.map(({ node }) => node))];
    const [namespace, name] = budget.split("/");
    return {
      code: "PdbNeverAllows",
      severity: "warning",
      object: `PodDisruptionBudget ${budget}`,
      evidence: `though all is well it allows no eviction, so these nodes cannot be drained: ${someOf(nodes, NODES_NAMED_MAX)}`,
      fix: `kubectl edit pdb -n ${namespace} ${name}   # let one pod be away, or run one more`,
      docs: "docs/disruption.md",
    };
  });
}

function severalBudgets(evictees: readonly Evictee[], index: BudgetIndex): Finding[] {
  const doubly = evictees.filter(({ pod }) => budgetsOf(pod, index).length > 1);
  const groups = grouped(doubly, ({ pod }) => budgetsOf(pod, index).map(keyOf).join(", "));
  return [...groups].flatMap(([budgets, [first]]): Finding[] => {
    if (first === undefined) return [];
    const [, ...others] = budgetsOf(first.pod, index);
    return [
      {
        code: "SeveralPdbs",
        severity: "error",
        object: `PodDisruptionBudgets ${budgets}`,
        evidence: `they select the same pods, such as ${keyOf(first.pod)}: such pods are never evicted, and their nodes never drained`,
        fix: `kubectl delete pdb -n ${first.pod.metadata.namespace} ${others.map(({ metadata }) => metadata.name).join(" ")}   # a pod may have one`,
        docs: "docs/disruption.md",
      },
    ];
  });
}

function heldNode(snapshot: Snapshot, state: StateNode, protectedDays: number): Finding[] {
  const { view, nowMs } = snapshot;
  if (!state.managed) return [];
  const held = state.podKeys
    .map((key) => view.pods.get(key))
    .filter((pod) => pod !== undefined)
    .find((pod) => {
      const ageMs = nowMs - (parseTime(pod.metadata.creationTimestamp) ?? nowMs);
      return isActive(pod) && isProtected(pod, nowMs) && ageMs >= protectedDays * DAY_MS;
    });
  if (held === undefined) return [];
  const { namespace, name, creationTimestamp } = held.metadata;
  const price = priceOfNode(snapshot, state);
  const cost = price === 0 ? "the node" : `the node, $${(price * HOURS_PER_MONTH).toFixed(0)} a month,`;
  return [
    {
      code: "HeldNode",
      severity: "note",
      object: `Node ${state.name}`,
      evidence: `pod ${keyOf(held)} of ${creationTimestamp} has karpenter.sh/do-not-disrupt: ${cost} is not consolidated`,
      fix: `kubectl annotate pod -n ${namespace} ${name} karpenter.sh/do-not-disrupt-`,
      docs: "docs/disruption.md",
    },
  ];
}

function grouped<T>(items: readonly T[], keyOfItem: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOfItem(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
