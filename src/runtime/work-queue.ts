import { assert } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import type { Clock } from "../ports/clock.ts";
import { limits } from "./limits.ts";

export type WorkQueueOptions = {
  clock: Clock;
  random: Random;
  backoffMs: { first: number; max: number };
  /** Called when a key has become due; it may be called when none is left. */
  onDue(): void;
  /** Counts a key that became due. */
  onAdd?(): void;
  onRetry?(): void;
};

/** What happened to a key while it was with a worker: when to look again. */
export type Next =
  | { kind: "on-change" }
  | { kind: "after"; ms: number }
  /** After the key's back-off, which doubles with every failure in a row. */
  | { kind: "back-off" };

/**
 * Keys that are due, each once: a key added while it waits is the same key, one added while a worker has it comes
 * again when the worker is done. First come, first served.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Due keys, with the time they became due. */
  readonly #due = new Map<string, number>();
  /** The same keys in order, from #first on: to look for the first of a map costs more the more went before. */
  #order: string[] = [];
  #first = 0;
  /** Keys with a worker, with the time they were taken. */
  readonly #taken = new Map<string, number>();
  /** Keys with a worker that became due again. */
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, () => void>();
  readonly #failures = new Map<string, number>();
  readonly #retries = new TokenBucket(limits.retries);
  #isStopped = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.#due.size;
  }

  /** When each key with a worker was taken, oldest first. */
  get takenAtMs(): readonly number[] {
    return [...this.#taken.values()];
  }

  /** Failures in a row of a key. */
  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  add(key: string): void {
    if (this.#isStopped || this.#due.has(key) || this.#again.has(key)) return;
    if (this.#taken.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#due.set(key, this.#options.clock.nowMs());
    this.#order.push(key);
    this.#options.onAdd?.();
    this.#options.onDue();
  }

  /** The next key and how long it waited; it is the caller's until `done`. */
  take(): { key: string; waitedMs: number } | undefined {
    const key = this.#shift();
    if (key === undefined) return undefined;
    const nowMs = this.#options.clock.nowMs();
    const sinceMs = this.#due.get(key) ?? nowMs;
    this.#due.delete(key);
    this.#taken.set(key, nowMs);
    // The worker reads the whole truth, and says anew when it wants to look again.
    this.#cancelTimer(key);
    return { key, waitedMs: nowMs - sinceMs };
  }

  /** Gives a key back. @returns how long it was worked on, in milliseconds */
  done(key: string, next: Next): number {
    const takenMs = this.#taken.get(key);
    assert(takenMs !== undefined, "only a taken key is given back", key);
    this.#taken.delete(key);
    const waitMs = this.#waitMs(key, next);
    if (this.#again.delete(key)) this.add(key);
    else if (waitMs !== undefined) this.#addAfter(key, waitMs);
    return this.#options.clock.nowMs() - takenMs;
  }

  /** Forgets all that is due or waiting; keys with workers can still be given back. */
  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#due.clear();
    this.#order = [];
    this.#first = 0;
    this.#again.clear();
  }

  #shift(): string | undefined {
    const key = this.#order[this.#first];
    if (key === undefined) return undefined;
    this.#first += 1;
    if (this.#first * 2 >= this.#order.length) {
      this.#order = this.#order.slice(this.#first);
      this.#first = 0;
    }
    return key;
  }

  #waitMs(key: string, next: Next): number | undefined {
    if (next.kind !== "back-off") {
      this.#failures.delete(key);
      return next.kind === "after" ? Math.max(0, next.ms) : undefined;
    }
    const failures = this.failuresOf(key);
    this.#failures.set(key, failures + 1);
    this.#options.onRetry?.();
    const { first, max } = this.#options.backoffMs;
    const backoffMs = Math.min(max, first * 2 ** Math.min(failures, 40));
    // A little chance keeps keys that failed together from coming back together.
    const spreadMs = backoffMs * limits.backoffSpread * this.#options.random.fraction();
    return Math.max(backoffMs + spreadMs, this.#retries.reserve(this.#options.clock.nowMs()));
  }

  #addAfter(key: string, ms: number): void {
    if (this.#isStopped) return;
    if (ms === 0) {
      this.add(key);
      return;
    }
    this.#cancelTimer(key);
    const cancel = this.#options.clock.after(ms, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, cancel);
  }

  #cancelTimer(key: string): void {
    this.#timers.get(key)?.();
    this.#timers.delete(key);
  }
}
