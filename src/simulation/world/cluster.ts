import type { Random } from "../../base/random.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ApiServer } from "../api-server/api-server.ts";
import { createGarbageCollector } from "../api-server/garbage-collector.ts";
import { ClusterState } from "../cache/cluster-state.ts";
import { ClusterWriter } from "../cache/cluster-writer.ts";
import { ControlLoop } from "../cache/control-loop.ts";
import { EventRecorder, type RecordEvent } from "../cache/event-recorder.ts";
import { ContainerLogs } from "../kubelet/container-logs.ts";
import { DEFAULT_KUBELET_OPTIONS, type KubeletOptions, Kubelets } from "../kubelet/kubelets.ts";
import { Scheduler } from "../scheduler/scheduler.ts";
import type { ScoringStrategy } from "../scheduler/scores.ts";
import { startWorkloads } from "../workloads/workloads.ts";
import { createNamespaces, createSystemNodes, type SystemNodes } from "./system-objects.ts";

export type ClusterOptions = {
  server: ApiServer;
  clock: Clock;
  random: Random;
  kubelets?: Partial<KubeletOptions>;
  /** How long a node may stay silent before it counts as unreachable; more than a lease period. Default 50 s. */
  nodeGraceMs?: number;
  scoring?: ScoringStrategy;
  /** Nodes that the product does not manage; default: two, tainted CriticalAddonsOnly. */
  systemNodes?: SystemNodes;
  /** False leaves out the events of scheduler, controllers and kubelets: they cost time and a test may not need them. */
  events?: boolean;
  /** How long the controllers take to notice a change; default 5 ms. */
  controllerDelayMs?: number;
};

/** A cluster at work around an API server: scheduler, controllers, kubelets. */
export type Cluster = {
  readonly state: ClusterState;
  readonly kubelets: Kubelets;
  readonly logs: ContainerLogs;
  stop(): void;
};

/** Starts everything that a Kubernetes control plane and its nodes do, on the given clock. */
export function startCluster(options: ClusterOptions): Cluster {
  const { server, clock, random, scoring = "LeastAllocated", controllerDelayMs = 5, systemNodes } = options;
  const state = new ClusterState(server);
  const writerOf = (user: string): ClusterWriter => new ClusterWriter(server, user);
  const recorder = recorderOf(options, writerOf("event-recorder"));
  const loop = new ControlLoop(clock, controllerDelayMs);
  const logs = new ContainerLogs(clock);
  createNamespaces(writerOf("kube-apiserver"));
  createSystemNodes(writerOf("cloud-controller-manager"), systemNodes);
  const writer = writerOf("kube-controller-manager");
  startWorkloads(
    { clock, random: random.fork("controllers"), state, writer, loop, recorder },
    server,
    options.nodeGraceMs,
  );
  const garbageCollector = createGarbageCollector({ server, clock });
  garbageCollector.start();
  const scheduler = new Scheduler({
    clock,
    state,
    writer: writerOf("kube-scheduler"),
    recordEvent: recorder("default-scheduler"),
    strategy: scoring,
  });
  const kubelets = new Kubelets({
    clock,
    random: random.fork("kubelets"),
    state,
    writer: writerOf("kubelet"),
    recordEvent: recorder("kubelet"),
    logs,
    options: { ...DEFAULT_KUBELET_OPTIONS, ...options.kubelets },
  });
  return {
    state,
    kubelets,
    logs,
    stop() {
      loop.stop();
      garbageCollector.stop();
      scheduler.stop();
      kubelets.stop();
      state.close();
    },
  };
}

function recorderOf(
  { events = true, clock }: ClusterOptions,
  writer: ClusterWriter,
): (component: string) => RecordEvent {
  if (!events) return () => () => undefined;
  const recorder = new EventRecorder(clock, writer);
  return (component) => recorder.of(component);
}
