import { InvariantError, RetryError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import type { Clock } from "../../ports/clock.ts";
import { ApiError, type Status } from "../../ports/kube-api.ts";
import type { FaultMix } from "./fault-mix.ts";
import type { Life } from "./life.ts";

/** What a port call of the product was, for judges and history. `outcome` is what really happened. */
export type ProductCall = {
  life: number;
  verb: string;
  kind: string;
  /** "namespace/name", "name" or "". */
  key: string;
  body?: unknown;
};
export type FaultNeeds = {
  clock: Clock;
  random: Random;
  /** Asked at every call, as faults come and go. */
  mix: () => FaultMix;
  life: Life;
  /** Called when a call takes effect, before it does. */
  onCall(call: ProductCall): void;
  /** Called for every fault that strikes. */
  onFault(what: string): void;
};
export type Chances = { refused: number; throttled: number; conflict: number; lostReply: number };

const READS: ReadonlySet<string> = new Set(["get", "list", "types", "drift", "receive"]);
const LEASES = "leases.coordination.k8s.io";
const CALLS_PER_INSTANT_MAX = 20_000;

/** Passes the product's calls on, with the faults of the mix. */
export class FaultyCalls {
  readonly #needs: FaultNeeds;
  #instantMs = -1;
  #callsOfInstant = 0;

  constructor(needs: FaultNeeds) {
    this.#needs = needs;
  }

  /** @param chances what may go wrong with a call of this sort */
  async call<T>(call: Omit<ProductCall, "life">, chances: Chances, run: () => Promise<T>): Promise<T> {
    const { life, random, onFault } = this.#needs;
    this.#countInstant();
    const where = `${call.verb} ${call.kind} ${call.key}`;
    const isDeed = !READS.has(call.verb) && call.kind !== LEASES;
    await life.point(`before ${where}`, isDeed);
    await this.#travel(this.#needs.mix().latencyMaxMs);
    const refusal = this.#refusal(chances);
    if (refusal !== undefined) {
      onFault(`${refusal.reason} ${where}`);
      await this.#travel(this.#needs.mix().latencyMaxMs);
      await life.point(`refusal of ${where}`, isDeed);
      throw refusal;
    }
    if (life.isOver) return new Promise(() => undefined);
    this.#needs.onCall({ ...call, life: life.number });
    const result = await run().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    const isLost = random.chance(chances.lostReply);
    await this.#replyDelay(where);
    await life.point(`after ${where}`, isDeed);
    if (isLost) {
      onFault(`lost reply of ${where}`);
      throw new RetryError(`no answer to ${where}`, 0);
    }
    if ("error" in result) throw result.error;
    return result.value;
  }

  /** A loop that never waits would stop simulated time for ever. */
  #countInstant(): void {
    const nowMs = this.#needs.clock.nowMs();
    if (nowMs !== this.#instantMs) {
      this.#instantMs = nowMs;
      this.#callsOfInstant = 0;
    }
    this.#callsOfInstant += 1;
    if (this.#callsOfInstant > CALLS_PER_INSTANT_MAX)
      throw new InvariantError("the product lets time pass between its calls");
  }

  #refusal({ refused, throttled, conflict }: Chances): ApiError | undefined {
    const { random } = this.#needs;
    if (random.chance(refused)) {
      return random.chance(0.5)
        ? new ApiError(statusOf(500, "InternalError", "etcdserver: request timed out"))
        : new ApiError(statusOf(503, "ServiceUnavailable", "the server is currently unable to handle the request"));
    }
    if (random.chance(throttled)) {
      const retryAfterSeconds = random.between(1, 5);
      const text = "too many requests, please try again later";
      return new ApiError({ ...statusOf(429, "TooManyRequests", text), details: { retryAfterSeconds } });
    }
    if (random.chance(conflict)) {
      return new ApiError(
        statusOf(409, "Conflict", "the object has been modified; please apply your changes to the latest version"),
      );
    }
    return undefined;
  }

  async #replyDelay(where: string): Promise<void> {
    const { random, onFault } = this.#needs;
    const { slowReply, slowReplyMaxMs, latencyMaxMs } = this.#needs.mix();
    if (!random.chance(slowReply)) return this.#travel(latencyMaxMs);
    const ms = random.between(latencyMaxMs, Math.max(latencyMaxMs, slowReplyMaxMs));
    onFault(`slow reply (${ms} ms) of ${where}`);
    return this.#needs.clock.sleep(ms);
  }

  async #travel(maxMs: number): Promise<void> {
    if (maxMs > 0) await this.#needs.clock.sleep(this.#needs.random.between(0, maxMs));
  }
}

function statusOf(code: number, reason: string, message: string): Status {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
}
