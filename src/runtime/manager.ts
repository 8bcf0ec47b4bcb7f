import { InvariantError, RetryError, UserError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { Clock } from "../ports/clock.ts";
import { ApiError, isConflict, isTooManyRequests } from "../ports/kube-api.ts";
import type { Labels, Log, Metrics } from "../ports/telemetry.ts";
import type { Change, Controller, Outcome } from "./controller.ts";
import { limits } from "./limits.ts";
import { uuidFrom } from "./uuid.ts";
import { type Next, WorkQueue } from "./work-queue.ts";

export type ManagerNeeds = {
  controllers: readonly Controller[];
  /** Changes of the mirror, from now on; the returned function ends that. */
  subscribe(listener: (change: Change) => void): () => void;
  /** The objects that the mirror has already; needed when it was filled before the manager starts. */
  existing?(): Iterable<Change>;
  isSynced(): boolean;
  /** Resolves when the mirror is complete (or stopped). */
  whenSynced(): Promise<void>;
  clock: Clock;
  random: Random;
  log: Log;
  metrics: Metrics;
  /** A law of the program is broken: the process must end. Nothing new is started after this call. */
  onFatal?(error: InvariantError): void;
};

export type Manager = {
  /** Starts nothing new; resolves when nothing is in flight. */
  stop(): Promise<void>;
  /** Whether no key is due and no worker busy; keys may still wait for their time. */
  idle(): boolean;
  /** Sets the gauges of what waits and runs at this moment: to be called before metrics are read. */
  refreshMetrics(): void;
};

/**
 * Runs the controllers: turns changes of the mirror into due keys and keys into reconciles, one key never twice at
 * once. The work begins when the mirror is complete. Equal clocks, seeds and changes give equal runs.
 */
export function startManager(needs: ManagerNeeds): Manager {
  return new ReconcileManager(needs);
}

type Result = "success" | "error" | "requeue" | "requeue_after";
/** A controller with its queue. */
type Line = {
  controller: Controller;
  queue: WorkQueue;
  log: Log;
  active: number;
  labels: { controller: string };
  resultLabels: Readonly<Record<Result, Labels>>;
  queueLabels: { name: string; controller: string };
};

class ReconcileManager implements Manager {
  readonly #needs: ManagerNeeds;
  readonly #ids: Random;
  readonly #lines: readonly Line[];
  readonly #unsubscribe: () => void;
  readonly #running = new Set<Promise<void>>();
  #mayStart = false;
  #isStopped = false;
  #isPumpDue = false;

  constructor(needs: ManagerNeeds) {
    this.#needs = needs;
    this.#ids = needs.random.fork("reconcile ids");
    this.#lines = needs.controllers.map((controller) => this.#lineOf(controller));
    this.#unsubscribe = needs.subscribe((change) => this.#enqueue(change));
    for (const change of needs.existing?.() ?? []) this.#enqueue(change);
    for (const { controller, queue } of this.#lines) {
      for (const key of controller.initialKeys ?? []) queue.add(key);
    }
    // The chain ends here by itself: whenSynced never rejects.
    void needs.whenSynced().then(() => this.#begin());
  }

  idle(): boolean {
    return this.#running.size === 0 && this.#lines.every(({ queue }) => queue.depth === 0);
  }

  async stop(): Promise<void> {
    this.#halt();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  refreshMetrics(): void {
    const nowMs = this.#needs.clock.nowMs();
    for (const { queue, active, labels, queueLabels } of this.#lines) {
      this.#needs.metrics.gauge("workqueue_depth", queue.depth, { ...queueLabels, priority: "0" });
      this.#needs.metrics.gauge("controller_runtime_active_workers", active, labels);
      const ages = queue.takenAtMs.map((takenMs) => (nowMs - takenMs) / 1_000);
      const sum = ages.reduce((total, age) => total + age, 0);
      this.#needs.metrics.gauge("workqueue_unfinished_work_seconds", sum, queueLabels);
      this.#needs.metrics.gauge("workqueue_longest_running_processor_seconds", Math.max(0, ...ages), queueLabels);
    }
  }

  #lineOf(controller: Controller): Line {
    const { clock, random, log, metrics } = this.#needs;
    const labels = { controller: controller.name };
    const queueLabels = { name: controller.name, controller: controller.name };
    const queue = new WorkQueue({
      clock,
      random: random.fork(controller.name),
      backoffMs: controller.backoffMs ?? limits.backoffMs,
      onDue: () => this.#wake(),
      onAdd: () => metrics.count("workqueue_adds_total", queueLabels),
      onRetry: () => metrics.count("workqueue_retries_total", queueLabels),
    });
    const resultLabels = {
      success: { ...labels, result: "success" },
      error: { ...labels, result: "error" },
      requeue: { ...labels, result: "requeue" },
      requeue_after: { ...labels, result: "requeue_after" },
    };
    for (const known of Object.values(resultLabels)) metrics.count("controller_runtime_reconcile_total", known, 0);
    for (const name of ["errors", "panics", "timeouts"]) {
      metrics.count(`controller_runtime_reconcile_${name}_total`, labels, 0);
    }
    metrics.count("controller_runtime_terminal_reconcile_errors_total", labels, 0);
    metrics.gauge("controller_runtime_max_concurrent_reconciles", controller.workers, labels);
    return {
      controller,
      queue,
      log: log.with({ controller: controller.name }),
      active: 0,
      labels,
      resultLabels,
      queueLabels,
    };
  }

  #enqueue(change: Change): void {
    for (const { controller, queue } of this.#lines) {
      for (const key of controller.keysFor(change)) queue.add(key);
    }
  }

  #begin(): void {
    if (this.#isStopped || !this.#needs.isSynced()) return;
    this.#mayStart = true;
    this.#wake();
  }

  #halt(): void {
    this.#isStopped = true;
    this.#unsubscribe();
    for (const { queue } of this.#lines) queue.stop();
  }

  /** Keys that become due in one turn start together after it, so that a burst of changes is one reconcile. */
  #wake(): void {
    if (this.#isPumpDue || !this.#mayStart || this.#isStopped) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      for (const line of this.#lines) this.#startDue(line);
    });
  }

  #startDue(line: Line): void {
    while (line.active < line.controller.workers && !this.#isStopped) {
      const taken = line.queue.take();
      if (taken === undefined) return;
      line.active += 1;
      this.#needs.metrics.observe("workqueue_queue_duration_seconds", taken.waitedMs / 1_000, line.queueLabels);
      const run = this.#work(line, taken.key);
      this.#running.add(run);
      void run.finally(() => this.#running.delete(run));
    }
  }

  /** One reconcile from start to the key's return. Never rejects. */
  async #work(line: Line, key: string): Promise<void> {
    const { controller, queue, labels, resultLabels, queueLabels } = line;
    const { metrics } = this.#needs;
    let next: Next;
    let result: Result;
    try {
      const outcome = await controller.reconcile(key);
      [result, next] = verdictOf(outcome);
    } catch (error) {
      [result, next] = this.#failed(line, key, error);
    }
    line.active -= 1;
    const seconds = queue.done(key, next) / 1_000;
    metrics.count("controller_runtime_reconcile_total", resultLabels[result]);
    metrics.observe("controller_runtime_reconcile_time_seconds", seconds, labels);
    metrics.observe("workqueue_work_duration_seconds", seconds, queueLabels);
    this.#wake();
  }

  #failed({ controller, queue, log, labels }: Line, key: string, thrown: unknown): [Result, Next] {
    const error = gravest(thrown);
    const fields = { ...nameFields(key), reconcileID: uuidFrom(this.#ids), error: thrown };
    const { metrics } = this.#needs;
    if (error instanceof InvariantError) {
      log.error("a law of the program is broken", { ...fields, details: error.details });
      metrics.count("controller_runtime_reconcile_panics_total", labels);
      this.#die(error);
      return ["error", { kind: "on-change" }];
    }
    if (isPassing(error)) {
      log.debug("trying again", fields);
      const waitMs = askedWaitMs(error);
      return ["requeue", waitMs === undefined ? { kind: "back-off" } : { kind: "after", ms: waitMs }];
    }
    metrics.count("controller_runtime_reconcile_errors_total", labels);
    if (error instanceof UserError) {
      log.error("needs to be mended", { ...fields, code: error.code, remedy: error.remedy });
      const { max } = controller.backoffMs ?? limits.backoffMs;
      return ["error", { kind: "after", ms: max }];
    }
    log.error("reconcile failed", { ...fields, failures: queue.failuresOf(key) + 1 });
    return ["error", { kind: "back-off" }];
  }

  #die(error: InvariantError): void {
    if (this.#isStopped) return;
    this.#halt();
    this.#needs.onFatal?.(error);
  }
}

