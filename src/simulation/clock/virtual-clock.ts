import { assert } from "../../base/assert.ts";
import type { Clock } from "../../ports/clock.ts";
import { TimerHeap } from "./timer-heap.ts";

/**
 * Time that passes only when told to. Timers fire in order of time, and those of one moment in order of creation, so a
 * run is the same every time. Between two moments every promise that can settle has settled.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  #firedTimers = 0;
  readonly #timers = new TimerHeap();

  /** @param startMs milliseconds since 1970 */
  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** How many timers have fired so far: a measure of the work done. */
  get firedTimers(): number {
    return this.#firedTimers;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const onAbort = (): void => {
        cancel();
        resolve();
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  after(ms: number, run: () => void): () => void {
    assert(!Number.isNaN(ms), "a delay is a number");
    return this.#timers.add(this.#nowMs + Math.max(0, ms), run);
  }

  /**
   * Lets time pass up to `untilMs` (included), or until `isDone` says so; it is asked after each moment.
   * @returns whether `isDone` ended it
   */
  runUntil(untilMs: number, isDone?: () => boolean): Promise<boolean> {
    return eachSettled(() => {
      if (isDone?.() === true) return true;
      const next = this.#timers.nextMs();
      if (next === undefined || next > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return false;
      }
      this.#nowMs = Math.max(this.#nowMs, next);
      this.#fireDue();
      return undefined;
    });
  }

  /** As runUntil, from now on. */
  runFor(ms: number, isDone?: () => boolean): Promise<boolean> {
    return this.runUntil(this.#nowMs + ms, isDone);
  }

  #fireDue(): void {
    for (const run of this.#timers.takeDue(this.#nowMs)) {
      this.#firedTimers += 1;
      run();
    }
  }
}

/** A turn of the event loop asks the system for news, of which there is none here: so many steps share one. */
const STEPS_PER_TURN = 32;

/**
 * Takes step after step until one gives an answer, each when no promise job is left: the runtime starts an immediate only
 * after its queue of promise jobs has run empty, and in a simulated world nothing waits for anything but promises and the
 * virtual clock.
 */
function eachSettled<T>(step: () => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const once = (): void => {
      if (isOver) return;
      try {
        const answer = step();
        if (answer === undefined) return;
        isOver = true;
        resolve(answer);
      } catch (error) {
        isOver = true;
        reject(error);
      }
    };
    const turn = (): void => {
      if (isOver) return;
      for (let i = 0; i < STEPS_PER_TURN; i += 1) setImmediate(once);
      setImmediate(turn);
    };
    turn();
  });
}

/** Resolves when no promise job is left. */
export function settled(): Promise<void> {
  return eachSettled(() => true).then(() => undefined);
}
