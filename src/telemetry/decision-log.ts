import { formatTime } from "../base/time.ts";
import type { EventRecord } from "../ports/telemetry.ts";
import { limits } from "./limits.ts";

/** What was decided about an object, or happened to it, and how often since when. One line of JSON. */
export type Decision = {
  /** When it was last told. */
  time: string;
  firstTime: string;
  count: number;
  kind: string;
  namespace?: string;
  name: string;
  uid: string;
  reason: string;
  message: string;
};

type Entry = { event: EventRecord; firstMs: number; lastMs: number; count: number };

/**
 * The latest decisions, in memory: all that events tell, before any rate limit holds one back, and what is too much for
 * events. Equal ones about one object are one entry. A restart, or another leader, begins anew; events and conditions stay.
 */
export class DecisionLog {
  /** In order of the last time. */
  readonly #entries = new Map<string, Entry>();

  add(event: EventRecord, nowMs: number): void {
    const { object, reason, message } = event;
    const key = `${object.metadata.uid}\0${object.kind}\0${reason}\0${withoutNumbers(message)}`;
    const before = this.#entries.get(key);
    this.#entries.delete(key);
    this.#entries.set(key, {
      event,
      firstMs: before?.firstMs ?? nowMs,
      lastMs: nowMs,
      count: (before?.count ?? 0) + 1,
    });
    if (this.#entries.size <= limits.decisionsMax) return;
    for (const [oldest] of this.#entries) {
      this.#entries.delete(oldest);
      break;
    }
  }

  /** JSON lines, oldest first. @param only of objects of this kind, namespace or name; absent: of all */
  lines(only: { kind?: string | null; namespace?: string | null; name?: string | null } = {}): string {
    let text = "";
    for (const entry of this.#entries.values()) {
      const decision = asDecision(entry);
      const isWanted =
        (only.kind ?? decision.kind) === decision.kind &&
        (only.namespace ?? decision.namespace) === decision.namespace &&
        (only.name ?? decision.name) === decision.name;
      if (isWanted) text += `${JSON.stringify(decision)}\n`;
    }
    return text;
  }
}

/** What differs only in how much and how long is the same decision: the last one tells the present numbers. */
export function withoutNumbers(message: string): string {
  return message.replaceAll(/(?<![\w-])\d[\d.]*(?![\w-])/g, "#");
}

function asDecision({ event, firstMs, lastMs, count }: Entry): Decision {
  const { kind, metadata } = event.object;
  const { namespace, name, uid } = metadata;
  return {
    time: formatTime(lastMs),
    firstTime: formatTime(firstMs),
    count,
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    uid,
    reason: event.reason,
    message: event.message,
  };
}
