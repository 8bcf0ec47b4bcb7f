import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatDuration, parseDuration, parseDurationNanos, parseNillableDuration } from "./duration.ts";

describe("durations", () => {
  for (const [text, ms] of [
    ["0", 0],
    ["0s", 0],
    ["720h", 2_592_000_000],
    ["1h30m", 5_400_000],
    ["1.5s", 1_500],
    [".5m", 30_000],
    ["-1m", -60_000],
    ["+10ms", 10],
    ["1h1h", 7_200_000],
    ["1500us", 1],
    ["", undefined],
    ["1", undefined],
    ["1d", undefined],
    ["h", undefined],
    ["-", undefined],
    ["1h ", undefined],
    [".s", undefined],
    ["9999999h", undefined],
    ["Never", undefined],
  ] as const) {
    it(`"${text}" is ${ms}`, () => assert.equal(parseDuration(text), ms));
  }

  it("keeps nanoseconds where they matter, and knows Never", () => {
    assert.equal(parseDurationNanos("1.000000001s"), 1_000_000_001n);
    assert.equal(parseNillableDuration("Never"), Number.POSITIVE_INFINITY);
  });

  for (const [ms, text] of [
    [0, "0s"],
    [10, "10ms"],
    [1_500, "1.5s"],
    [60_000, "1m0s"],
    [1_800_000, "30m0s"],
    [2_592_000_000, "720h0m0s"],
    [-61_000, "-1m1s"],
    [Number.POSITIVE_INFINITY, "Never"],
  ] as const) {
    it(`${ms} ms prints as ${text}`, () => assert.equal(formatDuration(ms), text));
  }
});
