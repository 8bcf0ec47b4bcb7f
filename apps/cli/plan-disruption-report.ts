import { decisionOf } from "../../src/plan/disrupt/command.ts";
import type { PlannedDisruption } from "./plan-disruption.ts";
import { count, dollars, listed, type Report, type Table } from "./report.ts";

/** What would be taken away, what would come instead, and why the rest stays. */
export function disruptionTables(plan: PlannedDisruption): Report {
  return { headline: headline(plan), tables: [commandTable(plan), keptTable(plan), finalTable(plan)], notes: [] };
}

function headline({ commands, initialPrice, finalPrice }: PlannedDisruption): string {
  if (commands.length === 0) return `Nothing to take away: the nodes cost ${dollars(initialPrice)} per hour.`;
  const gone = commands.reduce((sum, { candidates }) => sum + candidates.length, 0);
  const bought = commands.reduce((sum, { replacements }) => sum + replacements.length, 0);
  const moved = commands.reduce((sum, { moves }) => sum + moves.size, 0);
  const instead = bought === 0 ? "" : ` for ${bought} new`;
  return `Take away ${count(gone, "node")}${instead}, moving ${count(moved, "pod")}: ${dollars(initialPrice)} per hour becomes ${dollars(finalPrice)}.`;
}

function commandTable({ commands }: PlannedDisruption): Table {
  const rows = commands.map((command) => [
    command.reason,
    decisionOf(command),
    shortened(command.candidates.map(({ state }) => state.name)),
    shortened(command.replacements.map(({ instanceTypes }) => instanceTypes[0] ?? "")),
    String(command.moves.size),
    command.savings.toFixed(4),
  ]);
  return {
    title: "Commands",
    head: ["REASON", "DECISION", "NODES", "INSTEAD", "PODS MOVED", "$/H SAVED"],
    rows: listed(rows),
  };
}

function shortened(names: readonly string[]): string {
  if (names.length === 0) return "-";
  return names.length <= 3 ? names.join(",") : `${names.slice(0, 2).join(",")} and ${names.length - 2} more`;
}

function keptTable({ kept }: PlannedDisruption): Table {
  const rows = kept.map(({ state, code, reason }) => [state.name, code, reason]);
  return { title: "Nodes that stay", head: ["NODE", "CODE", "REASON"], rows: listed(rows) };
}

function finalTable({ finalNodes = [] }: PlannedDisruption): Table {
  const rows = finalNodes.map((node) => [
    node.name,
    node.nodePool === "" ? "-" : node.nodePool,
    node.instanceType,
    node.zone,
    node.capacityType,
    String(node.pods.length),
    node.price.toFixed(4),
  ]);
  return {
    title: "Nodes at the end",
    head: ["NODE", "NODEPOOL", "TYPE", "ZONE", "CAPACITY", "PODS", "$/H"],
    rows: listed(rows),
  };
}
