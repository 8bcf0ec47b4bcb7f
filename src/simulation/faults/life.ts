import type { Clock } from "../../ports/clock.ts";

/** A promise that is never kept: what a crashed process waits for. */
function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

/**
 * One life of the product. Every port call passes numbered points, before it and after it; at one of them the product
 * may crash: then nothing that it waits for ever comes, and none of its timers fires. It may also stand still for a
 * while, as a process does whose machine is suspended.
 */
export class Life {
  readonly number: number;
  readonly #clock: Clock;
  readonly #onCrash: (where: string) => void;
  readonly #onDeath: (() => void)[] = [];
  #points = 0;
  #deeds = 0;
  #crashAtPoint = Number.POSITIVE_INFINITY;
  #crashAtDeed = Number.POSITIVE_INFINITY;
  #stalledUntilMs = 0;
  #deafUntilMs = 0;
  /** By how much its machine's clock goes ahead of everybody else's. */
  clockAheadMs = 0;
  #isOver = false;

  /** @param onCrash told where it happened, inside the call that hit the point */
  constructor(number: number, clock: Clock, onCrash: (where: string) => void) {
    this.number = number;
    this.#clock = clock;
    this.#onCrash = onCrash;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Port calls passed so far, twice counted: going and coming. */
  get points(): number {
    return this.#points;
  }

  /** Crashes at the n-th point from now (1: the next one). */
  crashSoon(n: number): void {
    this.#crashAtPoint = this.#points + n;
  }

  /** Crashes before or after the n-th of the calls from now that change something. */
  crashAtDeed(n: number): void {
    this.#crashAtDeed = this.#deeds + n;
  }

  stallFor(ms: number): void {
    this.#stalledUntilMs = this.#clock.nowMs() + ms;
  }

  /** Milliseconds for which it still stands still. */
  stallLeftMs(): number {
    return Math.max(0, this.#stalledUntilMs - this.#clock.nowMs());
  }

  deafFor(ms: number): void {
    this.#deafUntilMs = this.#clock.nowMs() + ms;
  }

  /** Whether its watches fail. */
  get isDeaf(): boolean {
    return this.#clock.nowMs() < this.#deafUntilMs;
  }

  /** Ends this life without a word. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const run of this.#onDeath.splice(0)) run();
  }

  /** Lets something of the outside end with this life, such as a watch that nobody reads any more. */
  onDeath(run: () => void): void {
    if (this.#isOver) run();
    else this.#onDeath.push(run);
  }

  /**
   * To be awaited on the way of every call, going and coming: resolves unless this life is over or ends here.
   * @param isDeed whether the call changes something that matters: most calls only look
   */
  point(where: string, isDeed: boolean): Promise<void> {
    if (this.#isOver) return never();
    this.#points += 1;
    if (isDeed) this.#deeds += 1;
    if (this.#points >= this.#crashAtPoint || this.#deeds >= this.#crashAtDeed) {
      this.end();
      this.#onCrash(where);
      return never();
    }
    const leftMs = this.stallLeftMs();
    return leftMs === 0 ? DONE : this.#clock.sleep(leftMs).then(() => this.#unlessOver());
  }

  #unlessOver(): Promise<void> {
    return this.#isOver ? never() : DONE;
  }

  /** The clock as this life sees it: timers of a dead one are silent, those of a stalled one late. */
  clock(): Clock {
    const clock = this.#clock;
    const after = (ms: number, run: () => void): (() => void) => {
      let cancel = clock.after(ms, () => {
        if (this.#isOver) return;
        const leftMs = this.stallLeftMs();
        if (leftMs === 0) run();
        else cancel = after(leftMs, run);
      });
      return () => cancel();
    };
    return {
      nowMs: () => clock.nowMs() + this.clockAheadMs,
      after,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted === true) {
            resolve();
            return;
          }
          const wake = (): void => {
            signal?.removeEventListener("abort", wake);
            cancel();
            resolve();
          };
          const cancel = after(ms, wake);
          signal?.addEventListener("abort", wake, { once: true });
        }),
    };
  }
}

const DONE = Promise.resolve();
