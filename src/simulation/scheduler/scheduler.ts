import { byText } from "../../base/order.ts";
import { formatTime, MINUTE_MS } from "../../base/time.ts";
import type { Node, Pod, PodCondition } from "../../model/core.ts";
import { NAMESPACES, NODES, PERSISTENT_VOLUME_CLAIMS, PODS } from "../../model/kinds.ts";
import { keyOf } from "../../model/object.ts";
import type { Clock } from "../../ports/clock.ts";
import { ApiError } from "../../ports/kube-api.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import { type ClusterWriter, refOf } from "../cache/cluster-writer.ts";
import type { RecordEvent } from "../cache/event-recorder.ts";
import { whyNot } from "./filters.ts";
import { NodeInfo } from "./node-info.ts";
import { type PodNeeds, podNeeds } from "./pod-needs.ts";
import { type NodeCheck, podTopologyChecks } from "./pod-topology.ts";
import { victimsFor } from "./preemption.ts";
import { bestNode, type ScoringStrategy } from "./scores.ts";
import { SELECTED_NODE_ANNOTATION, volumePlan } from "./volumes.ts";

type Waiting = {
  needs: PodNeeds;
  attempts: number;
  order: number;
  retryAtMs: number;
  flushAtMs: number;
  isDue: boolean;
};
type Needs = {
  clock: Clock;
  state: ClusterState;
  writer: ClusterWriter;
  recordEvent: RecordEvent;
  strategy: ScoringStrategy;
};

const CYCLE_DELAY_MS = 2;
const PODS_PER_TURN_MAX = 200;
const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 10_000;
const FLUSH_MS = 5 * MINUTE_MS;

/**
 * kube-scheduler's default profile, without preemption: an independent judge of the planner, since a pod that the
 * planner puts on a node has to get there by these rules.
 */
export class Scheduler {
  readonly #needs: Needs;
  readonly #nodes = new Map<string, NodeInfo>();
  /** By uid: pods that wait for a node. */
  readonly #waiting = new Map<string, Waiting>();
  /** Bound pods that keep others away, by uid. */
  readonly #repelling = new Map<string, { needs: PodNeeds; info: NodeInfo }>();
  /** Pods bound to nodes that are not known yet, by node name. */
  readonly #early = new Map<string, Map<string, PodNeeds>>();
  #sorted: NodeInfo[] | undefined;
  #order = 0;
  #wake: { atMs: number; cancel: () => void } | undefined;
  #stopped = false;
  /** Classes that found no node since anything got better, with the reason. */
  readonly #hopeless = new Map<string, string>();

