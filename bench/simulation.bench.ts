import { performance } from "node:perf_hooks";
import process from "node:process";
import { HOUR_MS } from "../src/base/time.ts";
import { PODS } from "../src/model/kinds.ts";
import { NO_FAULTS } from "../src/simulation/faults/fault-mix.ts";
import type { StoryNeeds } from "../src/simulation/world/story.ts";
import { WebShop } from "../src/simulation/world/web-shop.ts";
import { type WorldOptions, worldOf } from "../test/simulated-world.ts";
import { type Bench, type BenchLine, round } from "./bench.ts";

/**
 * One simulated day of a cluster of about a hundred nodes, with the whole product at work in it: an ordinary one, of a web
 * shop, and one of the stories that the seeds tell, in which something is scaled, rolled out or lost every two minutes. And the day of
 * a shop of about a thousand nodes and, at its busiest hour, fifteen thousand pods.
 */
export function simulationBenches({ toy }: { toy: boolean }): readonly Bench[] {
  const hours = toy ? 1 : 24;
  const tale = (needs: StoryNeeds): WebShop => new WebShop(needs);
  const shop = { scale: toy ? 1 : 6, largestCpu: 4, tale };
  const largeShop = { scale: toy ? 2 : 140, largestCpu: 8, tale };
  return [
    { name: `simulation: ${hours} h of a web shop`, run: async () => [await simulatedHours(shop, hours)] },
    { name: `simulation: ${hours} h of a large shop`, run: async () => [await simulatedHours(largeShop, hours)] },
    {
      name: `simulation: ${hours} h in which much happens`,
      run: async () => [await simulatedHours({ scale: toy ? 1 : 5.5, largestCpu: 4 }, hours)],
    },
  ];
}

async function simulatedHours(
  options: Pick<WorldOptions, "scale" | "tale" | "largestCpu">,
  hours: number,
): Promise<BenchLine> {
  const beforeMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const world = worldOf({ seed: 1, ...options, faults: NO_FAULTS, processes: 1 });
  try {
    const nodes: number[] = [];
    let podsMax = 0;
    const count = (): void => {
      nodes.push(world.boughtNodes().length);
      podsMax = Math.max(podsMax, world.cluster.state.of(PODS).size);
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
      podsMax,
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
