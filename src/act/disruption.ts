import { settleAll } from "../base/settle-all.ts";
import { SECOND_MS } from "../base/time.ts";
import type { Node, Pod } from "../model/core.ts";
import { NODE_CLAIMS, NODES, PODS } from "../model/kinds.ts";
import { isActive, isBound, isDisruptable, isReschedulable } from "../model/pod-predicates.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import { DISRUPTED_TAINT, isSameTaint, mergeTaints } from "../model/taints.ts";
import type { DisruptionReason } from "../plan/disrupt/budgets.ts";
import type { Candidate } from "../plan/disrupt/candidates.ts";
import { type EmptinessPlan, planEmptiness } from "../plan/disrupt/emptiness.ts";
import {
  clearCondition,
  findCondition,
  isTrue,
  NODE_CLAIM_CONDITIONS,
  setCondition,
  withConditions,
} from "../plan/lifecycle/conditions.ts";
import { after, type Change, type Controller, type Outcome } from "../runtime/controller.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { takeSnapshot } from "../snapshot/take-snapshot.ts";
import { DisruptionQueue } from "./disruption-queue.ts";
import { reportBudgets, reportEmptiness } from "./disruption-report.ts";
import { listAll } from "./list-all.ts";
import type { Needs } from "./ports.ts";
import { patchObject } from "./write.ts";

/** Without any sign of change the cluster is looked at again so often. */
const POLL_MS = 10 * SECOND_MS;
const QUEUE_RETRY_MS = SECOND_MS;
/** While many pods leave one after the other, the cluster is not looked at for each of them. */
const PASS_MIN_MS = SECOND_MS;

/** Takes away nodes that no pod needs. A decision is made, checked again some time later, and only then carried out. */
export function disruptionController(needs: Needs): Controller {
  return new Disruption(needs);
}

