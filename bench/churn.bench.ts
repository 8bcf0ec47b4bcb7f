import process from "node:process";
import { DAY_MS, HOUR_MS } from "../src/base/time.ts";
import type { ConsolidationPolicy } from "../src/plan/disrupt/consolidation-policy.ts";
import type { KubeApi } from "../src/ports/kube-api.ts";
import { NO_FAULTS } from "../src/simulation/faults/fault-mix.ts";
import { WebShop } from "../src/simulation/world/web-shop.ts";
import { worldOf } from "../test/simulated-world.ts";
import type { Bench, BenchLine } from "./bench.ts";
import { UPSTREAM } from "./upstream-consolidation.ts";

/** A web shop's nodes and pods under our rules for underutilized nodes, under the Go project's, and without any. */
export function churnBenches({ toy }: { toy: boolean }): readonly Bench[] {
  const sizes: [string, number][] = toy
    ? [["3 hours", 3]]
    : [
        ["a day", 24],
        ["three days", 72],
        ["a week", 7 * 24],
      ];
  return sizes.map(([span, hours]) => ({
    name: `churn: ${span} of a web shop`,
    run: async () => {
      const lines: BenchLine[] = [];
      for (const rules of ["ours", "upstream", "none"] as const) lines.push(await shop(rules, hours));
      return lines;
    },
  }));
}

type Rules = "ours" | "upstream" | "none";

async function shop(rules: Rules, hours: number): Promise<BenchLine> {
  const cpuBefore = process.cpuUsage();
  let podsEvicted = 0;
  const counting = (api: KubeApi): KubeApi => ({
    ...api,
    act: async (kind, ref, subresource, body) => {
      const done = await api.act(kind, ref, subresource, body);
      if (subresource === "eviction") podsEvicted += 1;
      return done;
    },
  });
  const consolidation: { consolidation?: ConsolidationPolicy } =
    rules === "upstream" ? { consolidation: UPSTREAM } : {};
  const world = worldOf({
    seed: 1,
    faults: NO_FAULTS,
    processes: 1,
    largestCpu: 8,
    tale: (needs) => new WebShop(needs),
    tamper: counting,
    settings: { underutilizedNodes: rules === "none" ? "Keep" : "Consolidate" },
    ...consolidation,
  });
  try {
    await world.runStory(hours * HOUR_MS);
    const cpu = process.cpuUsage(cpuBefore);
    const { claims, usd } = world.numbers();
    return {
      rules,
      days: hours * (HOUR_MS / DAY_MS),
      nodesCreated: claims,
      podsEvicted,
      usd: Math.round(usd * 100) / 100,
      cpuMs: Math.round((cpu.user + cpu.system) / 1_000),
      violations: world.violations().length,
      podsWaiting: world.podsWaiting().length,
    };
  } finally {
    world.stop();
  }
}
