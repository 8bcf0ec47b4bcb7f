import { byText } from "../../base/order.ts";
import { formatTime } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import { PODS } from "../../model/kinds.ts";
import { keyOf } from "../../model/object.ts";
import { ApiError } from "../../ports/kube-api.ts";
import { refOf } from "../cache/cluster-writer.ts";
import { controllerUidOf } from "../cache/object-set.ts";
import { selects } from "../cache/selectors.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { REPLICA_SETS, type ReplicaSet, type WorkloadCondition } from "./kinds.ts";
import { availability, isActive, isReady, isSame, podFromTemplate, readySinceMs } from "./pods.ts";

const BURST_MAX = 500;

/** Keeps as many pods as a ReplicaSet asks for. */
export function startReplicaSetController(needs: ControllerNeeds): void {
  const { state, loop } = needs;
  const sets = state.of(REPLICA_SETS);
  const enqueue = loop.add("replicaset", (key) => reconcile(needs, key));
  const keyByUid = new Map<string, string>();
  sets.onChange((before, after) => {
    if (after === undefined) keyByUid.delete(before?.metadata.uid ?? "");
    else keyByUid.set(after.metadata.uid, keyOf(after));
    if (after !== undefined) enqueue(keyOf(after));
  });
  for (const set of sets.values()) {
    keyByUid.set(set.metadata.uid, keyOf(set));
    enqueue(keyOf(set));
  }
  state.of(PODS).onChange((before, after) => {
    const owner = controllerUidOf((after ?? before) as Pod);
    const key = owner === undefined ? undefined : keyByUid.get(owner);
    if (key !== undefined) enqueue(key);
  });
}

function reconcile(needs: ControllerNeeds, key: string): number | undefined {
  const set = needs.state.of(REPLICA_SETS).get(key);
  if (set === undefined) return undefined;
  let failure: ApiError | undefined;
  if (set.metadata.deletionTimestamp === undefined) failure = scale(needs, set);
  const nextMs = writeStatus(needs, set, failure);
  if (failure !== undefined) throw failure;
  return nextMs;
}

function scale({ state, writer, recorder }: ControllerNeeds, set: ReplicaSet): ApiError | undefined {
  const record = recorder("replicaset-controller");
  const active = state.of(PODS).controlledBy(set.metadata.uid).filter(isActive);
  const missing = (set.spec.replicas ?? 1) - active.length;
  for (let i = 0; i < Math.min(missing, BURST_MAX); i += 1) {
    try {
      const draft = podFromTemplate(set, set.spec.template, { generateName: `${set.metadata.name}-` });
      const pod = writer.create(PODS, draft);
      record(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      record(set, "Warning", "FailedCreate", `Error creating: ${e.message}`);
      return e;
    }
  }
  if (missing >= 0) return undefined;
  for (const pod of byDispensability(active).slice(0, -missing)) {
    writer.delete(PODS, refOf(pod), { preconditions: { uid: pod.metadata.uid } });
    record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
  }
  return undefined;
}

/** Whom to delete first: without a node, pending, not ready, cheap to delete, on a crowded node, ready for the shortest time, new. */
export function byDispensability(pods: readonly Pod[]): Pod[] {
  const crowd = new Map<string, number>();
  for (const { spec } of pods) crowd.set(spec.nodeName ?? "", (crowd.get(spec.nodeName ?? "") ?? 0) + 1);
  const rank = (pod: Pod): number[] => {
    const nodeName = pod.spec.nodeName ?? "";
    return [
      nodeName === "" ? 0 : 1,
      ["Pending", "Unknown", "Running"].indexOf(pod.status?.phase ?? "Pending"),
      isReady(pod) ? 1 : 0,
      Number(pod.metadata.annotations?.["controller.kubernetes.io/pod-deletion-cost"] ?? 0),
      -(crowd.get(nodeName) ?? 0),
      -(readySinceMs(pod) ?? 0),
    ];
  };
  const ranked = pods.map((pod) => ({ pod, ranks: rank(pod) }));
  ranked.sort((a, b) => {
    for (const [i, rankA] of a.ranks.entries()) if (rankA !== b.ranks[i]) return rankA - (b.ranks[i] ?? 0);
    const newestFirst = byText(b.pod.metadata.creationTimestamp, a.pod.metadata.creationTimestamp);
    return newestFirst || byText(a.pod.metadata.name, b.pod.metadata.name);
  });
  return ranked.map(({ pod }) => pod);
}

function writeStatus(needs: ControllerNeeds, set: ReplicaSet, failure: ApiError | undefined): number | undefined {
  const nowMs = needs.clock.nowMs();
  const active = needs.state.of(PODS).controlledBy(set.metadata.uid).filter(isActive);
  const labels = set.spec.template.metadata?.labels;
  const { available, nextMs } = availability(active, set.spec.minReadySeconds ?? 0, nowMs);
  const status: ReplicaSet["status"] = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) => selects({ matchLabels: labels ?? {} }, pod.metadata.labels)).length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: available,
    observedGeneration: set.metadata.generation ?? 1,
    conditions: failureConditions(set, failure, nowMs),
  };
  if (!isSame(status, set.status)) needs.writer.patchStatus(REPLICA_SETS, refOf(set), status);
  return nextMs;
}

function failureConditions(set: ReplicaSet, failure: ApiError | undefined, nowMs: number): WorkloadCondition[] {
  if (failure === undefined) return [];
  const known = set.status?.conditions?.find(
    ({ type, message }) => type === "ReplicaFailure" && message === failure.message,
  );
  const lastTransitionTime = known?.lastTransitionTime ?? formatTime(nowMs);
  return [
    { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: failure.message, lastTransitionTime },
  ];
}
