import type { Random } from "../../base/random.ts";
import { formatMicroTime, MINUTE_MS } from "../../base/time.ts";
import type { Node, Pod } from "../../model/core.ts";
import { CSI_NODES, type Kind, LEASES, NODES, PODS } from "../../model/kinds.ts";
import { type Draft, type KubeObject, keyOf } from "../../model/object.ts";
import type { Clock } from "../../ports/clock.ts";
import { ApiError, type DeleteOptions, isAlreadyExists, type Ref } from "../../ports/kube-api.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import { refOf } from "../cache/cluster-writer.ts";
import type { RecordEvent } from "../cache/event-recorder.ts";
import { NODE_LEASE_NAMESPACE } from "../workloads/node-lifecycle-controller.ts";
import { isFinished } from "../workloads/pods.ts";
import type { ContainerLogs } from "./container-logs.ts";
import { healthyConditions, joinedStatus } from "./node-status.ts";
import { addressOf, endedStatus, runningStatus } from "./pod-status.ts";
import { runTimeOf } from "./run-time.ts";

export type KubeletOptions = {
  /** How long after its Node object appears a kubelet reports ready: drawn between these. */
  joinDelayMs: { min: number; max: number };
  leasePeriodMs: number;
  statusPeriodMs: number;
  podStartMs: { min: number; max: number };
  /** How long containers take to end once told to, at most their grace period. */
  podStopMs: { min: number; max: number };
  /** Whether the kubelet of a new node ever joins; default: always. */
  joins?: (node: Node) => boolean;
};

export const DEFAULT_KUBELET_OPTIONS: KubeletOptions = {
  joinDelayMs: { min: 1_000, max: 3_000 },
  leasePeriodMs: 10_000,
  statusPeriodMs: 5 * MINUTE_MS,
  podStartMs: { min: 100, max: 900 },
  podStopMs: { min: 50, max: 800 },
};

/** Nodes with this label are played by simulated kubelets. */
const FAKE_NODE_LABEL = "kwok.x-k8s.io/node";
/** Its value makes a pod outlive SIGTERM: the seconds it takes to end, up to its grace period. */
const STOP_SECONDS_ANNOTATION = "simulation/stop-seconds";

/** What kubelets see of the cluster. */
export type KubeletState = Pick<ClusterState, "of" | "podsOn">;
/** How kubelets write: in process at once, with refusals as exceptions; over HTTP by and by. */
export type KubeletWriter = {
  create<T extends KubeObject>(kind: Kind<T>, object: Draft<T>): unknown;
  patch<T extends KubeObject>(kind: Kind<T>, ref: Ref, body: unknown): unknown;
  patchStatus<T extends KubeObject>(kind: Kind<T>, ref: Ref, status: unknown): unknown;
  delete(kind: Kind, ref: Ref, options?: DeleteOptions): unknown;
};

type Needs = {
  clock: Clock;
  random: Random;
  state: KubeletState;
  writer: KubeletWriter;
  recordEvent: RecordEvent;
  logs: ContainerLogs;
  options: KubeletOptions;
};
type Kubelet = {
  name: string;
  uid: string;
  index: number;
  isReady: boolean;
  addresses: number;
  timers: Set<() => void>;
};
type RunningPod = { uid: string; podIP: string; cancel: (() => void) | undefined; isStopping: boolean };

/** All simulated kubelets: nodes become ready some seconds after they appear, run their pods and end them with grace. */
export class Kubelets {
  readonly #needs: Needs;
  readonly #kubelets = new Map<string, Kubelet>();
  readonly #pods = new Map<string, RunningPod>();
  #nodes = 0;
  #stopped = false;

