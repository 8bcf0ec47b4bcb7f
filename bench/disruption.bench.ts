import process from "node:process";
import { Random } from "../src/base/random.ts";
import { WELL_KNOWN_LABELS } from "../src/model/labels.ts";
import { planDisruption } from "../src/plan/disrupt/plan-disruption.ts";
import { catalogueInstanceTypes } from "../src/providers/kwok/catalogue.ts";
import type { Snapshot } from "../src/snapshot/snapshot.ts";
import { takeSnapshot } from "../src/snapshot/take-snapshot.ts";
import { viewOf } from "../src/snapshot/view-of.ts";
import { type Bench, type BenchLine, heapMb, round } from "./bench.ts";
import { standingCluster } from "./standing-cluster.ts";

const SEED = 42;

/** What would be disrupted by choice in a cluster that stands, all at once. A fresh snapshot: nothing is known of it before. */
export function disruptionBenches({ toy }: { toy: boolean }): readonly Bench[] {
  const sizes = toy
    ? [{ nodes: 10, pods: 80 }]
    : [
        { nodes: 200, pods: 3_000 },
        { nodes: 2_000, pods: 30_000 },
        { nodes: 10_000, pods: 100_000 },
      ];
  return sizes.map(({ nodes, pods }) => ({
    name: `disruption: ${nodes} nodes, ${pods} pods`,
    run: () => [disrupted(nodes, pods)],
  }));
}

function disrupted(nodes: number, pods: number): BenchLine {
  const snapshot = standing(nodes, pods);
  const cpuBefore = process.cpuUsage();
  const before = performance.now();
  const { commands, kept, initialPrice, finalPrice } = planDisruption(snapshot, { spotToSpot: false });
  const ms = performance.now() - before;
  const cpu = process.cpuUsage(cpuBefore);
  return {
    nodes,
    pods,
    ms: round(ms),
    cpuMs: round((cpu.user + cpu.system) / 1_000),
    commands: commands.length,
    nodesGone: commands.reduce((sum, { candidates }) => sum + candidates.length, 0),
    kept: kept.length,
    initialPrice: Math.round(initialPrice * 100) / 100,
    finalPrice: Math.round(finalPrice * 100) / 100,
    heapMb: heapMb(),
  };
}

function standing(nodes: number, pods: number): Snapshot {
  const types = catalogueInstanceTypes("us-east-1");
  const sizes = { pods, nodes, workloadPods: Math.min(100, nodes) };
  const { objects } = standingCluster(sizes, types, new Random(SEED));
  const wellKnown = new Set(WELL_KNOWN_LABELS);
  for (const type of types) for (const key of type.requirements.keys()) wellKnown.add(key);
  return takeSnapshot(viewOf(objects), {
    nowMs: Date.UTC(2026, 1, 1),
    instanceTypes: new Map([["default", types]]),
    wellKnownLabels: wellKnown,
  });
}
