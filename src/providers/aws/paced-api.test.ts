import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import { VirtualClock } from "../../simulation/clock/virtual-clock.ts";
import { type AwsApi, AwsError } from "./aws-api.ts";
import { pacedAws } from "./paced-api.ts";

/** An API that says when it was asked, and refuses as long as it is told to. */
function setUp(refuses: (nowMs: number) => boolean = () => false) {
  const clock = new VirtualClock(0);
  const asked: Record<string, number[]> = { createFleet: [], terminateInstances: [], receiveMessages: [] };
  const call = (name: string) => async () => {
    asked[name]?.push(clock.nowMs());
    await clock.sleep(10);
    if (refuses(clock.nowMs())) throw new AwsError(`ec2:${name}`, "RequestLimitExceeded", "Request limit exceeded.");
  };
  const names = Object.keys(asked);
  const api = pacedAws(Object.fromEntries(names.map((name) => [name, call(name)])) as unknown as AwsApi, clock);
  const ask = (name: "createFleet" | "terminateInstances" | "receiveMessages", count: number) => {
    for (let i = 0; i < count; i += 1) (api[name] as () => Promise<unknown>)().catch(() => undefined);
  };
  return { clock, asked: (name: string) => asked[name] ?? [], ask };
}

describe("calls of AWS", () => {
  it("are sent at once up to the burst, then at the rate, and none is lost", async () => {
    const { clock, asked, ask } = setUp();
    ask("createFleet", 120);
    await clock.runFor(5 * SECOND_MS);
    assert.equal(asked("createFleet").filter((ms) => ms === 0).length, 100);
    assert.equal(asked("createFleet").length, 110);
    await clock.runFor(10 * SECOND_MS);
    assert.equal(asked("createFleet").length, 120);
  });

  it("of other kinds do not wait for them", async () => {
    const { clock, asked, ask } = setUp();
    ask("createFleet", 500);
    ask("terminateInstances", 1);
    ask("receiveMessages", 1_000);
    await clock.runFor(100);
    assert.deepEqual([asked("terminateInstances").length, asked("receiveMessages").length], [1, 1_000]);
  });

  it("that are refused stop for longer and longer, and never storm", async () => {
    const { clock, asked, ask } = setUp(() => true);
    ask("createFleet", 50);
    await clock.runFor(20);
    const first = asked("createFleet").length;
    // Whoever is refused asks again: impatient callers for ten minutes.
    for (let i = 0; i < 600; i += 1) {
      ask("createFleet", 2);
      await clock.runFor(SECOND_MS);
    }
    const later = asked("createFleet").length - first;
    assert.ok(later < 60, `${later} calls in ten minutes`);
  });

  it("go on slowly after a refusal, and at full speed after a quiet minute", async () => {
    const { clock, asked, ask } = setUp((nowMs) => nowMs < 100);
    ask("createFleet", 1);
    await clock.runFor(200);
    ask("createFleet", 60);
    await clock.runFor(11 * SECOND_MS);
    const resumed = asked("createFleet").slice(1);
    assert.ok(resumed.length >= 18 && resumed.length <= 24, `${resumed.length} calls in ten seconds`);
    await clock.runFor(MINUTE_MS + 30 * SECOND_MS);
    assert.equal(asked("createFleet").length, 61);
    const beforeMs = clock.nowMs();
    ask("createFleet", 100);
    await clock.runFor(100);
    assert.equal(asked("createFleet").filter((ms) => ms >= beforeMs).length, 100);
  });
});
