import process from "node:process";
import { rehearsePlans } from "../apps/controller/rehearsal.ts";
import { ActMemory } from "../src/act/memory.ts";
import type { Needs } from "../src/act/ports.ts";
import { planOnce } from "../src/act/provision/plan-once.ts";
import { Random } from "../src/base/random.ts";
import { realClock } from "../src/kube/real-clock.ts";
import type { Node, Pod } from "../src/model/core.ts";
import type { InstanceType } from "../src/model/instance-type.ts";
import type { KubeObject } from "../src/model/object.ts";
import { defaultSettings } from "../src/model/settings.ts";
import type { ProvisionPlan } from "../src/plan/provision/provision-plan.ts";
import { catalogueInstanceTypes } from "../src/providers/kwok/catalogue.ts";
import { kwokProvider } from "../src/providers/kwok/provider.ts";
import { silentLog } from "../src/telemetry/log.ts";
import { startMirror } from "../src/watch/mirror.ts";
import { type Bench, type BenchLine, heapMb, round } from "./bench.ts";
import { listedApi } from "./listed-api.ts";
import { bound, launchedNode, type StandingCluster, standingCluster, workloadPod } from "./standing-cluster.ts";

const SEED = 42;

/** One pod more in a cluster that stands: from the watch's event, through mirror and snapshot, to the plan. */
export function replanBenches({ toy }: { toy: boolean }): readonly Bench[] {
  const sizes = toy
    ? [{ pods: 100, nodes: 10, steps: 8 }]
    : [
        { pods: 10_000, nodes: 1_000, steps: 60 },
        { pods: 100_000, nodes: 10_000, steps: 60 },
      ];
  return sizes.map(({ pods, nodes, steps }) => ({
    name: `replan: one pod more among ${pods} on ${nodes} nodes`,
    run: async () => [await replans(pods, nodes, steps)],
  }));
}

async function replans(pods: number, nodes: number, steps: number): Promise<BenchLine> {
  const types = catalogueInstanceTypes("us-east-1");
  // As every controller does when it starts.
  await rehearsePlans();
  const cluster = standingCluster({ pods, nodes, workloadPods: Math.min(100, nodes) }, types, new Random(SEED));
  const { needs, emit, stop } = await standing(cluster, types);
  // A plan for nobody would look at nothing: the first one is for a pod, and reads the whole cluster.
  emit("ADDED", workloadPod(0, pods) as KubeObject);
  const first = await timed(() => planOnce(needs));
  emit("DELETED", workloadPod(0, pods) as KubeObject);
  const times: number[] = [];
  const cpuTimes: number[] = [];
  let [claims, onNodes, refused] = [0, 0, 0];
  const random = new Random(SEED);
  const events = new Events(cluster, emit, types);
  for (let step = 0; step < steps; step += 1) {
    events.restlessness(step, random);
    const pod = newPod(step, cluster, random);
    const { plan, ms, cpuMs } = await timed(() => {
      emit("ADDED", pod as KubeObject);
      return planOnce(needs);
    });
    times.push(ms);
    cpuTimes.push(cpuMs);
    claims += plan.newNodeClaims.length;
    onNodes += plan.existingNodes.length;
    refused += plan.unschedulable.length;
    events.carryOut(pod, plan);
  }
  await stop();
  times.sort((a, b) => a - b);
  cpuTimes.sort((a, b) => a - b);
  const middle = Math.floor(steps / 2);
  return {
    pods,
    nodes,
    steps,
    ms: round(times[middle] ?? 0),
    worstMs: round(times.at(-1) ?? 0),
    cpuMs: round(cpuTimes[middle] ?? 0),
    worstCpuMs: round(cpuTimes.at(-1) ?? 0),
    firstCpuMs: round(first.cpuMs),
    newNodes: claims,
    onNodes,
    refused,
    heapMb: heapMb(),
  };
}

async function timed(run: () => Promise<{ plan: ProvisionPlan }>) {
  const cpuBefore = process.cpuUsage();
  const before = performance.now();
  const { plan } = await run();
  const ms = performance.now() - before;
  const cpu = process.cpuUsage(cpuBefore);
  return { plan, ms, cpuMs: (cpu.user + cpu.system) / 1_000 };
}

