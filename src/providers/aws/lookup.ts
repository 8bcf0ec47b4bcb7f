import type { Clock } from "../../ports/clock.ts";

type Entry<T> = { value: T; untilMs: number };

const ENTRIES_MAX = 10_000;

/** Answers that are good for a while; who asks while a question is under way gets the same answer. */
export class Lookup<T> {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #asked = new Map<string, Promise<T>>();

  constructor({ clock, ttlMs }: { clock: Clock; ttlMs: number }) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  /** The answer of that key. One that failed is not remembered. */
  async get(key: string, ask: () => Promise<T>, ttlMs = this.#ttlMs): Promise<T> {
    const known = this.#entries.get(key);
    if (known !== undefined && known.untilMs > this.#clock.nowMs()) return known.value;
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const answer = ask().then((value) => {
      if (this.#entries.size >= ENTRIES_MAX) this.#entries.clear();
      this.#entries.set(key, { value, untilMs: this.#clock.nowMs() + ttlMs });
      return value;
    });
    this.#asked.set(key, answer);
    try {
      return await answer;
    } finally {
      this.#asked.delete(key);
    }
  }

  /** For what does not change from one hour to the next: while nobody answers, the old answer stands. */
  async getOrOld(key: string, ask: () => Promise<T>): Promise<T> {
    const old = this.#entries.get(key);
    try {
      return await this.get(key, ask);
    } catch (error) {
      if (old === undefined) throw error;
      return old.value;
    }
  }

  /** Answers that are still good, by their keys. */
  known(): [key: string, value: T][] {
    const nowMs = this.#clock.nowMs();
    return [...this.#entries].filter(([, { untilMs }]) => untilMs > nowMs).map(([key, { value }]) => [key, value]);
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }
}
