import { someOf } from "../../base/some-of.ts";
import { DAY_MS, MINUTE_MS, parseTime } from "../../base/time.ts";
import { CAPACITY_TYPE_LABEL } from "../../model/labels.ts";
import { allows } from "../../model/requirements.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { formatAmount, parseResources, type Resources } from "../../model/resources.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { forecastBudgets, type PoolForecast } from "../disrupt/budget-forecast.ts";
import { DISRUPTION_REASONS } from "../disrupt/budgets.ts";
import { findCondition } from "../lifecycle/conditions.ts";
import { type Pool, poolsOf } from "../provision/pools.ts";
import type { ProvisionPlan } from "../provision/provision-plan.ts";
import { typeMisfit } from "../provision/shapes/columns.ts";
import type { Finding } from "./finding.ts";

/** A window at weekends is window enough. */
const BUDGET_DAYS = 7;
/** So many nodes that every percentage is a node or more: what is closed then is meant to be closed. */
const NODES_OF_A_LARGE_POOL = 100;
const SPOT_FAMILIES_MIN = 3;
/** Of a limit this share used is as good as all. */
const NEARLY = 0.95;
/** Conditions settle within seconds of a change. */
const SETTLED_MS = 10 * MINUTE_MS;

/** What is wrong with NodePools, and with what they refer to. */
export function poolChecks(snapshot: Snapshot, plan: ProvisionPlan): Finding[] {
  const pools = [...snapshot.view.nodePools.values()];
  if (pools.length === 0) {
    const evidence = "there is no NodePool: no node is ever bought";
    const fix = "write a NodePool and apply it";
    return [{ code: "NoNodePools", severity: "error", object: "cluster", evidence, fix, docs: "docs/install.md" }];
  }
  return [
    ...pools.flatMap((pool) => [...readiness(snapshot, pool), ...registration(pool), ...limitChecks(pool)]),
    ...forecastBudgets(snapshot, snapshot.nowMs + BUDGET_DAYS * DAY_MS, NODES_OF_A_LARGE_POOL).flatMap(budgetCheck),
    ...withoutTypes(snapshot, plan),
    ...poolsOf(snapshot).pools.flatMap(spotCheck),
  ];
}

const nameOf = (pool: string): string => `NodePool ${pool}`;
const edit = (pool: string): string => `kubectl edit nodepool ${pool}`;

/** A class that is not there makes the pool not ready as well: one finding is enough. */
function readiness(snapshot: Snapshot, pool: NodePool): Finding[] {
  const missing = missingClass(snapshot, pool);
  return missing.length > 0 ? missing : readyCheck(snapshot, pool);
}

function missingClass({ view }: Snapshot, pool: NodePool): Finding[] {
  const { group, kind, name } = pool.spec.template.spec.nodeClassRef;
  if (view.nodeClasses.has(`${group}/${kind}/${name}`)) return [];
  const others = [...view.nodeClasses.values()].filter((one) => one.kind === kind).map((one) => one.metadata.name);
  // None of a kind: they may be left out of the files, or not be readable.
  if (others.length === 0) return [];
  return [
    {
      code: "NodeClassMissing",
      severity: "error",
      object: nameOf(pool.metadata.name),
      evidence: `its nodeClassRef names ${kind} ${name}, which is not there; there is ${someOf(others, 3)}`,
      fix: edit(pool.metadata.name),
      docs: "docs/troubleshooting.md",
    },
  ];
}

function readyCheck({ nowMs }: Snapshot, pool: NodePool): Finding[] {
  const ready = findCondition(pool, "Ready");
  if (ready === undefined || ready.status === "True" || pool.metadata.deletionTimestamp !== undefined) return [];
  const sinceMs = parseTime(ready.lastTransitionTime) ?? nowMs;
  if (ready.status === "Unknown" && nowMs - sinceMs < SETTLED_MS) return [];
  const parts = (pool.status?.conditions ?? [])
    .filter(({ type, status }) => type !== "Ready" && type !== "NodeRegistrationHealthy" && status === "False")
    .map(({ type, reason, message }) => `${type}: ${message === "" ? reason : message}`);
  const why = parts.length === 0 ? ready.message : parts.join("; ");
  return [
    {
      code: "NodePoolNotReady",
      severity: "error",
      object: nameOf(pool.metadata.name),
      evidence: `it is not ready, so nothing is bought from it: ${why}`,
      fix: `kubectl describe nodepool ${pool.metadata.name}`,
      docs: "docs/troubleshooting.md",
    },
  ];
}

