import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VirtualClock } from "./virtual-clock.ts";

describe("virtual time", () => {
  it("fires timers by time, then by order of creation", async () => {
    const clock = new VirtualClock(1_000);
    const fired: string[] = [];
    for (const [name, ms] of [
      ["late", 30],
      ["a", 10],
      ["b", 10],
      ["soon", 5],
    ] as const) {
      clock.after(ms, () => fired.push(`${name}@${clock.nowMs()}`));
    }
    await clock.runUntil(1_020);
    assert.deepEqual(fired, ["soon@1005", "a@1010", "b@1010"]);
    assert.equal(clock.nowMs(), 1_020);
  });

  it("lets every promise settle before time passes on", async () => {
    const clock = new VirtualClock(0);
    const seen: number[] = [];
    const walk = async (): Promise<void> => {
      await clock.sleep(10);
      for (let i = 0; i < 1_000; i += 1) await null;
      seen.push(clock.nowMs());
      await clock.sleep(1);
      seen.push(clock.nowMs());
    };
    const walked = walk();
    clock.after(11, () => seen.push(-1));
    await clock.runUntil(100);
    await walked;
    assert.deepEqual(seen, [10, -1, 11]);
  });

  it("forgets cancelled timers and wakes aborted sleepers at once", async () => {
    const clock = new VirtualClock(0);
    const cancel = clock.after(5, () => assert.fail("it was taken back"));
    const first = clock.after(3, () => cancel());
    first();
    clock.after(5, () => undefined);
    const stop = new AbortController();
    const sleeper = clock.sleep(1_000_000, stop.signal);
    clock.after(4, () => {
      cancel();
      stop.abort();
    });
    await clock.runUntil(6);
    await sleeper;
    assert.equal(clock.nowMs(), 6);
  });

  it("stops when asked to", async () => {
    const clock = new VirtualClock(0);
    let n = 0;
    const tick = (): void => {
      n += 1;
      clock.after(1, tick);
    };
    tick();
    assert.equal(await clock.runUntil(1_000, () => n === 10), true);
    assert.equal(clock.nowMs(), 9);
  });
});