/** The mirror of the cluster, synced, with what a plan needs besides. */
export async function standing({ objects }: StandingCluster, types: readonly InstanceType[]) {
  const clock = realClock();
  const { api, emit } = listedApi(objects);
  const provider = kwokProvider({ api, clock, instanceTypes: types });
  const { nodeClasses } = provider;
  const mirror = startMirror({ api, clock, random: new Random(SEED), log: silentLog, nodeClasses });
  await mirror.whenSynced();
  const needs = {
    mirror,
    api,
    provider,
    clock,
    random: new Random(SEED),
    log: silentLog,
    settings: defaultSettings(),
    memory: new ActMemory(),
  } as unknown as Needs;
  const stop = async (): Promise<void> => {
    provider.stop();
    await mirror.stop();
  };
  return { needs, emit, stop };
}

/** Every kind of workload in turn; every eighth pod is larger than any room that is left, and needs a node of its own. */
function newPod(step: number, { pods }: StandingCluster, random: Random): Pod {
  const workloads = Number(pods.at(-1)?.metadata.labels?.["app"]?.slice("app-".length) ?? 0) + 1;
  const workload = (Math.floor(random.fraction() * Math.ceil(workloads / 5)) * 5 + (step % 5)) % workloads;
  const large = { cpu: 20_000 + step, memoryMib: 8_192 };
  return step % 8 === 7 ? workloadPod(workload, 1_000_000 + step, large) : workloadPod(workload, 1_000_000 + step);
}

/** What happens in a cluster between two plans. */
class Events {
  readonly #cluster: StandingCluster;
  readonly #emit: ReturnType<typeof listedApi>["emit"];
  readonly #types: readonly InstanceType[];
  readonly #gone = new Set<number>();
  #version = 1;

  constructor(cluster: StandingCluster, emit: ReturnType<typeof listedApi>["emit"], types: readonly InstanceType[]) {
    this.#cluster = cluster;
    this.#emit = emit;
    this.#types = types;
  }

  /** A node's heartbeat, now and then with a changed label; a pod that goes; a pod that reports itself ready. */
  restlessness(step: number, random: Random): void {
    const { nodes, pods } = this.#cluster;
    const at = random.between(0, nodes.length - 1);
    const node = nodes[at];
    if (node !== undefined) {
      const labels = { ...node.metadata.labels, ...(step % 3 === 0 ? { "team.example.com/step": String(step) } : {}) };
      const beat = this.#next({ ...node, metadata: { ...node.metadata, labels } }) as Node;
      nodes[at] = beat;
      this.#emit("MODIFIED", beat as KubeObject);
    }
    const gone = random.between(0, pods.length - 1);
    const pod = pods[gone];
    if (pod !== undefined && !this.#gone.has(gone)) this.#emit("DELETED", this.#next(pod) as KubeObject);
    this.#gone.add(gone);
    const changed = random.between(0, pods.length - 1);
    const other = pods[changed];
    if (other !== undefined && !this.#gone.has(changed)) this.#emit("MODIFIED", this.#next(other) as KubeObject);
  }

  /** The scheduler binds the pod to where the plan has a place for it, a new node if need be. */
  carryOut(pod: Pod, plan: ProvisionPlan): void {
    const [claim] = plan.newNodeClaims;
    let nodeName = plan.existingNodes[0]?.name;
    if (claim !== undefined) {
      const type = this.#types.find(({ name }) => name === claim.instanceTypes[0]);
      const offering = type?.offerings.find(({ available }) => available);
      if (type === undefined || offering === undefined) return;
      nodeName = `node-new-${pod.metadata.name}`;
      const launched = launchedNode(nodeName, type, offering);
      this.#emit("ADDED", launched.claim as KubeObject);
      this.#emit("ADDED", launched.node as KubeObject);
    }
    if (nodeName === undefined) this.#emit("DELETED", this.#next(pod) as KubeObject);
    else this.#emit("MODIFIED", this.#next(bound(pod, nodeName)) as KubeObject);
  }

  #next<T extends { metadata: { resourceVersion: string } }>(object: T): T {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
  }
}
