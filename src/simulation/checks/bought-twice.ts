import { MINUTE_MS, parseTime } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import { DAEMON_SETS, NODE_CLAIMS, NODES, PODS } from "../../model/kinds.ts";
import { DISRUPTED_TAINT_KEY, NODE_POOL_LABEL } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { type Amounts, addTo, amountsOf, podAmounts } from "../cache/amounts.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import type { Judge, JudgeNeeds } from "./judge.ts";

/** The product may learn late that a pod has found a place. */
const LATENESS_MS = MINUTE_MS;

type Wait = { amounts: Amounts; owner: string; fromMs: number; untilMs: number };

/**
 * Law 3: nothing is bought twice for the same pods. Whenever a claim appears, what all claims on their way were bought
 * for must not exceed what the pods need that were waiting, or about to lose their node, since the oldest of them was
 * bought. A pod that lost its node and the one that its owner made in its place count once, unless the product hears of
 * pods late (`watchesLag`): then it may not know yet that the first is gone.
 */
export function judgeBoughtTwice(needs: JudgeNeeds): Judge {
  const { state } = needs;
  const ledger: Ledger = { waits: new Map(), evicted: new Map() };
  state.of(PODS).onChange((before, after) => {
    const pod = (after ?? before) as Pod;
    if (!isDaemon(pod)) note(needs, ledger, pod, after !== undefined);
  });
  state.of(NODE_CLAIMS).onChange((before, after) => {
    if (before === undefined && after !== undefined) weigh(needs, ledger, after);
  });
  return {};
}

/** By uid: pods while they waited for a node, and pods that vanished from one that was about to go. */
type Ledger = { waits: Map<string, Wait>; evicted: Map<string, Wait> };

function note({ state, clock }: JudgeNeeds, { waits, evicted }: Ledger, pod: Pod, exists: boolean): void {
  const nowMs = clock.nowMs();
  const isWaiting = exists && (pod.spec.nodeName ?? "") === "";
  const { uid } = pod.metadata;
  const wait = waits.get(uid);
  if (isWaiting && wait === undefined) waits.set(uid, waitOf(pod, nowMs, Number.POSITIVE_INFINITY));
  if (!isWaiting && wait !== undefined) wait.untilMs = Math.min(wait.untilMs, nowMs);
  if (!exists && isLeaving(state, pod.spec.nodeName)) evicted.set(uid, waitOf(pod, nowMs, nowMs));
}

function weigh({ state, report, watchesLag }: JudgeNeeds, { waits, evicted }: Ledger, newest: NodeClaim): void {
  const onTheirWay = [...state.of(NODE_CLAIMS).values()].filter(isOnItsWay);
  const sinceMs = Math.min(...onTheirWay.map(({ metadata }) => parseTime(metadata.creationTimestamp) ?? 0));
  for (const old of [waits, evicted]) {
    for (const [uid, { untilMs }] of old) if (untilMs < sinceMs - LATENESS_MS) old.delete(uid);
  }
  const needed = podsLosingTheirNode(state);
  for (const { amounts } of waits.values()) addTo(needed, amounts);
  const lost = watchesLag ? [...evicted.values()] : unreplaced(evicted.values(), waits.values(), sinceMs);
  for (const { amounts } of lost) addTo(needed, amounts);
  const bought: Amounts = {};
  for (const claim of onTheirWay) addTo(bought, boughtFor(claim, state));
  for (const name of ["cpu", "memory", "pods"]) {
    const [have, want] = [bought[name] ?? 0, needed[name] ?? 0];
    const what = `${onTheirWay.length} claims on their way for ${have} of ${name}, pods need ${want}`;
    if (have > want) report("bought twice", `${what}: ${newest.metadata.name}`);
  }
}

function waitOf(pod: Pod, fromMs: number, untilMs: number): Wait {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid ?? "";
  return { amounts: podAmounts(pod.spec), owner, fromMs, untilMs };
}

/** Of the pods that lost their node since then, those in whose place their owner has made no other. */
function unreplaced(evicted: Iterable<Wait>, waits: Iterable<Wait>, sinceMs: number): Wait[] {
  const replacements = new Map<string, number>();
  for (const { owner, fromMs } of waits) {
    if (fromMs >= sinceMs) replacements.set(owner, (replacements.get(owner) ?? 0) + 1);
  }
  const left: Wait[] = [];
  for (const wait of evicted) {
    if (wait.untilMs < sinceMs) continue;
    const count = replacements.get(wait.owner) ?? 0;
    if (count > 0) replacements.set(wait.owner, count - 1);
    else left.push(wait);
  }
  return left;
}

function isDaemon({ metadata }: Pod): boolean {
  return metadata.ownerReferences?.some(({ kind }) => kind === "DaemonSet") ?? false;
}

function isOnItsWay({ metadata, status }: NodeClaim): boolean {
  const isInitialized = status?.conditions?.some(({ type, status: is }) => type === "Initialized" && is === "True");
  return metadata.deletionTimestamp === undefined && isInitialized !== true;
}

/** A claim's requests without its daemons; what a DaemonSet of the cluster may add at most is taken off. */
function boughtFor(claim: NodeClaim, state: ClusterState): Amounts {
  const amounts = { ...amountsOf(claim.spec.resources?.requests) };
  for (const { spec } of state.of(DAEMON_SETS).values()) {
    for (const [name, amount] of Object.entries(podAmounts(spec.template.spec))) {
      amounts[name] = Math.max(0, (amounts[name] ?? 0) - amount);
    }
  }
  return amounts;
}

/** Pods on nodes that are about to go: they are bought for before they wait. */
function podsLosingTheirNode(state: ClusterState): Amounts {
  const needed: Amounts = {};
  for (const { metadata } of state.of(NODES).values()) {
    if (!isLeaving(state, metadata.name)) continue;
    for (const pod of state.podsOn(metadata.name)) if (!isDaemon(pod)) addTo(needed, podAmounts(pod.spec));
  }
  return needed;
}

/** Whether a node of the product is on its way out, or gone already. */
function isLeaving(state: ClusterState, nodeName: string | undefined): boolean {
  if (nodeName === undefined) return false;
  const node = state.of(NODES).get(nodeName);
  if (node === undefined) return true;
  if (node.metadata.labels?.[NODE_POOL_LABEL] === undefined) return false;
  if (node.metadata.deletionTimestamp !== undefined) return true;
  if (node.spec.taints?.some(({ key }) => key === DISRUPTED_TAINT_KEY)) return true;
  const { providerID } = node.spec;
  for (const { metadata, status } of state.of(NODE_CLAIMS).values()) {
    if (status?.providerID === providerID) return metadata.deletionTimestamp !== undefined;
  }
  return false;
}
