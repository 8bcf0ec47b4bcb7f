import { InvariantError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { MINUTE_MS, SECOND_MS } from "../base/time.ts";
import { resourceOf } from "../model/kinds.ts";
import type { KubeObject } from "../model/object.ts";
import type { Clock } from "../ports/clock.ts";
import { isExpired, isNotFound, type KubeApi, type Watch, type WatchEnd, type WatchEvent } from "../ports/kube-api.ts";
import type { Log } from "../ports/telemetry.ts";
import { compareVersions } from "./resource-version.ts";
import type { WatchedKind } from "./watched-kinds.ts";

const PAGE_SIZE = 500;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 15 * SECOND_MS;
/** A watch that lasted so long was a healthy one. */
const HEALTHY_AFTER_MS = 10 * SECOND_MS;
/** A kind that the server does not have is looked for so often. */
const MISSING_KIND_RETRY_MS = 10 * SECOND_MS;
/** A watch that the server refuses ends sooner. */
const SETTLED_AFTER_MS = 2 * SECOND_MS;
const WATCH_SHORTEST_MS = 5 * MINUTE_MS;
const WATCH_LONGEST_MS = 10 * MINUTE_MS;
/** A server that should have ended the watch by now is hanging. */
const WATCH_GRACE_MS = 30 * SECOND_MS;

export type KindWatcherOptions = {
  watched: WatchedKind;
  api: KubeApi;
  clock: Clock;
  random: Random;
  log: Log;
  /** The whole kind, at a version; undefined: the server does not have the kind. */
  onList(objects: readonly KubeObject[], version: string | undefined): void;
  onEvent(event: Exclude<WatchEvent<KubeObject>, { type: "BOOKMARK" }>): void;
};

/** Lists and watches one kind until it is stopped, whatever the server does. */
export class KindWatcher {
  readonly #options: KindWatcherOptions;
  readonly #resource: string;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #watch: Watch | undefined;
  /** Everything up to here has been seen; undefined: a list is needed. */
  #version: string | undefined;
  #usePages = true;
  #backoffMs = BACKOFF_FIRST_MS;
  #saidMissing = false;
  /** Since when nothing has been heard; undefined: a watch is open. */
  #deafSinceMs: number | undefined;
  #watchOpenedMs = 0;

  constructor(options: KindWatcherOptions) {
    this.#options = options;
    this.#resource = resourceOf(options.watched.kind);
    this.#deafSinceMs = options.clock.nowMs();
    this.#running = this.#run();
  }

  /** How long no watch has been open; 0 while one is, or while the server does not have the kind. */
  behindMs(): number {
    const nowMs = this.#options.clock.nowMs();
    const isOpen = this.#watch !== undefined && nowMs - this.#watchOpenedMs >= SETTLED_AFTER_MS;
    if (isOpen) this.#deafSinceMs = undefined;
    return this.#deafSinceMs === undefined || this.#saidMissing ? 0 : nowMs - this.#deafSinceMs;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#watch?.stop();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        if (this.#version === undefined) await this.#listOrWait();
        else await this.#watchFrom(this.#version);
      } catch (error) {
        this.#options.log.error("watching failed", { resource: this.#resource, error });
        await this.#backOff();
      }
    }
  }

  async #listOrWait(): Promise<void> {
    const { log, watched } = this.#options;
    try {
      await this.#list();
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      if (isExpired(error)) this.#usePages = false;
      if (isNotFound(error)) {
        if (!this.#saidMissing) log.error("the server does not have this kind", { resource: this.#resource, error });
        this.#saidMissing = true;
        if (watched.optional) this.#options.onList([], undefined);
        await this.#sleep(MISSING_KIND_RETRY_MS);
        return;
      }
      log.debug("list failed", { resource: this.#resource, error });
      await this.#backOff();
    }
  }

  async #list(): Promise<void> {
    const { api, watched, onList } = this.#options;
    const objects: KubeObject[] = [];
    let version: string | undefined;
    let next: string | undefined;
    do {
      const page = await api.list(watched.kind, {
        ...(this.#usePages ? { limit: PAGE_SIZE } : {}),
        ...(next === undefined ? {} : { continue: next }),
      });
      if (this.#stopping.signal.aborted) return;
      objects.push(...page.items);
      version ??= page.resourceVersion;
      next = page.continue === "" ? undefined : page.continue;
    } while (next !== undefined);
    if (version === undefined) throw new InvariantError("a list has a version", this.#resource);
    this.#usePages = true;
    this.#saidMissing = false;
    onList(objects, version);
    this.#version = version;
  }

  async #watchFrom(resourceVersion: string): Promise<void> {
    const { api, clock, random, watched } = this.#options;
    const startMs = clock.nowMs();
    const timeoutMs = random.between(WATCH_SHORTEST_MS, WATCH_LONGEST_MS);
    const watch = api.watch(watched.kind, { resourceVersion, timeoutMs }, (event) => this.#take(event));
    this.#watch = watch;
    this.#watchOpenedMs = startMs;
    const giveUpGuard = clock.after(timeoutMs + WATCH_GRACE_MS, () => watch.stop());
    const end = await watch.ended;
    giveUpGuard();
    this.behindMs();
    this.#watch = undefined;
    this.#deafSinceMs ??= clock.nowMs();
    if (this.#stopping.signal.aborted) return;
    if (clock.nowMs() - startMs >= HEALTHY_AFTER_MS) this.#backoffMs = BACKOFF_FIRST_MS;
    await this.#afterWatch(end);
  }

  async #afterWatch(end: WatchEnd): Promise<void> {
    const { log } = this.#options;
    switch (end.reason) {
      case "stopped":
        log.info("a watch did not end in time and was given up", { resource: this.#resource });
        return;
      case "expired":
        this.#version = undefined;
        await this.#backOff();
        return;
      case "closed":
        await this.#backOff();
        return;
      case "failed":
        log.debug("watch failed", { resource: this.#resource, error: end.error });
        // The kind itself may be gone, or the version: a list tells.
        if (isExpired(end.error) || isNotFound(end.error)) this.#version = undefined;
        await this.#backOff();
        return;
    }
  }

  #take(event: WatchEvent<KubeObject>): void {
    if (this.#stopping.signal.aborted) return;
    const version = event.type === "BOOKMARK" ? event.resourceVersion : event.object.metadata.resourceVersion;
    if (this.#version === undefined || compareVersions(version, this.#version) > 0) this.#version = version;
    this.#deafSinceMs = undefined;
    if (event.type !== "BOOKMARK") this.#options.onEvent(event);
  }

  async #backOff(): Promise<void> {
    const waitMs = this.#backoffMs * (0.5 + this.#options.random.fraction() / 2);
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MAX_MS);
    await this.#sleep(Math.round(waitMs));
  }

  async #sleep(ms: number): Promise<void> {
    await this.#options.clock.sleep(ms, this.#stopping.signal);
  }
}
