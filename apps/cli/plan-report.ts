import { byText } from "../../src/base/order.ts";
import { formatAmount } from "../../src/model/resources.ts";
import type { PlannedClaim, Refusal } from "../../src/plan/provision/provision-plan.ts";
import type { TimedPlan } from "./plan-cluster.ts";
import { count, dollars, listed, type Report, type Table } from "./report.ts";

/** The plan for people: what is bought, what goes where, what stays behind and why. */
export function planTables(plan: TimedPlan): Report {
  return {
    headline: headline(plan),
    tables: [
      claimTable(plan.newNodeClaims),
      shapeTable(plan.newNodeClaims),
      priceTable(plan),
      nodeTable(plan),
      refusalTable(plan.unschedulable),
    ],
    notes: notes(plan),
  };
}

function headline(plan: TimedPlan): string {
  const { newNodeClaims: claims, existingNodes, unschedulable } = plan;
  const bought = count(claims.flatMap(({ pods }) => pods).length, "pod");
  const placed = existingNodes.reduce((sum, { pods }) => sum + pods.length, 0);
  const parts = [
    claims.length === 0
      ? "Nothing to buy"
      : `Buy ${count(claims.length, "node")} for ${bought}: ${dollars(plan.pricePerHour)} per hour (no plan can stay below ${dollars(plan.lowerBoundPerHour)})`,
  ];
  if (placed > 0) parts.push(`${count(placed, "pod")} ${placed === 1 ? "fits" : "fit"} on nodes that are there`);
  if (unschedulable.length > 0) parts.push(`${count(unschedulable.length, "pod")} cannot be placed`);
  return `${parts.join("; ")}.`;
}

/** Equal purchases share a row. */
export function claimTable(claims: readonly PlannedClaim[]): Table {
  const rows = purchases(claims).map(({ claim, nodes }) => claimRow(claim, nodes));
  return {
    title: "To buy",
    head: ["NODES", "NODEPOOL", "CHEAPEST TYPE", "OTHERS", "CAPACITY", "ZONES", "PODS", "CPU", "MEMORY", "$/H EACH"],
    rows: listed(rows),
  };
}

function purchases(claims: readonly PlannedClaim[]): { claim: PlannedClaim; nodes: number }[] {
  const groups = Map.groupBy(claims, (claim) =>
    JSON.stringify([claim.nodePool, claim.instanceTypes, claim.requirements, claim.requests, claim.pods.length]),
  );
  return [...groups.values()]
    .sort((a, b) => total(b) - total(a) || byText(a[0]?.name ?? "", b[0]?.name ?? ""))
    .flatMap((group) => group.slice(0, 1).map((claim) => ({ claim, nodes: group.length })));
}

/** A row for each row of the purchases. */
function shapeTable(claims: readonly PlannedClaim[]): Table {
  const rows = purchases(claims).map(({ claim, nodes }) => [
    String(nodes),
    claim.instanceTypes[0] ?? "",
    claim.why.code,
    claim.why.reason,
  ]);
  return { title: "Why these nodes", head: ["NODES", "TYPE", "CODE", "REASON"], rows: listed(rows) };
}

function claimRow(claim: PlannedClaim, nodes: number): string[] {
  const values = (key: string): string =>
    claim.requirements.find((r) => r.key === key && r.operator === "In")?.values?.join(",") ?? "any";
  return [
    String(nodes),
    claim.nodePool,
    claim.instanceTypes[0] ?? "",
    String(claim.instanceTypes.length - 1),
    values("karpenter.sh/capacity-type"),
    values("topology.kubernetes.io/zone"),
    String(claim.pods.length),
    formatAmount("cpu", claim.requests["cpu"] ?? 0),
    formatAmount("memory", claim.requests["memory"] ?? 0),
    claim.cheapestPrice.toFixed(4),
  ];
}

/** Phase by phase what the plan came to; "gained" is against the phase before. */
function priceTable({ pricePhases }: TimedPlan): Table {
  const rows = pricePhases.map(({ phase, pricePerHour, nodes, podsLeft }, i) => {
    const before = pricePhases[i - 1];
    const gained = before === undefined ? "" : dollars(before.pricePerHour - pricePerHour);
    return [phase, String(nodes), String(podsLeft), dollars(pricePerHour), gained];
  });
  return { title: "How the price came about", head: ["PHASE", "NODES", "PODS LEFT", "$/H", "GAINED"], rows };
}

function total(claims: readonly PlannedClaim[]): number {
  return claims.reduce((sum, { cheapestPrice }) => sum + cheapestPrice, 0);
}

function nodeTable({ existingNodes }: TimedPlan): Table {
  return {
    title: "Room on nodes that are there",
    head: ["NODE", "PODS"],
    rows: listed(existingNodes.map(({ name, pods }) => [name, String(pods.length)])),
  };
}

/** Pods with one and the same reason share a row; every pool that a reason speaks of has a line of its own. */
export function refusalTable(refusals: readonly Refusal[]): Table {
  const groups = Map.groupBy(refusals, ({ code, reason }) => `${code}\n${reason}`);
  const rows = [...groups.values()].flatMap((group) => {
    const [first] = group;
    const more = group.length > 1 ? ` and ${group.length - 1} more` : "";
    const [reason = "", ...others] = (first?.reason ?? "").split(/; (?=NodePool )/);
    return [[`${first?.pod ?? ""}${more}`, first?.code ?? "", reason], ...others.map((other) => ["", "", other])];
  });
  return { title: "Cannot be placed", head: ["POD", "CODE", "REASON"], rows: listed(rows) };
}

function notes(plan: TimedPlan): string[] {
  const pools = plan.poolsWithoutTypes.map(({ nodePool, code, reason }) => `NodePool ${nodePool}: ${code}: ${reason}`);
  const remarks = plan.remarks.map(({ reason, pods }) => `${count(pods.length, "pod")}: ${reason}`);
  const ignored =
    plan.ignored.length === 0
      ? []
      : [`${count(plan.ignored.length, "pod")} left alone: not meant for Karpenter's nodes`];
  return [...pools, ...remarks, ...ignored];
}