/** Of the last machines that were bought for it so many never joined that the controller says so. */
function registration(pool: NodePool): Finding[] {
  const { status, reason = "", message = "" } = findCondition(pool, "NodeRegistrationHealthy") ?? {};
  if (status !== "False") return [];
  const evidence = `machines are bought for it and do not join the cluster: ${message === "" ? reason : message}`;
  const fix = `kubectl get events -A --field-selector involvedObject.kind=NodeClaim`;
  const object = nameOf(pool.metadata.name);
  return [{ code: "NodesDoNotJoin", severity: "error", object, evidence, fix, docs: "docs/troubleshooting.md" }];
}

function limitChecks(pool: NodePool): Finding[] {
  if (pool.spec.replicas !== undefined) return [];
  const { name } = pool.metadata;
  const common = { severity: "warning", object: nameOf(name), docs: "docs/troubleshooting.md" } as const;
  const limits = parseResources(pool.spec.limits);
  const used = parseResources(pool.status?.resources);
  if (Object.keys(limits).length === 0) {
    const evidence = "it has no limits: a slip in one workload can buy any number of nodes";
    const limit = JSON.stringify({ spec: { limits: { cpu: generousCores(used) } } });
    return [
      { code: "NoLimits", ...common, evidence, fix: `kubectl patch nodepool ${name} --type merge -p '${limit}'` },
    ];
  }
  return Object.entries(limits).flatMap(([resource, limit]): Finding[] => {
    const now = used[resource] ?? 0;
    // A limit of 0 is how a pool is closed, or kept from a resource.
    if (limit === 0 || now < limit * NEARLY) return [];
    const evidence = `${formatAmount(resource, now)} of its limit of ${formatAmount(resource, limit)} ${resource} is used: there is hardly room for another node`;
    return [{ code: "LimitReached", ...common, evidence, fix: edit(name) }];
  });
}

/** Twice what is there: a limit that stops a slip, and nothing else. */
function generousCores(used: Resources): string {
  return String(Math.max(100, Math.ceil((used["cpu"] ?? 0) / 1_000) * 2));
}

function budgetCheck({ nodePool, problems, windows }: PoolForecast): Finding[] {
  const common = { object: nameOf(nodePool), docs: "docs/disruption.md" };
  if (problems.length > 0) {
    const evidence = `nothing of it is disrupted: ${problems.join("; ")}`;
    return [{ code: "UnreadableBudget", severity: "error", ...common, evidence, fix: edit(nodePool) }];
  }
  const closed = DISRUPTION_REASONS.filter((reason) =>
    windows.every(({ reasons, allowed }) => allowed === 0 || !reasons.includes(reason)),
  );
  if (closed.length === 0) return [];
  const evidence = `its budgets allow no node to go that is ${closed.join(", ")}, for the next ${BUDGET_DAYS} days`;
  const fix = `karpenter explain budgets --nodepool ${nodePool}`;
  // Closed for one reason is mostly meant so; for all of them nodes only ever get more, until they expire.
  const severity = closed.length === DISRUPTION_REASONS.length ? "warning" : "note";
  return [{ code: "BudgetsClosed", severity, ...common, evidence, fix }];
}

function withoutTypes({ stateNodes }: Snapshot, { poolsWithoutTypes }: ProvisionPlan): Finding[] {
  // What has nodes can be bought: then it is our list of types that does not have them.
  const bought = new Set(stateNodes.filter(({ initialized }) => initialized).map(({ nodePool }) => nodePool));
  return poolsWithoutTypes
    .filter(({ nodePool }) => !bought.has(nodePool))
    .map(({ nodePool, code, reason }) => ({
      code,
      severity: "error",
      object: nameOf(nodePool),
      evidence: `nothing can be bought from it: ${reason}`,
      fix: edit(nodePool),
      docs: "docs/planner.md",
    }));
}

/** Spot capacity of few families is sold out, and taken back, all at once. */
function spotCheck({ name, types, requirements }: Pool): Finding[] {
  const capacity = requirements.get(CAPACITY_TYPE_LABEL);
  if (capacity === undefined || !allows(capacity, "spot")) return [];
  const fitting = types.filter(
    (type) => typeMisfit(requirements, type) === undefined && type.offerings.some((one) => one.capacityType === "spot"),
  );
  const families = [...new Set(fitting.map((type) => type.name.replace(/\..*/, "")))];
  if (families.length === 0 || families.length >= SPOT_FAMILIES_MIN) return [];
  return [
    {
      code: "FewSpotFamilies",
      severity: "warning",
      object: nameOf(name),
      evidence: `it may buy spot capacity, of ${families.length} families only (${families.join(", ")}): these are sold out, and taken back, all at once`,
      fix: edit(name),
      docs: "docs/planner.md",
    },
  ];
}
