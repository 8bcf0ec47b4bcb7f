import { SECOND_MS } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import { NODE_CLAIMS, PODS } from "../../model/kinds.ts";
import { isActive, isBound } from "../../model/pod-predicates.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { DisruptionCommand } from "../../plan/disrupt/command.ts";
import { hasPodsToMove, isSpare, planEmptiness } from "../../plan/disrupt/emptiness.ts";
import { type PausedPool, pausedFor } from "../../plan/disrupt/paused-pools.ts";
import { isTrue } from "../../plan/lifecycle/conditions.ts";
import { after, type Change, type Controller, type Outcome } from "../../runtime/controller.ts";
import { seenNodes } from "../../snapshot/seen-nodes.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { takeSnapshot } from "../../snapshot/take-snapshot.ts";
import type { Needs } from "../ports.ts";
import { ConsolidationMethod } from "./consolidation.ts";
import { DriftMethod } from "./drift.ts";
import { observeEvaluation } from "./evaluation-time.ts";
import { ExpirationMethod } from "./expiration.ts";
import { isKnownWell } from "./knowledge.ts";
import { releaseForgotten } from "./mark.ts";
import { keepPauses } from "./pause.ts";
import { DisruptionQueue, type QueueResult } from "./queue.ts";
import { reportBudgets, reportWhyKept } from "./report.ts";
import { refreshCluster, startCommand } from "./start.ts";
import { refreshSurging } from "./surge.ts";

/** Without any sign of change the cluster is looked at again so often. */
const POLL_MS = 10 * SECOND_MS;
/** Why nodes stay is told so often: the same event is told again only after minutes. */
const REPORT_MS = 30 * SECOND_MS;
const QUEUE_RETRY_MS = SECOND_MS;
/** While many pods leave one after the other, the cluster is not looked at for each of them. */
const PASS_MIN_MS = SECOND_MS;

/** Conditions of a claim that are worth a look as soon as they become true. */
const WAKING = ["Consolidatable", "Drifted"];

/** Takes away nodes that no pod needs or that are too dear, and replaces those that have drifted. A decision is made, checked again some time later, and only then carried out. */
export function disruptionController(needs: Needs): Controller {
  return new Disruption(needs);
}

