import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { UserError } from "../../base/errors.ts";
import { HOUR_MS, MINUTE_MS } from "../../base/time.ts";
import { VirtualClock } from "../../simulation/clock/virtual-clock.ts";
import { silentTelemetry } from "../../telemetry/silent-telemetry.ts";
import type { AwsApi } from "./aws-api.ts";
import { readPriceFile } from "./price-file.ts";
import { type PriceNeeds, Prices } from "./prices.ts";

type Answers = { onDemand: Record<string, number>; spot: Record<string, number> };

/** An AWS that tells these prices; undefined: it does not answer. */
function setUp(answers: Answers | undefined, more: Partial<PriceNeeds> = {}) {
  const clock = new VirtualClock(0);
  const asked = { onDemand: 0, spot: 0 };
  const state = { answers };
  const told = (): Answers => {
    if (state.answers === undefined) throw new TypeError("nobody answers");
    return state.answers;
  };
  const aws = {
    async onDemandPrices() {
      asked.onDemand += 1;
      return Object.entries(told().onDemand).map(([instanceType, usdPerHour]) => ({ instanceType, usdPerHour }));
    },
    async describeSpotPrices() {
      asked.spot += 1;
      return Object.entries(told().spot).map(([key, usdPerHour]) => {
        const [instanceType = "", zone = ""] = key.split(" ");
        return { instanceType, zone, usdPerHour };
      });
    },
  } as Partial<AwsApi> as AwsApi;
  const gauges: Record<string, number> = {};
  const metrics = {
    ...silentTelemetry.metrics,
    gauge: (_name: string, value: number, labels: Record<string, string> = {}) => {
      gauges[labels["capacity_type"] ?? ""] = value;
    },
  };
  const prices = new Prices({
    ...silentTelemetry,
    metrics,
    aws,
    clock,
    region: "us-east-1",
    isIsolated: false,
    ...more,
  });
  const task = prices.task();
  return { clock, asked, state, prices, run: () => task.run(), gauges };
}
const ANSWERS: Answers = { onDemand: { "m5.large": 0.09 }, spot: { "m5.large us-east-1a": 0.03 } };

describe("prices", () => {
  it("are AWS' where it tells them, and the catalogue's for types that it leaves out", async () => {
    const { prices } = setUp(ANSWERS);
    await prices.ready();
    assert.equal(prices.onDemand("m5.large"), 0.09);
    assert.ok((prices.onDemand("m5.xlarge") ?? 0) > 0);
    assert.equal(prices.spot("m5.large", "us-east-1a"), 0.03);
    assert.equal(prices.spot("m5.large", "us-east-1b"), undefined, "a zone without a price sells nothing");
  });

  it("of spot capacity are on-demand ones in all zones until they are known", async () => {
    const { prices } = setUp(undefined);
    await prices.ready();
    assert.equal(prices.spot("m5.large", "us-east-1b"), prices.onDemand("m5.large"));
  });

  it("are asked for every twelve hours, every five minutes after a failure, and old ones stand meanwhile", async () => {
    const { clock, asked, state, prices, run } = setUp(ANSWERS);
    await run();
    await clock.runFor(11 * HOUR_MS);
    await run();
    assert.equal(asked.onDemand, 1);
    await clock.runFor(HOUR_MS);
    state.answers = undefined;
    await run();
    assert.deepEqual([asked.onDemand, prices.onDemand("m5.large")], [2, 0.09]);
    await clock.runFor(5 * MINUTE_MS);
    state.answers = { ...ANSWERS, onDemand: { "m5.large": 0.1 } };
    await run();
    assert.deepEqual([asked.onDemand, prices.onDemand("m5.large")], [3, 0.1]);
  });

  it("show their age", async () => {
    const { clock, run, gauges } = setUp(ANSWERS);
    await run();
    await clock.runFor(HOUR_MS);
    await run();
    assert.deepEqual(gauges, { "on-demand": 3_600, spot: 3_600 });
  });

  for (const [what, more] of [
    ["without a way to the price list", { isIsolated: true }],
    ["in GovCloud", { region: "us-gov-west-1" }],
  ] as const) {
    it(`${what} are the catalogue's, without a try; spot prices come from EC2`, async () => {
      const { asked, prices } = setUp(ANSWERS, more);
      await prices.ready();
      assert.deepEqual(asked, { onDemand: 0, spot: 1 });
      assert.ok((prices.onDemand("m5.large") ?? 0) > 0);
      assert.equal(prices.spot("m5.large", "us-east-1a"), 0.03);
    });
  }

  it("of a region that the catalogue does not know are those of us-east-1", () => {
    const price = (region: string) => setUp(undefined, { region }).prices.onDemand("m5.large");
    assert.equal(price("xx-nowhere-1"), price("us-east-1"));
  });
});

describe("a file of prices", () => {
  const inFolder = (use: (path: string, write: (text: string) => void) => Promise<void> | void) => async () => {
    const folder = mkdtempSync(join(tmpdir(), "prices-"));
    const path = join(folder, "prices.yaml");
    try {
      await use(path, (text) => writeFileSync(path, text));
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it(
    "goes before AWS' prices, is read again, and keeps its last good state",
    inFolder(async (path, write) => {
      write("prices: [{ capacityType: on-demand, factor: 0.5 }]\n");
      const { prices, run } = setUp(ANSWERS, { readOwnPrices: () => readPriceFile(path) });
      await run();
      assert.equal(prices.onDemand("m5.large"), 0.045);
      const { version } = prices;
      write("prices: [{ capacityType: on-demand, factor: 0.25 }]\n");
      await run();
      assert.deepEqual([prices.onDemand("m5.large"), prices.version > version], [0.0225, true]);
      write("prices: [{ factor: -1 }]\n");
      await run();
      assert.equal(prices.onDemand("m5.large"), 0.0225);
    }),
  );

  for (const [text, why] of [
    ["prices: [{ factor: 2, factor: 3 }]", /unique/],
    ["{ prices: [", /prices\.yaml cannot be used/],
    ["prices:\n  - factor: nothing\n", /prices\[0\]: factor must be a number/],
  ] as const) {
    it(
      `with mistakes ends the start: ${JSON.stringify(text)}`,
      inFolder((path, write) => {
        write(text);
        assert.throws(
          () => setUp(ANSWERS, { readOwnPrices: () => readPriceFile(path) }),
          (error) => error instanceof UserError && error.code === "KARP_BAD_PRICES" && why.test(error.message),
        );
      }),
    );
  }

  it("that is not there ends the start", () => {
    assert.throws(() => readPriceFile("/nowhere/prices.yaml"), /KARP_BAD_PRICES.*no such file/);
  });
});