class Disruption implements Controller {
  readonly name = "disruption";
  readonly workers = 1;
  readonly initialKeys = [""];
  readonly #needs: Needs;
  readonly #queue: DisruptionQueue;
  /** Nodes that wait for the check of the decision to disrupt them: by the claim's uid, when that is due. */
  readonly #proposed = new Map<string, number>();
  #pools: ReadonlySet<string> = new Set();
  #lastMs = Number.NEGATIVE_INFINITY;
  #reportedMs = Number.NEGATIVE_INFINITY;

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#queue = new DisruptionQueue(needs);
  }

  /** A node that becomes quiet, or loses its last pod, is worth a look before the next poll. */
  keysFor({ kind, before, after: now }: Change): readonly string[] {
    if (kind === PODS) {
      const isLast =
        hasLeft(before as Pod | undefined, now as Pod | undefined) && !this.#isNeeded(before as Pod | undefined);
      return isLast ? [""] : [];
    }
    if (kind !== NODE_CLAIMS || now === undefined || !isTrue(now as NodeClaim, "Consolidatable")) return [];
    return before !== undefined && isTrue(before as NodeClaim, "Consolidatable") ? [] : [""];
  }

  async reconcile(): Promise<Outcome> {
    const restMs = this.#lastMs + PASS_MIN_MS - this.#needs.clock.nowMs();
    if (restMs > 0) return after(restMs, "many pods may be leaving");
    this.#lastMs = this.#needs.clock.nowMs();
    await this.#queue.advance();
    await this.#cleanUp();
    const waitMs = await this.#disruptEmpty();
    return this.#queue.isIdle
      ? after(waitMs, "nodes may become empty")
      : after(QUEUE_RETRY_MS, "commands are under way");
  }

  /** Whether pods are left on the node of the one that has gone. */
  #isNeeded(gone: Pod | undefined): boolean {
    const { pods, podsByNode } = this.#needs.mirror.live;
    for (const key of podsByNode.get(gone?.spec.nodeName ?? "") ?? []) {
      const pod = pods.get(key);
      if (pod !== undefined && isReschedulable(pod)) return true;
    }
    return false;
  }

  /** Makes, awaits or carries out a decision; returns when to look again. */
  async #disruptEmpty(): Promise<number> {
    const { clock, settings } = this.#needs;
    const due = [...this.#proposed].filter(([, dueMs]) => dueMs <= clock.nowMs()).map(([uid]) => uid);
    if (due.length > 0) await this.#carryOut(new Set(due));
    const startMs = clock.nowMs();
    const snapshot = this.#snapshot();
    const proposed = new Set(this.#proposed.keys());
    const plan = planEmptiness(snapshot, { underway: this.#queue.underway(), proposed });
    const nowMs = clock.nowMs();
    this.#observeDuration(nowMs - startMs);
    this.#report(snapshot, plan);
    const chosen = new Set(plan.chosen.map(({ claim }) => claim.metadata.uid));
    const dropped = [...proposed].filter((uid) => !chosen.has(uid));
    for (const uid of dropped) this.#proposed.delete(uid);
    this.#countFailed(dropped.length);
    for (const uid of chosen) {
      if (!proposed.has(uid)) this.#proposed.set(uid, nowMs + settings.disruptionValidationDelayMs);
    }
    return Math.min(POLL_MS, ...[...this.#proposed.values()].map((dueMs) => dueMs - nowMs));
  }

  /** Checks a decision against the cluster as it is now, past all watches, and starts what is left of it. */
  async #carryOut(claims: ReadonlySet<string>): Promise<void> {
    const { memory } = this.#needs;
    await this.#refresh();
    for (const uid of claims) this.#proposed.delete(uid);
    const { chosen } = planEmptiness(this.#snapshot(), { underway: this.#queue.underway(), only: claims });
    // From here on no plan counts on these nodes.
    memory.markForDeletion(chosen.map(({ claim }) => claim.metadata.name));
    const marked = await Promise.all(chosen.map((candidate) => this.#mark(candidate, "Empty")));
    const candidates = chosen.filter((_, i) => marked[i]);
    const abandoned = chosen.filter((_, i) => !marked[i]);
    memory.unmarkForDeletion(abandoned.map(({ claim }) => claim.metadata.name));
    this.#countFailed(claims.size - candidates.length);
    if (candidates.length === 0) return;
    this.#queue.start({ reason: "Empty", consolidationType: "empty", candidates });
    await this.#queue.advance();
  }

  /**
   * Closes the node for new pods and says why. True when it is still empty after that: the scheduler may have been
   * quicker than our view of the cluster.
   */
  async #mark({ node, claim }: Candidate, reason: DisruptionReason): Promise<boolean> {
    const { api, mirror, clock, log } = this.#needs;
    const { name } = node.metadata;
    try {
      const taints = mergeTaints(node.spec.taints ?? [], [DISRUPTED_TAINT]);
      await patchObject(this.#needs, NODES, node, { ...node, spec: { ...node.spec, taints } });
      const pods = await listAll(api, PODS, { fieldSelector: `spec.nodeName=${name}` });
      for (const pod of pods) mirror.remember(pod);
      const nowMs = clock.nowMs();
      if (!pods.every((pod) => isDisruptable(pod, nowMs) && !isReschedulable(pod))) return false;
      const condition = { type: "DisruptionReason", status: "True", reason, message: reason } as const;
      const conditions = setCondition(claim, NODE_CLAIM_CONDITIONS, condition, nowMs);
      await patchObject(this.#needs, NODE_CLAIMS, claim, withConditions(claim, conditions), "status");
      return true;
    } catch (error) {
      log.debug("a node cannot be marked for disruption", { Node: name, error });
      return false;
    }
  }

  /** Nodes that a command was about to disrupt and that no command knows any more: after a restart, or given up. */
  async #cleanUp(): Promise<void> {
    const { mirror, memory } = this.#needs;
    const underway = this.#queue.underway();
    const left: Promise<void>[] = [];
    for (const [name, claim] of mirror.live.nodeClaims) {
      const isGoing = claim.metadata.deletionTimestamp !== undefined || isTrue(claim, "InstanceTerminating");
      if (isGoing || underway.has(name) || memory.isMarkedForDeletion(name)) continue;
      const node = mirror.live.nodes.get(mirror.live.nodeByProviderId.get(claim.status?.providerID ?? "") ?? "");
      const isTainted = node?.spec.taints?.some((taint) => isSameTaint(taint, DISRUPTED_TAINT)) === true;
      if (isTainted || findCondition(claim, "DisruptionReason") !== undefined) left.push(this.#release(claim, node));
    }
    await settleAll(left);
  }

  async #release(claim: NodeClaim, node: Node | undefined): Promise<void> {
    if (node !== undefined && node.metadata.deletionTimestamp === undefined) {
      const taints = (node.spec.taints ?? []).filter((taint) => !isSameTaint(taint, DISRUPTED_TAINT));
      await patchObject(this.#needs, NODES, node, { ...node, spec: { ...node.spec, taints } });
    }
    if (findCondition(claim, "DisruptionReason") === undefined) return;
    const conditions = clearCondition(claim, NODE_CLAIM_CONDITIONS, "DisruptionReason");
    await patchObject(this.#needs, NODE_CLAIMS, claim, withConditions(claim, conditions), "status");
  }

  /** Budgets must be counted right also when the watch is late or another leader has just been at work. */
  async #refresh(): Promise<void> {
    const { api, mirror } = this.#needs;
    for (const claim of await listAll(api, NODE_CLAIMS)) mirror.remember(claim);
    for (const node of await listAll(api, NODES)) mirror.remember(node);
  }

  #snapshot(): Snapshot {
    const { mirror, clock, memory } = this.#needs;
    const nowMs = clock.nowMs();
    return takeSnapshot(mirror.view(), {
      nowMs,
      instanceTypes: new Map(),
      wellKnownLabels: new Set(),
      memory: memory.snapshot(nowMs),
    });
  }

  /** Events and gauges need not be newer than a poll. */
  #report(snapshot: Snapshot, plan: EmptinessPlan): void {
    if (snapshot.nowMs - this.#reportedMs < POLL_MS) return;
    this.#reportedMs = snapshot.nowMs;
    reportEmptiness(this.#needs, snapshot, plan);
    this.#pools = reportBudgets(this.#needs, snapshot, this.#pools);
  }

  #countFailed(nodes: number): void {
    const labels = { consolidation_type: "empty" };
    if (nodes > 0) this.#needs.metrics.count("karpenter_voluntary_disruption_failed_validations_total", labels, nodes);
  }

  #observeDuration(ms: number): void {
    this.#needs.metrics.observe("karpenter_voluntary_disruption_decision_evaluation_duration_seconds", ms / SECOND_MS, {
      reason: "empty",
      consolidation_type: "empty",
    });
  }
}

function hasLeft(before: Pod | undefined, now: Pod | undefined): boolean {
  return before !== undefined && isBound(before) && isActive(before) && (now === undefined || !isActive(now));
}
