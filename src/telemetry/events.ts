import { RetryError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { formatTime } from "../base/time.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import type { CoreEvent, ObjectReference } from "../model/core.ts";
import { EVENTS } from "../model/kinds.ts";
import type { Draft } from "../model/object.ts";
import type { Clock } from "../ports/clock.ts";
import { isAlreadyExists, isNotFound, type KubeApi } from "../ports/kube-api.ts";
import type { EventRecord, Events, Log } from "../ports/telemetry.ts";
import type { DecisionLog } from "./decision-log.ts";
import { type Correlated, EventCorrelator } from "./event-correlator.ts";
import { EVENT_TABLE } from "./event-table.ts";
import { limits } from "./limits.ts";

export type EventsOptions = {
  api: KubeApi;
  clock: Clock;
  random: Random;
  log: Log;
  /** Who tells: "karpenter", or a process' identity. */
  component?: string;
  /** Keeps all that is told, also what is not published. */
  decisions?: DecisionLog;
};

export type EventsPublisher = Events & {
  /** Takes nothing more and resolves when what was taken is published or given up. */
  stop(): Promise<void>;
};

/**
 * Publishes Events one after the other. Equal ones (same object, reason and values) within the dedupe time are published
 * once; what passes is counted and folded as the client library of Kubernetes does it.
 * Unlike upstream, pods of equal name in two namespaces do not silence each other, and an event that the rate limit holds
 * back does not silence the next one.
 */
export function createEvents(options: EventsOptions): EventsPublisher {
  return new Publisher(options);
}

const ROWS = new Map(EVENT_TABLE.map((row) => [row.reason, row]));

class Publisher implements EventsPublisher {
  readonly #options: EventsOptions;
  readonly #log: Log;
  readonly #correlator = new EventCorrelator();
  readonly #nominations = new TokenBucket(limits.rateLimitedEvents);
  /** When each key may be published again. */
  readonly #silentUntilMs = new Map<string, number>();
  readonly #queue: Correlated[] = [];
  #sending: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: EventsOptions) {
    this.#options = options;
    this.#log = options.log.with({ logger: "events" });
  }

  record(event: EventRecord): void {
    const nowMs = this.#options.clock.nowMs();
    this.#options.decisions?.add(event, nowMs);
    if (event.isPublished === false || this.#isStopped || this.#isSilenced(event, nowMs)) return;
    const correlated = this.#correlator.take({ ...event, message: short(event.message) }, nowMs);
    if (correlated === undefined) return;
    if (this.#queue.length >= limits.eventsQueuedMax) {
      this.#log.error("events are dropped, the API server does not take them fast enough", { reason: event.reason });
      return;
    }
    this.#queue.push(correlated);
    this.#sending ??= this.#sendAll();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#sending;
  }

  #isSilenced(event: EventRecord, nowMs: number): boolean {
    const row = ROWS.get(event.reason);
    const key = dedupeKey(event);
    if ((this.#silentUntilMs.get(key) ?? 0) > nowMs) return true;
    if (row?.isRateLimited === true && !this.#nominations.tryTake(nowMs)) return true;
    const dedupeMs = event.dedupeMs ?? row?.dedupeMs ?? limits.dedupeMs;
    if (dedupeMs > 0) {
      // Set anew, so that the map stays in order of insertion.
      this.#silentUntilMs.delete(key);
      this.#silentUntilMs.set(key, nowMs + dedupeMs);
      if (this.#silentUntilMs.size > limits.dedupeKeysMax) this.#sweep(nowMs);
    }
    return false;
  }

  #sweep(nowMs: number): void {
    for (const [key, untilMs] of this.#silentUntilMs) if (untilMs <= nowMs) this.#silentUntilMs.delete(key);
    for (const [key] of this.#silentUntilMs) {
      if (this.#silentUntilMs.size <= limits.dedupeKeysMax / 2) break;
      this.#silentUntilMs.delete(key);
    }
  }

  /** Never rejects. */
  async #sendAll(): Promise<void> {
    // The caller of `record` is in the middle of something: nothing is sent before it has gone on.
    await Promise.resolve();
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      await this.#sendWithRetries(next);
    }
    this.#sending = undefined;
  }

  async #sendWithRetries(correlated: Correlated): Promise<void> {
    const { clock } = this.#options;
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#send(correlated);
        return;
      } catch (error) {
        const isHopeless = !(error instanceof RetryError || isAlreadyExists(error));
        if (isHopeless || tries >= limits.eventTriesMax || this.#isStopped) {
          this.#log.debug("could not publish an event", { error, reason: correlated.event.reason });
          return;
        }
        if (error instanceof RetryError) await clock.sleep(Math.max(error.afterMs, limits.eventRetryMs));
      }
    }
  }

  async #send(correlated: Correlated): Promise<void> {
    const { api, clock } = this.#options;
    const { published, message, count } = correlated;
    if (published.name !== undefined) {
      const body = { count, message, lastTimestamp: formatTime(clock.nowMs()) };
      try {
        await api.patch(EVENTS, { name: published.name, namespace: published.namespace }, { type: "strategic", body });
        return;
      } catch (error) {
        // The server forgets events after an hour: then it is a new one.
        if (!isNotFound(error)) throw error;
      }
    }
    const draft = this.#draftOf(correlated);
    await api.create(EVENTS, draft);
    published.name = draft.metadata.name;
  }

  #draftOf({ event, message, count, firstMs, published }: Correlated): Draft<CoreEvent> {
    const { clock, random, component = "karpenter" } = this.#options;
    const nowMs = clock.nowMs();
    // Nanoseconds, of which chance draws what the clock does not know.
    const suffix = (BigInt(Math.floor(nowMs)) * 1_000_000n + BigInt(random.between(0, 999_999))).toString(16);
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: {
        name: `${event.object.metadata.name.slice(0, 252 - suffix.length)}.${suffix}`,
        namespace: published.namespace,
      },
      involvedObject: referenceTo(event.object),
      type: event.type,
      reason: event.reason,
      message,
      source: { component },
      firstTimestamp: formatTime(firstMs),
      lastTimestamp: formatTime(nowMs),
      count,
      reportingComponent: component,
      reportingInstance: "",
    };
  }
}

function dedupeKey({ object, reason, dedupeValues }: EventRecord): string {
  const values = dedupeValues ?? [object.metadata.uid];
  return [object.kind, object.metadata.namespace ?? "", reason, ...values].join("\0");
}

function referenceTo({ apiVersion, kind, metadata }: EventRecord["object"]): ObjectReference {
  const { name, namespace, uid, resourceVersion } = metadata;
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion };
}

/** What comes last in a message matters least. */
function short(message: string): string {
  const most = limits.eventMessageCharactersMax;
  return message.length <= most ? message : `${message.slice(0, most - 3)}...`;
}
