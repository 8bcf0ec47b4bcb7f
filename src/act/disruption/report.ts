import { formatTime, MINUTE_MS } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import { DO_NOT_DISRUPT_ANNOTATION } from "../../model/labels.ts";
import { keyOf } from "../../model/object.ts";
import { doNotDisrupt, isActive, nodeDoNotDisrupt } from "../../model/pod-predicates.ts";
import type { PoolScore } from "../../plan/disrupt/balanced.ts";
import { DISRUPTION_REASONS, type DisruptionReason, type PoolBudget, poolBudgets } from "../../plan/disrupt/budgets.ts";
import { type Candidate, findCandidates } from "../../plan/disrupt/candidates.ts";
import { type DisruptionCommand, decisionOf } from "../../plan/disrupt/command.ts";
import type { ConsolidationPlan } from "../../plan/disrupt/consolidate.ts";
import type { KeptCode } from "../../plan/disrupt/consolidate-candidates.ts";
import type { Move } from "../../plan/disrupt/consolidate-move.ts";
import type { DriftPlan } from "../../plan/disrupt/drift.ts";
import { isSwitchedOff } from "../../plan/disrupt/emptiness.ts";
import { dollars } from "../../plan/disrupt/replacement-prices.ts";
import { nodeLoad } from "../../plan/fit/node-load.ts";
import type { EventRecord } from "../../ports/telemetry.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { Needs } from "../ports.ts";

type ReportNeeds = Pick<Needs, "events" | "metrics" | "log">;

/** Tells users why nodes stay, in events on nodes, claims, pools and pods. */
export function reportWhyKept(needs: ReportNeeds, snapshot: Snapshot, underway: ReadonlySet<string>): void {
  const { events } = needs;
  const { candidates, blocked } = findCandidates(snapshot, underway);
  for (const { state, claim, reason } of blocked) {
    for (const object of state.node === undefined ? [claim] : [state.node, claim]) {
      events.record({ object, type: "Normal", reason: "DisruptionBlocked", message: reason });
    }
  }
  for (const { node, claim, pool } of candidates.filter((one) => isSwitchedOff(one) && !isStatic(one))) {
    for (const object of [node, claim]) {
      const message = `NodePool ${pool.metadata.name} has consolidation switched off (consolidateAfter is Never)`;
      events.record({ object, type: "Normal", reason: "Unconsolidatable", message, dedupeMs: 15 * MINUTE_MS });
    }
  }
  reportProtection(needs, snapshot);
  for (const [name, budget] of poolBudgets(snapshot, "Empty"))
    reportClosedBudget(needs, snapshot, name, budget, "Empty");
}

function isStatic({ pool }: Candidate): boolean {
  return pool.spec.replicas !== undefined;
}

function reportProtection({ events }: ReportNeeds, { stateNodes, view, nowMs }: Snapshot): void {
  for (const { managed, podKeys, node } of stateNodes) {
    const wish = managed && node !== undefined ? nodeDoNotDisrupt(node, nowMs) : undefined;
    if (node !== undefined && wish?.kind === "invalid") {
      const message = `The annotation ${DO_NOT_DISRUPT_ANNOTATION} is ignored: ${wish.problem}`;
      events.record({ object: node, type: "Warning", reason: "InvalidDoNotDisruptAnnotation", message });
    }
    for (const pod of managed ? nodeLoad(view, { podKeys }).withDoNotDisrupt : []) {
      const event = protectionEvent(pod, nowMs);
      if (event !== undefined) events.record(event);
    }
  }
}

/** What the budgets allow, for every reason; pools that are gone lose their samples. */
export function reportBudgets(
  { metrics }: Pick<Needs, "metrics">,
  snapshot: Snapshot,
  known: ReadonlySet<string>,
): ReadonlySet<string> {
  const pools = new Set(snapshot.view.nodePools.keys());
  for (const reason of DISRUPTION_REASONS) {
    for (const [nodepool, { allowed, consuming }] of poolBudgets(snapshot, reason)) {
      metrics.gauge("karpenter_nodepools_allowed_disruptions", allowed, { nodepool, reason });
      metrics.gauge("karpenter_nodepools_nodes_consuming_budgets", consuming, { nodepool, reason });
    }
  }
  for (const nodepool of known) {
    if (pools.has(nodepool)) continue;
    metrics.forget("karpenter_nodepools_allowed_disruptions", { nodepool });
    metrics.forget("karpenter_nodepools_nodes_consuming_budgets", { nodepool });
  }
  return pools;
}

