import { MINUTE_MS, parseTime } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { NODE_CLAIMS, NODES, PODS } from "../../model/kinds.ts";
import { REPLACEMENT_ANNOTATION, TERMINATION_FINALIZER, TERMINATION_TIMESTAMP_ANNOTATION } from "../../model/labels.ts";
import { keyOf } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { readReplacementRecord } from "../../plan/disrupt/replacement-record.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import type { Judge, JudgeNeeds } from "./judge.ts";
import { disruptionReason, isTrue, mustLeaveFirst, VOLUNTARY } from "./leaving.ts";

/** A pod that came to its node in the last moment may not be known yet. */
const UNSEEN_MS = 3 * MINUTE_MS;

/**
 * Law 2: a node goes in its order. What is bought for it is ready before it is deleted, its pods have left before its
 * instance ends, and its instance has ended before its claim is forgotten.
 */
export function judgeOrderOfLeaving(needs: JudgeNeeds): Judge {
  const { state, clock, report } = needs;
  const boundMs = new Map<string, number>();
  state.of(PODS).onChange((before, after) => {
    if (after === undefined) boundMs.delete(before?.metadata.uid ?? "");
    else if (after.spec.nodeName !== undefined && before?.spec.nodeName === undefined) {
      boundMs.set(after.metadata.uid, clock.nowMs());
    }
  });
  state.of(NODE_CLAIMS).onChange((before, after) => {
    if (before === undefined || after !== undefined) return;
    const node = nodeOf(state, before);
    // Somebody else's finalizer may hold the node for longer.
    const isLetGo = node?.metadata.deletionTimestamp !== undefined && !hasFinalizer(node);
    if (node !== undefined && !isLetGo)
      report("order of leaving", `${before.metadata.name} is forgotten, its node is still there`);
  });
  return {
    onCall({ kind, verb, key }) {
      const claim = state.of(NODE_CLAIMS).get(key);
      if (claim === undefined) return;
      if (kind === "nodeclaims.karpenter.sh" && verb === "delete") checkReplacements(needs, claim);
      if (kind === "instance" && verb === "terminate") checkPods(needs, claim, boundMs);
    },
  };
}

function hasFinalizer({ metadata }: Node): boolean {
  return metadata.finalizers?.includes(TERMINATION_FINALIZER) === true;
}

function nodeOf(state: ClusterState, { status }: NodeClaim): Node | undefined {
  if ((status?.providerID ?? "") === "") return undefined;
  return [...state.of(NODES).values()].find(({ spec }) => spec.providerID === status?.providerID);
}

function checkReplacements({ state, report }: JudgeNeeds, claim: NodeClaim): void {
  if (claim.metadata.deletionTimestamp !== undefined || !VOLUNTARY.has(disruptionReason(claim) ?? "")) return;
  const { name } = claim.metadata;
  for (const other of state.of(NODE_CLAIMS).values()) {
    const record = readReplacementRecord(other.metadata.annotations?.[REPLACEMENT_ANNOTATION]);
    if (record?.candidates.includes(name) !== true || isTrue(other, "Initialized")) continue;
    // What was bought for an earlier command that was given up counts for nothing.
    if (record.reason === disruptionReason(claim) && other.metadata.deletionTimestamp === undefined) {
      report("order of leaving", `deletes ${name} before ${other.metadata.name} is ready, which was bought for it`);
    }
  }
}

function checkPods({ state, clock, report }: JudgeNeeds, claim: NodeClaim, boundMs: ReadonlyMap<string, number>): void {
  const nowMs = clock.nowMs();
  const node = nodeOf(state, claim);
  const deadlineMs = parseTime(claim.metadata.annotations?.[TERMINATION_TIMESTAMP_ANNOTATION] ?? "");
  if (node === undefined || (deadlineMs !== undefined && deadlineMs <= nowMs)) return;
  for (const pod of state.podsOn(node.metadata.name)) {
    const isSeen = nowMs - (boundMs.get(pod.metadata.uid) ?? 0) > UNSEEN_MS;
    if (isSeen && mustLeaveFirst(pod, nowMs)) {
      report("order of leaving", `ends the instance of ${claim.metadata.name} with pod ${keyOf(pod)} on it`);
    }
  }
}
