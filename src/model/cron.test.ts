import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Cron } from "croner";
import { Random } from "../base/random.ts";
import { formatTime, parseTime } from "../base/time.ts";
import { nextAfterMs, parseCron } from "./cron.ts";

const at = (text: string): number => parseTime(text) ?? assert.fail(text);
function next(spec: string, from: string): string | undefined {
  const parsed = parseCron(spec);
  assert.ok("schedule" in parsed, JSON.stringify(parsed));
  const ms = nextAfterMs(parsed.schedule, at(from));
  return ms === undefined ? undefined : formatTime(ms);
}

describe("cron", () => {
  for (const [spec, from, want] of [
    ["* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"],
    ["* * * * *", "2026-01-01T00:00:59Z", "2026-01-01T00:01:00Z"],
    ["0 9 * * mon-fri", "2026-01-02T09:00:00Z", "2026-01-05T09:00:00Z"],
    ["0 9 * * MON", "2026-01-05T08:59:59Z", "2026-01-05T09:00:00Z"],
    ["0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"],
    ["0 0 31 2 *", "2026-03-01T00:00:00Z", undefined],
    ["0 0 13 * fri", "2026-01-03T00:00:00Z", "2026-01-09T00:00:00Z"],
    ["0 0 ? * fri", "2026-01-03T00:00:00Z", "2026-01-09T00:00:00Z"],
    ["0 0 */2 * fri", "2026-01-03T00:00:00Z", "2026-01-05T00:00:00Z"],
    ["50/5 * * * *", "2026-01-01T00:51:00Z", "2026-01-01T00:55:00Z"],
    ["5-10/3 1,3 1 jan ?", "2026-01-01T01:08:00Z", "2026-01-01T03:05:00Z"],
    ["@daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"],
    ["@midnight", "2026-01-01T12:00:00Z", "2026-01-02T00:00:00Z"],
    ["@hourly", "2026-12-31T23:59:00Z", "2027-01-01T00:00:00Z"],
    ["@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"],
    ["@monthly", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"],
    ["@yearly", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["@every 5m", "2026-01-01T00:00:17Z", "2026-01-01T00:05:17Z"],
    ["@every 1h30m10s", "2026-01-01T00:00:00Z", "2026-01-01T01:30:10Z"],
    ["@every 10ms", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"],
    ["@annually", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"],
  ] as const) {
    it(`${spec} after ${from}: ${want}`, () => assert.equal(next(spec, from), want));
  }

  for (const spec of [
    "",
    "* * * *",
    "* * * * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 7",
    "*/0 * * * *",
    "5-1 * * * *",
    "1-2-3 * * * *",
    "1/2/3 * * * *",
    "a * * * *",
    "* * L * *",
    "* * * * 5#2",
    "@every",
    "@every soon",
    "@reboot",
    "@dailyx",
    "TZ=UTC * * * * *",
    ", * * * *",
    "-1 * * * *",
    "* * * mon *",
  ]) {
    it(`"${spec}" is refused`, () => assert.ok("error" in parseCron(spec)));
  }

  it("agrees with another implementation on ordinary schedules", () => {
    const random = new Random(11);
    const field = (min: number, max: number): string => {
      const low = random.between(min, max);
      const high = random.between(low, max);
      return random.pick([
        "*",
        String(low),
        `${low}-${high}`,
        `*/${random.between(2, 7)}`,
        `${low},${high}`,
        `${low}-${high}/2`,
      ]);
    };
    for (let i = 0; i < 300; i += 1) {
      // A starred step in a day field means different things to the two; it has its own row above.
      const day = random.chance(0.5) ? "*" : String(random.between(1, 28));
      const weekday = random.chance(0.5) ? "*" : `${random.between(0, 3)}-${random.between(4, 6)}`;
      const spec = `${field(0, 59)} ${field(0, 23)} ${day} ${random.chance(0.7) ? "*" : field(1, 12)} ${weekday}`;
      const from = formatTime(at("2026-01-01T00:00:00Z") + random.between(0, 63_072_000) * 1_000);
      const oracle = new Cron(spec, { timezone: "UTC", legacyMode: true }).nextRun(new Date(from));
      assert.equal(
        next(spec, from),
        oracle === null ? undefined : formatTime(oracle.getTime()),
        `${spec} after ${from}`,
      );
    }
  });
});