/** Of several errors, the one that decides what follows: a broken law, then an unknown one, then one to be mended. */
function gravest(error: unknown): unknown {
  if (!(error instanceof AggregateError)) return error;
  const inner = error.errors.map(gravest);
  return (
    inner.find((one) => one instanceof InvariantError) ??
    inner.find((one) => !(one instanceof UserError) && !isPassing(one)) ??
    inner.find((one) => one instanceof UserError) ??
    inner[0]
  );
}

/** Whether the next try may well succeed, and nobody needs to hear of this one. */
function isPassing(error: unknown): boolean {
  return error instanceof RetryError || isConflict(error) || isTooManyRequests(error);
}

function verdictOf(outcome: Outcome): [Result, Next] {
  return outcome.kind === "on-change" ? ["success", outcome] : ["requeue_after", { kind: "after", ms: outcome.ms }];
}

/** The wait that the other side asked for, when it did. */
function askedWaitMs(error: unknown): number | undefined {
  if (error instanceof RetryError) return error.afterMs > 0 ? error.afterMs : undefined;
  if (!(error instanceof ApiError) || !isTooManyRequests(error)) return undefined;
  const seconds = error.status.details?.retryAfterSeconds ?? 0;
  return seconds > 0 ? seconds * 1_000 : undefined;
}

function nameFields(key: string): Record<string, string> {
  const slash = key.indexOf("/");
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
