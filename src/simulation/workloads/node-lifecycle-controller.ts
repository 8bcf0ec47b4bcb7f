import { formatTime, parseTime } from "../../base/time.ts";
import type { Lease, Node, NodeCondition, Pod, Taint } from "../../model/core.ts";
import { LEASES, NODES, PODS } from "../../model/kinds.ts";
import { keyOf } from "../../model/object.ts";
import { refOf } from "../cache/cluster-writer.ts";
import { tolerates } from "../scheduler/filters.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { isFinished, isSame } from "./pods.ts";

export const NODE_LEASE_NAMESPACE = "kube-node-lease";
const GRACE_MS = 50_000;
const NEW_NODE_GRACE_MS = 60_000;
const DEFAULT_TOLERATION_MS = 300_000;
const ORPHAN_QUARANTINE_MS = 40_000;
const NOT_READY = "node.kubernetes.io/not-ready";
const UNREACHABLE = "node.kubernetes.io/unreachable";
const OURS = new Set([NOT_READY, UNREACHABLE, "node.kubernetes.io/unschedulable"]);

type Options = {
  /** How long a node may stay silent; must be well above the kubelets' heartbeat. Default 50 s. */
  graceMs?: number;
};

/** Taints nodes by their condition, notices silent ones, and removes pods that may not stay or whose node is gone. */
export function startNodeLifecycleController(needs: ControllerNeeds, { graceMs = GRACE_MS }: Options = {}): void {
  const { state, loop } = needs;
  const nodes = state.of(NODES);
  state.of(LEASES);
  const enqueueNode = loop.add("node-lifecycle", (name) => reconcileNode(needs, name, graceMs));
  const enqueuePod = loop.add("taint-eviction", (key) => reconcilePod(needs, key));
  nodes.onChange((before, after) => {
    const name = (after ?? before)?.metadata.name ?? "";
    if (after !== undefined) enqueueNode(name);
    const isMoot = before !== undefined && after !== undefined && isSame(before.spec.taints, after.spec.taints);
    if (!isMoot) for (const pod of state.podsOn(name)) enqueuePod(keyOf(pod));
  });
  for (const node of nodes.values()) enqueueNode(node.metadata.name);
  state.of(PODS).onChange((before, after) => {
    if (after?.spec.nodeName !== undefined && before?.spec.nodeName === undefined) enqueuePod(keyOf(after));
  });
}

function reconcileNode(needs: ControllerNeeds, name: string, graceMs: number): number | undefined {
  const { state, writer, clock, recorder } = needs;
  const node = state.of(NODES).get(name);
  if (node === undefined) return undefined;
  const nowMs = clock.nowMs();
  const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
  const silentMs = nowMs - lastSeenMs(state.of(LEASES).get(`${NODE_LEASE_NAMESPACE}/${name}`), node);
  const isSilent = silentMs >= (ready === undefined ? NEW_NODE_GRACE_MS : graceMs);
  if (isSilent && ready?.status !== "Unknown") {
    const conditions = unknownConditions(node, nowMs);
    writer.patchStatus(NODES, { name }, { conditions });
    recorder("node-controller")(node, "Normal", "NodeNotReady", `Node ${name} status is now: NodeNotReady`);
    for (const pod of state.podsOn(name)) markNotReady(needs, pod);
  }
  const status = isSilent ? "Unknown" : (ready?.status ?? "False");
  const taints = wantedTaints(node, status, nowMs);
  if (!isSame(taints, node.spec.taints ?? [])) writer.patch(NODES, { name }, { spec: { taints } });
  return isSilent ? undefined : Math.max(1_000, (ready === undefined ? NEW_NODE_GRACE_MS : graceMs) - silentMs);
}

function lastSeenMs(lease: Lease | undefined, node: Node): number {
  const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
  return Math.max(
    parseTime(lease?.spec.renewTime ?? "") ?? 0,
    parseTime(ready?.lastHeartbeatTime ?? "") ?? 0,
    parseTime(node.metadata.creationTimestamp) ?? 0,
  );
}

function unknownConditions(node: Node, nowMs: number): NodeCondition[] {
  const now = formatTime(nowMs);
  const known = node.status?.conditions ?? [];
  const types = known.length === 0 ? [{ type: "Ready", status: "Unknown" as const }] : known;
  return types.map((condition) => ({
    ...condition,
    status: "Unknown" as const,
    reason: known.length === 0 ? "NodeStatusNeverUpdated" : "NodeStatusUnknown",
    message: known.length === 0 ? "Kubelet never posted node status." : "Kubelet stopped posting node status.",
    lastTransitionTime: now,
  }));
}