  constructor(needs: Needs) {
    this.#needs = needs;
    const nodes = needs.state.of(NODES);
    nodes.onChange((before, after) => this.#onNode(before, after));
    needs.state.of(PODS).onChange((before, after) => this.#onPod(before, after));
    for (const node of nodes.values()) this.#onNode(undefined, node);
  }

  /** The machine stops at once: no heartbeat, no pod, and nobody is told. */
  kill(nodeName: string): void {
    const kubelet = this.#kubelets.get(nodeName);
    if (kubelet === undefined) return;
    for (const cancel of kubelet.timers) cancel();
    kubelet.timers.clear();
    kubelet.isReady = false;
    for (const pod of this.#needs.state.podsOn(nodeName)) this.#forget(pod);
  }

  stop(): void {
    this.#stopped = true;
    for (const { timers } of this.#kubelets.values()) for (const cancel of timers) cancel();
    for (const { cancel } of this.#pods.values()) cancel?.();
  }

  #onNode(before: Node | undefined, after: Node | undefined): void {
    const { name, uid } = (after ?? (before as Node)).metadata;
    const known = this.#kubelets.get(name);
    if (known !== undefined && (after === undefined || known.uid !== uid)) {
      this.kill(name);
      this.#kubelets.delete(name);
    }
    if (after === undefined || this.#kubelets.has(name)) return;
    if (after.metadata.labels?.[FAKE_NODE_LABEL] !== "fake") return;
    this.#nodes += 1;
    const kubelet: Kubelet = { name, uid, index: this.#nodes, isReady: false, addresses: 0, timers: new Set() };
    this.#kubelets.set(name, kubelet);
    const { options } = this.#needs;
    if (options.joins?.(after) === false) return;
    this.#later(kubelet, this.#draw(options.joinDelayMs), () => this.#join(kubelet));
  }

  #join(kubelet: Kubelet): void {
    const { state, writer, clock, recordEvent } = this.#needs;
    const { name } = kubelet;
    const node = state.of(NODES).get(name);
    if (node === undefined) return;
    const ip = addressOf(node) ?? `10.${(kubelet.index >> 8) & 255}.${kubelet.index & 255}.1`;
    writer.patchStatus(NODES, { name }, joinedStatus(node, ip, clock.nowMs()));
    kubelet.isReady = true;
    recordEvent(node, "Normal", "NodeReady", `Node ${name} status is now: NodeReady`);
    this.#beat(kubelet);
    this.#later(kubelet, this.#needs.options.statusPeriodMs, () => this.#postStatus(kubelet));
    this.#unlessExisting(() => {
      writer.create(CSI_NODES, {
        apiVersion: "storage.k8s.io/v1",
        kind: "CSINode",
        metadata: { name, ownerReferences: [{ apiVersion: "v1", kind: "Node", name, uid: kubelet.uid }] },
        spec: { drivers: [] },
      });
    });
    for (const pod of state.podsOn(name)) this.#onPod(undefined, pod);
  }

  #beat(kubelet: Kubelet): void {
    const { writer, clock, state, options } = this.#needs;
    const { name } = kubelet;
    const renewTime = formatMicroTime(clock.nowMs());
    const metadata = { name, namespace: NODE_LEASE_NAMESPACE };
    if (state.of(LEASES).get(`${NODE_LEASE_NAMESPACE}/${name}`) !== undefined) {
      writer.patch(LEASES, metadata, { spec: { renewTime } });
    } else {
      const ownerReferences = [{ apiVersion: "v1", kind: "Node", name, uid: kubelet.uid }];
      this.#unlessExisting(() => {
        writer.create(LEASES, {
          apiVersion: "coordination.k8s.io/v1",
          kind: "Lease",
          metadata: { ...metadata, ownerReferences },
          spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime },
        });
      });
    }
    this.#later(kubelet, options.leasePeriodMs, () => this.#beat(kubelet));
  }

  #postStatus(kubelet: Kubelet): void {
    const { state, writer, clock, options } = this.#needs;
    const node = state.of(NODES).get(kubelet.name);
    if (node === undefined) return;
    writer.patchStatus(NODES, { name: kubelet.name }, { conditions: healthyConditions(node, clock.nowMs()) });
    this.#later(kubelet, options.statusPeriodMs, () => this.#postStatus(kubelet));
  }

  #onPod(before: Pod | undefined, after: Pod | undefined): void {
    if (after === undefined) {
      if (before !== undefined) this.#forget(before);
      return;
    }
    const kubelet = this.#kubelets.get(after.spec.nodeName ?? "");
    if (kubelet === undefined || !kubelet.isReady) return;
    const running = this.#pods.get(after.metadata.uid);
    if (after.metadata.deletionTimestamp !== undefined) {
      this.#stopPod(kubelet, after, running);
      return;
    }
    if (running !== undefined || isFinished(after)) return;
    kubelet.addresses += 1;
    // Apart from the services' 10.100.0.0/16 and the nodes' 10.0.0.0/16.
    const podIP = `10.${128 + ((kubelet.index >> 8) & 63)}.${kubelet.index & 255}.${kubelet.addresses % 250}`;
    const pod: RunningPod = { uid: after.metadata.uid, podIP, cancel: undefined, isStopping: false };
    this.#pods.set(after.metadata.uid, pod);
    pod.cancel = this.#later(kubelet, this.#draw(this.#needs.options.podStartMs), () =>
      this.#startPod(kubelet, pod, keyOf(after)),
    );
  }

  #startPod(kubelet: Kubelet, running: RunningPod, key: string): void {
    const { state, writer, clock, recordEvent, logs } = this.#needs;
    const pod = state.of(PODS).get(key);
    const node = state.of(NODES).get(kubelet.name);
    if (pod === undefined || node === undefined || pod.metadata.uid !== running.uid || running.isStopping) return;
    for (const { name } of pod.spec.containers) {
      logs.start(running.uid, name);
      recordEvent(pod, "Normal", "Started", `Started container ${name}`);
    }
    writer.patchStatus(PODS, refOf(pod), runningStatus(pod, node, running.podIP, clock.nowMs()));
    const runMs = runTimeOf(pod);
    if (runMs !== undefined) running.cancel = this.#later(kubelet, runMs, () => this.#endPod(running, key));
  }

  /** The containers have done their work. */
  #endPod(running: RunningPod, key: string): void {
    const { state, writer, clock, logs } = this.#needs;
    const pod = state.of(PODS).get(key);
    if (pod === undefined || pod.metadata.uid !== running.uid || running.isStopping) return;
    for (const { name } of pod.spec.containers) logs.end(running.uid, name);
    const exitCode = Number(pod.metadata.annotations?.["simulation/exit-code"] ?? 0);
    const phase = exitCode === 0 ? "Succeeded" : "Failed";
    writer.patchStatus(PODS, refOf(pod), endedStatus(pod, { exitCode, phase }, clock.nowMs()));
  }

  #stopPod(kubelet: Kubelet, pod: Pod, running: RunningPod | undefined): void {
    if (running?.isStopping === true) return;
    running?.cancel?.();
    const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1_000;
    const stubbornMs = Number(pod.metadata.annotations?.[STOP_SECONDS_ANNOTATION] ?? 0) * 1_000;
    const needsMs = stubbornMs > 0 ? stubbornMs : this.#draw(this.#needs.options.podStopMs);
    const stopping: RunningPod = running ?? { uid: pod.metadata.uid, podIP: "", cancel: undefined, isStopping: true };
    stopping.isStopping = true;
    this.#pods.set(stopping.uid, stopping);
    const isIdle = pod.status?.phase !== "Running";
    if (!isIdle)
      this.#needs.recordEvent(pod, "Normal", "Killing", `Stopping container ${pod.spec.containers[0]?.name ?? ""}`);
    stopping.cancel = this.#later(kubelet, isIdle ? 0 : Math.min(graceMs, needsMs), () => this.#removePod(pod));
  }

  #removePod(pod: Pod): void {
    try {
      const preconditions = { uid: pod.metadata.uid };
      this.#needs.writer.delete(PODS, refOf(pod), { gracePeriodSeconds: 0, preconditions });
    } catch (e) {
      // Somebody else removed it already.
      if (!(e instanceof ApiError)) throw e;
    }
  }

  #forget(pod: Pod): void {
    const { uid } = pod.metadata;
    this.#pods.get(uid)?.cancel?.();
    this.#pods.delete(uid);
    for (const { name } of pod.spec.containers) this.#needs.logs.forget(uid, name);
  }

  #later(kubelet: Kubelet, ms: number, run: () => void): () => void {
    if (this.#stopped) return () => undefined;
    const cancel = this.#needs.clock.after(ms, () => {
      kubelet.timers.delete(forget);
      run();
    });
    const forget = (): void => {
      kubelet.timers.delete(forget);
      cancel();
    };
    kubelet.timers.add(forget);
    return forget;
  }

  #draw({ min, max }: { min: number; max: number }): number {
    return this.#needs.random.between(min, max);
  }

  #unlessExisting(create: () => void): void {
    try {
      create();
    } catch (e) {
      if (!isAlreadyExists(e)) throw e;
    }
  }
}
