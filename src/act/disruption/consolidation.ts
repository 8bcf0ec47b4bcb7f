import { byText } from "../../base/order.ts";
import { MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { ConsolidationOptions, Rejection } from "../../plan/disrupt/consolidate.ts";
import type { Move } from "../../plan/disrupt/consolidate-move.ts";
import { CONSOLIDATION_POLICY, type ConsolidationPolicy } from "../../plan/disrupt/consolidation-policy.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { Needs } from "../ports.ts";
import { snapshotNow } from "../snapshot-now.ts";
import { observeEvaluation } from "./evaluation-time.ts";
import type { DisruptionQueue } from "./queue.ts";
import { reportApproved, reportConsolidation } from "./report.ts";
import { refreshCluster, startCommand } from "./start.ts";

/** What was looked at in vain is looked at again after so long, changed or not: prices move. */
const STALE_MS = 5 * MINUTE_MS;

/** A decision that waits for its check. */
type Proposal = { claims: ReadonlySet<string>; consolidationType: string; dueMs: number };

export type ConsolidationRun = {
  paused: ReadonlySet<string>;
  /** Names of claims that are to go since they are empty. */
  empty: ReadonlySet<string>;
};

/**
 * Takes away nodes whose pods can be had for less. A decision is checked after a while against the cluster as it is then:
 * it is planned anew for the same nodes, and carried out only if it still pays.
 */
export class ConsolidationMethod {
  readonly #needs: Needs;
  readonly #policy: ConsolidationPolicy;
  #proposals: Proposal[] = [];
  /** The cluster that was last looked at in vain, and until when that holds. */
  #quiet: { picture: Picture; untilMs: number } | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#policy = needs.consolidation ?? CONSOLIDATION_POLICY;
  }

  /** Makes, awaits or carries out decisions; returns when to look again. */
  async run(queue: DisruptionQueue, about: ConsolidationRun): Promise<number> {
    const { clock } = this.#needs;
    const due = this.#proposals.filter(({ dueMs }) => dueMs <= clock.nowMs());
    if (due.length > 0) await this.#carryOut(queue, due, about);
    // One plan after the other: what is under way changes what the next one is to be planned on.
    const restMs = this.#lookedAtMs + this.#policy.apartMs - clock.nowMs();
    if (queue.isIdle && this.#proposals.length === 0 && restMs <= 0) await this.#propose(queue, about);
    const lookMs = restMs > 0 ? restMs : (this.#quiet?.untilMs ?? clock.nowMs() + STALE_MS) - clock.nowMs();
    return Math.min(...this.#proposals.map(({ dueMs }) => dueMs - clock.nowMs()), Math.max(lookMs, SECOND_MS));
  }

  async #propose(queue: DisruptionQueue, about: ConsolidationRun): Promise<void> {
    const { clock, metrics, settings } = this.#needs;
    const snapshot = await snapshotNow(this.#needs);
    const picture = pictureOf(snapshot, about);
    const { nowMs } = snapshot;
    if (this.#quiet !== undefined && nowMs < this.#quiet.untilMs && isSamePicture(this.#quiet.picture, picture)) return;
    const startMs = clock.nowMs();
    this.#lookedAtMs = startMs;
    const plan = this.#policy.plan(snapshot, this.#options(queue, about));
    const labels = { reason: "underutilized", consolidation_type: plan.moves[0]?.command.consolidationType ?? "multi" };
    const seconds = (clock.nowMs() - startMs) / SECOND_MS;
    observeEvaluation(metrics, seconds, labels);
    reportConsolidation(this.#needs, plan);
    const untilMs = nowMs + Math.min(STALE_MS, plan.nextMs);
    this.#quiet = plan.moves.length === 0 ? { picture, untilMs } : undefined;
    const dueMs = nowMs + settings.disruptionValidationDelayMs;
    this.#proposals = plan.moves.map(({ members, command: { consolidationType } }) => {
      return { claims: new Set(members.map(({ claimName }) => claimName)), consolidationType, dueMs };
    });
  }

  async #carryOut(queue: DisruptionQueue, due: readonly Proposal[], about: ConsolidationRun): Promise<void> {
    await refreshCluster(this.#needs);
    for (const proposal of due) {
      this.#proposals = this.#proposals.filter((other) => other !== proposal);
      const snapshot = await snapshotNow(this.#needs);
      const others = this.#proposals.flatMap(({ claims }) => [...claims]);
      const options = this.#options(queue, { ...about, empty: new Set([...about.empty, ...others]) });
      const move = this.#policy.check(snapshot, proposal.claims, options);
      if (move.kind === "rejected") this.#reject(proposal, move);
      else await this.#start(queue, snapshot, move);
    }
  }

  async #start(queue: DisruptionQueue, snapshot: Snapshot, move: Move): Promise<void> {
    const { command } = move;
    reportApproved(this.#needs, move);
    const started = await startCommand(this.#needs, queue, snapshot, command);
    if (started.length < command.candidates.length) this.#countFailed(command.consolidationType);
  }

  #options(queue: DisruptionQueue, { paused, empty }: ConsolidationRun): ConsolidationOptions {
    const { featureGates, evictionCostUsd } = this.#needs.settings;
    return {
      underway: queue.underway(),
      spotToSpot: featureGates.spotToSpotConsolidation,
      paused,
      avoid: empty,
      evictionCostUsd,
    };
  }

  #reject({ claims, consolidationType }: Proposal, { cause, reason }: Rejection): void {
    const { mirror, events } = this.#needs;
    this.#countFailed(consolidationType);
    for (const name of [...claims].sort(byText)) {
      const claim = mirror.live.nodeClaims.get(name);
      if (claim === undefined) continue;
      const message = `A consolidation did not hold when it was looked at again (${cause}): ${reason}`;
      for (const object of [nodeOf(this.#needs, claim), claim]) {
        if (object !== undefined) events.record({ object, type: "Normal", reason: "ConsolidationRejected", message });
      }
    }
  }

  #countFailed(consolidationType: string): void {
    const labels = { consolidation_type: consolidationType };
    this.#needs.metrics.count("karpenter_voluntary_disruption_failed_validations_total", labels);
  }
}

function nodeOf({ mirror }: Needs, claim: NodeClaim) {
  const name = mirror.live.nodeByProviderId.get(claim.status?.providerID ?? "");
  return mirror.live.nodes.get(name ?? "");
}

type Picture = readonly unknown[];

function isSamePicture(a: Picture, b: Picture): boolean {
  return a.length === b.length && a.every((part, i) => part === b[i]);
}

/**
 * Everything that decides what a plan comes to, but prices and the time: equal pictures give equal plans. Heartbeats make new
 * nodes, and the same lists of pods.
 */
function pictureOf(snapshot: Snapshot, { paused, empty }: ConsolidationRun): Picture {
  const { stateNodes, view } = snapshot;
  const parts: unknown[] = [...paused, ...empty];
  for (const { name, claim, node, markedForDeletion, podKeys } of stateNodes) {
    parts.push(name, markedForDeletion, claim?.metadata.resourceVersion, node?.spec.taints?.length ?? 0, podKeys);
  }
  for (const key of view.unboundPods) parts.push(view.pods.get(key)?.metadata.uid);
  for (const { metadata } of view.nodePools.values()) parts.push(metadata.uid, metadata.generation);
  for (const { metadata, status } of view.podDisruptionBudgets.values()) {
    parts.push(metadata.uid, metadata.generation, (status?.disruptionsAllowed ?? 0) > 0);
  }
  return parts;
}
