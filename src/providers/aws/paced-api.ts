import { MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { Clock } from "../../ports/clock.ts";
import { type AwsApi, AwsError } from "./aws-api.ts";

type Limit = { burst: number; perSecond: number };

/** What EC2 allows an account by default. Calls with the same limit, but for reads, have buckets of their own. */
const LIMITS: Partial<Record<keyof AwsApi, Limit & { bucket: string }>> = {
  createFleet: { bucket: "CreateFleet", burst: 100, perSecond: 2 },
  tryFleet: { bucket: "CreateFleet", burst: 100, perSecond: 2 },
  tryInstance: { bucket: "RunInstances", burst: 5, perSecond: 2 },
  createLaunchTemplate: { bucket: "CreateLaunchTemplate", burst: 100, perSecond: 5 },
  deleteLaunchTemplate: { bucket: "DeleteLaunchTemplate", burst: 100, perSecond: 5 },
  terminateInstances: { bucket: "TerminateInstances", burst: 100, perSecond: 5 },
  createTags: { bucket: "CreateTags", burst: 100, perSecond: 10 },
  getParameter: { bucket: "GetParameter", burst: 40, perSecond: 40 },
};
const READS: Limit & { bucket: string } = { bucket: "reads", burst: 100, perSecond: 20 };
/** What AWS calls that somebody asks too fast. */
const THROTTLED = /RequestLimitExceeded|Throttl|TooManyRequests|SlowDown/;
const PAUSE_MS = { first: SECOND_MS, most: MINUTE_MS };
/** After so long without a refusal the full burst is there again. */
const FORGIVEN_MS = MINUTE_MS;

/**
 * The same API at the pace that AWS allows. What is too fast waits its turn, in order; a refusal all the same (others use
 * the account, too) stops calls of its kind for a while that doubles with each, and what was saved up is gone: however
 * many wait, they go on one after the other.
 */
export function pacedAws(api: AwsApi, clock: Clock): AwsApi {
  const paces = new Map<string, Pace>();
  const paceOf = (name: string): Pace | undefined => {
    const isRead = name.startsWith("describe");
    const limit = LIMITS[name as keyof AwsApi] ?? (isRead ? READS : undefined);
    if (limit === undefined) return undefined;
    const pace = paces.get(limit.bucket) ?? new Pace(clock, limit);
    paces.set(limit.bucket, pace);
    return pace;
  };
  const paced: Record<string, unknown> = {};
  for (const [name, call] of Object.entries(api) as [string, (...all: unknown[]) => Promise<unknown>][]) {
    const pace = paceOf(name);
    paced[name] = pace === undefined ? call : (...parameters: unknown[]) => pace.run(() => call(...parameters));
  }
  return paced as unknown as AwsApi;
}

class Pace {
  readonly #clock: Clock;
  readonly #limit: Limit;
  #bucket: TokenBucket;
  #pauseMs = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #isWary = false;

  constructor(clock: Clock, limit: Limit) {
    this.#clock = clock;
    this.#limit = limit;
    this.#bucket = new TokenBucket(limit);
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    await this.#turn();
    try {
      const answer = await call();
      this.#pauseMs = 0;
      return answer;
    } catch (error) {
      if (error instanceof AwsError && THROTTLED.test(error.code)) this.#pause();
      throw error;
    }
  }

  async #turn(): Promise<void> {
    const clock = this.#clock;
    for (;;) {
      const pauseMs = this.#pausedUntilMs - clock.nowMs();
      if (pauseMs > 0) {
        await clock.sleep(pauseMs);
        continue;
      }
      if (this.#isWary && -pauseMs >= FORGIVEN_MS) {
        this.#isWary = false;
        this.#bucket = new TokenBucket(this.#limit);
      }
      const waitMs = this.#bucket.reserve(clock.nowMs());
      if (waitMs === 0) return;
      await clock.sleep(waitMs);
      // Somebody may have been refused meanwhile: then those who wait stand in line anew.
      if (clock.nowMs() >= this.#pausedUntilMs) return;
    }
  }

  #pause(): void {
    const nowMs = this.#clock.nowMs();
    // Calls that were under way together hear of one and the same refusal.
    if (nowMs < this.#pausedUntilMs) return;
    this.#pauseMs = Math.min(PAUSE_MS.most, Math.max(PAUSE_MS.first, this.#pauseMs * 2));
    this.#pausedUntilMs = nowMs + this.#pauseMs;
    this.#isWary = true;
    this.#bucket = new TokenBucket({ perSecond: this.#limit.perSecond, burst: 1 });
  }
}
