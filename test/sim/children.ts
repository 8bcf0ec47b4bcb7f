import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { Verdict } from "./judge-seed.ts";

/** As many worlds as cores are under way: threads of the collector would only take turns with them. */
const FLAGS = ["--single-threaded-gc", "--max-semi-space-size=64"];

/**
 * Hands the seeds out to child processes, one at a time.
 * @param argv how this program was called: its children are told the same
 * @param onVerdict returns whether to go on
 */
export async function inChildren(
  seeds: readonly number[],
  jobs: number,
  argv: readonly string[],
  onVerdict: (verdict: Verdict) => boolean,
): Promise<void> {
  const left = [...seeds];
  const one = async (): Promise<void> => {
    while (left.length > 0) await runChild(left, argv, onVerdict);
  };
  await Promise.all(Array.from({ length: Math.min(jobs, seeds.length) }, one));
}

/** One child, until no seed is left or it breaks down over one. */
async function runChild(
  left: number[],
  argv: readonly string[],
  onVerdict: (verdict: Verdict) => boolean,
): Promise<void> {
  const [, program = ""] = process.argv;
  const child = spawn(process.execPath, [...FLAGS, program, ...argv, "--child"], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  let current: number | undefined;
  const next = (): void => {
    current = left.shift();
    if (current === undefined) child.disconnect();
    else child.send(current);
  };
  child.on("message", (verdict: Verdict) => {
    current = undefined;
    if (!onVerdict(verdict)) left.length = 0;
    next();
  });
  next();
  const code = await ended(child);
  if (current !== undefined) onVerdict(brokenDown(current, code));
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

function brokenDown(seed: number, code: number): Verdict {
  const numbers = { claims: 0, calls: 0, lives: 0, lines: 0, usd: 0, nodesMost: 0 };
  return { seed, failures: [`the process ended with ${code}`], numbers, cpuMs: 0, isTwice: false };
}