function wantedTaints(node: Node, status: string, nowMs: number): Taint[] {
  const old = node.spec.taints ?? [];
  const wanted: Taint[] = old.filter(({ key }) => !OURS.has(key));
  const add = (key: string, effect: Taint["effect"]): void => {
    const known = old.find((taint) => taint.key === key && taint.effect === effect);
    wanted.push(known ?? { key, effect, ...(effect === "NoExecute" ? { timeAdded: formatTime(nowMs) } : {}) });
  };
  const trouble = status === "Unknown" ? UNREACHABLE : NOT_READY;
  if (status !== "True") add(trouble, "NoSchedule");
  // A node that has never been ready has nothing to evict.
  const wasReady = node.status?.conditions?.some(({ type }) => type === "Ready") ?? false;
  if (status !== "True" && wasReady) add(trouble, "NoExecute");
  if (node.spec.unschedulable === true) add("node.kubernetes.io/unschedulable", "NoSchedule");
  return isSame(sorted(wanted), sorted(old)) ? old : wanted;
}

function sorted(taints: readonly Taint[]): string[] {
  return taints.map(({ key, effect, value }) => `${key}=${value}:${effect}`).sort();
}

function markNotReady({ writer, clock }: ControllerNeeds, pod: Pod): void {
  const conditions = (pod.status?.conditions ?? []).map((condition) =>
    condition.type === "Ready" && condition.status === "True"
      ? { ...condition, status: "False" as const, lastTransitionTime: formatTime(clock.nowMs()) }
      : condition,
  );
  if (!isSame(conditions, pod.status?.conditions ?? [])) writer.patchStatus(PODS, refOf(pod), { conditions });
}

/** Deletes a pod that does not tolerate its node (any more), or whose node has vanished. */
function reconcilePod({ state, writer, clock, recorder }: ControllerNeeds, key: string): number | undefined {
  const pod = state.of(PODS).get(key);
  const nodeName = pod?.spec.nodeName ?? "";
  if (pod === undefined || nodeName === "") return undefined;
  const node = state.of(NODES).get(nodeName);
  const preconditions = { uid: pod.metadata.uid };
  if (node === undefined) {
    const marked = orphanSince.get(pod);
    if (marked === undefined) {
      orphanSince.set(pod, clock.nowMs());
      return ORPHAN_QUARANTINE_MS;
    }
    const leftMs = marked + ORPHAN_QUARANTINE_MS - clock.nowMs();
    if (leftMs > 0) return leftMs;
    writer.delete(PODS, refOf(pod), { gracePeriodSeconds: 0, preconditions });
    return undefined;
  }
  if (pod.metadata.deletionTimestamp !== undefined || isFinished(pod)) return undefined;
  const leftMs = toleratedMs(pod, node.spec.taints ?? [], clock.nowMs());
  if (leftMs === undefined) return undefined;
  if (leftMs > 0) return leftMs;
  recorder("taint-eviction-controller")(pod, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${key}`);
  writer.delete(PODS, refOf(pod), { preconditions });
  return undefined;
}

/** When a version of a pod was first seen without its node. */
const orphanSince = new WeakMap<Pod, number>();

/** How much longer a pod may stay: undefined is for ever, 0 not at all. */
function toleratedMs(pod: Pod, taints: readonly Taint[], nowMs: number): number | undefined {
  let leastMs: number | undefined;
  for (const taint of taints) {
    if (taint.effect !== "NoExecute") continue;
    const matching = (pod.spec.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
    const seconds = matching.map(({ tolerationSeconds }) => tolerationSeconds);
    if (matching.length > 0 && seconds.some((limit) => limit === undefined)) continue;
    const isDefault = OURS.has(taint.key) && matching.length === 0;
    const limitMs = isDefault
      ? DEFAULT_TOLERATION_MS
      : Math.min(...seconds.map((limit) => (limit ?? 0) * 1_000), Number.MAX_SAFE_INTEGER);
    const allowedMs = matching.length === 0 && !isDefault ? 0 : limitMs;
    const leftMs = Math.max(0, (parseTime(taint.timeAdded ?? "") ?? nowMs) + allowedMs - nowMs);
    leastMs = Math.min(leastMs ?? leftMs, leftMs);
  }
  return leastMs;
}
