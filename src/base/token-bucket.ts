import { assert } from "./assert.ts";

/**
 * Lets `perSecond` things happen in the long run and `burst` at once. Callers are served in the order they ask: each
 * reservation is paid for at once, also when its time is still to come.
 */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number | undefined;

  /** @param perSecond above 0; Infinity: no limit  @param burst at least 1 */
  constructor({ perSecond, burst }: { perSecond: number; burst: number }) {
    assert(perSecond > 0 && burst >= 1, "a token bucket fills, and holds at least one", { perSecond, burst });
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Takes a token and tells in how many milliseconds it counts; 0: now. */
  reserve(nowMs: number): number {
    if (this.#perMs === Number.POSITIVE_INFINITY) return 0;
    this.#refill(nowMs);
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMs;
  }

  /** Takes a token if there is one now. */
  tryTake(nowMs: number): boolean {
    if (this.#perMs === Number.POSITIVE_INFINITY) return true;
    this.#refill(nowMs);
    // A token that is whole but for rounding is whole.
    if (this.#tokens < 1 - 1e-9) return false;
    this.#tokens -= 1;
    return true;
  }

  #refill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - (this.#atMs ?? nowMs));
    this.#tokens = Math.min(this.#burst, this.#tokens + passedMs * this.#perMs);
    // A clock that was set back must not stop the filling until it has caught up.
    this.#atMs = nowMs;
  }
}
