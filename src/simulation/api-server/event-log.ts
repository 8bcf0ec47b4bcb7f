import type { Owner } from "./owners.ts";
import type { RawObject } from "./requests.ts";

/** An object with what the server knows about it beside its fields. */
export type Stored = { readonly object: RawObject; readonly owners: readonly Owner[] };

export type LogEntry = {
  /** The resourceVersion of the change: a number, growing over all resources. */
  version: number;
  atMs: number;
  key: string;
  type: "ADDED" | "MODIFIED" | "DELETED";
  /** The object after the change; of a deletion its last state, under the version of the deletion. */
  stored: Stored;
  before: Stored | undefined;
};

/** Where a watch stands in the log. */
export type LogReader = { position: number };

/** The latest changes of one resource, oldest first. What is older than its limits is forgotten, the floor tells up to where. */
export class EventLog {
  readonly #eventsMax: number;
  readonly #ageMaxMs: number;
  #entries: LogEntry[] = [];
  /** Index of the oldest entry that still counts; those before it are cut off now and then. */
  #start = 0;
  /** How many entries were ever cut off: positions of readers count from the first entry of all. */
  #cut = 0;
  /** Changes up to and including this version are forgotten. */
  #floor = 0;
  readonly #readers = new Set<LogReader>();

  constructor(limits: { eventsMax: number; ageMaxMs: number }) {
    this.#eventsMax = limits.eventsMax;
    this.#ageMaxMs = limits.ageMaxMs;
  }

  append(entry: LogEntry): void {
    this.#entries.push(entry);
    this.forgetOld(entry.atMs);
    this.#compact();
  }

  forgetOld(nowMs: number): void {
    while (this.#start < this.#entries.length) {
      const oldest = this.#entries[this.#start];
      if (oldest === undefined) break;
      const isOver = this.#entries.length - this.#start > this.#eventsMax || nowMs - oldest.atMs > this.#ageMaxMs;
      if (!isOver) break;
      this.#floor = oldest.version;
      this.#start += 1;
    }
  }

  /** A reader that starts behind what happened up to a version; the entries it has not read yet are kept for it. */
  openReader(afterVersion: number): LogReader {
    const reader = { position: this.#positionAfter(afterVersion) };
    this.#readers.add(reader);
    return reader;
  }

  closeReader(reader: LogReader): void {
    this.#readers.delete(reader);
  }

  /** Gives back memory now and then: what is forgotten and read by everybody. */
  #compact(): void {
    if (this.#start < 256 || this.#start * 2 < this.#entries.length) return;
    let cut = this.#start;
    for (const reader of this.#readers) cut = Math.min(cut, reader.position - this.#cut);
    if (cut < 256) return;
    this.#entries = this.#entries.slice(cut);
    this.#start -= cut;
    this.#cut += cut;
  }

  /** Whether everything after this version is still known. */
  remembers(version: number): boolean {
    return version >= this.#floor;
  }

  /** The position after the newest entry. */
  end(): number {
    return this.#cut + this.#entries.length;
  }

  /** The position of the first entry after a version that is still remembered. */
  #positionAfter(version: number): number {
    let low = this.#start;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.version ?? 0) <= version) low = middle + 1;
      else high = middle;
    }
    return this.#cut + low;
  }

  at(position: number): LogEntry | undefined {
    return this.#entries[position - this.#cut];
  }

  /** For each object changed after the version, what it was at that version (undefined: it did not exist). */
  undoneTo(version: number): Map<string, Stored | undefined> {
    const past = new Map<string, Stored | undefined>();
    for (let at = this.#positionAfter(version) - this.#cut; at < this.#entries.length; at += 1) {
      const entry = this.#entries[at];
      if (entry !== undefined && !past.has(entry.key)) past.set(entry.key, entry.before);
    }
    return past;
  }
}
