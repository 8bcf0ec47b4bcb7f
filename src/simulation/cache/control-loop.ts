import type { Clock } from "../../ports/clock.ts";
import { ApiError } from "../../ports/kube-api.ts";

/** Brings one object closer to what is wanted, at once. Returns after how many milliseconds to look again, if at all. */
export type Reconcile = (key: string) => number | undefined;
type Task = { id: string; key: string; reconcile: Reconcile };

const TASKS_PER_TURN_MAX = 200;
const BACKOFF_MAX_MS = 60_000;

/**
 * The work queue of the simulated controllers: each key once, in order of arrival; a refusal of the server is tried
 * again with growing delay, any other error is a mistake of the simulation and ends it.
 */
export class ControlLoop {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #queue = new Map<string, Task>();
  readonly #failures = new Map<string, number>();
  readonly #again = new Map<string, { dueMs: number; cancel: () => void }>();
  #cancelTurn: (() => void) | undefined;
  #stopped = false;

  /** @param delayMs how long a change waits for the controllers to notice it */
  constructor(clock: Clock, delayMs: number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  /** @returns the function that makes a key due */
  add(name: string, reconcile: Reconcile): (key: string) => void {
    return (key) => this.#enqueue({ id: `${name} ${key}`, key, reconcile });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTurn?.();
    for (const { cancel } of this.#again.values()) cancel();
    this.#queue.clear();
  }

  #enqueue(task: Task): void {
    if (this.#stopped) return;
    this.#queue.set(task.id, task);
    this.#cancelTurn ??= this.#clock.after(this.#delayMs, () => this.#turn());
  }

  #turn(): void {
    this.#cancelTurn = undefined;
    let left = TASKS_PER_TURN_MAX;
    for (const [id, task] of this.#queue) {
      if (left === 0) break;
      left -= 1;
      this.#queue.delete(id);
      this.#run(task);
    }
    if (this.#queue.size > 0) this.#cancelTurn ??= this.#clock.after(0, () => this.#turn());
  }

  #run(task: Task): void {
    try {
      const againMs = task.reconcile(task.key);
      this.#failures.delete(task.id);
      if (againMs !== undefined) this.#runAgain(task, againMs);
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      const failures = (this.#failures.get(task.id) ?? 0) + 1;
      this.#failures.set(task.id, failures);
      this.#runAgain(task, Math.min(BACKOFF_MAX_MS, 500 * 2 ** failures));
    }
  }

  /** One timer per task: the earliest wish counts, as every turn states its wish anew. */
  #runAgain(task: Task, afterMs: number): void {
    const dueMs = this.#clock.nowMs() + afterMs;
    const waiting = this.#again.get(task.id);
    if (waiting !== undefined && waiting.dueMs <= dueMs) return;
    waiting?.cancel();
    const cancel = this.#clock.after(afterMs, () => {
      this.#again.delete(task.id);
      this.#enqueue(task);
    });
    this.#again.set(task.id, { dueMs, cancel });
  }
}
