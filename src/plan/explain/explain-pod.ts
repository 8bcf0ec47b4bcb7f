import type { Pod } from "../../model/core.ts";
import { NODE_POOL_LABEL, SHAPE_REASON_ANNOTATION } from "../../model/labels.ts";
import { keyOf } from "../../model/object.ts";
import { budgetsOf, indexBudgets } from "../../model/pod-disruption-budgets.ts";
import { doNotDisrupt, isOwnedByDaemonSet, isProvisionable, isTerminal } from "../../model/pod-predicates.ts";
import { podRequests } from "../../model/pod-requests.ts";
import { formatResources } from "../../model/resources.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { dollars } from "../disrupt/replacement-prices.ts";
import { planProvisioning } from "../provision/plan-provisioning.ts";
import type { PlannedClaim } from "../provision/provision-plan.ts";
import type { Story, Why } from "./story.ts";

/** Why the pod runs where it runs, or why it waits, and what would come of it now. */
export function explainPod(snapshot: Snapshot, pod: Pod): Story {
  const nodeName = pod.spec.nodeName ?? "";
  const key = keyOf(pod);
  const requests = Object.entries(formatResources(podRequests(pod)));
  const facts: [string, string][] = [
    ["asks for", requests.length === 0 ? "nothing" : requests.map(([name, amount]) => `${amount} ${name}`).join(", ")],
    ["phase", pod.status?.phase ?? "unknown"],
  ];
  if (isTerminal(pod)) return { headline: `Pod ${key} has ended.`, facts, why: [] };
  if (nodeName === "") {
    const { headline, why } = whyItWaits(snapshot, pod, key);
    return { headline, facts, why };
  }
  const { facts: more, why } = whereItRuns(snapshot, nodeName);
  return {
    headline: `Pod ${key} is on node ${nodeName}.`,
    facts: [...facts, ...more],
    why: [...why, ...whatProtects(snapshot, pod)],
  };
}

function whereItRuns({ stateNodes }: Snapshot, nodeName: string): Pick<Story, "facts" | "why"> {
  const state = stateNodes.find(({ node }) => node?.metadata.name === nodeName);
  if (state === undefined) return { facts: [["node", `${nodeName}, which is not in the cluster`]], why: [] };
  const pool = state.labels[NODE_POOL_LABEL];
  const facts: [string, string][] = [["NodePool of its node", pool ?? "none: Karpenter does not manage that node"]];
  const shape = state.claim?.metadata.annotations?.[SHAPE_REASON_ANNOTATION];
  const why = shape === undefined ? [] : [{ question: "why this node", code: "Shape", reason: shape }];
  return { facts, why };
}

/** What keeps the pod, and with it its node, where it is. */
function whatProtects({ view, nowMs }: Snapshot, pod: Pod): Why[] {
  const question = "may it be moved";
  const protection = doNotDisrupt(pod, nowMs);
  const why: Why[] = [];
  if (protection.kind === "always")
    why.push({ question, code: "DoNotDisruptPod", reason: "no: karpenter.sh/do-not-disrupt" });
  if (protection.kind === "until") {
    const minutes = Math.ceil((protection.untilMs - nowMs) / 60_000);
    why.push({
      question,
      code: "DoNotDisruptPod",
      reason: `not for another ${minutes} min: karpenter.sh/do-not-disrupt`,
    });
  }
  if (protection.kind === "invalid") why.push({ question, code: "InvalidDoNotDisrupt", reason: protection.problem });
  const budgets = budgetsOf(pod, indexBudgets(view.podDisruptionBudgets.values()));
  for (const budget of budgets) {
    const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
    const reason = `PodDisruptionBudget ${keyOf(budget)} allows ${disruptionsAllowed} evictions now: ${currentHealthy} pods are ready, and ${desiredHealthy} must be`;
    why.push({ question, code: disruptionsAllowed > 0 ? "PdbAllows" : "PdbBlocks", reason });
  }
  if (budgets.length > 1) {
    why.push({
      question,
      code: "SeveralPdbs",
      reason: "it has several PodDisruptionBudgets: the API server evicts no such pod",
    });
  }
  return why;
}

type Waiting = Pick<Story, "headline" | "why">;

function whyItWaits(snapshot: Snapshot, pod: Pod, key: string): Waiting {
  const waits = (code: string, reason: string): Waiting => ({
    headline: `Pod ${key} waits for a node.`,
    why: [{ question: "why it waits", code, reason }],
  });
  const gates = pod.spec.schedulingGates ?? [];
  if (gates.length > 0)
    return waits("SchedulingGated", `its scheduling gates hold it: ${gates.map(({ name }) => name).join(", ")}`);
  if (isOwnedByDaemonSet(pod))
    return waits("DaemonSetPod", "a DaemonSet's pod is for one node that is there: nothing is bought for it");
  const nominated = pod.status?.nominatedNodeName ?? "";
  if (nominated !== "") return waits("Preempting", `the scheduler makes room for it on node ${nominated}`);
  if (!isProvisionable(pod)) return waits("NotLookedAt", "the scheduler has not said yet that no node has room for it");
  const plan = planProvisioning(snapshot);
  const refusal = plan.unschedulable.find((one) => one.pod === key);
  if (refusal !== undefined) return waits(refusal.code, refusal.reason);
  const here = plan.existingNodes.find(({ pods }) => pods.includes(key));
  if (here !== undefined)
    return waits(
      "RoomOnNode",
      `it fits on node ${here.name}, or one that is on its way: the scheduler should bind it soon`,
    );
  const bought = plan.newNodeClaims.find(({ pods }) => pods.includes(key));
  if (bought !== undefined) return waits("NodeToBuy", boughtText(bought));
  return waits(
    "NotOurs",
    "it is not meant for Karpenter's nodes: its node selector or tolerations ask for others, or Fargate runs it",
  );
}

function boughtText({ nodePool, instanceTypes, pods, cheapestPrice, why }: PlannedClaim): string {
  return `a node of NodePool ${nodePool} is to be bought for it and ${pods.length - 1} others: ${instanceTypes[0]} for ${dollars(cheapestPrice)} per hour, or one of ${instanceTypes.length - 1} other types; ${why.reason}`;
}
