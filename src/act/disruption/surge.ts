import { Matches } from "../../base/matches.ts";
import { formatTime, MINUTE_MS, parseTime, SECOND_MS } from "../../base/time.ts";
import type { Deployment, Pod, StatefulSet } from "../../model/core.ts";
import { DEPLOYMENTS, type Kind, REPLICA_SETS, STATEFUL_SETS } from "../../model/kinds.ts";
import { NODE_POOL_LABEL, SURGE_ANNOTATION } from "../../model/labels.ts";
import { keyOf } from "../../model/object.ts";
import { type BudgetIndex, indexBudgets, isBlockedForGood } from "../../model/pod-disruption-budgets.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { optsForSurge, restartProblem, rolledOwnerOf, surgeProblem } from "../../model/surge.ts";
import { isNotFound, type Ref } from "../../ports/kube-api.ts";
import type { Needs } from "../ports.ts";

type Rolled = Deployment | StatefulSet;

/** What is known of the Deployment or StatefulSet behind a pod. */
export type SurgeOwner = {
  readMs: number;
  /** Absent where there is none. */
  rolled?: { kind: Rolled["kind"]; ref: Ref };
  replicas: number;
  /** Why its rollout cannot move a pod as it should; undefined: it can. */
  problem?: string;
  /** When it was last told to. */
  askedMs?: number;
  /** Until when it is not told again: its successor did not become ready. */
  failedUntilMs?: number;
};

/** Owners seldom change what matters here. */
const OWNER_MS = 5 * MINUTE_MS;
/** So many are read in one pass; the next goes on with the others. */
const READS_MAX = 50;
/** After a successor that did not become ready, its owner is left alone for so long. */
const FAILED_MS = 30 * MINUTE_MS;
/** As `kubectl rollout restart` writes it. */
const RESTARTED_ANNOTATION = "kubectl.kubernetes.io/restartedAt";

/**
 * Finds the pods on our nodes that leave only when their successor is ready: those that have opted for it and are the only
 * replica, or that no PodDisruptionBudget will ever let go.
 */
export async function refreshSurging(needs: Needs): Promise<void> {
  const { memory, mirror } = needs;
  const wishing = wishingPods(needs);
  if (wishing.length === 0) {
    if (memory.surging().size > 0) memory.setSurging(new Set());
    return;
  }
  await readOwners(needs, wishing);
  const budgets = indexBudgets(mirror.live.podDisruptionBudgets.values());
  memory.setSurging(new Set(wishing.filter((pod) => surges(needs, pod, budgets)).map(({ metadata }) => metadata.uid)));
}

/** Whether the pod, which a drain is about to evict, is moved by its owner's rollout instead. */
export async function isMovedBySurge(needs: Needs, pod: Pod): Promise<boolean> {
  if (!wishes(needs, pod)) return false;
  await readOwners(needs, [pod]);
  return surges(needs, pod, indexBudgets(needs.mirror.live.podDisruptionBudgets.values()));
}

/**
 * Has the pod's owner rolled out anew, unless it was since then. A Deployment's own rollout makes a successor, which cannot
 * come to the closed node, waits until that is ready, and only then deletes the pod; a StatefulSet's ends the pod, whose
 * place is ready by now, and starts it there.
 */
export async function bringUpSuccessor(needs: Needs, pod: Pod, sinceMs: number): Promise<void> {
  const { api, clock, events, log } = needs;
  const owner = ownerOf(needs, pod);
  if (owner?.rolled === undefined || (owner.askedMs ?? 0) >= sinceMs) return;
  const { kind, ref } = owner.rolled;
  const rolledKind = (kind === "Deployment" ? DEPLOYMENTS : STATEFUL_SETS) as Kind<Rolled>;
  const rolled = await api.get(rolledKind, ref);
  const nowMs = clock.nowMs();
  if (restartedMs(rolled) < Math.floor(sinceMs / SECOND_MS) * SECOND_MS) {
    const annotations = { [RESTARTED_ANNOTATION]: formatTime(nowMs) };
    const { resourceVersion } = rolled.metadata;
    const body = { metadata: { resourceVersion }, spec: { template: { metadata: { annotations } } } };
    await api.patch(rolledKind, ref, { type: "merge", body });
    const what = kind === "Deployment" ? "brings up a successor before" : "is restarted, so that";
    const message = `${kind} ${keyOf(rolled)} ${what} pod ${keyOf(pod)} leaves its node`;
    events.record({ object: pod, type: "Normal", reason: "SurgeStarted", message });
    log.info("restarting a workload to move a pod", { [kind]: keyOf(rolled), Pod: keyOf(pod) });
  }
  owner.askedMs = nowMs;
}

/** The successor of the pod has not become ready in time: its budgets count again for a while. */
export function noteSurgeFailure(needs: Needs, pod: Pod): void {
  const owner = ownerOf(needs, pod);
  if (owner !== undefined) owner.failedUntilMs = needs.clock.nowMs() + FAILED_MS;
  needs.memory.setSurging(new Set([...needs.memory.surging()].filter((uid) => uid !== pod.metadata.uid)));
}