  constructor(needs: Needs) {
    this.#needs = needs;
    const nodes = needs.state.of(NODES);
    const pods = needs.state.of(PODS);
    for (const node of nodes.values()) this.#onNode(undefined, node);
    for (const pod of pods.values()) this.#onPod(undefined, pod);
    nodes.onChange((before, after) => this.#onNode(before, after));
    pods.onChange((before, after) => this.#onPod(before, after));
    needs.state.of(PERSISTENT_VOLUME_CLAIMS).onChange(() => this.#gotBetter());
    needs.state.of(NAMESPACES);
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.cancel();
  }

  #onNode(before: Node | undefined, after: Node | undefined): void {
    const name = (after ?? before)?.metadata.name ?? "";
    if (after === undefined) {
      this.#nodes.delete(name);
      this.#sorted = undefined;
      return;
    }
    const info = this.#nodes.get(name);
    if (info !== undefined) {
      info.setNode(after);
      if (before === undefined || mattersForScheduling(before, after)) this.#gotBetter(info);
      return;
    }
    const added = new NodeInfo(after);
    this.#nodes.set(name, added);
    this.#sorted = undefined;
    for (const pod of this.#needs.state.podsOn(name)) if (!isFinished(pod)) this.#place(podNeeds(pod), added);
    for (const needs of this.#early.get(name)?.values() ?? []) this.#place(needs, added);
    this.#early.delete(name);
    this.#gotBetter(added);
  }

  #onPod(before: Pod | undefined, after: Pod | undefined): void {
    const nodeName = after?.spec.nodeName ?? "";
    if (after === undefined || isFinished(after)) {
      this.#forget(before ?? after);
      return;
    }
    if (nodeName !== "") {
      const { uid } = after.metadata;
      const info = this.#nodes.get(nodeName);
      const known = info?.pods.get(uid);
      if (known !== undefined) {
        known.pod = after;
        return;
      }
      const needs = this.#waiting.get(uid)?.needs ?? podNeeds(after);
      needs.pod = after;
      this.#waiting.delete(uid);
      if (info !== undefined) {
        this.#place(needs, info);
        return;
      }
      const early = this.#early.get(nodeName) ?? new Map<string, PodNeeds>();
      this.#early.set(nodeName, early.set(uid, needs));
      return;
    }
    this.#onUnboundPod(after);
  }

  #onUnboundPod(pod: Pod): void {
    const { uid, deletionTimestamp } = pod.metadata;
    const isOurs = (pod.spec.schedulerName ?? "default-scheduler") === "default-scheduler";
    if (!isOurs || deletionTimestamp !== undefined) {
      this.#waiting.delete(uid);
      return;
    }
    const known = this.#waiting.get(uid);
    if (known !== undefined) {
      const needs = podNeeds(pod);
      const isChanged = needs.classKey !== known.needs.classKey;
      known.needs = needs;
      if (!isChanged) return;
      known.isDue = true;
      this.#wakeAt(Math.max(known.retryAtMs, this.#needs.clock.nowMs() + CYCLE_DELAY_MS));
      return;
    }
    this.#order += 1;
    const needs = podNeeds(pod);
    this.#waiting.set(uid, { needs, attempts: 0, order: this.#order, retryAtMs: 0, flushAtMs: 0, isDue: true });
    this.#wakeAt(this.#needs.clock.nowMs() + CYCLE_DELAY_MS);
  }

  #place(needs: PodNeeds, info: NodeInfo): void {
    info.add(needs);
    const repels = needs.pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    if (repels !== undefined) this.#repelling.set(needs.pod.metadata.uid, { needs, info });
    if (this.#hasPodWatchers()) this.#gotBetter();
  }

  /** Pods that wait for other pods to appear. */
  #hasPodWatchers(): boolean {
    for (const { needs } of this.#waiting.values()) if (needs.waitsForPods) return true;
    return false;
  }

  #forget(pod: Pod | undefined): void {
    if (pod === undefined) return;
    const { uid } = pod.metadata;
    this.#waiting.delete(uid);
    this.#repelling.delete(uid);
    const nodeName = pod.spec.nodeName ?? "";
    if (nodeName === "") return;
    this.#nodes.get(nodeName)?.remove(pod);
    this.#early.get(nodeName)?.delete(uid);
    this.#gotBetter();
  }

  /**
   * Something changed that may let waiting pods run: they are tried again when their back-off is over. A change of one
   * node concerns only the pods that it would take now; the others' back-off does not grow by it.
   */
  #gotBetter(info?: NodeInfo): void {
    this.#hopeless.clear();
    if (this.#waiting.size === 0) return;
    let earliestMs = Number.POSITIVE_INFINITY;
    const takes = new Map<string, boolean>();
    for (const waiting of this.#waiting.values()) {
      const { needs } = waiting;
      if (info !== undefined) {
        const isTaken = takes.get(needs.classKey) ?? whyNot(needs, info).length === 0;
        takes.set(needs.classKey, isTaken);
        if (!isTaken) continue;
      }
      waiting.isDue = true;
      earliestMs = Math.min(earliestMs, waiting.retryAtMs);
    }
    if (earliestMs === Number.POSITIVE_INFINITY) return;
    this.#wakeAt(Math.max(earliestMs, this.#needs.clock.nowMs() + CYCLE_DELAY_MS));
  }

  #wakeAt(atMs: number): void {
    if (this.#stopped || (this.#wake !== undefined && this.#wake.atMs <= atMs)) return;
    this.#wake?.cancel();
    const cancel = this.#needs.clock.after(atMs - this.#needs.clock.nowMs(), () => {
      this.#wake = undefined;
      this.#cycle();
    });
    this.#wake = { atMs, cancel };
  }

  /** Tries the pods that are due, the most important and the oldest first. */
  #cycle(): void {
    const nowMs = this.#needs.clock.nowMs();
    const due = [...this.#waiting.values()].filter((w) => (w.isDue ? w.retryAtMs : w.flushAtMs) <= nowMs);
    due.sort((a, b) => (b.needs.pod.spec.priority ?? 0) - (a.needs.pod.spec.priority ?? 0) || a.order - b.order);
    for (const waiting of due.slice(0, PODS_PER_TURN_MAX)) this.#tryToPlace(waiting);
    let nextMs = due.length > PODS_PER_TURN_MAX ? nowMs : Number.POSITIVE_INFINITY;
    for (const w of this.#waiting.values()) nextMs = Math.min(nextMs, w.isDue ? w.retryAtMs : w.flushAtMs);
    if (nextMs < Number.POSITIVE_INFINITY) this.#wakeAt(Math.max(nextMs, nowMs));
  }

  #tryToPlace(waiting: Waiting): void {
    const { needs } = waiting;
    const nowMs = this.#needs.clock.nowMs();
    waiting.isDue = false;
    waiting.attempts += 1;
    // A daemon can only run on its own node: it must not come second there because it waits for its turn.
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (waiting.attempts - 1));
    waiting.retryAtMs = needs.pinnedTo === undefined ? nowMs + backoffMs : nowMs;
    waiting.flushAtMs = nowMs + FLUSH_MS;
    if ((needs.pod.spec.schedulingGates ?? []).length > 0) {
      this.#setUnscheduled(needs.pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates");
      return;
    }
    try {
      this.#schedule(needs);
    } catch (e) {
      // The pod may be gone or changed by now; its next version comes back by itself.
      if (!(e instanceof ApiError)) throw e;
      waiting.isDue = true;
    }
  }

  #schedule(needs: PodNeeds): void {
    const known = needs.looksAtPods ? undefined : this.#hopeless.get(needs.classKey);
    if (known !== undefined) {
      this.#refuse(needs.pod, known);
      return;
    }
    const volumes = volumePlan(needs.pod, this.#needs.state);
    const all = this.#all();
    if (volumes.kind === "missing") {
      this.#refuse(needs.pod, `0/${all.length} nodes are available: ${volumes.reason}.`);
      return;
    }
    const checks = volumes.kind === "checks" ? volumes.checks : [];
    const { fitting, message } = this.#fittingNodes(needs, all, checks);
    const namespaceLabels = (namespace: string) => this.#needs.state.of(NAMESPACES).get(namespace)?.metadata.labels;
    const best = bestNode(needs, fitting, all, { strategy: this.#needs.strategy, namespaceLabels });
    if (best === undefined) {
      if (!needs.looksAtPods && volumes.kind === "none") this.#hopeless.set(needs.classKey, message);
      this.#refuse(needs.pod, message);
      this.#preempt(needs);
      return;
    }
    if (volumes.kind === "checks" && volumes.unboundClaims.length > 0) {
      this.#askForVolumes(volumes.unboundClaims, best.name);
      // It found its place, so it does not stand back when the volumes are there.
      const waiting = this.#waiting.get(needs.pod.metadata.uid);
      if (waiting !== undefined) waiting.retryAtMs = this.#needs.clock.nowMs();
      return;
    }
    this.#bind(needs.pod, best);
  }

  #fittingNodes(
    needs: PodNeeds,
    all: NodeInfo[],
    checks: readonly NodeCheck[],
  ): { fitting: NodeInfo[]; message: string } {
    const namespaceLabels = (namespace: string) => this.#needs.state.of(NAMESPACES).get(namespace)?.metadata.labels;
    const looks = needs.looksAtPods || this.#repelling.size > 0;
    const others = looks ? podTopologyChecks(needs, all, this.#repelling, namespaceLabels) : [];
    const reasons = new Map<string, number>();
    const count = (reason: string, by = 1): void => void reasons.set(reason, (reasons.get(reason) ?? 0) + by);
    const pinned = needs.pinnedTo === undefined ? undefined : this.#nodes.get(needs.pinnedTo);
    const candidates = needs.pinnedTo === undefined ? all : pinned === undefined ? [] : [pinned];
    const fitting: NodeInfo[] = [];
    for (const info of candidates) {
      const why = whyNot(needs, info);
      if (why.length === 0) why.push(...firstReason(info, [...checks, ...others]));
      for (const reason of why) count(reason);
      if (why.length === 0) fitting.push(info);
    }
    const skipped = all.length - candidates.length;
    if (skipped > 0) count("node(s) didn't satisfy plugin(s) [NodeAffinity]", skipped);
    return { fitting, message: fitting.length > 0 ? "" : fitMessage(all.length, reasons) };
  }

  #all(): NodeInfo[] {
    this.#sorted ??= [...this.#nodes.values()].sort((a, b) => byText(a.name, b.name));
    return this.#sorted;
  }

  #bind(pod: Pod, info: NodeInfo): void {
    const { name, namespace = "", uid } = pod.metadata;
    this.#needs.writer.act(PODS, { name, namespace }, "binding", {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name, namespace, uid },
      target: { apiVersion: "v1", kind: "Node", name: info.name },
    });
    this.#needs.recordEvent(pod, "Normal", "Scheduled", `Successfully assigned ${keyOf(pod)} to ${info.name}`);
  }

  /** The provisioner makes the volumes where the pod is going to run; that change brings the pod back here. */
  #askForVolumes(claimKeys: readonly string[], nodeName: string): void {
    const claims = this.#needs.state.of(PERSISTENT_VOLUME_CLAIMS);
    for (const key of claimKeys) {
      const claim = claims.get(key);
      if (claim === undefined || claim.metadata.annotations?.[SELECTED_NODE_ANNOTATION] === nodeName) continue;
      const annotations = { [SELECTED_NODE_ANNOTATION]: nodeName };
      this.#needs.writer.patch(PERSISTENT_VOLUME_CLAIMS, refOf(claim), { metadata: { annotations } });
    }
  }

  /** Pods of less priority make room for a daemon, which has nowhere else to go. Others wait for a new node instead. */
  #preempt(needs: PodNeeds): void {
    const info = this.#nodes.get(needs.pinnedTo ?? "");
    for (const victim of info === undefined ? [] : victimsFor(needs, info)) {
      const preconditions = { uid: victim.metadata.uid };
      this.#needs.writer.delete(PODS, refOf(victim), { preconditions });
      this.#needs.recordEvent(victim, "Normal", "Preempted", `Preempted by pod ${needs.key} on node ${info?.name}`);
    }
  }

  #refuse(pod: Pod, message: string): void {
    this.#setUnscheduled(pod, "Unschedulable", message);
    this.#needs.recordEvent(pod, "Warning", "FailedScheduling", message);
  }

  #setUnscheduled(pod: Pod, reason: string, message: string): void {
    const conditions = pod.status?.conditions ?? [];
    const old = conditions.find(({ type }) => type === "PodScheduled");
    if (old?.status === "False" && old.reason === reason && old.message === message) return;
    const since = old?.status === "False" ? old.lastTransitionTime : undefined;
    const lastTransitionTime = since ?? formatTime(this.#needs.clock.nowMs());
    const condition: PodCondition = { type: "PodScheduled", status: "False", reason, message, lastTransitionTime };
    const kept = conditions.filter(({ type }) => type !== "PodScheduled");
    this.#needs.writer.patchStatus(PODS, refOf(pod), { conditions: [...kept, condition] });
  }
}

function firstReason(info: NodeInfo, checks: readonly NodeCheck[]): string[] {
  for (const check of checks) {
    const reason = check(info);
    if (reason !== undefined) return [reason];
  }
  return [];
}

function fitMessage(nodeCount: number, reasons: ReadonlyMap<string, number>): string {
  if (nodeCount === 0) return "no nodes available to schedule pods";
  const texts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort(byText);
  const outlook = `preemption: 0/${nodeCount} nodes are available: ${nodeCount} Preemption is not helpful for scheduling.`;
  return `0/${nodeCount} nodes are available: ${texts.join(", ")}. ${outlook}`;
}

function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

function mattersForScheduling(before: Node, after: Node): boolean {
  const asText = ({ metadata, spec, status }: Node): string =>
    JSON.stringify([metadata.labels, spec.taints, spec.unschedulable, status?.allocatable]);
  return asText(before) !== asText(after);
}
