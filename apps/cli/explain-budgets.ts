import { DAY_MS, formatTime, MINUTE_MS } from "../../src/base/time.ts";
import { type Kind, NODE_CLAIMS, NODE_POOLS, NODES } from "../../src/model/kinds.ts";
import { type BudgetWindow, forecastBudgets, type PoolForecast } from "../../src/plan/disrupt/budget-forecast.ts";
import { DISRUPTION_REASONS, UNLIMITED } from "../../src/plan/disrupt/budgets.ts";
import { CLUSTER_FLAGS, CLUSTER_USAGE, givenCluster, notReadNotes } from "./cluster-source.ts";
import { numberFlag, readFlags, spread } from "./flags.ts";
import { EXIT, type Io } from "./io.ts";
import { formatFlag, printed } from "./output.ts";
import { snapshotOf } from "./plan-cluster.ts";
import { count, listed, type Report, type Table } from "./report.ts";

const COMMAND = "explain budgets";
const USAGE = `Says how many nodes the disruption budgets and pauses of every NodePool allow to be disrupted at once in the next 24
hours, and why not more. Times are UTC, as schedules are. Touches nothing.

usage: karpenter explain budgets [-f FILE...] [OPTION...]

  -f, --filename FILE      NodePools, NodeClaims and Nodes from files or folders, or - for standard input; laid over the
                           cluster where one is given as well; may be repeated
${CLUSTER_USAGE}
  --nodepool NAME          this one only
  --nodes N                reckon with so many nodes in every pool, for files that hold none
  -o, --output FORMAT      table (default), json, yaml or markdown

exit code: 0 every pool allows something for every reason at some time, 1 one does not, or a budget cannot be read,
           2 wrong use, 3 failure
`;

/**
 * `karpenter explain budgets`.
 * @throws UserError KARP_BAD_FLAG, what reading files throws, and KARP_NO_CLUSTER
 */
export async function explainBudgets(args: string[], io: Io): Promise<number> {
  const flags = readFlags(COMMAND, spread(args), {
    ...CLUSTER_FLAGS,
    nodepool: { type: "string" },
    nodes: { type: "string" },
    output: { type: "string", short: "o", default: "table" },
    help: { type: "boolean", short: "h", default: false },
  });
  if (flags.help) {
    io.out(USAGE);
    return EXIT.fine;
  }
  const format = formatFlag(COMMAND, flags.output);
  const nodes = flags.nodes === undefined ? undefined : numberFlag(COMMAND, "nodes", flags.nodes, 0, 1_000_000);
  const given = await givenCluster(COMMAND, flags, io, [NODE_POOLS, NODE_CLAIMS, NODES] as readonly Kind[]);
  // Whole minutes, as schedules have them.
  const nowMs = Math.floor(given.nowMs / MINUTE_MS) * MINUTE_MS;
  // Of two objects of one name the later counts.
  const objects = [...(given.base ?? []), ...given.files];
  const untilMs = nowMs + DAY_MS;
  const pools = forecastBudgets(snapshotOf({ objects, instanceTypes: [], nowMs }), untilMs, nodes).filter(
    ({ nodePool }) => flags.nodepool === undefined || nodePool === flags.nodepool,
  );
  io.out(
    printed(
      format,
      () => ({ from: formatTime(nowMs), until: formatTime(untilMs), nodePools: pools.map(poolJson) }),
      () => report(pools, nowMs, notReadNotes(given.notRead)),
    ),
  );
  return pools.some(isFinding) ? EXIT.findings : EXIT.fine;
}

function poolJson({ nodePool, nodes, consuming, problems, windows }: PoolForecast): Record<string, unknown> {
  return {
    nodePool,
    nodes,
    consuming,
    problems,
    windows: windows.map(({ fromMs, untilMs, reasons, allowed, limitedBy }) => ({
      from: formatTime(fromMs),
      until: formatTime(untilMs),
      reasons,
      /** Null: no limit. */
      allowed: allowed === UNLIMITED ? null : allowed,
      limitedBy,
    })),
  };
}

function report(pools: readonly PoolForecast[], nowMs: number, more: readonly string[]): Report {
  const notes = [
    ...more,
    "Nodes that are not ready, or about to go for whatever reason, take places in every budget.",
    "Expiration at its hour, interruptions, node repair and what users delete are not budgeted.",
  ];
  const bad = pools.filter(({ problems }) => problems.length > 0);
  const never = pools.filter((pool) => !bad.includes(pool) && isFinding(pool));
  const parts = [
    ...bad.map(({ nodePool }) => `NodePool ${nodePool} has a budget that cannot be read, so nothing is disrupted`),
    ...never.map((pool) => `NodePool ${pool.nodePool} allows nothing for ${closedReasons(pool).join(", ")}`),
  ];
  const headline = `Disruption budgets from ${formatTime(nowMs)}, for 24 hours${parts.length === 0 ? "" : `: ${parts.join("; ")}`}.`;
  return { headline, tables: pools.map(tableOf), notes: pools.length === 0 ? ["There is no NodePool."] : notes };
}

function tableOf({ nodePool, nodes, consuming, windows }: PoolForecast): Table {
  const rows = windows.map((window) => [
    formatTime(window.fromMs).slice(0, 16).replace("T", " "),
    formatTime(window.untilMs).slice(0, 16).replace("T", " "),
    window.reasons.length === DISRUPTION_REASONS.length ? "all" : window.reasons.join(", "),
    window.allowed === UNLIMITED ? "no limit" : String(window.allowed),
    window.limitedBy.length === 0 ? "-" : window.limitedBy.join("; "),
  ]);
  const taken = consuming === 0 ? "" : `, ${consuming} of them not ready or about to go`;
  return {
    title: `NodePool ${nodePool}: ${count(nodes, "node")}${taken}`,
    head: ["FROM (UTC)", "UNTIL (UTC)", "REASONS", "NODES AT ONCE", "LIMITED BY"],
    rows: listed(rows),
  };
}

function isFinding(pool: PoolForecast): boolean {
  return pool.problems.length > 0 || closedReasons(pool).length > 0;
}

/** Reasons for which nothing is allowed in all that time. */
function closedReasons({ windows }: PoolForecast): string[] {
  const isOpen = (reason: string): boolean => {
    return windows.some(({ reasons, allowed }: BudgetWindow) => allowed > 0 && reasons.some((one) => one === reason));
  };
  return DISRUPTION_REASONS.filter((reason) => !isOpen(reason));
}
