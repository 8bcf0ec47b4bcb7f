import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../base/random.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import { VirtualClock } from "../simulation/clock/virtual-clock.ts";
import { WorkQueue } from "./work-queue.ts";
import { workerCount } from "./worker-count.ts";

function setup(backoffMs = { first: 1_000, max: 60_000 }) {
  const clock = new VirtualClock(1_000_000);
  const counts = { due: 0, added: 0, retries: 0 };
  const queue = new WorkQueue({
    clock,
    random: new Random(3),
    backoffMs,
    onDue: () => (counts.due += 1),
    onAdd: () => (counts.added += 1),
    onRetry: () => (counts.retries += 1),
  });
  return { clock, queue, counts };
}

describe("work queue", () => {
  it("holds a key once, first come first served", () => {
    const { queue, counts } = setup();
    for (const key of ["b", "a", "b", "c", "a"]) queue.add(key);
    assert.equal(queue.depth, 3);
    assert.deepEqual(
      [queue.take()?.key, queue.take()?.key, queue.take()?.key, queue.take()],
      ["b", "a", "c", undefined],
    );
    assert.equal(counts.added, 3);
  });

  it("gives a key to one worker at a time, and again when it became due meanwhile", () => {
    const { queue } = setup();
    queue.add("a");
    queue.take();
    queue.add("a");
    queue.add("a");
    assert.equal(queue.take(), undefined);
    queue.done("a", { kind: "on-change" });
    assert.equal(queue.take()?.key, "a");
    queue.done("a", { kind: "on-change" });
    assert.equal(queue.depth, 0);
  });

  it("brings a key back after its time, unless it was worked on before: then the last word counts", async () => {
    const { queue, clock } = setup();
    queue.add("a");
    queue.take();
    queue.done("a", { kind: "after", ms: 5_000 });
    await clock.runFor(4_999);
    assert.equal(queue.depth, 0);
    await clock.runFor(1);
    assert.equal(queue.take()?.key, "a");
    queue.done("a", { kind: "after", ms: 5_000 });
    await clock.runFor(1_000);
    queue.add("a");
    queue.take();
    queue.done("a", { kind: "on-change" });
    await clock.runFor(60_000);
    assert.equal(queue.depth, 0);
  });

  it("doubles the back-off of a key up to its longest, and forgets it on success", async () => {
    const { queue, clock, counts } = setup({ first: 100, max: 1_000 });
    const waits: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      if (i === 0) queue.add("a");
      queue.take();
      queue.done("a", { kind: "back-off" });
      const startMs = clock.nowMs();
      await clock.runFor(10_000, () => queue.depth > 0);
      waits.push(clock.nowMs() - startMs);
    }
    for (const [i, want] of [100, 200, 400, 800, 1_000, 1_000].entries()) {
      const got = waits[i] ?? 0;
      assert.ok(got >= want && got <= want * 1.1, `try ${i}: ${got} ms, wanted ${want}`);
    }
    assert.equal(queue.failuresOf("a"), 6);
    assert.equal(counts.retries, 6);
    queue.take();
    queue.done("a", { kind: "after", ms: 0 });
    assert.equal(queue.failuresOf("a"), 0);
    assert.equal(queue.depth, 1, "a wait of nothing is due at once");
  });

  it("spreads the retries of many keys to ten a second after the first hundred", async () => {
    const { queue, clock } = setup({ first: 1, max: 1 });
    for (let i = 0; i < 150; i += 1) queue.add(`k${i}`);
    for (let taken = queue.take(); taken !== undefined; taken = queue.take())
      queue.done(taken.key, { kind: "back-off" });
    await clock.runFor(50);
    assert.equal(queue.depth, 100);
    await clock.runFor(2_500);
    assert.equal(queue.depth, 125);
    await clock.runFor(2_500);
    assert.equal(queue.depth, 150);
  });

  it("tells how long a key waited and was worked on", async () => {
    const { queue, clock } = setup();
    queue.add("a");
    await clock.runFor(300);
    assert.deepEqual(queue.take(), { key: "a", waitedMs: 300 });
    await clock.runFor(200);
    assert.deepEqual(queue.takenAtMs, [1_000_300]);
    assert.equal(queue.done("a", { kind: "on-change" }), 200);
  });

  it("is empty for ever after a stop", async () => {
    const { queue, clock } = setup();
    for (const key of ["a", "b", "c"]) queue.add(key);
    queue.take();
    queue.take();
    queue.done("a", { kind: "after", ms: 1_000 });
    queue.stop();
    queue.done("b", { kind: "after", ms: 1_000 });
    queue.add("d");
    await clock.runFor(10_000);
    assert.deepEqual([queue.depth, queue.take()], [0, undefined]);
  });
});

describe("token bucket", () => {
  it("lets a burst pass at once and the rest at its rate, in order", () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 });
    assert.deepEqual(
      [0, 0, 0, 0, 0].map((ms) => bucket.reserve(ms)),
      [0, 0, 0, 100, 200],
    );
    assert.equal(bucket.reserve(250), 50);
    assert.equal(bucket.reserve(10_000), 0);
  });

  it("never holds more than its burst, and survives a clock that goes back", () => {
    const bucket = new TokenBucket({ perSecond: 1, burst: 2 });
    const tries = (ms: number) => [bucket.tryTake(ms), bucket.tryTake(ms), bucket.tryTake(ms)];
    assert.deepEqual(tries(0), [true, true, false]);
    assert.deepEqual(tries(1_000_000), [true, true, false]);
    assert.deepEqual(tries(500_000), [false, false, false]);
    assert.deepEqual(tries(501_000), [true, false, false]);
  });

  it("may have no limit", () => {
    const bucket = new TokenBucket({ perSecond: Number.POSITIVE_INFINITY, burst: 1 });
    assert.deepEqual([bucket.reserve(0), bucket.reserve(0), bucket.tryTake(0)], [0, 0, true]);
  });
});

describe("worker count", () => {
  it("grows from the least at one core to the most at sixty", () => {
    const cases: [number, number][] = [
      [100, 10],
      [1_000, 10],
      [1_001, 26],
      [4_000, 60],
      [60_000, 1_000],
      [500_000, 1_000],
    ];
    for (const [cpuMilli, want] of cases) assert.equal(workerCount({ min: 10, max: 1_000, cpuMilli }), want);
  });
});
