import { TokenBucket } from "../base/token-bucket.ts";
import type { EventRecord } from "../ports/telemetry.ts";
import { limits } from "./limits.ts";

/** The Event object that stands for one or more records; its name is known once it was created. */
export type Published = { name: string | undefined; namespace: string };
export type Correlated = {
  event: EventRecord;
  message: string;
  /** How often it was recorded, this time included. */
  count: number;
  firstMs: number;
  published: Published;
};

type Similar = { messages: Set<string>; lastMs: number };
type Equal = { count: number; firstMs: number; published: Published };

/**
 * Keeps a chatty object from flooding the server: limits the events of one object, folds many similar ones into one and
 * counts equal ones.
 * @source the event correlator of the Kubernetes client library
 */
export class EventCorrelator {
  readonly #perObject = new RecentMap<TokenBucket>();
  readonly #similar = new RecentMap<Similar>();
  readonly #equal = new RecentMap<Equal>();

  /** @returns undefined when the event is dropped */
  take(event: EventRecord, nowMs: number): Correlated | undefined {
    const { metadata, kind } = event.object;
    const object = [kind, metadata.namespace ?? "", metadata.name, metadata.uid].join("\0");
    const group = [object, event.type, event.reason].join("\0");
    const message = this.#isFolded(group, event.message, nowMs)
      ? `(combined from similar events): ${event.message}`
      : event.message;
    const key = message === event.message ? `${group}\0${message}` : group;
    const equal = this.#equal.use(key, () => ({
      count: 0,
      firstMs: nowMs,
      published: { name: undefined, namespace: metadata.namespace ?? "default" },
    }));
    equal.count += 1;
    if (!this.#perObject.use(object, () => new TokenBucket(limits.eventsPerObject)).tryTake(nowMs)) return undefined;
    return { event, message, count: equal.count, firstMs: equal.firstMs, published: equal.published };
  }

  #isFolded(group: string, message: string, nowMs: number): boolean {
    const similar = this.#similar.use(group, () => ({ messages: new Set(), lastMs: nowMs }));
    if (nowMs - similar.lastMs > limits.similarEventsWindowMs) similar.messages.clear();
    similar.lastMs = nowMs;
    similar.messages.add(message);
    if (similar.messages.size < limits.similarEventsMax) return false;
    // As many as the limit are enough to know that it is reached.
    const [oldest] = similar.messages;
    if (oldest !== undefined) similar.messages.delete(oldest);
    return true;
  }
}

/** The values used last, up to a limit. */
class RecentMap<T> {
  readonly #values = new Map<string, T>();

  use(key: string, make: () => T): T {
    const value = this.#values.get(key) ?? make();
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size > limits.correlatedMax) {
      const [oldest] = this.#values.keys();
      if (oldest !== undefined) this.#values.delete(oldest);
    }
    return value;
  }
}
