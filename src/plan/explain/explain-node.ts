import { DAY_MS, formatTime, HOUR_MS, MINUTE_MS, parseTime } from "../../base/time.ts";
import {
  CAPACITY_TYPE_LABEL,
  INSTANCE_TYPE_LABEL,
  REPLACEMENT_ANNOTATION,
  SHAPE_REASON_ANNOTATION,
  ZONE_LABEL,
} from "../../model/labels.ts";
import { isReschedulable } from "../../model/pod-predicates.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { formatAmount } from "../../model/resources.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { poolBudgets } from "../disrupt/budgets.ts";
import { judgeAlone } from "../disrupt/consolidate.ts";
import { offeringOf } from "../disrupt/consolidate-candidates.ts";
import { expiry } from "../disrupt/expiry.ts";
import { dollars } from "../disrupt/replacement-prices.ts";
import { readReplacementRecord } from "../disrupt/replacement-record.ts";
import { nodeLoad } from "../fit/node-load.ts";
import { findCondition, isTrue } from "../lifecycle/conditions.ts";
import { badConditions, type Story, type Why } from "./story.ts";

/** What the controller's settings say, as far as they decide whether a node stays. */
export type ExplainSettings = { spotToSpot: boolean; evictionCostUsd: number };

const GOOD: ReadonlySet<string> = new Set(["Ready", "Launched", "Registered", "Initialized"]);

/** Why the node, or the claim that has none yet, is as it is, why it is there, and why it stays or goes. */
export function explainNode(snapshot: Snapshot, state: StateNode, settings: ExplainSettings): Story {
  const { claim, node } = state;
  const kind = node === undefined ? "NodeClaim" : "Node";
  return {
    headline: `${kind} ${state.name} ${stateText(state)}.`,
    facts: factsOf(snapshot, state),
    why: [
      ...badConditions([...(claim?.status?.conditions ?? []), ...(node?.status?.conditions ?? [])], GOOD),
      ...whyItIs(claim),
      ...whyItStays(snapshot, state, settings),
    ],
  };
}

function stateText({ claim, node, markedForDeletion, initialized }: StateNode): string {
  if (claim === undefined) return "is none of Karpenter's: it has no NodeClaim";
  if (markedForDeletion || isTrue(claim, "DisruptionReason")) return "is on its way out";
  if (node === undefined)
    return isTrue(claim, "Launched") ? "is launched and has not joined yet" : "is not launched yet";
  return initialized ? "is in use" : "has joined and is not initialized yet";
}

function factsOf(snapshot: Snapshot, state: StateNode): [string, string][] {
  const { labels, claim, nodePool, providerId } = state;
  const offering = offeringOf(snapshot, state);
  const createdMs = parseTime((claim ?? state.node)?.metadata.creationTimestamp ?? "");
  const facts: [string, string][] = [
    ["NodePool", nodePool ?? "-"],
    ["NodeClaim", claim?.metadata.name ?? "-"],
    ["instance", providerId ?? "-"],
    ["type", labels[INSTANCE_TYPE_LABEL] ?? "not known yet"],
    ["zone, capacity", `${labels[ZONE_LABEL] ?? "-"}, ${labels[CAPACITY_TYPE_LABEL] ?? "-"}`],
    ["price", "code" in offering ? "not known" : `${dollars(offering.priceUsdPerHour)} per hour`],
    ["age", createdMs === undefined ? "-" : spanText(snapshot.nowMs - createdMs)],
  ];
  const { pods, requests } = nodeLoad(snapshot.view, state);
  for (const resource of ["cpu", "memory", "pods"]) {
    const [used, room] = [requests[resource] ?? 0, state.allocatable[resource] ?? 0];
    if (room > 0) {
      const share = Math.round((used / room) * 100);
      facts.push([resource, `${formatAmount(resource, used)} of ${formatAmount(resource, room)} (${share} %)`]);
    }
  }
  const moving = pods.filter(isReschedulable).length;
  facts.push(["pods to move", `${moving} of ${pods.length}: the others belong to the node`]);
  return facts;
}

