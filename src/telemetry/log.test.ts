import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { UserError } from "../base/errors.ts";
import { VirtualClock } from "../simulation/clock/virtual-clock.ts";
import { createLog, type LogLevel } from "./log.ts";
import { openLogSinks } from "./log-sinks.ts";

function logTo(level: LogLevel) {
  const lines: string[] = [];
  const clock = new VirtualClock(Date.parse("2026-11-21T10:00:00.250Z"));
  const log = createLog({ level, clock, write: (line) => lines.push(line), commit: "abcdef1" });
  return { log, clock, lines, last: () => JSON.parse(lines.at(-1) ?? "{}") };
}

describe("log", () => {
  it("writes one JSON object per line, keys in upstream's order", () => {
    const { log, lines } = logTo("info");
    log.with({ logger: "provisioner", controller: "provisioner" }).info("found pods", { pods: 3, Pod: { name: "a" } });
    assert.deepEqual(lines, [
      '{"level":"INFO","time":"2026-11-21T10:00:00.250Z","logger":"controller.provisioner","message":"found pods",' +
        '"commit":"abcdef1","controller":"provisioner","pods":3,"Pod":{"name":"a"}}',
    ]);
  });

  it("leaves out what is below its level", () => {
    const cases: [LogLevel, string[]][] = [
      ["debug", ["DEBUG", "INFO", "ERROR"]],
      ["info", ["INFO", "ERROR"]],
      ["error", ["ERROR"]],
    ];
    for (const [level, want] of cases) {
      const { log, lines } = logTo(level);
      log.debug("a");
      log.info("b");
      log.error("c");
      assert.deepEqual(
        lines.map((line) => JSON.parse(line).level),
        want,
      );
    }
  });

  it("names the caller at level debug only, and drops the event recorder's debug records", () => {
    const { log, lines, last } = logTo("debug");
    log.info("here");
    assert.match(last().caller, /^telemetry\/log\.test\.ts:\d+$/);
    log.with({ logger: "events" }).debug("published");
    assert.equal(lines.length, 1);
    assert.equal(logTo("info").last().caller, undefined);
  });

  it("writes errors as text, with their causes, and survives what JSON cannot hold", () => {
    const { log, last } = logTo("info");
    log.error("failed", { error: new RangeError("outer", { cause: new TypeError("inner") }) });
    assert.equal(last().error, "outer: inner");
    log.error("failed", { error: new RangeError("outer: inner", { cause: new TypeError("inner") }) });
    assert.equal(last().error, "outer: inner");
    log.error("failed", { error: new AggregateError([new TypeError("x"), "y"], "2 of 3 failed") });
    assert.equal(last().error, "2 of 3 failed: x; y");
    log.info("odd", { big: 12n, map: new Map([["a", 1]]), set: new Set([2]), message: "other", level: "other" });
    assert.deepEqual([last().big, last().map, last().set, last().message], ["12", { a: 1 }, [2], "odd"]);
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    log.info("circle", { circle });
    assert.equal(last().message, "circle");
    assert.match(last().unwritable, /circular/i);
  });

  it("samples equal messages within a second", async () => {
    const { log, clock, lines } = logTo("info");
    for (let i = 0; i < 1_000; i += 1) log.info("again");
    assert.equal(lines.length, 109);
    log.info("another");
    assert.equal(lines.length, 110);
    await clock.runFor(1_000);
    log.info("again");
    assert.equal(lines.length, 111);
  });

  it("appends to files, and names a path that cannot be opened", () => {
    const folder = mkdtempSync(join(tmpdir(), "log-"));
    try {
      const path = join(folder, "a.log");
      const sinks = openLogSinks([path], ["stderr"]);
      sinks.write("one");
      sinks.write("two");
      sinks.close();
      assert.equal(readFileSync(path, "utf8"), "one\ntwo\n");
      assert.throws(
        () => openLogSinks([join(folder, "none", "a.log")], []),
        (error) => error instanceof UserError && error.code === "KARP_LOG_PATH",
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