/** What the do-not-disrupt annotation of a pod comes to at this moment, where that is worth telling. */
export function protectionEvent(pod: Pod, nowMs: number): EventRecord | undefined {
  if (pod.metadata.annotations?.[DO_NOT_DISRUPT_ANNOTATION] === undefined || !isActive(pod)) return undefined;
  const protection = doNotDisrupt(pod, nowMs);
  const { uid } = pod.metadata;
  switch (protection.kind) {
    case "invalid":
      return {
        object: pod,
        type: "Warning",
        reason: "InvalidDoNotDisruptAnnotation",
        message: `The annotation karpenter.sh/do-not-disrupt is ignored: ${protection.problem}`,
        dedupeValues: [uid, protection.problem],
      };
    case "until": {
      const until = formatTime(protection.untilMs);
      const message = `Pod ${keyOf(pod)} is protected from disruption until ${until}`;
      return { object: pod, type: "Normal", reason: "DoNotDisruptUntil", message, dedupeValues: [uid, until] };
    }
    case "elapsed":
      return {
        object: pod,
        type: "Normal",
        reason: "DoNotDisruptGracePeriodElapsed",
        message: `Pod ${keyOf(pod)} is no longer protected from disruption`,
      };
    default:
      return undefined;
  }
}

function reportClosedBudget(
  { events, log }: ReportNeeds,
  snapshot: Snapshot,
  name: string,
  budget: PoolBudget,
  reason: DisruptionReason,
): void {
  const pool = snapshot.view.nodePools.get(name);
  if (pool === undefined) return;
  if (budget.problems.length > 0) {
    log.error("the disruption budgets cannot be read: nothing is disrupted", {
      NodePool: name,
      problems: budget.problems,
    });
  }
  if (budget.allowed > 0 || budget.total === 0) return;
  events.record({
    object: pool,
    type: "Normal",
    reason: "DisruptionBlocked",
    message: `The disruption budgets allow no disruption for reason ${reason}`,
    dedupeValues: [pool.metadata.uid, reason],
    dedupeMs: MINUTE_MS,
  });
}

/** A command begins: counters and the log. */
export function reportCommand({ metrics, log }: ReportNeeds, command: DisruptionCommand): void {
  const { candidates, replacements, consolidationType } = command;
  const [decision, reason] = [decisionOf(command), command.reason.toLowerCase()];
  const labels = { decision, reason, consolidation_type: consolidationType };
  metrics.count("karpenter_voluntary_disruption_decisions_total", labels);
  for (const nodepool of new Set(candidates.map(({ pool }) => pool.metadata.name))) {
    metrics.count("karpenter_voluntary_disruption_decisions_by_nodepool_total", { ...labels, nodepool });
  }
  log.info("disrupting node(s)", {
    reason,
    decision,
    "disrupted-node-count": candidates.length,
    "replacement-node-count": replacements.length,
    "pod-count": candidates.reduce((sum, { pods }) => sum + pods.length, 0),
    "disrupted-nodes": candidates.map(({ node, claim }) => ({
      Node: node.metadata.name,
      NodeClaim: claim.metadata.name,
    })),
    ...(replacements.length === 0 ? {} : { "replacement-nodeclaims": replacements.map(({ name }) => name) }),
  });
}

