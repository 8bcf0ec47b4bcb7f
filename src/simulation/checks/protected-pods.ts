import { MINUTE_MS } from "../../base/time.ts";
import type { Node, Pod, PodDisruptionBudget } from "../../model/core.ts";
import { NODE_CLAIMS, NODE_POOLS, NODES, POD_DISRUPTION_BUDGETS, PODS } from "../../model/kinds.ts";
import { DO_NOT_DISRUPT_ANNOTATION, SURGE_ANNOTATION } from "../../model/labels.ts";
import { keyOf } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Judge, JudgeNeeds } from "./judge.ts";
import { disruptionReason, isAlive, isOwnedBy, mustLeaveFirst, poolOf, VOLUNTARY } from "./leaving.ts";
import { asksForPeace, budgetsAgainst } from "./protection.ts";

/**
 * What has been so for so long the product has to know: it acts on nothing that is older than a minute, and may be held
 * up on the way.
 */
const KNOWN_AFTER_MS = 3 * MINUTE_MS;

/**
 * Law 2: what the product takes away by choice has no pod that may not be disturbed, neither when it is chosen nor when it
 * is deleted, and what it takes away as empty has no pod at all that would have to come back.
 */
export function judgeProtectedPods(needs: JudgeNeeds): Judge {
  const { state, clock } = needs;
  const since = new Since(() => clock.nowMs());
  state.of(PODS).onChange((before, after) => {
    since.note(before, after, ({ spec, metadata }: Pod) => [spec.nodeName, metadata.annotations]);
  });
  state.of(POD_DISRUPTION_BUDGETS).onChange((before, after) => {
    since.note(before, after, ({ status }: PodDisruptionBudget) => (status?.disruptionsAllowed ?? 0) === 0);
  });
  state.of(NODES).onChange((before, after) => {
    since.note(before, after, ({ metadata }: Node) => metadata.annotations?.[DO_NOT_DISRUPT_ANNOTATION]);
  });
  state.of(NODE_CLAIMS).onChange((before, after) => {
    if (after === undefined) return;
    const reason = disruptionReason(after);
    const isNew = before === undefined || disruptionReason(before) !== reason;
    if (reason !== undefined && isNew && after.metadata.deletionTimestamp === undefined)
      check(needs, since, after, reason);
  });
  return {
    onCall({ kind, verb, key }) {
      if (kind !== "nodeclaims.karpenter.sh" || verb !== "delete") return;
      const claim = state.of(NODE_CLAIMS).get(key);
      const reason = claim === undefined ? undefined : disruptionReason(claim);
      if (claim?.metadata.deletionTimestamp === undefined && claim !== undefined && reason !== undefined) {
        check(needs, since, claim, reason);
      }
    },
  };
}

/** Since when something about an object has been as it is, by uid. */
class Since {
  readonly #ms = new Map<string, number>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  note<T extends { metadata: { uid: string } }>(
    before: T | undefined,
    after: T | undefined,
    what: (object: T) => unknown,
  ): void {
    if (after === undefined) this.#ms.delete(before?.metadata.uid ?? "");
    else if (before === undefined || JSON.stringify(what(before)) !== JSON.stringify(what(after))) {
      this.#ms.set(after.metadata.uid, this.#nowMs());
    }
  }

  /** Whether all of them have been as they are for so long that the product knows. */
  isKnown(...objects: readonly { metadata: { uid: string } }[]): boolean {
    const latest = Math.max(...objects.map(({ metadata }) => this.#ms.get(metadata.uid) ?? 0));
    return this.#nowMs() - latest > KNOWN_AFTER_MS;
  }
}

function check(needs: JudgeNeeds, since: Since, claim: NodeClaim, reason: string): void {
  const { state, clock, report } = needs;
  if (!VOLUNTARY.has(reason)) return;
  const { providerID } = claim.status ?? {};
  const node = [...state.of(NODES).values()].find(({ spec }) => spec.providerID === providerID);
  if (node === undefined) return;
  const what = `takes ${claim.metadata.name} away (${reason})`;
  if (node.metadata.annotations?.[DO_NOT_DISRUPT_ANNOTATION] === "true" && since.isKnown(node)) {
    report("do-not-disrupt", `${what}, whose node says do-not-disrupt`);
  }
  const pods = state.podsOn(node.metadata.name).filter((pod) => isAlive(pod) && since.isKnown(pod));
  if (reason === "Empty") {
    const pod = pods.find((one) => !isOwnedBy(one, "DaemonSet") && !isOwnedBy(one, "Node"));
    if (pod !== undefined) report("empty nodes", `${what} with pod ${keyOf(pod)} on it`);
  }
  if (reason === "Drifted" && claim.spec.terminationGracePeriod !== undefined) return;
  for (const pod of pods) {
    if (asksForPeace(pod, clock.nowMs()))
      report("do-not-disrupt", `${what} under pod ${keyOf(pod)}, which says do-not-disrupt`);
    else if (isHeld(needs, since, pod, claim))
      report("budgets of pods", `${what} under pod ${keyOf(pod)}, which no budget lets go`);
  }
}

/** By its budgets, for long enough. A pod whose successor comes first is let go by none and moves all the same. */
function isHeld({ state, clock }: JudgeNeeds, since: Since, pod: Pod, claim: NodeClaim): boolean {
  const pool = state.of(NODE_POOLS).get(poolOf(claim));
  const surges = pod.metadata.annotations?.[SURGE_ANNOTATION] ?? pool?.metadata.annotations?.[SURGE_ANNOTATION];
  if (surges === "true" || !mustLeaveFirst(pod, clock.nowMs())) return false;
  const budgets = budgetsAgainst(state, pod);
  return budgets.length > 0 && since.isKnown(...budgets);
}
