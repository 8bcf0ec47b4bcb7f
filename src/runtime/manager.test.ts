import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvariantError, RetryError, UserError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import { NODES, PODS } from "../model/kinds.ts";
import { keyOf } from "../model/object.ts";
import { ApiError } from "../ports/kube-api.ts";
import { VirtualClock } from "../simulation/clock/virtual-clock.ts";
import { createLog } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { after, type Change, type Controller, onChange } from "./controller.ts";
import { startManager } from "./manager.ts";

function refused(code: number, reason: string, retryAfterSeconds?: number): ApiError {
  return new ApiError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: reason,
    reason,
    code,
    ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
  });
}

function changeOf(name: string, kind = PODS): Change {
  const object = {
    apiVersion: "v1",
    kind: kind.kind,
    metadata: { name, uid: name, resourceVersion: "1", creationTimestamp: "" },
  };
  return { kind, key: keyOf(object), after: object };
}

/** A mirror that publishes what it is told to. */
function fakeMirror(isSyncedAtOnce = true) {
  const listeners = new Set<(change: Change) => void>();
  const synced = Promise.withResolvers<void>();
  let isSynced = false;
  const sync = () => {
    isSynced = true;
    synced.resolve();
  };
  if (isSyncedAtOnce) sync();
  return {
    listeners,
    sync,
    publish(change: Change) {
      for (const listener of listeners) listener(change);
    },
    subscribe(listener: (change: Change) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    isSynced: () => isSynced,
    whenSynced: () => synced.promise,
  };
}

function podController(reconcile: Controller["reconcile"], over: Partial<Controller> = {}): Controller {
  return {
    name: "test.pod",
    workers: 2,
    keysFor: (change) => (change.kind === PODS ? [change.key] : []),
    reconcile,
    ...over,
  };
}

function setup(controllers: Controller[], isSyncedAtOnce = true) {
  const clock = new VirtualClock(1_000_000);
  const mirror = fakeMirror(isSyncedAtOnce);
  const lines: Record<string, unknown>[] = [];
  const fatal: InvariantError[] = [];
  const metrics = createMetrics({ clock, wellKnownLabels: [], nodeClasses: [] });
  const manager = startManager({
    controllers,
    ...mirror,
    clock,
    random: new Random(5),
    log: createLog({ level: "debug", clock, write: (line) => lines.push(JSON.parse(line)) }),
    metrics,
    onFatal: (error) => fatal.push(error),
  });
  const result = (name: string) =>
    metrics.read("controller_runtime_reconcile_total", { controller: "test.pod", result: name });
  return { clock, mirror, lines, fatal, metrics, manager, result };
}

describe("manager", () => {
  it("reconciles the keys of changes, each once for a burst", async () => {
    const seen: string[] = [];
    const { clock, mirror, manager } = setup([
      podController(async (key) => {
        seen.push(key);
        return onChange;
      }),
    ]);
    for (const name of ["a", "b", "a"]) mirror.publish(changeOf(name));
    mirror.publish(changeOf("n", NODES as unknown as typeof PODS));
    assert.equal(manager.idle(), false);
    await clock.runFor(0);
    assert.deepEqual(seen, ["a", "b"]);
    assert.equal(manager.idle(), true);
  });

  it("begins when the mirror is complete, with what it heard before, what existed, and the initial keys", async () => {
    const seen: string[] = [];
    const controller = podController(
      async (key) => {
        seen.push(key);
        return onChange;
      },
      { initialKeys: ["first"] },
    );
    const { clock, mirror } = setup([controller], false);
    mirror.publish(changeOf("a"));
    await clock.runFor(1_000);
    assert.deepEqual(seen, []);
    mirror.sync();
    await clock.runFor(0);
    assert.deepEqual(seen, ["first", "a"]);
  });

  it("takes objects that the mirror had before it", async () => {
    const seen: string[] = [];
    const clock = new VirtualClock(0);
    startManager({
      controllers: [
        podController(async (key) => {
          seen.push(key);
          return onChange;
        }),
      ],
      ...fakeMirror(),
      existing: () => [changeOf("old")],
      clock,
      random: new Random(1),
      log: createLog({ level: "error", clock, write: () => undefined }),
      metrics: createMetrics({ clock, wellKnownLabels: [], nodeClasses: [] }),
    });
    await clock.runFor(0);
    assert.deepEqual(seen, ["old"]);
  });

  it("keeps to the number of workers, and never works on one key twice at once", async () => {
    const atWork = new Map<string, number>();
    let most = 0;
    const runs: string[] = [];
    const { clock, mirror, metrics, manager } = setup([
      podController(async (key) => {
        runs.push(key);
        atWork.set(key, (atWork.get(key) ?? 0) + 1);
        assert.equal(atWork.get(key), 1);
        most = Math.max(most, atWork.size);
        await clock.sleep(1_000);
        atWork.delete(key);
        return onChange;
      }),
    ]);
    for (const name of ["a", "b", "c", "d"]) mirror.publish(changeOf(name));
    await clock.runFor(500);
    manager.refreshMetrics();
    assert.equal(metrics.read("controller_runtime_active_workers", { controller: "test.pod" }), 2);
    const queue = { name: "test.pod", controller: "test.pod" };
    assert.equal(metrics.read("workqueue_depth", { ...queue, priority: "0" }), 2);
    assert.equal(metrics.read("workqueue_unfinished_work_seconds", queue), 1);
    assert.equal(metrics.read("workqueue_longest_running_processor_seconds", queue), 0.5);
    mirror.publish(changeOf("a"));
    await clock.runFor(10_000);
    assert.equal(most, 2);
    assert.deepEqual(runs, ["a", "b", "c", "d", "a"]);
  });

  it("comes back when the outcome says so", async () => {
    const at: number[] = [];
    const { clock, mirror, result } = setup([
      podController(async () => {
        at.push(clock.nowMs());
        return at.length < 3 ? after(10_000, "the rest comes later") : onChange;
      }),
    ]);
    mirror.publish(changeOf("a"));
    await clock.runFor(100_000);
    assert.deepEqual(
      at.map((ms) => ms - 1_000_000),
      [0, 10_000, 20_000],
    );
    assert.deepEqual([result("requeue_after"), result("success"), result("error")], [2, 1, 0]);
  });

  it("follows the kind of an error: how soon again, how loud", async () => {
    const cases: { error: unknown; soonestMs: number; latestMs: number; result: string; level: string }[] = [
      { error: new TypeError("odd"), soonestMs: 1_000, latestMs: 1_100, result: "error", level: "ERROR" },
      { error: new RetryError("not now", 7_000), soonestMs: 7_000, latestMs: 7_000, result: "requeue", level: "DEBUG" },
      { error: new RetryError("not now"), soonestMs: 1_000, latestMs: 1_100, result: "requeue", level: "DEBUG" },
      { error: refused(409, "Conflict"), soonestMs: 1_000, latestMs: 1_100, result: "requeue", level: "DEBUG" },
      {
        error: refused(429, "TooManyRequests", 9),
        soonestMs: 9_000,
        latestMs: 9_000,
        result: "requeue",
        level: "DEBUG",
      },
      { error: refused(403, "Forbidden"), soonestMs: 1_000, latestMs: 1_100, result: "error", level: "ERROR" },
      {
        error: new UserError({ code: "KARP_TEST", what: "bad", remedy: "mend it" }),
        soonestMs: 60_000,
        latestMs: 60_000,
        result: "error",
        level: "ERROR",
      },
      {
        error: new AggregateError([refused(409, "Conflict"), new TypeError("odd")]),
        soonestMs: 1_000,
        latestMs: 1_100,
        result: "error",
        level: "ERROR",
      },
    ];
    for (const { error, soonestMs, latestMs, result: want, level } of cases) {
      const at: number[] = [];
      const { clock, mirror, lines, result } = setup([
        podController(async () => {
          at.push(clock.nowMs());
          if (at.length === 1) throw error;
          return onChange;
        }),
      ]);
      mirror.publish(changeOf("shop/a"));
      await clock.runFor(120_000);
      const waitMs = (at[1] ?? 0) - (at[0] ?? 0);
      assert.ok(waitMs >= soonestMs && waitMs <= latestMs, `${error}: again after ${waitMs} ms`);
      assert.equal(result(want), 1, String(error));
      assert.equal(lines[0]?.["level"], level, String(error));
      assert.equal(lines[0]?.["controller"], "test.pod");
      assert.match(
        String(lines[0]?.["reconcileID"]),
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
    }
  });

  it("logs a user's error with its code and remedy, and the key as names", async () => {
    const { clock, mirror, lines } = setup([
      podController(async () => {
        throw new UserError({ code: "KARP_TEST", what: "bad", remedy: "mend it" });
      }),
    ]);
    mirror.publish({ ...changeOf("a"), key: "shop/a" });
    await clock.runFor(0);
    const { code, remedy, namespace, name } = lines[0] ?? {};
    assert.deepEqual([code, remedy, namespace, name], ["KARP_TEST", "mend it", "shop", "a"]);
  });

  it("starts nothing more when a law of the program is broken, and says so once", async () => {
    const runs: string[] = [];
    const { clock, mirror, fatal } = setup([
      podController(
        async (key) => {
          runs.push(key);
          if (key === "b") throw new AggregateError([new RetryError("x"), new InvariantError("a node is bought once")]);
          return onChange;
        },
        { workers: 1 },
      ),
    ]);
    for (const name of ["a", "b", "c"]) mirror.publish(changeOf(name));
    await clock.runFor(600_000);
    assert.deepEqual(runs, ["a", "b"]);
    assert.deepEqual(
      fatal.map(({ message }) => message),
      ["KARP_INVARIANT: a node is bought once"],
    );
    mirror.publish(changeOf("d"));
    await clock.runFor(1_000);
    assert.deepEqual(runs, ["a", "b"]);
  });

  it("stops: nothing new starts, what runs ends first", async () => {
    const ended: string[] = [];
    const { clock, mirror, manager } = setup([
      podController(async (key) => {
        await clock.sleep(1_000);
        ended.push(key);
        return after(1_000, "again");
      }),
    ]);
    for (const name of ["a", "b", "c"]) mirror.publish(changeOf(name));
    await clock.runFor(500);
    let isStopped = false;
    const stopped = manager.stop().then(() => {
      isStopped = true;
    });
    await clock.runFor(400);
    assert.equal(isStopped, false);
    await clock.runFor(10_000);
    await stopped;
    assert.deepEqual(ended, ["a", "b"]);
    assert.equal(mirror.listeners.size, 0);
    assert.equal(manager.idle(), true);
  });

  it("gives the same run for the same seed", async () => {
    const run = async () => {
      const { clock, mirror, lines } = setup([
        podController(async () => {
          throw new TypeError("always");
        }),
      ]);
      for (const name of ["a", "b", "c"]) mirror.publish(changeOf(name));
      await clock.runFor(300_000);
      return lines;
    };
    assert.deepEqual(await run(), await run());
  });

  it("takes a thousand keys in a few milliseconds", async () => {
    let runs = 0;
    const { clock, mirror } = setup([
      podController(
        async () => {
          runs += 1;
          return onChange;
        },
        { workers: 10 },
      ),
    ]);
    const startMs = performance.now();
    for (let i = 0; i < 1_000; i += 1) mirror.publish(changeOf(`p${i}`));
    await clock.runFor(0);
    assert.equal(runs, 1_000);
    // Far above what it takes, so that a busy machine does not fail: it is here to catch a change of order.
    assert.ok(performance.now() - startMs < 500);
  });
});
