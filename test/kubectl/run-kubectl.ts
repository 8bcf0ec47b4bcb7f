import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kubeconfigFor } from "../../src/simulation/api-server/http/kubeconfig.ts";
import type { KubectlWorld } from "./kubectl-world.ts";
import type { Step } from "./verbs.ts";

/** The binary named by KUBECTL, or the one on PATH; undefined when there is none. */
export function findKubectl(): string | undefined {
  const binary = process.env["KUBECTL"] ?? "kubectl";
  return spawnSync(binary, ["version", "--client"], { stdio: "ignore" }).status === 0 ? binary : undefined;
}

export type Kubectl = {
  environment: Record<string, string>;
  run(step: Step): Promise<{ output: string; exitCode: number | null }>;
  close(): void;
};

/** kubectl with a home and a discovery cache of its own, as the cache is kept by host and port. */
export function kubectlFor(binary: string, url: string, world: KubectlWorld): Kubectl {
  const home = mkdtempSync(join(tmpdir(), "karpenter-kubectl-"));
  const kubeconfig = join(home, "kubeconfig");
  writeFileSync(kubeconfig, kubeconfigFor(url));
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    KUBECONFIG: kubeconfig,
    KUBECACHEDIR: join(home, "cache"),
  };
  return {
    environment: env,
    run: (step) => runOnce(binary, { ...env, ...step.env }, step, world),
    close: () => rmSync(home, { recursive: true, force: true }),
  };
}

const WATCH_STARTS_MS = 700;
const WATCH_AGAIN_MS = 1_000;
const WATCH_ENDS_MS = 15_000;
const STEP_TIMEOUT_MS = 30_000;

function runOnce(
  binary: string,
  env: Record<string, string>,
  step: Step,
  world: KubectlWorld,
): Promise<{ output: string; exitCode: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, [...step.args], { env });
    let output = "";
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", reject);
    child.stdin.on("error", () => undefined);
    child.stdin.end(step.input ?? "");
    const timers = [setTimeout(() => child.kill("SIGKILL"), STEP_TIMEOUT_MS)];
    if (step.during !== undefined) timers.push(...watchUntilSeen(step, world, child, () => output));
    child.on("close", (exitCode) => {
      for (const timer of timers) clearTimeout(timer);
      resolve({ output, exitCode: step.during === undefined ? exitCode : 0 });
    });
  });
}

/** Makes things happen while kubectl watches, until it has shown what is expected or enough time has passed. */
function watchUntilSeen(step: Step, world: KubectlWorld, child: ChildProcess, output: () => string): NodeJS.Timeout[] {
  let nth = 0;
  const happen = (): void => {
    step.during?.(world, nth);
    nth += 1;
  };
  const look = (): void => {
    if (nth > 0 && step.expect.every((pattern) => pattern.test(output()))) child.kill("SIGINT");
  };
  return [
    setTimeout(happen, WATCH_STARTS_MS),
    setInterval(happen, WATCH_STARTS_MS + WATCH_AGAIN_MS),
    setInterval(look, 50),
    setTimeout(() => child.kill("SIGINT"), WATCH_ENDS_MS),
  ];
}
