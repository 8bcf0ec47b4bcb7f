/** What the live view shows of the cluster at one moment. */
export type ViewState = {
  clusterName: string;
  region: string;
  apiUrl: string;
  kubeconfigPath: string;
  /** Since the start, in simulated milliseconds. */
  elapsedMs: number;
  nodes: readonly NodeLine[];
  podsRunning: number;
  podsWaiting: number;
  priceUsdPerHour: number;
  spentUsd: number;
  /** The last things that happened, oldest first. */
  news: readonly string[];
  /** Commands to try, one a line. */
  hints: readonly string[];
};
export type NodeLine = {
  name: string;
  instanceType: string;
  zone: string;
  capacityType: string;
  priceUsdPerHour: number;
  /** Shares of allocatable, 0 to 1. */
  cpuShare: number;
  memoryShare: number;
  pods: number;
  status: string;
  ageMs: number;
};

const BOLD = "\u001b[1m";
const DIM = "\u001b[2m";
const GREEN = "\u001b[32m";
const YELLOW = "\u001b[33m";
const CYAN = "\u001b[36m";
const RESET = "\u001b[0m";

/**
 * The frame to show, one string a line, with ANSI colours.
 * @param columns lines are cut to this many visible characters
 * @param rows    at most this many lines: nodes that do not fit are counted instead
 */
export function renderView(state: ViewState, columns: number, rows: number): string[] {
  const head = header(state);
  const foot = footer(state, Math.max(0, Math.min(6, rows - head.length - 8)));
  const room = Math.max(1, rows - head.length - foot.length - 1);
  return [...head, ...nodeTable(state.nodes, room), ...foot].slice(0, rows).map((line) => cut(line, columns));
}

function header(state: ViewState): string[] {
  const pods =
    state.podsWaiting > 0
      ? `${state.podsRunning} running, ${YELLOW}${state.podsWaiting} waiting${RESET}`
      : `${state.podsRunning} running, ${GREEN}none waiting${RESET}`;
  return [
    `${BOLD}karpenter playground${RESET}  ${state.clusterName} (${state.region})  ${state.apiUrl}  up ${duration(state.elapsedMs)}`,
    `${state.nodes.length} nodes  ${BOLD}$${state.priceUsdPerHour.toFixed(4)}/h${RESET}  spent $${state.spentUsd.toFixed(4)}  pods: ${pods}`,
    "",
  ];
}

function nodeTable(nodes: readonly NodeLine[], rowsMax: number): string[] {
  const title = `${DIM}${columns(["NODE", "TYPE", "ZONE", "CAPACITY", "$/H", "CPU", "MEMORY", "PODS", "STATUS", "AGE"])}${RESET}`;
  const shown = nodes.length > rowsMax - 1 ? nodes.slice(0, Math.max(0, rowsMax - 2)) : nodes;
  const lines = shown.map((node) => {
    const text = columns([
      node.name,
      node.instanceType,
      node.zone,
      node.capacityType,
      node.priceUsdPerHour === 0 ? "-" : node.priceUsdPerHour.toFixed(4),
      bar(node.cpuShare),
      bar(node.memoryShare),
      String(node.pods),
      node.status,
      duration(node.ageMs),
    ]);
    return node.status === "Ready" ? text : `${YELLOW}${text}${RESET}`;
  });
  if (shown.length < nodes.length) lines.push(`${DIM}and ${nodes.length - shown.length} more nodes${RESET}`);
  return [title, ...lines];
}

const WIDTHS = [37, 16, 12, 10, 7, 13, 13, 4, 11, 6];

function columns(cells: readonly string[]): string {
  return cells
    .map((cell, i) => {
      const width = WIDTHS[i] ?? 10;
      return cell.length > width ? `${cell.slice(0, width - 1)}…` : cell.padEnd(width);
    })
    .join(" ")
    .trimEnd();
}

function bar(share: number): string {
  const filled = Math.max(0, Math.min(8, Math.round(share * 8)));
  return `${"█".repeat(filled)}${"░".repeat(8 - filled)} ${String(Math.round(share * 100)).padStart(3)}%`;
}

function footer(state: ViewState, newsMax: number): string[] {
  const news = newsMax === 0 ? [] : state.news.slice(-newsMax).map((line) => `${DIM}${line}${RESET}`);
  return [
    "",
    ...news,
    ...(news.length > 0 ? [""] : []),
    `${BOLD}try:${RESET}  ${CYAN}export KUBECONFIG=${state.kubeconfigPath}${RESET}`,
    ...state.hints.map((hint) => `      ${CYAN}${hint}${RESET}`),
    `${DIM}Ctrl-C ends it and leaves nothing behind${RESET}`,
  ];
}

/** "4s", "3m10s", "2h5m", "3d4h". */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${s % 60 === 0 ? "" : `${s % 60}s`}`;
  if (s < 86_400)
    return `${Math.floor(s / 3600)}h${Math.floor((s % 3600) / 60) === 0 ? "" : `${Math.floor((s % 3600) / 60)}m`}`;
  return `${Math.floor(s / 86_400)}d${Math.floor((s % 86_400) / 3600)}h`;
}

/** Cuts to `width` visible characters; escape sequences take no room. */
function cut(line: string, width: number): string {
  let visible = 0;
  let i = 0;
  while (i < line.length) {
    if (line[i] === "\u001b") {
      i = line.indexOf("m", i) + 1;
      continue;
    }
    if (visible === width) return `${line.slice(0, i)}${RESET}`;
    visible += 1;
    i += 1;
  }
  return line;
}
