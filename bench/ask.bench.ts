import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Io } from "../apps/cli/io.ts";
import { checkedObject } from "../apps/cli/manifest-check.ts";
import { planCommand } from "../apps/cli/plan.ts";
import { snapshotOf } from "../apps/cli/plan-cluster.ts";
import { snapshotText } from "../apps/cli/snapshot/snapshot.ts";
import { present } from "../src/base/assert.ts";
import { Random } from "../src/base/random.ts";
import type { KubeObject } from "../src/model/object.ts";
import type { JsonObject } from "../src/model/schema/schema.ts";
import { explainNode } from "../src/plan/explain/explain-node.ts";
import { explainPod } from "../src/plan/explain/explain-pod.ts";
import type { Story } from "../src/plan/explain/story.ts";
import { catalogueInstanceTypes } from "../src/providers/kwok/catalogue.ts";
import type { Snapshot } from "../src/snapshot/snapshot.ts";
import { type Bench, type BenchLine, round, timesOf } from "./bench.ts";
import { standingCluster, workloadPod } from "./standing-cluster.ts";

const SEED = 42;
const TAKEN_MS = Date.UTC(2026, 1, 1);
/** Takes a seventh of the nodes away, and adds a workload. */
const CHANGE = `
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: { name: default }
spec:
  template:
    spec:
      nodeClassRef: { group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default }
      requirements:
        - { key: karpenter.sh/capacity-type, operator: In, values: [on-demand, spot] }
        - { key: karpenter.k8s.aws/instance-family, operator: NotIn, values: [m5] }
  disruption: { consolidationPolicy: WhenEmptyOrUnderutilized, consolidateAfter: 0s, budgets: [{ nodes: 10% }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: more, namespace: default }
spec:
  replicas: 40
  selector: { matchLabels: { app: more } }
  template:
    metadata: { labels: { app: more } }
    spec: { containers: [{ name: a, image: a, resources: { requests: { cpu: "1", memory: 2Gi } } }] }
`;

/** Questions about a snapshot file, from reading it to the printed answer; without the start of the process. */
export function askBenches({ toy }: { toy: boolean }): readonly Bench[] {
  const size = toy ? { nodes: 20, pods: 200 } : { nodes: 2_000, pods: 30_000 };
  const cluster = `${size.nodes} nodes, ${size.pods} pods`;
  return [
    { name: `ask: a change to ${cluster}`, run: () => asked(size) },
    { name: `ask: why, of ${cluster} that are read already`, run: () => explained(size) },
  ];
}

/** From the objects to the answer; the first line is that of a process which has not planned anything yet. */
function explained(size: Size): BenchLine[] {
  const instanceTypes = catalogueInstanceTypes("us-east-1");
  const waiting = workloadPod(1, 1_000_000);
  const objects = [...standing(size), waiting as KubeObject];
  const settings = { spotToSpot: false, evictionCostUsd: 0.04 };
  const questions: Record<string, (snapshot: Snapshot) => Story> = {
    "why a node stays": (snapshot) =>
      explainNode(snapshot, present(snapshot.stateNodes[7], "there are nodes"), settings),
    "why a pod waits": (snapshot) => explainPod(snapshot, waiting),
  };
  return Object.entries(questions).map(([question, answer]) => {
    const times = timesOf(
      3,
      () => undefined,
      () => answer(snapshotOf({ objects, instanceTypes, nowMs: TAKEN_MS })),
    );
    const { why } = answer(snapshotOf({ objects, instanceTypes, nowMs: TAKEN_MS }));
    return { ...size, question, ...times, answers: why.length };
  });
}

type Size = { nodes: number; pods: number };

async function asked(size: Size): Promise<BenchLine[]> {
  const cwd = await mkdtemp(join(tmpdir(), "ask-"));
  try {
    await writeFile(join(cwd, "cluster.jsonl"), fileOf(size));
    await writeFile(join(cwd, "change.yaml"), CHANGE);
    const lines: BenchLine[] = [];
    for (const [edit, ...args] of [
      ["pool and workload", "-f", "change.yaml"],
      ["a node less", "--remove", "node/node-000007"],
      ["a zone less", "--lose-zone", "b"],
    ] as const) {
      lines.push({
        ...size,
        question: edit,
        ...(await timed(cwd, ["--snapshot", "cluster.jsonl", "-o", "json", ...args])),
      });
    }
    return lines;
  } finally {
    await rm(cwd, { recursive: true });
  }
}

function standing({ nodes, pods }: Size): KubeObject[] {
  const types = catalogueInstanceTypes("us-east-1");
  const { objects } = standingCluster({ nodes, pods, workloadPods: Math.min(50, nodes) }, types, new Random(SEED));
  return objects.map(withDefaults);
}

function fileOf(size: Size): string {
  return snapshotText(standing(size), { takenMs: TAKEN_MS, scramble: false, notRead: [] }).all;
}

/** A server has filled in what a manifest leaves out. */
function withDefaults(object: KubeObject): KubeObject {
  const checked = object.kind === "NodePool" ? checkedObject(object as unknown as JsonObject) : undefined;
  return checked !== undefined && "object" in checked ? (checked.object as unknown as KubeObject) : object;
}

async function timed(cwd: string, args: string[]): Promise<BenchLine> {
  let out = "";
  const io: Io = {
    out: (text) => {
      out += text;
    },
    err: () => undefined,
    stdin: async () => "",
    env: {},
    cwd,
    terminal: undefined,
  };
  const cpuBefore = process.cpuUsage();
  const before = performance.now();
  await planCommand(args, io);
  const ms = performance.now() - before;
  const cpu = process.cpuUsage(cpuBefore);
  const { gone, drifted, newNodeClaims, moved, unschedulable, pricePerHour } = JSON.parse(out) as Answer;
  return {
    ms: round(ms),
    cpuMs: round((cpu.user + cpu.system) / 1_000),
    nodesGone: gone.length + drifted.length,
    bought: newNodeClaims.length,
    podsMoved: moved.length,
    stuck: unschedulable.length,
    pricePerHour: Math.round(pricePerHour.after * 100) / 100,
  };
}

type Answer = Readonly<Record<"gone" | "drifted" | "newNodeClaims" | "moved" | "unschedulable", readonly unknown[]>> & {
  pricePerHour: { after: number };
};
