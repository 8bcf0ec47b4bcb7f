import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { pause } from "../conformance/side.ts";

/** A program that a test has started, its output in a file. */
export type Started = {
  readonly name: string;
  readonly pid: number;
  /** Resolves to the exit code, or null after a signal. */
  readonly ended: Promise<number | null>;
  hasEnded(): boolean;
  output(): string;
  /** Asks it to end, and makes it end after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
  kill(): Promise<void>;
};

const running = new Set<ChildProcess>();
// A test run that breaks off leaves no server behind.
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a program whose output goes to `<name>.log` in the folder. */
export function start(
  name: string,
  command: string,
  args: readonly string[],
  { folder, env = process.env }: { folder: string; env?: NodeJS.ProcessEnv },
): Started {
  const file = join(folder, `${name}.log`);
  const output = openSync(file, "a");
  const child = spawn(command, args, { cwd: folder, env, stdio: ["ignore", output, output] });
  closeSync(output);
  running.add(child);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    name,
    pid: child.pid ?? 0,
    ended,
    hasEnded,
    output: () => readFileSync(file, "utf8"),
    async stop(graceMs = 10_000) {
      if (hasEnded()) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await ended;
      clearTimeout(timer);
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Waits until it holds. @throws when a program has ended meanwhile, or after the time, with the end of its output */
export async function ready(program: Started, what: string, holds: () => Promise<boolean>, withinMs: number) {
  const untilMs = performance.now() + withinMs;
  while (!(await holds().catch(() => false))) {
    const tail = (): string => program.output().split("\n").slice(-15).join("\n");
    assert.ok(!program.hasEnded(), `${program.name} has ended instead of ${what}:\n${tail()}`);
    assert.ok(performance.now() < untilMs, `${program.name}: no ${what} in ${withinMs} ms:\n${tail()}`);
    await pause(50);
  }
}

/** Ports of this machine that nobody uses now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  return await Promise.all(
    servers.map(async (server) => {
      const { port } = server.address() as { port: number };
      await new Promise((resolve) => server.close(resolve));
      return port;
    }),
  );
}
