import process from "node:process";
import { fileURLToPath } from "node:url";
import { readManifests } from "../apps/cli/manifests.ts";
import { applyManifests } from "../apps/playground/apply.ts";
import { kindIn, startPlaygroundCluster } from "../apps/playground/cluster.ts";
import { clusterFigures } from "../apps/playground/view-state.ts";
import { UserError } from "../src/base/errors.ts";
import { Random } from "../src/base/random.ts";
import { realClock } from "../src/kube/real-clock.ts";
import { PODS } from "../src/model/kinds.ts";
import { DEPLOYMENTS } from "../src/simulation/workloads/kinds.ts";
import { type Bench, type BenchLine, round } from "./bench.ts";

const BOUND_WITHIN_MS = 120_000;

/**
 * The playground on the real clock: a deployment of pods with 1 cpu and 1 GiB each is scaled up at once (batch window 1 s
 * idle, 10 s at most; an instance's node appears at once and joins 1 s later), until every pod is bound.
 */
export function playgroundBenches({ toy }: { toy: boolean }): readonly Bench[] {
  const sizes = toy ? [20] : [1_000, 2_000];
  return sizes.map((pods) => ({
    name: `playground: ${pods} pods to all bound`,
    run: async () => [await scaleUp(pods)],
  }));
}

async function scaleUp(pods: number): Promise<BenchLine> {
  const clock = realClock();
  const random = new Random(1);
  const playground = startPlaygroundCluster({
    clock,
    random,
    region: "us-east-1",
    clusterName: "bench",
    kubelets: { joinDelayMs: { min: 1_000, max: 1_000 } },
    machineMs: { min: 0, max: 0 },
  });
  try {
    const file = fileURLToPath(new URL("../examples/karpenter.yaml.template", import.meta.url));
    const { objects } = await readManifests([file], { cwd: "/", stdin: async () => "", env: playground.variables });
    const pool = objects.find(({ object }) => object.kind === "NodePool")?.object as { spec?: { limits?: unknown } };
    if (pool?.spec !== undefined) delete pool.spec.limits;
    await applyManifests(playground.api, objects, (object) => kindIn(playground.server, object));
    await clock.sleep(3_000);
    const beganMs = clock.nowMs();
    const cpuBefore = process.cpuUsage();
    await playground.api.create(DEPLOYMENTS, deployment(pods), {});
    const state = playground.cluster.state;
    let peakRss = 0;
    const isBound = (): boolean => {
      const all = [...state.of(PODS).values()].filter(({ metadata }) => metadata.namespace === "default");
      return all.length === pods && all.every(({ spec }) => spec.nodeName !== undefined);
    };
    while (!isBound()) {
      peakRss = Math.max(peakRss, process.memoryUsage.rss());
      if (clock.nowMs() - beganMs > BOUND_WITHIN_MS) throw notBound(pods);
      await clock.sleep(50);
    }
    const boundMs = clock.nowMs() - beganMs;
    const cpu = process.cpuUsage(cpuBefore);
    const { nodes, priceUsdPerHour } = clusterFigures(state, clock.nowMs());
    return {
      pods,
      ms: boundMs,
      cpuMs: Math.round((cpu.user + cpu.system) / 1_000),
      nodes: nodes.length,
      pricePerHour: round(priceUsdPerHour * 1_000) / 1_000,
      peakRssMb: Math.round(Math.max(peakRss, process.memoryUsage.rss()) / 2 ** 20),
    };
  } finally {
    await playground.stop();
  }
}

function deployment(replicas: number) {
  const labels = { app: "load" };
  const resources = { requests: { cpu: "1", memory: "1Gi" } };
  return {
    apiVersion: "apps/v1" as const,
    kind: "Deployment" as const,
    metadata: { name: "load", namespace: "default" },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "app", image: "pause", resources }] } },
    },
  };
}

function notBound(pods: number): UserError {
  return new UserError({
    code: "KARP_BENCH_TIMEOUT",
    what: `${pods} pods are not all bound after ${BOUND_WITHIN_MS / 1_000} s`,
    remedy: "look at the playground with the same number of pods",
  });
}