function wishingPods(needs: Needs): Pod[] {
  const { nodeClaims, nodeByProviderId, podsByNode, pods, nodePools } = needs.mirror.view();
  const found: Pod[] = [];
  // Hardly any cluster uses it: most pods are passed over without a look at their node.
  if (![...nodePools.values()].some(asksForSurge) && ASKING.in(pods).length === 0) return found;
  for (const { status } of nodeClaims.values()) {
    for (const key of podsByNode.get(nodeByProviderId.get(status?.providerID ?? "") ?? "") ?? []) {
      const pod = pods.get(key);
      if (pod !== undefined && wishes(needs, pod)) found.push(pod);
    }
  }
  return found;
}

function asksForSurge({ metadata }: Pod | NodePool): boolean {
  return metadata.annotations?.[SURGE_ANNOTATION] === "true";
}

const ASKING = new Matches<Pod>(asksForSurge);

function wishes({ mirror }: Needs, pod: Pod): boolean {
  const { nodes, nodePools } = mirror.live;
  const poolName = nodes.get(pod.spec.nodeName ?? "")?.metadata.labels?.[NODE_POOL_LABEL];
  return optsForSurge(pod, nodePools.get(poolName ?? ""));
}

function surges(needs: Needs, pod: Pod, budgets: BudgetIndex): boolean {
  const owner = ownerOf(needs, pod);
  if (owner?.rolled === undefined || needs.clock.nowMs() < (owner.failedUntilMs ?? 0)) return false;
  // An eviction does as much for a StatefulSet's pod as a restart, where it is allowed.
  const isStateful = owner.rolled.kind === "StatefulSet";
  if ((isStateful || owner.replicas !== 1) && !isBlockedForGood(pod, budgets)) return false;
  const problem = owner.problem ?? (isStateful ? undefined : volumeProblem(needs, pod));
  if (problem === undefined) return true;
  const message = `No successor can be brought up before the pod leaves its node: ${problem}`;
  needs.events.record({ object: pod, type: "Warning", reason: "SurgeImpossible", message });
  return false;
}

/** A volume that one node mounts cannot be on the successor's at the same time. */
function volumeProblem({ mirror }: Needs, { metadata, spec }: Pod): string | undefined {
  for (const { persistentVolumeClaim } of spec.volumes ?? []) {
    if (persistentVolumeClaim === undefined) continue;
    const key = `${metadata.namespace ?? ""}/${persistentVolumeClaim.claimName}`;
    const modes = mirror.live.persistentVolumeClaims.get(key)?.spec.accessModes ?? [];
    if (!modes.some((mode) => mode === "ReadWriteMany" || mode === "ReadOnlyMany")) {
      return `the volume of PersistentVolumeClaim ${key} can be on one node only`;
    }
  }
  return undefined;
}

function ownerOf({ memory }: Needs, pod: Pod): SurgeOwner | undefined {
  return memory.surgeOwners.get(ownerKey(pod));
}

function ownerKey(pod: Pod): string {
  const owner = rolledOwnerOf(pod);
  return `${pod.metadata.namespace ?? ""}/${owner?.kind}/${owner?.name}`;
}

/** Those of which nothing recent is known. What cannot be read keeps what was known of it. */
async function readOwners(needs: Needs, pods: readonly Pod[]): Promise<void> {
  const { memory, clock, log } = needs;
  const nowMs = clock.nowMs();
  const wanted = new Map(pods.map((pod) => [ownerKey(pod), pod]));
  const stale = [...wanted].filter(([key]) => nowMs - (memory.surgeOwners.get(key)?.readMs ?? 0) >= OWNER_MS);
  for (const [key, owner] of memory.surgeOwners) if (nowMs - owner.readMs > FAILED_MS) memory.surgeOwners.delete(key);
  const results = await Promise.allSettled(stale.slice(0, READS_MAX).map(([, pod]) => readOwner(needs, pod)));
  results.forEach((result, i) => {
    const key = stale[i]?.[0] ?? "";
    if (result.status === "rejected") log.debug("a pod's owner cannot be read", { owner: key, error: result.reason });
    else memory.surgeOwners.set(key, { ...memory.surgeOwners.get(key), ...result.value, readMs: nowMs });
  });
}

async function readOwner({ api }: Needs, pod: Pod): Promise<Omit<SurgeOwner, "readMs">> {
  const namespace = pod.metadata.namespace ?? "";
  const { kind, name = "" } = rolledOwnerOf(pod) ?? {};
  try {
    if (kind === "StatefulSet") {
      const set = await api.get(STATEFUL_SETS, { name, namespace });
      return known({ ...set, kind }, { name, namespace }, restartProblem(set));
    }
    const set = await api.get(REPLICA_SETS, { name, namespace });
    const owner = set.metadata.ownerReferences?.find((one) => one.kind === "Deployment" && one.controller === true);
    if (owner === undefined) return { replicas: 0 };
    const ref = { name: owner.name, namespace };
    const deployment = await api.get(DEPLOYMENTS, ref);
    return known({ ...deployment, kind: "Deployment" }, ref, surgeProblem(deployment));
  } catch (error) {
    if (isNotFound(error)) return { replicas: 0 };
    throw error;
  }
}

function known({ kind, spec }: Rolled, ref: Ref, problem: string | undefined): Omit<SurgeOwner, "readMs"> {
  return { rolled: { kind, ref }, replicas: spec.replicas ?? 1, ...(problem === undefined ? {} : { problem }) };
}

function restartedMs({ spec }: Rolled): number {
  return parseTime(spec.template?.metadata?.annotations?.[RESTARTED_ANNOTATION] ?? "") ?? 0;
}
