import { type ExpirationPlan, planExpiration } from "../plan/disrupt/expiration.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { DisruptionQueue } from "./disruption-queue.ts";
import { reportKept } from "./disruption-report.ts";
import { refreshCluster, startCommand } from "./disruption-start.ts";
import type { Needs } from "./ports.ts";
import { snapshotNow } from "./snapshot-now.ts";

/** While nodes are due, they are looked at again so often. */
const RETRY_MS = 10_000;
/** Why nodes stay is told no more often. */
const REPORT_MS = 10_000;

/** Replaces nodes shortly before their time is over. */
export class ExpirationMethod {
  readonly #needs: Needs;
  readonly #lastTriedMs = new Map<string, number>();
  /** Nothing is due before. */
  #nextMs = 0;
  #claimsSeen = -1;
  #reportedMs = Number.NEGATIVE_INFINITY;

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** Plans, and starts what is found; true when something was started. */
  async run(queue: DisruptionQueue, paused: ReadonlySet<string>): Promise<boolean> {
    const { settings, clock, mirror } = this.#needs;
    if (settings.expirationPolicy === "Forceful") return false;
    // Most nodes live for weeks: without news of claims there is nothing to do until the next of them is due.
    const { size } = mirror.live.nodeClaims;
    if (clock.nowMs() < this.#nextMs && size === this.#claimsSeen) return false;
    const first = await this.#plan(queue, paused);
    this.#claimsSeen = size;
    const isDone = first.plan.commands.length + first.plan.blocked.length + first.plan.stuck.length === 0;
    const recheckMs = clock.nowMs() + (isDone ? RECHECK_MS : RETRY_MS);
    this.#nextMs = Math.min(first.plan.nextMs ?? Number.POSITIVE_INFINITY, recheckMs);
    this.#report(first.snapshot, first.plan);
    if (first.plan.commands.length === 0) return false;
    await refreshCluster(this.#needs);
    const { snapshot, plan } = await this.#plan(queue, paused);
    let isAnyStarted = false;
    for (const command of plan.commands) {
      if ((await startCommand(this.#needs, queue, snapshot, command)).length > 0) isAnyStarted = true;
    }
    return isAnyStarted;
  }

  async #plan(
    queue: DisruptionQueue,
    paused: ReadonlySet<string>,
  ): Promise<{ snapshot: Snapshot; plan: ExpirationPlan }> {
    const snapshot = await snapshotNow(this.#needs);
    const plan = planExpiration(snapshot, { underway: queue.underway(), lastTriedMs: this.#lastTriedMs, paused });
    for (const { candidate } of plan.stuck) this.#lastTriedMs.set(candidate.claim.metadata.name, snapshot.nowMs);
    for (const name of this.#lastTriedMs.keys()) {
      if (!snapshot.view.nodeClaims.has(name)) this.#lastTriedMs.delete(name);
    }
    return { snapshot, plan };
  }

  #report({ nowMs }: Snapshot, plan: ExpirationPlan): void {
    if (nowMs - this.#reportedMs < REPORT_MS) return;
    this.#reportedMs = nowMs;
    reportKept(this.#needs, plan);
  }
}

/** A claim that goes while another comes leaves their number as it was. */
const RECHECK_MS = 60_000;