class Disruption implements Controller {
  readonly name = "disruption";
  readonly workers = 1;
  readonly initialKeys = [""];
  readonly #needs: Needs;
  readonly #queue: DisruptionQueue;
  readonly #drift: DriftMethod;
  readonly #expiration: ExpirationMethod;
  readonly #consolidation: ConsolidationMethod;
  #paused: ReadonlyMap<string, readonly PausedPool[]> = new Map();
  /** Of commands with replacements, to be heard of. */
  readonly #results: QueueResult[] = [];
  /** Nodes that wait for the check of the decision to disrupt them: by the claim's uid, when that is due. */
  readonly #proposed = new Map<string, number>();
  #pools: ReadonlySet<string> = new Set();
  #lastMs = Number.NEGATIVE_INFINITY;
  /** The next look at the whole cluster, unless something calls for one earlier. */
  #lookAtMs = Number.NEGATIVE_INFINITY;
  #isLookDue = true;
  /** False from a look that found no empty node until something happens that may leave one. */
  #mayBeEmpty = true;
  #reportedMs = Number.NEGATIVE_INFINITY;
  #surgingMs = Number.NEGATIVE_INFINITY;

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#queue = new DisruptionQueue(needs, {
      onResult: (result) => this.#results.push(result),
      isPaused: (reason, pools) => pools.some((name) => pausedFor(this.#paused, reason).has(name)),
    });
    this.#drift = new DriftMethod(needs);
    this.#expiration = new ExpirationMethod(needs);
    this.#consolidation = new ConsolidationMethod(needs);
  }

  keysFor(change: Change): readonly string[] {
    if (!this.#isWorthALook(change)) return [];
    this.#isLookDue = true;
    this.#mayBeEmpty = true;
    return [""];
  }

  /** A node that becomes quiet, or loses its last pod, is worth a look before the next poll. */
  #isWorthALook({ kind, before, after: now }: Change): boolean {
    if (kind === PODS) {
      const gone = hasLeft(before as Pod | undefined, now as Pod | undefined) ? (before as Pod) : undefined;
      return gone !== undefined && !this.#isNeeded(gone.spec.nodeName ?? "");
    }
    if (kind !== NODE_CLAIMS || now === undefined) return false;
    return WAKING.some(
      (type) => isTrue(now as NodeClaim, type) && !(before !== undefined && isTrue(before as NodeClaim, type)),
    );
  }

  async reconcile(): Promise<Outcome> {
    const restMs = this.#lastMs + PASS_MIN_MS - this.#needs.clock.nowMs();
    if (restMs > 0) return after(restMs, "many pods may be leaving");
    this.#lastMs = this.#needs.clock.nowMs();
    this.#paused = await keepPauses(this.#needs);
    if (!isKnownWell(this.#needs)) return after(QUEUE_RETRY_MS, "what is known of the cluster is too old");
    if (this.#isLookDue || this.#lookAtMs <= this.#lastMs) await this.#look();
    else await this.#carryOn();
    const nowMs = this.#needs.clock.nowMs();
    const lookAfterMs = this.#isLookDue ? PASS_MIN_MS : Math.max(0, this.#lookAtMs - nowMs);
    return this.#queue.isIdle
      ? after(lookAfterMs, "nodes may become empty")
      : after(Math.min(lookAfterMs, QUEUE_RETRY_MS), "commands are under way");
  }

  /** While commands are under way they are carried on more often than the whole cluster is looked at. */
  async #carryOn(): Promise<void> {
    await this.#queue.advance();
    await this.#hearResults();
  }

  /** Everything that may call for a disruption, once. */
  async #look(): Promise<void> {
    this.#isLookDue = false;
    await this.#findSurging();
    await this.#queue.recover();
    await this.#carryOn();
    await releaseForgotten(this.#needs, this.#queue.underway());
    const waitMs = await this.#disruptEmpty();
    await this.#drift.run(this.#queue, pausedFor(this.#paused, "Drifted"));
    await this.#expiration.run(this.#queue, pausedFor(this.#paused, "Expired"));
    const nextMs = await this.#consolidate();
    await this.#hearResults();
    this.#lookAtMs = this.#needs.clock.nowMs() + Math.min(waitMs, nextMs);
  }

  async #findSurging(): Promise<void> {
    const nowMs = this.#needs.clock.nowMs();
    if (nowMs - this.#surgingMs < POLL_MS) return;
    this.#surgingMs = nowMs;
    await refreshSurging(this.#needs);
  }

  async #consolidate(): Promise<number> {
    if (this.#needs.settings.underutilizedNodes === "Keep") return POLL_MS;
    const paused = pausedFor(this.#paused, "Underutilized");
    return await this.#consolidation.run(this.#queue, { paused, empty: this.#emptyClaims() });
  }

  async #hearResults(): Promise<void> {
    for (const result of this.#results.splice(0)) {
      // What a command leaves, or its end makes possible, is worth a look.
      this.#isLookDue = true;
      await this.#drift.note(result);
    }
  }

  /** Names of claims whose nodes wait for the check that they are empty. */
  #emptyClaims(): ReadonlySet<string> {
    if (this.#proposed.size === 0) return NOBODY;
    const claims = [...this.#needs.mirror.live.nodeClaims.values()];
    return new Set(
      claims.filter(({ metadata }) => this.#proposed.has(metadata.uid)).map(({ metadata }) => metadata.name),
    );
  }

  #isNeeded(nodeName: string): boolean {
    const { live } = this.#needs.mirror;
    return hasPodsToMove(live.podsByNode.get(nodeName) ?? [], live);
  }

  /** Whether any node that may go has no pod that would have to: mostly there is none, and nothing to plan. */
  #findsEmpty(): boolean {
    const view = this.#needs.mirror.view();
    return seenNodes(view).states.some((state) => isSpare(state, view));
  }

  /** Makes, awaits or carries out a decision; returns when to look again. */
  async #disruptEmpty(): Promise<number> {
    const { clock, settings } = this.#needs;
    const due = [...this.#proposed].filter(([, dueMs]) => dueMs <= clock.nowMs()).map(([uid]) => uid);
    if (due.length > 0) await this.#carryOut(new Set(due));
    const startMs = clock.nowMs();
    const isReportDue = startMs - this.#reportedMs >= REPORT_MS;
    this.#mayBeEmpty = (this.#mayBeEmpty || isReportDue) && this.#findsEmpty();
    const mayFind = this.#mayBeEmpty || this.#proposed.size > 0;
    if (!mayFind) this.#countEligible(0);
    if (!mayFind && !isReportDue) return POLL_MS;
    const snapshot = this.#snapshot();
    if (isReportDue) this.#report(snapshot);
    if (!mayFind) return POLL_MS;
    const proposed = new Set(this.#proposed.keys());
    const paused = pausedFor(this.#paused, "Empty");
    const plan = planEmptiness(snapshot, { underway: this.#queue.underway(), proposed, paused });
    const nowMs = clock.nowMs();
    this.#observeDuration(nowMs - startMs);
    this.#countEligible(plan.eligible.length);
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
    await refreshCluster(this.#needs);
    for (const uid of claims) this.#proposed.delete(uid);
    const snapshot = this.#snapshot();
    const paused = pausedFor(this.#paused, "Empty");
    const { chosen } = planEmptiness(snapshot, { underway: this.#queue.underway(), only: claims, paused });
    const command: DisruptionCommand = {
      reason: "Empty",
      consolidationType: "empty",
      candidates: chosen,
      replacements: [],
      moves: new Map(),
    };
    const started = chosen.length === 0 ? [] : await startCommand(this.#needs, this.#queue, snapshot, command);
    this.#countFailed(claims.size - started.length);
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

  /** Why nodes stay, in events, and what the budgets leave, in gauges. */
  #report(snapshot: Snapshot): void {
    this.#reportedMs = snapshot.nowMs;
    reportWhyKept(this.#needs, snapshot, this.#queue.underway());
    this.#pools = reportBudgets(this.#needs, snapshot, this.#pools);
  }

  #countEligible(nodes: number): void {
    this.#needs.metrics.gauge("karpenter_voluntary_disruption_eligible_nodes", nodes, { reason: "empty" });
  }

  #countFailed(nodes: number): void {
    const labels = { consolidation_type: "empty" };
    if (nodes > 0) this.#needs.metrics.count("karpenter_voluntary_disruption_failed_validations_total", labels, nodes);
  }

  #observeDuration(ms: number): void {
    observeEvaluation(this.#needs.metrics, ms / SECOND_MS, { reason: "empty", consolidation_type: "empty" });
  }
}

const NOBODY: ReadonlySet<string> = new Set();

function hasLeft(before: Pod | undefined, now: Pod | undefined): boolean {
  return before !== undefined && isBound(before) && isActive(before) && (now === undefined || !isActive(now));
}
