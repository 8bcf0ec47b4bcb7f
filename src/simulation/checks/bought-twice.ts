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

type Wait = { amounts: Amounts; untilMs: number };

/**
 * Law 3: nothing is bought twice for the same pods. Whenever a claim appears, what all claims on their way were bought
 * for must not exceed what the pods need that were waiting since the oldest of them was bought.
 */
export function judgeBoughtTwice({ state, clock, report }: JudgeNeeds): Judge {
  const waits = new Map<string, Wait>();
  const pods = state.of(PODS);
  const claims = state.of(NODE_CLAIMS);
  pods.onChange((before, after) => {
    const pod = (after ?? before) as Pod;
    if (isDaemon(pod)) return;
    const isWaiting = after !== undefined && (after.spec.nodeName ?? "") === "";
    const { uid } = pod.metadata;
    const wait = waits.get(uid);
    if (isWaiting && wait === undefined) {
      waits.set(uid, { amounts: podAmounts(pod.spec), untilMs: Number.POSITIVE_INFINITY });
    }
    if (!isWaiting && wait !== undefined) wait.untilMs = Math.min(wait.untilMs, clock.nowMs());
  });
  claims.onChange((before, after) => {
    if (before !== undefined || after === undefined) return;
    const onTheirWay = [...claims.values()].filter(isOnItsWay);
    const sinceMs = Math.min(...onTheirWay.map(({ metadata }) => parseTime(metadata.creationTimestamp) ?? 0));
    const needed = podsLosingTheirNode(state);
    for (const [uid, { amounts, untilMs }] of waits) {
      if (untilMs >= sinceMs - LATENESS_MS) addTo(needed, amounts);
      else waits.delete(uid);
    }
    const bought: Amounts = {};
    for (const claim of onTheirWay) addTo(bought, boughtFor(claim, state));
    for (const name of ["cpu", "memory", "pods"]) {
      const [have, want] = [bought[name] ?? 0, needed[name] ?? 0];
      if (have <= want) continue;
      report(
        "bought twice",
        `${onTheirWay.length} claims on their way for ${have} of ${name}, pods need ${want}: ${after.metadata.name}`,
      );
    }
  });
  return {};
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
  const leaving = new Set<string>();
  for (const { metadata, status } of state.of(NODE_CLAIMS).values()) {
    if (metadata.deletionTimestamp !== undefined && status?.nodeName !== undefined) leaving.add(status.nodeName);
  }
  for (const node of state.of(NODES).values()) {
    if (node.metadata.labels?.[NODE_POOL_LABEL] === undefined) continue;
    const isMarked = node.spec.taints?.some(({ key }) => key === DISRUPTED_TAINT_KEY) ?? false;
    if (!isMarked && node.metadata.deletionTimestamp === undefined && !leaving.has(node.metadata.name)) continue;
    for (const pod of state.podsOn(node.metadata.name)) if (!isDaemon(pod)) addTo(needed, podAmounts(pod.spec));
  }
  return needed;
}
