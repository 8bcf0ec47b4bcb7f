import { Matches } from "../../base/matches.ts";
import { byText } from "../../base/order.ts";
import { settleAll } from "../../base/settle-all.ts";
import { HOUR_MS, MINUTE_MS, parseTime, SECOND_MS } from "../../base/time.ts";
import type { Node, Pod } from "../../model/core.ts";
import { NODE_CLAIMS } from "../../model/kinds.ts";
import { NODE_POOL_LABEL, REPLACEMENT_ANNOTATION } from "../../model/labels.ts";
import { keyOf } from "../../model/object.ts";
import { indexBudgets } from "../../model/pod-disruption-budgets.ts";
import { isActive } from "../../model/pod-predicates.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { passesBlocks } from "../../plan/disrupt/candidates.ts";
import type { DisruptionCommand } from "../../plan/disrupt/command.ts";
import { blockingPod } from "../../plan/disrupt/node-pods.ts";
import { type ReplacementRecord, readReplacementRecord } from "../../plan/disrupt/replacement-record.ts";
import { findCondition, isTrue } from "../../plan/lifecycle/conditions.ts";
import { isConflict } from "../../ports/kube-api.ts";
import { listAll } from "../../ports/list-all.ts";
import { disruptionLabels } from "../nodeclaim/claim-metrics.ts";
import type { Needs } from "../ports.ts";
import { snakeCase } from "../snake-case.ts";
import { deleteObject } from "../write.ts";
import { countMovedPods } from "./count-moved-pods.ts";
import { bringUpSuccessor, noteSurgeFailure } from "./surge.ts";
import { tellRemoval } from "./tell-removal.ts";

/** What the queue has to know of a command: all of it can be read from the cluster. */
type Open = Omit<ReplacementRecord, "candidates"> & {
  /** Claims that are still to be deleted. */
  left: NodeClaim[];
  startedMs: number;
  /** Since when the successors of its pods are coming up. */
  surgingSinceMs?: number;
  /** Of the candidates, in order. */
  nodePools: readonly string[];
};

type Deleted = { uid: string; replacements: readonly string[] };

/** How a command that bought replacements ended. */
export type QueueResult = {
  reason: ReplacementRecord["reason"];
  /** The pools of its candidates, in order. */
  nodePools: readonly string[];
  /** Undefined: all replacements became ready. */
  failure: string | undefined;
};

export type QueueOptions = {
  /** Hears of every command with replacements that has ended by itself. */
  onResult(result: QueueResult): void;
  /** What has not been deleted yet stays when disruption is paused. */
  isPaused(reason: ReplacementRecord["reason"], nodePools: readonly string[]): boolean;
};

/** A command is given up after 80 ms for each node in the queue, at least ten minutes, at most an hour. */
const COMMAND_MAX_MS = { least: 10 * MINUTE_MS, most: HOUR_MS, perNode: 80 };
/** Pods are expected on nodes that they should move to for so long after each look. */
const NOMINATION_MS = 20 * SECOND_MS;

/**
 * The commands under way: their replacements come up, then their candidates are deleted. A command with replacements is
 * written down on these, and found again there after a restart; one without is simply decided anew.
 */
export class DisruptionQueue {
  readonly #needs: Needs;
  readonly #options: QueueOptions;
  readonly #closed = new Matches(isClosed);
  #open: Open[] = [];
  /** Commands that were given up, by their record: they are not found again in the cluster. */
  readonly #givenUp = new Set<string>();
  /** Claims whose deletion was accepted, with the replacements of their command, until the mirror has seen them go. */
  readonly #deleted = new Map<string, Deleted>();
  /** Existing nodes that pods of these claims should move to. */
  readonly #targets = new Map<string, readonly string[]>();

  constructor(needs: Needs, options: QueueOptions) {
    this.#needs = needs;
    this.#options = options;
  }

