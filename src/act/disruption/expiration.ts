import { dueClaims, type ExpirationPlan, planExpiration } from "../../plan/disrupt/expiration.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { Needs } from "../ports.ts";
import { snapshotNow } from "../snapshot-now.ts";
import type { DisruptionQueue } from "./queue.ts";
import { reportKept } from "./report.ts";
import { refreshCluster, startCommand } from "./start.ts";

/** While nodes are due, they are looked at again so often. */
const RETRY_MS = 10_000;
/** Why nodes stay is told no more often. */
const REPORT_MS = 10_000;

/** Replaces nodes shortly before their time is over. */
export class ExpirationMethod {
  readonly #needs: Needs;
  readonly #lastTriedMs = new Map<string, number>();
  /** Nodes that are due are looked at no earlier. */
  #retryMs = 0;
  #reportedMs = Number.NEGATIVE_INFINITY;

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** Plans, and starts what is found; true when something was started. */
  async run(queue: DisruptionQueue, paused: ReadonlySet<string>): Promise<boolean> {
    const { settings, clock, mirror } = this.#needs;
    if (settings.expirationPolicy === "Forceful") return false;
    // Most nodes live for weeks: the whole cluster is looked at only when one is due.
    const nowMs = clock.nowMs();
    if (nowMs < this.#retryMs || dueClaims([...mirror.live.nodeClaims.values()], nowMs).size === 0) return false;
    this.#retryMs = nowMs + RETRY_MS;
    const first = await this.#plan(queue, paused);
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