/** Which nodes are to make way for cheaper ones, and why the others stay. */
export function reportConsolidation({ events, metrics }: ReportNeeds, plan: ConsolidationPlan): void {
  metrics.gauge("karpenter_voluntary_disruption_eligible_nodes", plan.eligible.length, { reason: "underutilized" });
  for (const scores of plan.rejected) reportScores({ metrics }, "rejected", scores);
  for (const { members, command, savings, scores } of plan.moves) {
    reportScores({ metrics }, "approved", scores);
    const names = members.map(({ candidate }) => candidate.state.name).join(", ");
    const instead = command.replacements.map(({ instanceTypes }) => instanceTypes[0]).join(", ");
    const message = `${names} ${members.length === 1 ? "is" : "are"} to make way for ${instead === "" ? "room that is there" : instead}: ${dollars(savings)} per hour less`;
    for (const { candidate } of members) {
      for (const object of [candidate.node, candidate.claim]) {
        events.record({ object, type: "Normal", reason: "ConsolidationCandidate", message });
      }
    }
  }
  for (const { state, claim, code, reason } of plan.kept) {
    if (!TELLING.has(code)) continue;
    for (const object of state.node === undefined ? [claim] : [state.node, claim]) {
      events.record({ object, type: "Normal", reason: "Unconsolidatable", message: reason, dedupeMs: 15 * MINUTE_MS });
    }
  }
}

/** A decision still holds when it is looked at again, and is carried out. */
export function reportApproved({ events }: Pick<Needs, "events">, { members, command, savings, scores }: Move): void {
  const score = Math.min(...scores.map((one) => one.score ?? Number.POSITIVE_INFINITY));
  const balance = Number.isFinite(score) ? `, with a score of ${score.toFixed(2)}` : "";
  const message = `Consolidation saves ${dollars(savings)} per hour for moving ${command.moves.size} pod(s)${balance}`;
  const pools = new Map(members.map(({ candidate: { pool } }) => [pool.metadata.name, pool]));
  const objects =
    members.length === 1 ? members.flatMap(({ candidate: { node, claim } }) => [node, claim]) : [...pools.values()];
  for (const object of objects) events.record({ object, type: "Normal", reason: "ConsolidationApproved", message });
}

function reportScores({ metrics }: Pick<Needs, "metrics">, decision: string, scores: readonly PoolScore[]): void {
  for (const { poolName, policy, score } of scores) {
    const labels = { decision, nodepool: poolName, policy };
    metrics.count("karpenter_consolidation_moves_total", labels);
    if (score !== undefined) metrics.observe("karpenter_consolidation_score", score, labels);
  }
}

/** Reasons that a user may want to do something about. */
const TELLING: ReadonlySet<KeptCode> = new Set<KeptCode>([
  "OnlyWhenEmpty",
  "InstanceTypeUnknown",
  "OfferingUnknown",
  "NoOtherPlace",
  "NotCheaper",
  "SpotToSpotOff",
  "TooFewSpotTypes",
  "MinValuesNotMet",
  "NotBalanced",
  "TooTight",
  "TooEarly",
]);

/** Why drifted nodes stay. */
export function reportDrift({ events, metrics, log }: ReportNeeds, snapshot: Snapshot, plan: DriftPlan): void {
  metrics.gauge("karpenter_voluntary_disruption_eligible_nodes", plan.eligible.length, { reason: "drifted" });
  reportKept({ events }, plan);
  const drifted = new Set(plan.eligible.map(({ pool }) => pool.metadata.name));
  for (const [name, budget] of plan.budgets) {
    if (drifted.has(name)) reportClosedBudget({ events, metrics, log }, snapshot, name, budget, "Drifted");
  }
}

/** Nodes that should go and must not, or whose pods find no other place. */
export function reportKept(
  { events }: Pick<Needs, "events">,
  { blocked, stuck }: Pick<DriftPlan, "blocked" | "stuck">,
): void {
  const kept = [
    ...blocked.map(({ state, claim, reason }) => ({ node: state.node, claim, reason })),
    ...stuck.map(({ candidate, reason }) => ({ ...candidate, reason })),
  ];
  for (const { node, claim, reason } of kept) {
    for (const object of node === undefined ? [claim] : [node, claim]) {
      events.record({ object, type: "Normal", reason: "DisruptionBlocked", message: reason });
    }
  }
}
