import { assert } from "../base/assert.ts";
import { RetryError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { formatMicroTime } from "../base/time.ts";
import type { Lease } from "../model/core.ts";
import { LEASES } from "../model/kinds.ts";
import type { Draft } from "../model/object.ts";
import type { Clock } from "../ports/clock.ts";
import { isAlreadyExists, isConflict, isNotFound, type KubeApi } from "../ports/kube-api.ts";
import type { Events, Log, Metrics } from "../ports/telemetry.ts";

export type LeaderLeaseNeeds = {
  api: KubeApi;
  clock: Clock;
  random: Random;
  log: Log;
  metrics: Metrics;
  events: Events;
  /** Unlike that of any other process: "<hostname>_<uuid>". */
  identity: string;
  name: string;
  namespace: string;
  /** Time without renewal after which another may take the Lease. */
  durationMs: number;
  /** Time without a successful renewal after which the leader stops believing; less than `durationMs`. */
  renewDeadlineMs: number;
  /** Time between two tries. */
  retryMs: number;
  onGained(): void;
  /** Called once after onGained, unless `stop` comes first: the work must end, another may begin with it soon. */
  onLost(): void;
};

export type LeaderLease = {
  /** Whether this process may act at this moment; false as soon as the renewal is too old, whatever timers do. */
  isLeader(): boolean;
  /** Gives the Lease back for another to take at once. To be called when the work has ended. */
  stop(): Promise<void>;
};

/**
 * Tries for the Lease until it has it, then renews it until it is lost or given back. Ages are measured on the own
 * clock only, from the moment a new record was seen, so clocks of other machines may differ. A leader counts from before
 * it sent its last renewal, a standby from after it saw that: the first always gives up before the second takes over.
 */
export function startLeaderLease(needs: LeaderLeaseNeeds): LeaderLease {
  assert(
    needs.retryMs < needs.renewDeadlineMs && needs.renewDeadlineMs < needs.durationMs,
    "a lease is tried more often than renewed, and renewed before it ends",
  );
  return new Candidate(needs);
}

/** A record of the Lease, and when this process first saw it. */
type Seen = { lease: Lease; atMs: number };
/** "unclear": somebody wrote in between, only the next read tells. */
type Try = "ours" | "held by another" | "unclear";

class Candidate implements LeaderLease {
  readonly #needs: LeaderLeaseNeeds;
  readonly #loop: Promise<void>;
  #seen: Seen | undefined;
  #mustRead = true;
  /** Before the last successful renewal was sent; undefined while not leading. */
  #renewedMs: number | undefined;
  #isOver = false;
  /** Number of the present try; what an older one still brings is not listened to. */
  #attempt = 0;
  #cancelDeadline: () => void = () => undefined;
  #endRest: () => void = () => undefined;

  constructor(needs: LeaderLeaseNeeds) {
    this.#needs = needs;
    this.#showStatus(0);
    this.#loop = this.#run();
  }

  isLeader(): boolean {
    return this.#renewedMs !== undefined && this.#isFresh(this.#renewedMs);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    this.#cancelDeadline();
    this.#endRest();
    await this.#loop;
    if (this.#renewedMs === undefined) return;
    this.#renewedMs = undefined;
    this.#showStatus(0);
    await this.#release();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { clock, random, retryMs, log } = this.#needs;
    while (!this.#isOver) {
      const sentMs = clock.nowMs();
      try {
        const result = await this.#tryInTime(sentMs);
        if (result === "ours") this.#renewed(sentMs);
        else if (result === "held by another") this.#lose("another holds the lease");
      } catch (error) {
        this.#mustRead = true;
        if (this.#renewedMs === undefined) log.debug("could not take the lease", { error });
        else log.error("could not renew the lease", { error });
      }
      if (!this.#isOver) await this.#rest(retryMs * (1 + 0.2 * random.fraction()));
    }
  }

  /** One try, which half of the deadline ends: a request that hangs must leave time for another. */
  async #tryInTime(sentMs: number): Promise<Try> {
    const { clock, renewDeadlineMs } = this.#needs;
    this.#attempt += 1;
    const { promise, resolve, reject } = Promise.withResolvers<Try>();
    const cancel = clock.after(renewDeadlineMs / 2, () => {
      this.#attempt += 1;
      reject(new RetryError("the request for the lease hangs"));
    });
    this.#takeOrRenew(sentMs, this.#attempt).then(resolve, reject);
    try {
      return await promise;
    } finally {
      cancel();
    }
  }

  /** Waits between two tries, or until somebody calls #endRest. */
  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#needs.clock.after(ms, resolve);
      this.#endRest = () => {
        cancel();
        resolve();
      };
    });
  }

  async #takeOrRenew(sentMs: number, attempt: number): Promise<Try> {
    if (this.#mustRead) {
      const lease = await this.#read();
      if (lease === undefined) return await this.#create(sentMs, attempt);
      this.#note(lease, attempt);
      if (attempt !== this.#attempt) return "unclear";
    }
    assert(this.#seen !== undefined, "a lease is read before it is written");
    const { lease } = this.#seen;
    if (this.#isHeldByAnother(this.#seen)) return "held by another";
    try {
      const spec = this.#recordAfter(lease.spec, sentMs);
      this.#noteOwn(await this.#needs.api.update(LEASES, { ...lease, spec }), attempt);
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
      this.#mustRead = true;
      return "unclear";
    }
    return "ours";
  }

  #isHeldByAnother({ lease: { spec }, atMs }: Seen): boolean {
    const { clock, identity, durationMs } = this.#needs;
    const holder = spec.holderIdentity ?? "";
    if (holder === "" || holder === identity) return false;
    const lastsMs = spec.leaseDurationSeconds === undefined ? durationMs : spec.leaseDurationSeconds * 1_000;
    return clock.nowMs() < atMs + lastsMs;
  }

  async #read(): Promise<Lease | undefined> {
    const { api, name, namespace } = this.#needs;
    try {
      return await api.get(LEASES, { name, namespace });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #create(sentMs: number, attempt: number): Promise<Try> {
    const { api, name, namespace } = this.#needs;
    const draft: Draft<Lease> = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name, namespace },
      spec: this.#recordAfter(undefined, sentMs),
    };
    try {
      this.#noteOwn(await api.create(LEASES, draft), attempt);
    } catch (error) {
      if (isAlreadyExists(error)) return "unclear";
      throw error;
    }
    return "ours";
  }

  #recordAfter(before: Lease["spec"] | undefined, nowMs: number): Lease["spec"] {
    const { identity, durationMs } = this.#needs;
    const isRenewal = before?.holderIdentity === identity;
    const now = formatMicroTime(nowMs);
    return {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1_000),
      acquireTime: isRenewal ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (before === undefined || isRenewal ? 0 : 1),
    };
  }

  /** The leader knows the record, since it wrote it; a standby must look each time. */
  #noteOwn(lease: Lease, attempt: number): void {
    this.#note(lease, attempt);
    if (attempt === this.#attempt) this.#mustRead = false;
  }

  #note(lease: Lease, attempt: number): void {
    if (attempt !== this.#attempt) return;
    const nowMs = this.#needs.clock.nowMs();
    const isKnown = this.#seen?.lease.metadata.resourceVersion === lease.metadata.resourceVersion;
    // A clock that was set back would let an old record look young for as long: it is new as of now, at most.
    const atMs = isKnown && this.#seen !== undefined ? Math.min(this.#seen.atMs, nowMs) : nowMs;
    this.#seen = { lease, atMs };
  }

  #isFresh(renewedMs: number): boolean {
    return this.#needs.clock.nowMs() - renewedMs < this.#needs.renewDeadlineMs;
  }

  #renewed(sentMs: number): void {
    // An answer that took too long proves nothing about now; the next try will.
    if (this.#isOver || !this.#isFresh(sentMs)) return;
    const { clock, renewDeadlineMs, log, onGained } = this.#needs;
    const isGain = this.#renewedMs === undefined;
    this.#renewedMs = sentMs;
    this.#cancelDeadline();
    this.#cancelDeadline = clock.after(sentMs + renewDeadlineMs - clock.nowMs(), () =>
      this.#lose("the lease was not renewed in time"),
    );
    if (!isGain) return;
    this.#showStatus(1);
    this.#tell("became leader");
    log.info("became leader");
    onGained();
  }

  /** Does nothing for one who does not lead. */
  #lose(why: string): void {
    if (this.#isOver || this.#renewedMs === undefined) return;
    this.#isOver = true;
    this.#renewedMs = undefined;
    this.#cancelDeadline();
    this.#endRest();
    this.#showStatus(0);
    this.#tell("stopped leading");
    this.#needs.log.error("lost the leadership", { why });
    this.#needs.onLost();
  }

  async #release(): Promise<void> {
    const { api, clock, log } = this.#needs;
    if (this.#seen === undefined) return;
    const { lease } = this.#seen;
    const now = formatMicroTime(clock.nowMs());
    try {
      await api.update(LEASES, {
        ...lease,
        spec: { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1, acquireTime: now, renewTime: now },
      });
      this.#tell("stopped leading");
      log.info("gave the leadership back");
    } catch (error) {
      // Whoever waits for it has to wait until the record is old, and nothing more.
      log.debug("could not give the leadership back", { error });
    }
  }

  #tell(what: string): void {
    const { events, identity } = this.#needs;
    if (this.#seen === undefined) return;
    events.record({
      object: { ...this.#seen.lease, apiVersion: "coordination.k8s.io/v1", kind: "Lease" },
      type: "Normal",
      reason: "LeaderElection",
      message: `${identity} ${what}`,
      dedupeValues: [identity, what],
      dedupeMs: 0,
    });
  }

  #showStatus(value: 0 | 1): void {
    this.#needs.metrics.gauge("leader_election_master_status", value, { name: this.#needs.name });
  }
}
