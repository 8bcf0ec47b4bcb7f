import { type Kind, resourceOf } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import type { KubeApi, Watch, WatchEnd, WatchEvent, WatchOptions } from "../../ports/kube-api.ts";
import type { FaultNeeds } from "./faulty-call.ts";

/** A watch whose events come late, in order, and which may end without a word or as expired. */
export function faultyWatch<T extends KubeObject>(
  api: KubeApi,
  kind: Kind<T>,
  options: WatchOptions,
  onEvent: (event: WatchEvent<T>) => void,
  needs: FaultNeeds,
): Watch {
  const { life } = needs;
  if (life.isOver) return { ended: new Promise(() => undefined), stop: () => undefined };
  if (life.isDeaf) return { ended: Promise.resolve({ reason: "closed" }), stop: () => undefined };
  const relay = new Relay<T>(kind, onEvent, needs);
  const inner = api.watch(kind, options, (event) => relay.take(event));
  relay.inner = inner;
  inner.ended.then(
    (end) => relay.finishLater(end),
    () => undefined,
  );
  life.onDeath(() => {
    relay.silence();
    inner.stop();
  });
  return { ended: relay.ended, stop: () => relay.stop() };
}

class Relay<T extends KubeObject> {
  readonly ended: Promise<WatchEnd>;
  inner: Watch | undefined;
  readonly #kind: string;
  readonly #onEvent: (event: WatchEvent<T>) => void;
  readonly #needs: FaultNeeds;
  readonly #queue: { dueMs: number; event: WatchEvent<T> | undefined }[] = [];
  #resolve: (end: WatchEnd) => void = () => undefined;
  #lastDueMs = 0;
  #end: WatchEnd | undefined;
  #cancel: (() => void) | undefined;
  #isDone = false;

  constructor(kind: Kind<T>, onEvent: (event: WatchEvent<T>) => void, needs: FaultNeeds) {
    this.#kind = resourceOf(kind);
    this.#onEvent = onEvent;
    this.#needs = needs;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  take(event: WatchEvent<T>): void {
    if (this.#isDone) return;
    const { random, onFault } = this.#needs;
    const { droppedWatch, expiredWatch, lateEvent, lateEventMaxMs, latencyMaxMs } = this.#needs.mix();
    if (this.#needs.life.isDeaf) {
      this.#finish({ reason: "closed" });
      return;
    }
    if (random.chance(droppedWatch)) {
      onFault(`dropped watch of ${this.#kind}`);
      this.#finish({ reason: "closed" });
      return;
    }
    if (random.chance(expiredWatch)) {
      onFault(`expired watch of ${this.#kind}`);
      this.#finish({ reason: "expired" });
      return;
    }
    const isLate = random.chance(lateEvent);
    const delayMs = random.between(0, isLate ? lateEventMaxMs : latencyMaxMs);
    if (isLate) onFault(`late event (${delayMs} ms) of ${this.#kind}`);
    this.#deliver(event, delayMs);
  }

  /** What was on its way still arrives, then the end. */
  finishLater(end: WatchEnd): void {
    if (this.#isDone) return;
    this.#end = end;
    this.#deliver(undefined, 0);
  }

  stop(): void {
    if (this.#isDone) return;
    this.#finish({ reason: "stopped" });
  }

  /** Nothing is told any more, not even the end. */
  silence(): void {
    this.#isDone = true;
    this.#cancel?.();
    this.#queue.length = 0;
  }

  #deliver(event: WatchEvent<T> | undefined, delayMs: number): void {
    const nowMs = this.#needs.clock.nowMs();
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + Math.max(delayMs, this.#needs.life.stallLeftMs()));
    if (this.#lastDueMs <= nowMs && this.#queue.length === 0) {
      this.#pass(event);
      return;
    }
    this.#queue.push({ dueMs: this.#lastDueMs, event });
    this.#arm();
  }

  #arm(): void {
    const [first] = this.#queue;
    if (first === undefined || this.#cancel !== undefined) return;
    this.#cancel = this.#needs.clock.after(first.dueMs - this.#needs.clock.nowMs(), () => {
      this.#cancel = undefined;
      this.#flush();
    });
  }

  #flush(): void {
    const nowMs = this.#needs.clock.nowMs();
    const stalledMs = this.#needs.life.stallLeftMs();
    if (stalledMs > 0) {
      this.#cancel = this.#needs.clock.after(stalledMs, () => {
        this.#cancel = undefined;
        this.#flush();
      });
      return;
    }
    while (!this.#isDone && this.#queue[0] !== undefined && this.#queue[0].dueMs <= nowMs) {
      this.#pass(this.#queue.shift()?.event);
    }
    if (!this.#isDone) this.#arm();
  }

  #pass(event: WatchEvent<T> | undefined): void {
    if (this.#isDone) return;
    if (event !== undefined) this.#onEvent(event);
    else if (this.#end !== undefined) this.#finish(this.#end);
  }

  #finish(end: WatchEnd): void {
    this.silence();
    this.inner?.stop();
    this.#resolve(end);
  }
}