function spanText(ms: number): string {
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  return ms < DAY_MS ? `${Math.floor(ms / HOUR_MS)} h` : `${Math.floor(ms / DAY_MS)} d`;
}

/** Why it was bought, and why with this shape. */
function whyItIs(claim: NodeClaim | undefined): Why[] {
  const annotations = claim?.metadata.annotations ?? {};
  const shape = annotations[SHAPE_REASON_ANNOTATION];
  const record = readReplacementRecord(annotations[REPLACEMENT_ANNOTATION]);
  return [
    ...(record === undefined
      ? []
      : [
          {
            question: "why it was bought",
            code: record.reason,
            reason: `in place of ${record.candidates.join(", ")}`,
          },
        ]),
    ...(shape === undefined ? [] : [{ question: "why this type", code: "Shape", reason: shape }]),
  ];
}

function whyItStays(snapshot: Snapshot, state: StateNode, settings: ExplainSettings): Why[] {
  const { claim, nodePool } = state;
  if (claim === undefined) return [];
  const why: Why[] = [];
  const leaving = findCondition(claim, "DisruptionReason");
  if (leaving?.status === "True") {
    why.push({ question: "why it goes", code: leaving.reason, reason: leaving.message });
  } else if (claim.metadata.deletionTimestamp !== undefined) {
    const reason = `its NodeClaim was deleted at ${claim.metadata.deletionTimestamp}`;
    why.push({ question: "why it goes", code: "Deleted", reason });
  } else why.push(...consolidationOf(snapshot, claim, settings));
  const drifted = findCondition(claim, "Drifted");
  if (drifted?.status === "True") {
    why.push({ question: "is it replaced for drift", code: drifted.reason, reason: `yes, ${drifted.message}` });
  }
  why.push(...expirationOf(snapshot, claim), ...budgetsOf(snapshot, nodePool));
  return why;
}

function consolidationOf(snapshot: Snapshot, claim: NodeClaim, settings: ExplainSettings): Why[] {
  const question = "why it is not consolidated";
  const underway = new Set(
    [...snapshot.view.nodeClaims.values()]
      .filter((one) => isTrue(one, "DisruptionReason"))
      .map(({ metadata }) => metadata.name),
  );
  const judged = judgeAlone(snapshot, claim.metadata.name, { underway, ...settings });
  if (judged === undefined) return [];
  if ("code" in judged) return [{ question, code: judged.code, reason: judged.reason }];
  const { savings, command } = judged;
  const instead = command.replacements.map(({ instanceTypes }) => instanceTypes[0]).join(", ");
  const reason = `it may be, next time: its ${command.moves.size} pods go to ${instead === "" ? "room that is there" : instead}, for ${dollars(savings)} per hour less`;
  return [{ question, code: "WouldGo", reason }];
}

function expirationOf({ nowMs }: Snapshot, claim: NodeClaim): Why[] {
  const question = "when it expires";
  const age = expiry(claim, nowMs);
  if (age.kind !== "later") {
    const reason = `now: its expireAfter ${claim.spec.expireAfter} is over`;
    return age.kind === "never" ? [] : [{ question, code: "Expired", reason }];
  }
  const reason = `at ${formatTime(nowMs + age.afterMs)}, in ${spanText(age.afterMs)} (expireAfter ${claim.spec.expireAfter})`;
  return [{ question, code: "ExpiresLater", reason }];
}

function budgetsOf(snapshot: Snapshot, nodePool: string | undefined): Why[] {
  const budget = poolBudgets(snapshot, "Underutilized").get(nodePool ?? "");
  if (budget === undefined) return [];
  const question = `what the budgets of NodePool ${nodePool} allow`;
  if (budget.problems.length > 0) return [{ question, code: "UnreadableBudget", reason: budget.problems.join("; ") }];
  if (budget.remaining > 0) return [];
  const reason = `no node for reason Underutilized now: ${budget.allowed} of ${budget.total} at once, and ${budget.consuming} are not ready or about to go`;
  return [{ question, code: "BudgetUsedUp", reason }];
}
