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
  return [...head, ...nodeTable(state.nodes, room, columns), ...foot].slice(0, rows).map((line) => cut(line, columns));
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

type Column = {
  title: string;
  width: number;
  /** When the terminal is too narrow, columns of a lower rank go first. */
  rank: number;
  cell(node: NodeLine): string;
};

const COLUMNS: readonly Column[] = [
  { title: "NODE", width: 37, rank: 10, cell: ({ name }) => name },
  { title: "TYPE", width: 16, rank: 8, cell: ({ instanceType }) => instanceType },
  { title: "ZONE", width: 12, rank: 1, cell: ({ zone }) => zone },
  { title: "CAPACITY", width: 9, rank: 3, cell: ({ capacityType }) => capacityType },
  { title: "$/H", width: 7, rank: 7, cell: ({ priceUsdPerHour: usd }) => (usd === 0 ? "-" : usd.toFixed(4)) },
  { title: "CPU", width: 13, rank: 6, cell: ({ cpuShare }) => bar(cpuShare) },
  { title: "MEMORY", width: 13, rank: 2, cell: ({ memoryShare }) => bar(memoryShare) },
  { title: "PODS", width: 4, rank: 5, cell: ({ pods }) => String(pods) },
  { title: "STATUS", width: 11, rank: 9, cell: ({ status }) => status },
  { title: "AGE", width: 6, rank: 4, cell: ({ ageMs }) => duration(ageMs) },
];
const NAME_WIDTH_MIN = 20;

function nodeTable(nodes: readonly NodeLine[], rowsMax: number, width: number): string[] {
  const columns = columnsFor(width);
  const title = `${DIM}${row(columns, ({ title }) => title)}${RESET}`;
  const shown = nodes.length > rowsMax - 1 ? nodes.slice(0, Math.max(0, rowsMax - 2)) : nodes;
  const lines = shown.map((node) => {
    const text = row(columns, ({ cell }) => cell(node));
    return node.status === "Ready" ? text : `${YELLOW}${text}${RESET}`;
  });
  if (shown.length < nodes.length) lines.push(`${DIM}and ${nodes.length - shown.length} more nodes${RESET}`);
  return [title, ...lines];
}

/** Names give way first, then whole columns, the least telling one first. */
function columnsFor(width: number): Column[] {
  let columns = [...COLUMNS];
  const over = (): number => columns.reduce((sum, column) => sum + column.width + 1, -1) - width;
  const [name] = COLUMNS;
  while (columns.length > 1 && over() > (name?.width ?? 0) - NAME_WIDTH_MIN) {
    const lowest = Math.min(...columns.map(({ rank }) => rank));
    columns = columns.filter(({ rank }) => rank !== lowest);
  }
  const excess = Math.max(0, over());
  return columns.map((column, i) => (i === 0 ? { ...column, width: Math.max(1, column.width - excess) } : column));
}

function row(columns: readonly Column[], textOf: (column: Column) => string): string {
  return columns
    .map((column) => {
      const { width } = column;
      const text = textOf(column);
      return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
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
