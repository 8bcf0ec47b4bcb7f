import { formatTime, MINUTE_MS, parseTime } from "../../base/time.ts";
import type { Pod, PodDisruptionBudget } from "../../model/core.ts";
import { type Kind, POD_DISRUPTION_BUDGETS, PODS } from "../../model/kinds.ts";
import { type KubeObject, keyOf } from "../../model/object.ts";
import { refOf } from "../cache/cluster-writer.ts";
import { selects } from "../cache/selectors.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS } from "./kinds.ts";
import { intOrPercent, isFinished, isReady, isSame } from "./pods.ts";

/** An eviction that was allowed but never happened stops counting after this. */
const DISRUPTED_MS = 2 * MINUTE_MS;

/** Keeps the status of PodDisruptionBudgets, on which the eviction API decides. */
export function startDisruptionBudgetController(needs: ControllerNeeds): void {
  const { state, loop } = needs;
  const budgets = state.of(POD_DISRUPTION_BUDGETS);
  const members: Members = new Map();
  const enqueue = loop.add("disruption", (key) => reconcile(needs, members, key));
  const gather = (budget: PodDisruptionBudget): void => {
    const isMember = (pod: Pod): boolean =>
      pod.metadata.namespace === budget.metadata.namespace && isMeant(budget, pod);
    const keys = [...state.of(PODS).values()].filter(isMember).map(keyOf);
    members.set(keyOf(budget), new Set(keys));
    enqueue(keyOf(budget));
  };
  budgets.onChange((before, after) => {
    if (after === undefined) members.delete(keyOf(before as PodDisruptionBudget));
    else if (before === undefined || !isSame(before.spec.selector, after.spec.selector)) gather(after);
    else enqueue(keyOf(after));
  });
  for (const budget of budgets.values()) gather(budget);
  state.of(PODS).onChange((before, after) => {
    if (before !== undefined && after !== undefined && weighsTheSame(before, after)) return;
    const pod = (after ?? before) as Pod;
    for (const budget of budgets.values()) {
      if (budget.metadata.namespace !== pod.metadata.namespace) continue;
      const keys = members.get(keyOf(budget));
      const isMember = after !== undefined && isMeant(budget, after);
      if (keys === undefined || !(isMember || keys.has(keyOf(pod)))) continue;
      if (isMember) keys.add(keyOf(pod));
      else keys.delete(keyOf(pod));
      enqueue(keyOf(budget));
    }
  });
  for (const kind of [REPLICA_SETS, STATEFUL_SETS, DEPLOYMENTS]) {
    state.of(kind as Kind<Scalable>).onChange((before, after) => {
      if (after === undefined || before === undefined || before.spec.replicas === after.spec.replicas) return;
      for (const budget of budgets.values()) {
        if (budget.metadata.namespace === after.metadata.namespace) enqueue(keyOf(budget));
      }
    });
  }
}

/** Keys of the pods that each budget selects. */
type Members = Map<string, Set<string>>;

function isMeant(budget: PodDisruptionBudget, pod: Pod): boolean {
  return selects(budget.spec.selector, pod.metadata.labels);
}

/** Nothing of the pod has changed that a budget looks at. */
function weighsTheSame(before: Pod, after: Pod): boolean {
  return (
    isReady(before) === isReady(after) &&
    isFinished(before) === isFinished(after) &&
    (before.metadata.deletionTimestamp === undefined) === (after.metadata.deletionTimestamp === undefined) &&
    isSame(before.metadata.labels, after.metadata.labels)
  );
}

type Scalable = KubeObject & { spec: { replicas?: number } };

