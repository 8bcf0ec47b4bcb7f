import { SECOND_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Metrics } from "../../ports/telemetry.ts";

export type BatchOptions<Request, Answer> = {
  clock: Clock;
  metrics: Metrics;
  /** In metrics. */
  name: string;
  /** The window closes when nothing new came for so long, and at the latest after `maxMs`. */
  idleMs: number;
  maxMs: number;
  itemsMax: number;
  /** Requests with equal keys go together. */
  key(request: Request): string;
  /** Answers each request, in order; a failure of one is an answer, too. */
  run(requests: readonly Request[]): Promise<PromiseSettledResult<Answer>[]>;
};

type Waiting<Request, Answer> = {
  request: Request;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
};
type Window<Request, Answer> = { waiting: Waiting<Request, Answer>[]; openedMs: number; cancel: () => void };

/**
 * Makes one call of many: requests that come close together are sent as one.
 * @source reference of the AWS provider, section 7.2
 */
export class Batch<Request, Answer> {
  readonly #options: BatchOptions<Request, Answer>;
  readonly #windows = new Map<string, Window<Request, Answer>>();

  constructor(options: BatchOptions<Request, Answer>) {
    this.#options = options;
  }

  add(request: Request): Promise<Answer> {
    const { clock, key: keyOf, idleMs, maxMs, itemsMax } = this.#options;
    const key = keyOf(request);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const window = this.#windows.get(key) ?? { waiting: [], openedMs: clock.nowMs(), cancel: () => undefined };
    this.#windows.set(key, window);
    window.waiting.push({ request, resolve, reject });
    window.cancel();
    const leftMs = Math.max(0, window.openedMs + maxMs - clock.nowMs());
    const waitMs = window.waiting.length >= itemsMax ? 0 : Math.min(idleMs, leftMs);
    if (waitMs === 0) this.#close(key, window);
    else window.cancel = clock.after(waitMs, () => this.#close(key, window));
    return promise;
  }

  #close(key: string, window: Window<Request, Answer>): void {
    if (this.#windows.get(key) === window) this.#windows.delete(key);
    const { waiting, openedMs } = window;
    const { metrics, clock, name } = this.#options;
    const labels = { batcher: name };
    metrics.observe(
      "karpenter_cloudprovider_batcher_batch_time_seconds",
      (clock.nowMs() - openedMs) / SECOND_MS,
      labels,
    );
    metrics.observe("karpenter_cloudprovider_batcher_batch_size", waiting.length, labels);
    this.#options.run(waiting.map(({ request }) => request)).then(
      (results) => {
        for (const [i, { resolve, reject }] of waiting.entries()) {
          const result = results[i];
          if (result?.status === "fulfilled") resolve(result.value);
          else reject(result?.reason);
        }
      },
      (error: unknown) => {
        for (const { reject } of waiting) reject(error);
      },
    );
  }
}
