import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pause } from "../conformance/side.ts";
import type { ControlPlane } from "./control-plane.ts";
import { upstreamKwokTypes } from "./kwok-types.ts";
import { freePorts, ready, type Started, start } from "./processes.ts";

const LAUNCHER = new URL("../../bin/karpenter.cjs", import.meta.url).pathname;

/** `karpenter controller` as a process of its own. */
export type ControllerProcess = Started & {
  /** The sum of the samples of a metric, of those whose line matches. */
  metric(name: string, labels?: RegExp): Promise<number>;
  isReady(): Promise<boolean>;
  whenReady(): Promise<void>;
  /** What it has used so far: processor time, and memory as sampled since the last call. */
  usage(): { cpuSeconds: number; rssMiB95th: number };
};

export type ControllerOptions = {
  name?: string;
  kubeconfig?: string;
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
};

/** Starts it on the plane's cluster with upstream's kwok types; returns at once. */
export async function startController(
  plane: ControlPlane,
  options: ControllerOptions = {},
): Promise<ControllerProcess> {
  const { name = "controller", kubeconfig = plane.adminKubeconfig, args = [], env = {} } = options;
  const typesFile = join(plane.folder, "instance-types.json");
  writeFileSync(typesFile, JSON.stringify(upstreamKwokTypes()));
  const [metricsPort = 0, healthPort = 0] = await freePorts(2);
  const flags = [
    `--metrics-port=${metricsPort}`,
    `--health-probe-port=${healthPort}`,
    `--instance-types-file-path=${typesFile}`,
    ...args,
  ];
  const process_ = start(name, process.execPath, [LAUNCHER, "controller", ...flags], {
    folder: plane.folder,
    env: { PATH: process.env["PATH"], KUBECONFIG: kubeconfig, SYSTEM_NAMESPACE: "kube-system", ...env },
  });
  const usage = meter(process_);
  const isReady = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${healthPort}/readyz`)).ok;
  return {
    ...process_,
    usage,
    isReady,
    whenReady: () => ready(process_, "readiness", isReady, 60_000),
    async metric(metric, labels = /(?:)/) {
      const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      const lines = text.split("\n").filter((line) => new RegExp(`^${metric}(\\{| )`).test(line) && labels.test(line));
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
    },
  };
}

const SAMPLE_MS = 200;
/** Of the kernel, for times in /proc: the same on all machines that Node runs on. */
const TICKS_PER_SECOND = 100;

function meter(program: Started): ControllerProcess["usage"] {
  let samples: number[] = [];
  let cpuSeconds = 0;
  const look = (): void => {
    try {
      const [, rssKiB = "0"] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${program.pid}/status`, "utf8")) ?? [];
      samples.push(Number(rssKiB) / 1_024);
      // The second field, the name, may hold blanks.
      const fields = readFileSync(`/proc/${program.pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      cpuSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    } catch {
      // It has ended: what was seen last counts.
    }
  };
  const sample = async (): Promise<void> => {
    while (!program.hasEnded()) {
      look();
      await pause(SAMPLE_MS);
    }
  };
  void sample();
  return () => {
    look();
    const sorted = samples.sort((a, b) => a - b);
    samples = [];
    return { cpuSeconds, rssMiB95th: sorted[Math.floor(sorted.length * 0.95)] ?? 0 };
  };
}
