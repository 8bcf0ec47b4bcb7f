import type { NodePool } from "../../model/resources/node-pool.ts";
import { formatAmount, parseResources } from "../../model/resources.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { DISRUPTION_REASONS, poolBudgets, UNLIMITED } from "../disrupt/budgets.ts";
import { priceOfNode } from "../disrupt/consolidate-candidates.ts";
import { pausedPools } from "../disrupt/paused-pools.ts";
import { dollars } from "../disrupt/replacement-prices.ts";
import { isTrue } from "../lifecycle/conditions.ts";
import { planProvisioning } from "../provision/plan-provisioning.ts";
import { poolsOf } from "../provision/pools.ts";
import { badConditions, type Story, type Why } from "./story.ts";

const GOOD: ReadonlySet<string> = new Set([
  "Ready",
  "ValidationSucceeded",
  "NodeClassReady",
  "NodeRegistrationHealthy",
  "DisruptionBudgetsReadable",
]);

/** What the pool has, what it may still buy, and what stands in its way. */
export function explainPool(snapshot: Snapshot, pool: NodePool): Story {
  const { name } = pool.metadata;
  const states = snapshot.stateNodes.filter(({ nodePool, managed }) => managed && nodePool === name);
  const price = states.reduce((sum, state) => sum + priceOfNode(snapshot, state), 0);
  const going = states.filter(({ markedForDeletion }) => markedForDeletion).length;
  const drifted = states.filter(({ claim }) => claim !== undefined && isTrue(claim, "Drifted")).length;
  const coming = states.filter(({ initialized }) => !initialized).length;
  const { nodeClassRef } = pool.spec.template.spec;
  return {
    headline: `NodePool ${name} has ${states.length} nodes for ${dollars(price)} per hour.`,
    facts: [
      ["node class", `${nodeClassRef.kind} ${nodeClassRef.name}`],
      ["weight", String(pool.spec.weight ?? 0)],
      ["coming up", String(coming)],
      ["about to go", String(going)],
      ["drifted", String(drifted)],
      ...limitFacts(pool),
    ],
    why: [
      ...badConditions(pool.status?.conditions ?? [], GOOD),
      ...whyItDoesNotBuy(snapshot, name),
      ...whyItDoesNotDisrupt(snapshot, pool),
    ],
  };
}

function limitFacts({ spec, status }: NodePool): [string, string][] {
  const used = parseResources(status?.resources);
  return Object.entries(parseResources(spec.limits)).map(([resource, limit]) => {
    const share = limit === 0 ? 100 : Math.round(((used[resource] ?? 0) / limit) * 100);
    return [
      `limit of ${resource}`,
      `${formatAmount(resource, used[resource] ?? 0)} of ${formatAmount(resource, limit)} (${share} %)`,
    ];
  });
}

function whyItDoesNotBuy(snapshot: Snapshot, name: string): Why[] {
  const question = "may it buy nodes";
  const idle = poolsOf(snapshot).idle.find(({ nodePool }) => nodePool === name);
  if (idle !== undefined) return [{ question, code: "Idle", reason: `no: ${idle.reason}` }];
  const { poolsWithoutTypes, unschedulable } = planProvisioning(snapshot);
  const without = poolsWithoutTypes.find(({ nodePool }) => nodePool === name);
  if (without !== undefined) return [{ question, code: without.code, reason: `no: ${without.reason}` }];
  const blaming = unschedulable.filter(({ reason }) => reason.includes(`NodePool ${name}`));
  if (blaming.length === 0) return [];
  const reason = `yes, and yet pods wait that it cannot serve (${blaming.length}), first ${blaming[0]?.pod}: "karpenter explain pod" says why`;
  return [{ question, code: "PodsWait", reason }];
}

function whyItDoesNotDisrupt(snapshot: Snapshot, pool: NodePool): Why[] {
  const { name } = pool.metadata;
  const question = "may its nodes be disrupted";
  const why: Why[] = [];
  for (const pause of pausedPools([pool], undefined, snapshot.nowMs).get(name) ?? []) {
    why.push({ question, code: pause.cause, reason: `no: ${pause.message}` });
  }
  if (pool.spec.disruption?.consolidateAfter === "Never") {
    why.push({ question, code: "ConsolidationOff", reason: "not to save money: consolidateAfter is Never" });
  }
  for (const reason of DISRUPTION_REASONS) {
    const budget = poolBudgets(snapshot, reason).get(name);
    if (budget === undefined || budget.remaining > 0 || budget.allowed === UNLIMITED) continue;
    const text = `none for reason ${reason} now: ${budget.allowed} of ${budget.total} at once, and ${budget.consuming} are not ready or about to go`;
    why.push({ question, code: "BudgetUsedUp", reason: text });
  }
  return why;
}
