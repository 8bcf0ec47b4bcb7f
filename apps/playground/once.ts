import { InvariantError } from "../../src/base/errors.ts";
import { MINUTE_MS } from "../../src/base/time.ts";
import { NODE_CLAIMS } from "../../src/model/kinds.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { PriceMeter } from "../../src/simulation/cloud/price-meter.ts";
import { DEPLOYMENTS } from "../../src/simulation/workloads/kinds.ts";
import type { PlaygroundCluster } from "./cluster.ts";
import { duration } from "./live-view.ts";
import { clusterFigures } from "./view-state.ts";

type Needs = {
  playground: PlaygroundCluster;
  clock: Clock;
  /** Lets time pass until `isDone`, or at most `ms`. */
  pass(ms: number, isDone: () => boolean): Promise<boolean>;
  print(line: string): void;
};

export const ONCE_REPLICAS = 50;

/**
 * One round: the sample deployment grows, its pods run, it shrinks, no node is left.
 * @throws InvariantError with the state of things when a step takes longer than five minutes of the cluster's time
 */
export async function playOnce({ playground, clock, pass, print }: Needs): Promise<void> {
  const figures = () => clusterFigures(playground.cluster.state, clock.nowMs());
  const step = async (what: string, isDone: () => boolean): Promise<number> => {
    const beganMs = clock.nowMs();
    if (!(await pass(5 * MINUTE_MS, isDone))) {
      throw new InvariantError(`${what} within five minutes`, {
        figures: figures(),
        pools: [...playground.cluster.state.of(NODE_CLAIMS).values()].map((claim) => claim.status?.conditions),
      });
    }
    return clock.nowMs() - beganMs;
  };
  const meter = new PriceMeter(clock, playground.cluster.state);

  const deployments = [...playground.cluster.state.of(DEPLOYMENTS).values()].filter(
    ({ metadata }) => metadata.namespace === "default" && metadata.name !== "inflate",
  );
  const others = deployments.reduce((sum, { spec }) => sum + (spec.replicas ?? 1), 0);
  print(`scaling deployment inflate to ${ONCE_REPLICAS}`);
  await scale(playground, "inflate", ONCE_REPLICAS);
  const wanted = ONCE_REPLICAS + others;
  const upMs = await step("all pods run", () => figures().podsRunning === wanted && figures().podsWaiting === 0);
  const full = figures();
  print(
    `all ${full.podsRunning} pods are running after ${duration(upMs)}, on ${full.nodes.length} nodes for $${full.priceUsdPerHour.toFixed(4)}/h:`,
  );
  for (const node of full.nodes) {
    print(
      `  ${node.name}  ${node.instanceType}  ${node.zone}  ${node.capacityType}  $${node.priceUsdPerHour.toFixed(4)}/h  ${node.pods} pods, cpu ${Math.round(node.cpuShare * 100)}%, memory ${Math.round(node.memoryShare * 100)}%`,
    );
  }
  print("scaling all deployments to 0");
  for (const name of ["inflate", ...deployments.map(({ metadata }) => metadata.name)]) await scale(playground, name, 0);
  const downMs = await step(
    "no node is left",
    () => figures().nodes.length === 0 && playground.cluster.state.of(NODE_CLAIMS).size === 0,
  );
  print(`no node is left after ${duration(downMs)}; the round cost $${meter.totalUsd().toFixed(4)}`);
}

async function scale({ api }: PlaygroundCluster, name: string, replicas: number): Promise<void> {
  await api.patch(
    DEPLOYMENTS,
    { namespace: "default", name },
    { type: "merge", body: { spec: { replicas } } },
    { subresource: "scale" },
  );
}
