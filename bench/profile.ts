import { Session } from "node:inspector/promises";
import { basename } from "node:path";

/** A part of the work: a function with all that it called. */
export type Phase = {
  /** Name and file. */
  what: string;
  /** Of the time of the root, from 0 to 1, and in milliseconds. */
  share: number;
  ms: number;
  depth: number;
};

/** Where the time went. */
export type Summary = {
  totalMs: number;
  /** Beside it, whoever caused it: looking for memory that nobody uses any more. */
  garbageMs: number;
  /** From above: callers before what they call, the longest first. Small ones are left out. */
  phases: readonly Phase[];
  /** What was running, whoever had called it: functions by themselves, the longest first. */
  hottest: readonly Omit<Phase, "depth">[];
};

const SAMPLE_MICROS = 100;
const DEPTH_MAX = 7;
const SHARE_LEAST = 0.02;
const HOTTEST_MAX = 12;

/**
 * Runs with the engine's profiler on.
 * @param root name of the function whose time is told apart; what runs outside it does not count. "": everything
 */
export async function profiled(root: string, run: () => unknown): Promise<Summary> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: SAMPLE_MICROS });
    await session.post("Profiler.start");
    await run();
    const { profile } = await session.post("Profiler.stop");
    return summaryOf(profile, root);
  } finally {
    session.disconnect();
  }
}

type Frame = { functionName: string; url: string; lineNumber: number };
export type Profile = {
  nodes: readonly { id: number; callFrame: Frame; children?: readonly number[] | undefined }[];
  samples?: readonly number[] | undefined;
  timeDeltas?: readonly number[] | undefined;
};

/** A function at its place among callers. */
type Branch = { what: string; micros: number; own: number; children: Map<string, Branch> };

export function summaryOf({ nodes, samples = [], timeDeltas = [] }: Profile, root: string): Summary {
  const micros = new Map<number, number>();
  for (const [i, id] of samples.entries()) micros.set(id, (micros.get(id) ?? 0) + (timeDeltas[i] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const isCalled = new Set(nodes.flatMap(({ children = [] }) => children));
  const tree = branch(root === "" ? "all" : root);
  for (const { id } of nodes) if (!isCalled.has(id)) grow(id, root === "" ? tree : undefined);
  sum(tree);
  const garbage = nodes.find(({ callFrame }) => callFrame.functionName === "(garbage collector)");
  const own = new Map<string, number>();
  countOwn(tree, own);
  const phase = (what: string, time: number) => ({ what, share: time / Math.max(tree.micros, 1), ms: time / 1_000 });
  return {
    totalMs: tree.micros / 1_000,
    garbageMs: (micros.get(garbage?.id ?? 0) ?? 0) / 1_000,
    phases: [...phasesOf(tree, 0)].map(({ what, micros: time, depth }) => ({ ...phase(what, time), depth })),
    hottest: [...own]
      .sort((a, b) => b[1] - a[1])
      .slice(0, HOTTEST_MAX)
      .map(([what, time]) => phase(what, time)),
  };

  /** Adds the node's time to the branch of its caller. Functions without a name are part of the one that called them. */
  function grow(id: number, caller: Branch | undefined): void {
    const node = byId.get(id);
    if (node === undefined) return;
    const { functionName } = node.callFrame;
    const isRoot = caller === undefined && functionName === root;
    const at = isRoot ? tree : caller === undefined || functionName === "" ? caller : childOf(caller, node.callFrame);
    if (at !== undefined) at.own += micros.get(id) ?? 0;
    for (const child of node.children ?? []) grow(child, at);
  }
}

function branch(what: string): Branch {
  return { what, micros: 0, own: 0, children: new Map() };
}

function childOf(caller: Branch, { functionName, url, lineNumber }: Frame): Branch {
  const key = `${functionName} ${url} ${lineNumber}`;
  const what = url === "" ? functionName : `${functionName} (${basename(url)})`;
  const known = caller.children.get(key) ?? branch(what);
  caller.children.set(key, known);
  return known;
}

function sum(tree: Branch): number {
  tree.micros = tree.own;
  for (const child of tree.children.values()) tree.micros += sum(child);
  return tree.micros;
}

function countOwn(tree: Branch, own: Map<string, number>): void {
  own.set(tree.what, (own.get(tree.what) ?? 0) + tree.own);
  for (const child of tree.children.values()) countOwn(child, own);
}

function* phasesOf(
  tree: Branch,
  depth: number,
  least = tree.micros * SHARE_LEAST,
): Generator<Branch & { depth: number }> {
  yield { ...tree, depth };
  if (depth === DEPTH_MAX) return;
  const children = [...tree.children.values()].filter(({ micros }) => micros >= least);
  for (const child of children.sort((a, b) => b.micros - a.micros)) yield* phasesOf(child, depth + 1, least);
}

/** The summary for people. */
export function summaryText({ totalMs, garbageMs, phases, hottest }: Summary): string {
  const line = ({ what, share, ms }: Omit<Phase, "depth">, indent = 0): string =>
    `${(share * 100).toFixed(1).padStart(6)} % ${ms.toFixed(1).padStart(9)} ms  ${"  ".repeat(indent)}${what}`;
  return [
    `${totalMs.toFixed(1)} ms, and ${garbageMs.toFixed(1)} ms of garbage collection. Phases, each with what it calls:`,
    ...phases.map((one) => line(one, one.depth)),
    "functions by themselves:",
    ...hottest.map((one) => line(one)),
    "",
  ].join("\n");
}