  /** Names of the claims that are being disrupted. */
  underway(): ReadonlySet<string> {
    const open = this.#open.flatMap(({ left }) => left.map(({ metadata }) => metadata.name));
    return new Set([...open, ...this.#deleted.keys()]);
  }

  get isIdle(): boolean {
    return this.#open.length === 0;
  }

  /** Goes on with what another process had begun, or with what was begun although the answers were lost. */
  async recover(): Promise<void> {
    const { api, mirror } = this.#needs;
    const { nodeClaims } = mirror.live;
    if (this.#forgotten().length === 0) return;
    // A replacement may be there that the watch has not told of yet: then the command is not void.
    for (const claim of await listAll(api, NODE_CLAIMS)) mirror.remember(claim);
    const forgotten = this.#forgotten();
    const seen = new Set<string>(this.#givenUp);
    for (const { metadata } of nodeClaims.values()) {
      const text = metadata.annotations?.[REPLACEMENT_ANNOTATION] ?? "";
      const record = seen.has(text) ? undefined : readReplacementRecord(text);
      seen.add(text);
      if (record !== undefined) await this.#goOn(record, forgotten, parseTime(metadata.creationTimestamp) ?? 0);
    }
  }

  #forgotten(): NodeClaim[] {
    const closed = this.#closed.in(this.#needs.mirror.view().nodeClaims);
    if (closed.length === 0) return [];
    const underway = this.underway();
    return closed.filter(({ metadata }) => !underway.has(metadata.name));
  }

  async #goOn(record: ReplacementRecord, forgotten: readonly NodeClaim[], startedMs: number): Promise<void> {
    const { mirror, log } = this.#needs;
    const left = forgotten.filter(({ metadata }) => record.candidates.includes(metadata.name));
    if (left.length === 0) return;
    const present = record.replacements
      .map((name) => mirror.live.nodeClaims.get(name))
      .filter((claim) => claim !== undefined && claim.metadata.deletionTimestamp === undefined)
      .filter((claim) => claim !== undefined);
    if (present.length < record.replacements.length) {
      // Some were never bought, or have failed since: the command is void, and what it closed is opened again. Beside
      // that, the others would be too many, also for the pool's limits.
      const spare = present.filter((claim) => !isTrue(claim, "Initialized"));
      await settleAll(spare.map((claim) => deleteObject(this.#needs, NODE_CLAIMS, claim)));
      return;
    }
    this.#hold(left, record.replacements);
    this.#open.push({ ...record, left, startedMs, nodePools: poolsOf(left) });
    log.info("going on with a disruption", { nodeclaims: left.map(({ metadata }) => metadata.name) });
  }

  /** The candidates are closed and the replacements created, if it has any. */
  start({ reason, consolidationType, candidates, replacements, moves }: DisruptionCommand): void {
    const { clock } = this.#needs;
    const left = candidates.map(({ claim }) => claim);
    const names = replacements.map(({ name }) => name);
    const bought = new Set(names);
    const targets = [...new Set(moves.values())].filter((name) => !bought.has(name));
    for (const { metadata } of left) this.#targets.set(metadata.name, targets);
    this.#hold(left, names);
    this.#open.push({
      reason,
      consolidationType,
      replacements: names,
      left,
      startedMs: clock.nowMs(),
      nodePools: poolsOf(left),
    });
  }

  /** Carries every open command on. What fails stays open for the next call. */
  async advance(): Promise<void> {
    this.#forgetGone();
    this.#nominate();
    for (const open of this.#open) await this.#advance(open);
    this.#open = this.#open.filter(({ left }) => left.length > 0);
  }

  async #advance(open: Open): Promise<void> {
    const { clock } = this.#needs;
    this.#noteDeleted(open);
    if (open.left.length === 0) return this.#end(open, undefined);
    if (this.#options.isPaused(open.reason, open.nodePools)) return this.#giveUp(open, "disruption is paused");
    const failed = this.#failedReplacement(open);
    if (failed !== undefined) return this.#end(open, failed);
    const waitsFor = this.#unreadyReplacement(open) ?? this.#protectedPod(open);
    const moving = waitsFor === undefined ? this.#surgingPods(open) : [];
    if (moving.length > 0) return this.#surge(open, moving);
    if (waitsFor === undefined) {
      const results = await Promise.allSettled(open.left.map((claim) => this.#delete(open, claim)));
      open.left = open.left.filter((_, i) => results[i]?.status === "rejected");
      if (open.left.length === 0) return this.#end(open, undefined);
    }
    if (clock.nowMs() - open.startedMs > this.#timeoutMs()) {
      this.#end(open, waitsFor ?? "the nodes cannot be deleted");
    }
  }

  /** Pods that leave only when their successor is ready. */
  #surgingPods({ left }: Open): Pod[] {
    const { memory, mirror } = this.#needs;
    const { pods, podsByNode } = mirror.live;
    const surging = memory.surging();
    if (surging.size === 0) return [];
    return left
      .flatMap((claim) => [...(podsByNode.get(this.#nodeOf(claim)?.metadata.name ?? "") ?? [])])
      .map((key) => pods.get(key))
      .filter((pod) => pod !== undefined && isActive(pod) && surging.has(pod.metadata.uid))
      .filter((pod) => pod !== undefined);
  }

  /** Has their successors brought up. While these are not ready nothing else happens; in the end the nodes stay. */
  async #surge(open: Open, moving: readonly Pod[]): Promise<void> {
    const { clock, log } = this.#needs;
    const nowMs = clock.nowMs();
    open.surgingSinceMs ??= nowMs;
    if (nowMs - open.surgingSinceMs > this.#timeoutMs()) {
      for (const pod of moving) noteSurgeFailure(this.#needs, pod);
      return this.#giveUp(open, `the successor of pod ${moving.map(keyOf)[0]} is not ready`);
    }
    const results = await Promise.allSettled(moving.map((pod) => bringUpSuccessor(this.#needs, pod, open.startedMs)));
    for (const result of results) {
      if (result.status === "rejected") log.debug("a successor is not asked for yet", { error: result.reason });
    }
  }

  #timeoutMs(): number {
    const { least, most, perNode } = COMMAND_MAX_MS;
    return Math.max(least, Math.min(most, perNode * this.underway().size));
  }

  /** Somebody else may have deleted them: a user, or their age. */
  #noteDeleted(open: Open): void {
    const { nodeClaims } = this.#needs.mirror.live;
    open.left = open.left.filter((claim) => {
      const now = nodeClaims.get(claim.metadata.name);
      const isGoing = now?.metadata.uid !== claim.metadata.uid || now.metadata.deletionTimestamp !== undefined;
      if (isGoing) this.#noteGoing(claim, open.replacements);
      return !isGoing;
    });
  }

  #noteGoing({ metadata }: NodeClaim, replacements: readonly string[]): void {
    this.#deleted.set(metadata.name, { uid: metadata.uid, replacements });
  }

  #failedReplacement({ replacements }: Open): string | undefined {
    const { nodeClaims } = this.#needs.mirror.live;
    const gone = replacements.find((name) => nodeClaims.get(name)?.metadata.deletionTimestamp !== undefined);
    const missing = gone ?? replacements.find((name) => !nodeClaims.has(name));
    return missing === undefined ? undefined : `the replacement ${missing} is gone before it was ready`;
  }

  #unreadyReplacement(open: Open): string | undefined {
    const { mirror, events } = this.#needs;
    let unready: string | undefined;
    for (const name of open.replacements) {
      const claim = mirror.live.nodeClaims.get(name);
      if (claim === undefined || isTrue(claim, "Initialized")) continue;
      unready ??= `the replacement ${name} is not initialized`;
      const isLaunched = isTrue(claim, "Launched");
      const reason = isLaunched ? "DisruptionWaitingReadiness" : "DisruptionLaunching";
      const what = `${open.reason}: in place of ${open.left.map(({ metadata }) => metadata.name).join(", ")}`;
      const message = isLaunched ? `Disruption waits until it is ready: ${what}` : `Launching: ${what}`;
      events.record({ object: claim, type: "Normal", reason, message });
    }
    return unready;
  }

  /** While the replacement came up, a pod may have asked not to be disturbed. */
  #protectedPod({ left, reason, replacements }: Open): string | undefined {
    if (replacements.length === 0) return undefined;
    const { mirror, clock, memory } = this.#needs;
    const { pods, podsByNode, podDisruptionBudgets } = mirror.live;
    const budgets = indexBudgets(podDisruptionBudgets.values(), memory.surging());
    for (const claim of left) {
      if (passesBlocks(claim, reason === "Drifted" || reason === "Expired" ? "eventual" : "graceful")) continue;
      const keys = podsByNode.get(this.#nodeOf(claim)?.metadata.name ?? "") ?? [];
      const here = [...keys].map((key) => pods.get(key)).filter((pod) => pod !== undefined);
      const block = blockingPod(here, budgets, clock.nowMs());
      if (block !== undefined) return block.reason;
    }
    return undefined;
  }

  async #delete({ reason, replacements, consolidationType }: Open, claim: NodeClaim): Promise<void> {
    const { metrics, memory, mirror } = this.#needs;
    const { name } = claim.metadata;
    try {
      await deleteObject(this.#needs, NODE_CLAIMS, claim);
    } catch (error) {
      if (!isConflict(error)) throw error;
      // Another object has taken the name: the one that was meant is gone, and the other is not to suffer for it.
      memory.unmarkForDeletion([name]);
      return;
    }
    this.#noteGoing(claim, replacements);
    const pool = mirror.live.nodePools.get(claim.metadata.labels?.[NODE_POOL_LABEL] ?? "");
    const isConsolidation = consolidationType !== "";
    const policy = isConsolidation
      ? snakeCase(pool?.spec.disruption?.consolidationPolicy ?? "WhenEmptyOrUnderutilized")
      : "";
    metrics.count("karpenter_nodeclaims_disrupted_total", disruptionLabels(claim, reason.toLowerCase(), policy));
    countMovedPods(this.#needs, claim, reason.toLowerCase(), policy);
    tellRemoval(this.#needs, claim, storyIn(mirror.live.nodeClaims.get(name) ?? claim, reason));
  }

  #nodeOf(claim: NodeClaim): Node | undefined {
    const { nodes, nodeByProviderId } = this.#needs.mirror.live;
    return nodes.get(nodeByProviderId.get(claim.status?.providerID ?? "") ?? "");
  }

  /** The command is over: carried out, or failed. */
  #end(open: Open, failure: string | undefined): void {
    const { reason, consolidationType, replacements, nodePools } = open;
    if (failure !== undefined) {
      const labels = {
        decision: replacements.length === 0 ? "delete" : "replace",
        reason: reason.toLowerCase(),
        consolidation_type: consolidationType,
      };
      const { metrics } = this.#needs;
      metrics.count("karpenter_voluntary_disruption_queue_failures_total", labels, this.#unreadyCount(open));
      this.#giveUp(open, failure);
    }
    if (replacements.length > 0) this.#options.onResult({ reason, nodePools, failure });
  }

  /** Its nodes go back to work; what was bought stays, and goes when nobody needs it. */
  #giveUp(open: Open, why: string): void {
    const { memory, mirror, log } = this.#needs;
    const { reason, replacements } = open;
    const names = open.left.map(({ metadata }) => metadata.name);
    log.error("gave up disrupting node(s)", { reason, nodeclaims: names, why });
    memory.unmarkForDeletion(names);
    for (const name of names) this.#targets.delete(name);
    memory.letGo(replacements);
    for (const name of replacements) {
      memory.expectNoMore(name);
      const record = mirror.live.nodeClaims.get(name)?.metadata.annotations?.[REPLACEMENT_ANNOTATION];
      if (record !== undefined) this.#givenUp.add(record);
    }
    open.left = [];
  }

  #unreadyCount({ replacements, left }: Open): number {
    const { nodeClaims } = this.#needs.mirror.live;
    if (replacements.length === 0) return left.length;
    return replacements.filter((name) => {
      const claim = nodeClaims.get(name);
      return claim === undefined || !isTrue(claim, "Initialized");
    }).length;
  }

  /** From here on no plan counts on the candidates, and the replacements' room is kept for their pods. */
  #hold(left: readonly NodeClaim[], replacements: readonly string[]): void {
    this.#needs.memory.markForDeletion(left.map(({ metadata }) => metadata.name));
    this.#needs.memory.hold(replacements);
  }

  #nominate(): void {
    const { memory, clock } = this.#needs;
    const untilMs = clock.nowMs() + NOMINATION_MS;
    for (const targets of this.#targets.values()) for (const name of targets) memory.nominate(name, untilMs);
  }

  #forgetGone(): void {
    const { mirror, memory } = this.#needs;
    const { nodeClaims } = mirror.live;
    for (const [name, { uid, replacements }] of this.#deleted) {
      const now = nodeClaims.get(name);
      if (now?.metadata.uid === uid) continue;
      // Another claim of the same name is not what was disrupted.
      if (now !== undefined) memory.unmarkForDeletion([name]);
      this.#deleted.delete(name);
      this.#targets.delete(name);
      const stillHeld = new Set([...this.#deleted.values(), ...this.#open].flatMap((one) => one.replacements));
      memory.letGo(replacements.filter((one) => !stillHeld.has(one)));
    }
  }
}

/** As it was written on the claim when the command began. */
function storyIn(claim: NodeClaim, reason: string): string {
  const written = findCondition(claim, "DisruptionReason")?.message ?? "";
  return written === "" ? reason : written;
}

/** Marked by a command, and not deleted yet. */
function isClosed(claim: NodeClaim): boolean {
  return claim.metadata.deletionTimestamp === undefined && isTrue(claim, "DisruptionReason");
}

function poolsOf(claims: readonly NodeClaim[]): string[] {
  return [...new Set(claims.map(({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] ?? ""))].sort(byText);
}
