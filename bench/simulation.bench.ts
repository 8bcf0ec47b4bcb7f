import { performance } from "node:perf_hooks";
import process from "node:process";
import { HOUR_MS } from "../src/base/time.ts";
import { NO_FAULTS } from "../src/simulation/faults/fault-mix.ts";
import { worldOf } from "../test/simulated-world.ts";
import { type Bench, type BenchLine, round } from "./bench.ts";

/** One simulated day of a cluster of about a hundred nodes, with the whole product at work in it. */
export function simulationBenches({ toy }: { toy: boolean }): readonly Bench[] {
  const [scale, hours] = toy ? [1, 1] : [5.5, 24];
  return [
    {
      name: `simulation: ${hours} h of a cluster`,
      run: async () => [await simulatedHours(scale, hours)],
    },
  ];
}

async function simulatedHours(scale: number, hours: number): Promise<BenchLine> {
  const beforeMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const world = worldOf({ seed: 1, scale, largestCpu: 4, faults: NO_FAULTS, processes: 1 });
  try {
    const nodes: number[] = [];
    const count = (): void => {
      nodes.push(world.boughtNodes().length);
      world.clock.after(HOUR_MS / 4, count);
    };
    world.clock.after(HOUR_MS / 4, count);
    await world.runStory(hours * HOUR_MS);
    const cpu = process.cpuUsage(cpuBefore);
    const { claims, lines, usd } = world.numbers();
    return {
      hours,
      ms: Math.round(performance.now() - beforeMs),
      cpuMs: Math.round((cpu.user + cpu.system) / 1_000),
      nodesMean: round(nodes.reduce((sum, n) => sum + n, 0) / nodes.length),
      nodesMax: Math.max(...nodes),
      claims,
      lines,
      usd: round(usd),
      violations: world.violations().length,
      podsWaiting: world.podsWaiting().length,
    };
  } finally {
    world.stop();
  }
}
