import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS } from "../../base/time.ts";
import { VirtualClock } from "../../simulation/clock/virtual-clock.ts";
import { viewOf } from "./pure/test-class.ts";
import { UnavailableOfferings } from "./unavailable-offerings.ts";

const SPOT = { type: "m5.large", zone: "us-east-1a", capacityType: "spot" } as const;
const VIEW = viewOf();
const setUp = () => {
  const clock = new VirtualClock(0);
  const unavailable = new UnavailableOfferings(clock);
  const isOut = (offering: Parameters<typeof unavailable.isUnavailable>[0] = SPOT, view = VIEW) =>
    unavailable.isUnavailable(offering, view);
  return { clock, unavailable, isOut };
};

describe("what EC2 has refused", () => {
  it("is that offering alone, for three minutes", async () => {
    const { clock, unavailable, isOut } = setUp();
    unavailable.markOffering(SPOT);
    const others = [
      { ...SPOT, zone: "us-east-1b" },
      { ...SPOT, capacityType: "on-demand" as const },
      { ...SPOT, type: "c5.large" },
    ];
    assert.deepEqual([isOut(), ...others.map((one) => isOut(one))], [true, false, false, false]);
    const version = unavailable.version();
    await clock.runFor(3 * MINUTE_MS);
    assert.equal(isOut(), false);
    assert.notEqual(unavailable.version(), version);
  });

  it("again and again is asked for more and more seldom, until it was well for a while", async () => {
    const { clock, unavailable, isOut } = setUp();
    const minutesOut = async (): Promise<number> => {
      unavailable.markOffering(SPOT);
      const fromMs = clock.nowMs();
      while (isOut()) await clock.runFor(MINUTE_MS);
      return (clock.nowMs() - fromMs) / MINUTE_MS;
    };
    assert.deepEqual([await minutesOut(), await minutesOut(), await minutesOut(), await minutesOut()], [3, 6, 12, 12]);
    await clock.runFor(15 * MINUTE_MS);
    unavailable.version();
    assert.equal(await minutesOut(), 3);
  });

  it("twice at once counts once", async () => {
    const { clock, unavailable, isOut } = setUp();
    unavailable.markOffering(SPOT);
    unavailable.markOffering(SPOT);
    await clock.runFor(3 * MINUTE_MS);
    assert.equal(isOut(), false);
  });

  it("is all spot capacity when the account may not use any", () => {
    const { unavailable, isOut } = setUp();
    unavailable.markCapacityType("spot");
    assert.deepEqual([isOut(), isOut({ ...SPOT, type: "c5.large" })], [true, true]);
    assert.equal(isOut({ ...SPOT, capacityType: "on-demand" }), false);
  });

  it("of subnets is a zone when no subnet of it is left", () => {
    const { unavailable, isOut } = setUp();
    const subnets = [
      { id: "subnet-1", zone: "us-east-1a" },
      { id: "subnet-2", zone: "us-east-1a" },
    ];
    const view = viewOf({}, { subnets });
    unavailable.markSubnet("subnet-1");
    assert.equal(isOut(SPOT, view), false);
    unavailable.markSubnet("subnet-2");
    assert.equal(isOut(SPOT, view), true);
    // No subnet at all is not this rule's business.
    assert.equal(isOut({ ...SPOT, zone: "us-east-1b" }, view), false);
  });

  it("in a placement group is to be had outside of it", () => {
    const { unavailable, isOut } = setUp();
    const group = { id: "pg-1", name: "one", strategy: "cluster", partitions: 0 };
    unavailable.markOffering(SPOT, "pg-1");
    assert.deepEqual([isOut(SPOT, viewOf({}, {}, group)), isOut()], [true, false]);
  });
});
