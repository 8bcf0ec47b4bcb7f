export type BatcherOptions = {
  /** The window closes when nothing new came for so long. */
  idleMs: number;
  /** It closes at the latest so long after it opened. */
  maxMs: number;
};

export type Window =
  | { kind: "none" }
  /** Open for at least `ms` more. */
  | { kind: "open"; ms: number }
  | { kind: "over" };

/**
 * Collects what calls for a plan, so that pods created together are planned together: the first trigger opens a window,
 * each new one keeps it open a little longer.
 * @source reference of the scheduling rules, section 3
 */
export class Batcher {
  readonly #options: BatcherOptions;
  readonly #seen = new Set<string>();
  #openedMs: number | undefined;
  #lastNewMs = 0;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Something calls for a plan; the same uid twice in one window counts once. */
  trigger(uid: string, nowMs: number): void {
    if (this.#seen.has(uid)) return;
    this.#seen.add(uid);
    this.#openedMs ??= nowMs;
    this.#lastNewMs = nowMs;
  }

  window(nowMs: number): Window {
    if (this.#openedMs === undefined) return { kind: "none" };
    const closesMs = Math.min(this.#lastNewMs + this.#options.idleMs, this.#openedMs + this.#options.maxMs);
    return nowMs >= closesMs ? { kind: "over" } : { kind: "open", ms: closesMs - nowMs };
  }

  /** A plan is made now: what comes from here on opens the next window. */
  close(): void {
    this.#seen.clear();
    this.#openedMs = undefined;
  }
}
