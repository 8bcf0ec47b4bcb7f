import type { Clock } from "../../ports/clock.ts";
import type { LogEntry, LogReader, Stored } from "./event-log.ts";
import { expired } from "./refusals.ts";
import type { RawObject, RawWatch, RawWatchEnd, RawWatchEvent, WatchSink } from "./requests.ts";
import type { Selection } from "./selection.ts";
import type { Table } from "./store.ts";

const BOOKMARK_EVERY_MS = 60_000;

export type WatchStart = {
  table: Table;
  selection: Selection;
  /** Events after this version. */
  fromVersion: number;
  /** Told first, as ADDED. */
  initial: readonly Stored[];
  /** A bookmark that says so follows the initial ones. */
  announceInitialEnd: boolean;
  bookmarks: boolean;
  timeoutMs: number;
  /** How an object is shown to this watcher (another version of its kind, with managed fields). */
  show(stored: Stored): RawObject;
  /** An object with nothing but this version. */
  bookmarkAt(version: number, isInitialEnd: boolean): RawObject;
  sink: WatchSink;
};

/** All running watches of a server. Events are handed over on the microtask queue, in order. */
export class WatchHub {
  readonly #clock: Clock;
  readonly #version: () => number;
  readonly #byTable = new Map<Table, Set<RunningWatch>>();
  #stopBookmarks: (() => void) | undefined;

  constructor(clock: Clock, version: () => number) {
    this.#clock = clock;
    this.#version = version;
  }

  start(start: WatchStart): RawWatch {
    const watches = this.#watchesOf(start.table);
    const isExpired = !start.table.log.remembers(start.fromVersion);
    const watch = new RunningWatch(start, this.#clock, () => {
      watches.delete(watch);
      if (watches.size === 0) this.#stopBookmarksWhenIdle();
    });
    if (isExpired) {
      const error = expired(`too old resource version: ${start.fromVersion} (${this.#version()})`);
      queueMicrotask(() => watch.end({ reason: "failed", error }));
      return watch;
    }
    watches.add(watch);
    watch.wake();
    if (start.bookmarks) this.#startBookmarks();
    return watch;
  }

  /** Ends the watches of one resource (its kind is no longer served), or all. */
  endAll(end: RawWatchEnd, table?: Table): void {
    for (const [of, watches] of this.#byTable) {
      if (table !== undefined && of !== table) continue;
      for (const watch of [...watches]) watch.end(end);
    }
    if (table === undefined) this.#stopBookmarks?.();
  }

  #watchesOf(table: Table): Set<RunningWatch> {
    let watches = this.#byTable.get(table);
    if (watches === undefined) {
      const made = new Set<RunningWatch>();
      this.#byTable.set(table, made);
      table.onChange = () => {
        for (const watch of made) watch.wake();
      };
      watches = made;
    }
    return watches;
  }

  #startBookmarks(): void {
    this.#stopBookmarks ??= this.#clock.after(BOOKMARK_EVERY_MS, () => {
      this.#stopBookmarks = undefined;
      let wanted = false;
      for (const watches of this.#byTable.values()) {
        for (const watch of watches) {
          watch.bookmark(this.#version());
          wanted ||= watch.wantsBookmarks;
        }
      }
      if (wanted) this.#startBookmarks();
    });
  }

  #stopBookmarksWhenIdle(): void {
    for (const watches of this.#byTable.values()) if (watches.size > 0) return;
    this.#stopBookmarks?.();
    this.#stopBookmarks = undefined;
  }
}

class RunningWatch implements RawWatch {
  readonly #start: WatchStart;
  readonly #reader: LogReader;
  readonly #onGone: () => void;
  readonly #cancelTimeout: () => void;
  #initial: readonly Stored[] | undefined;
  #isAwake = false;
  #hasEnded = false;
  /** The version that the watcher knows of, from the last event or bookmark. */
  #knownVersion: number;

  constructor(start: WatchStart, clock: Clock, onGone: () => void) {
    this.#start = start;
    this.#initial = start.initial;
    this.#knownVersion = start.fromVersion;
    this.#onGone = onGone;
    this.#reader = start.table.log.openReader(start.fromVersion);
    this.#cancelTimeout = clock.after(start.timeoutMs, () => this.end({ reason: "timeout" }));
  }

  get wantsBookmarks(): boolean {
    return this.#start.bookmarks;
  }

  /** There may be something to tell: it is told on the microtask queue. */
  wake(): void {
    if (this.#isAwake || this.#hasEnded) return;
    this.#isAwake = true;
    queueMicrotask(() => {
      this.#isAwake = false;
      this.#tellInitial();
      this.#tellChanges();
    });
  }

  bookmark(version: number): void {
    if (!this.#start.bookmarks || this.#hasEnded || this.#isAwake || version === this.#knownVersion) return;
    this.#knownVersion = version;
    this.#tell({ type: "BOOKMARK", object: this.#start.bookmarkAt(version, false) });
  }

  stop(): void {
    this.end({ reason: "stopped" });
  }

  end(end: RawWatchEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cancelTimeout();
    this.#start.table.log.closeReader(this.#reader);
    this.#onGone();
    this.#start.sink.onEnd(end);
  }

  #tellInitial(): void {
    const initial = this.#initial;
    if (initial === undefined) return;
    this.#initial = undefined;
    for (const stored of initial) this.#tell({ type: "ADDED", object: this.#start.show(stored) });
    if (this.#start.announceInitialEnd) {
      this.#tell({ type: "BOOKMARK", object: this.#start.bookmarkAt(this.#start.fromVersion, true) });
    }
  }

  #tellChanges(): void {
    const { log } = this.#start.table;
    while (!this.#hasEnded && this.#reader.position < log.end()) {
      const entry = log.at(this.#reader.position);
      this.#reader.position += 1;
      if (entry !== undefined) this.#tellChange(entry);
    }
  }

  #tellChange(entry: LogEntry): void {
    const { selection, show } = this.#start;
    const was = entry.before !== undefined && selection.matches(entry.before.object);
    const is = entry.type !== "DELETED" && selection.matches(entry.stored.object);
    if (is) this.#tell({ type: was ? "MODIFIED" : "ADDED", object: show(entry.stored) });
    else if (was && entry.before !== undefined)
      this.#tell({ type: "DELETED", object: show(lastSeen(entry, entry.before)) });
    if (is || was) this.#knownVersion = entry.version;
  }

  #tell(event: RawWatchEvent): void {
    if (!this.#hasEnded) this.#start.sink.onEvent(event);
  }
}

/** What a watcher last saw of an object that left its selection, under the version at which it left. */
function lastSeen(entry: LogEntry, before: Stored): Stored {
  if (entry.type === "DELETED") return entry.stored;
  const { object, owners } = before;
  return { object: { ...object, metadata: { ...object.metadata, resourceVersion: String(entry.version) } }, owners };
}