function reconcile({ state, writer, clock }: ControllerNeeds, members: Members, key: string): number | undefined {
  const budget = state.of(POD_DISRUPTION_BUDGETS).get(key);
  if (budget === undefined) return undefined;
  const pods: Pod[] = [];
  for (const podKey of members.get(key) ?? []) {
    const pod = state.of(PODS).get(podKey);
    if (pod !== undefined && !isFinished(pod)) pods.push(pod);
  }
  const { expected, desired } = expectations({ state }, budget, pods);
  const { disruptedPods, nextMs } = stillDisrupted(budget, pods, clock.nowMs());
  const healthy = pods.filter(
    (pod) =>
      isReady(pod) && pod.metadata.deletionTimestamp === undefined && disruptedPods[pod.metadata.name] === undefined,
  ).length;
  const allowed = expected <= 0 ? 0 : Math.max(0, healthy - desired);
  const status = {
    observedGeneration: budget.metadata.generation ?? 1,
    disruptionsAllowed: allowed,
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: expected,
    disruptedPods,
    conditions: [condition(budget, allowed, clock.nowMs())],
  };
  if (!isSame(status, budget.status)) {
    const gone = Object.keys(budget.status?.disruptedPods ?? {}).filter((name) => disruptedPods[name] === undefined);
    const removed = Object.fromEntries(gone.map((name) => [name, null]));
    const body = { ...status, disruptedPods: { ...disruptedPods, ...removed } };
    writer.patchStatus(POD_DISRUPTION_BUDGETS, refOf(budget), body);
  }
  return nextMs;
}

function expectations(
  { state }: Pick<ControllerNeeds, "state">,
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
): { expected: number; desired: number } {
  const { minAvailable, maxUnavailable } = budget.spec;
  if (typeof minAvailable === "number") return { expected: pods.length, desired: minAvailable };
  const expected = expectedScale({ state }, pods);
  if (minAvailable !== undefined) return { expected, desired: intOrPercent(minAvailable, expected, "up") };
  const unavailable = intOrPercent(maxUnavailable ?? 1, expected, "up");
  return { expected, desired: Math.max(0, expected - unavailable) };
}

/** How many pods the owners of these want in all: of the Deployment where there is one. Pods of nobody count for none. */
function expectedScale({ state }: Pick<ControllerNeeds, "state">, pods: readonly Pod[]): number {
  const scales = new Map<string, number>();
  const seen = new Set<string>();
  for (const pod of pods) {
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true);
    if (owner === undefined || seen.has(owner.uid)) continue;
    seen.add(owner.uid);
    const key = `${pod.metadata.namespace}/${owner.name}`;
    const set = owner.kind === "ReplicaSet" ? state.of(REPLICA_SETS).get(key) : state.of(STATEFUL_SETS).get(key);
    if (set === undefined) continue;
    const above = set.metadata.ownerReferences?.find(({ kind }) => kind === "Deployment");
    const deployment =
      above === undefined ? undefined : state.of(DEPLOYMENTS).get(`${pod.metadata.namespace}/${above.name}`);
    const top = deployment ?? set;
    scales.set(top.metadata.uid, top.spec.replicas ?? 1);
  }
  return [...scales.values()].reduce((sum, scale) => sum + scale, 0);
}

function stillDisrupted(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  nowMs: number,
): { disruptedPods: Record<string, string>; nextMs: number | undefined } {
  const disruptedPods: Record<string, string> = {};
  let nextMs: number | undefined;
  const byName = new Map(pods.map((pod) => [pod.metadata.name, pod]));
  for (const [name, since] of Object.entries(budget.status?.disruptedPods ?? {})) {
    const pod = byName.get(name);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    const leftMs = (parseTime(since) ?? 0) + DISRUPTED_MS - nowMs;
    if (leftMs <= 0) continue;
    disruptedPods[name] = since;
    nextMs = Math.min(nextMs ?? leftMs, leftMs);
  }
  return { disruptedPods, nextMs };
}

function condition(budget: PodDisruptionBudget, allowed: number, nowMs: number) {
  const status = allowed > 0 ? ("True" as const) : ("False" as const);
  const old = budget.status?.conditions?.find(({ type }) => type === "DisruptionAllowed");
  return {
    type: "DisruptionAllowed",
    status,
    reason: allowed > 0 ? "SufficientPods" : "InsufficientPods",
    message: "",
    lastTransitionTime: old?.status === status ? old.lastTransitionTime : formatTime(nowMs),
    observedGeneration: budget.metadata.generation ?? 1,
  };
}
