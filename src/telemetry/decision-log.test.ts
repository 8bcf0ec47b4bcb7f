import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EventRecord } from "../ports/telemetry.ts";
import { type Decision, DecisionLog } from "./decision-log.ts";
import { limits } from "./limits.ts";

function event(name: string, message: string, kind = "Node"): EventRecord {
  const metadata = { name, uid: `uid-${name}`, resourceVersion: "1", creationTimestamp: "" };
  return { object: { apiVersion: "v1", kind, metadata }, type: "Normal", reason: "Unconsolidatable", message };
}

function read(text: string): Decision[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Decision);
}

describe("the decision log", () => {
  it("keeps equal decisions as one, with their number and times, in order of the last", () => {
    const log = new DecisionLog();
    log.add(event("a", "too full"), 1_000);
    log.add(event("b", "too full"), 2_000);
    log.add(event("a", "too full"), 61_000);
    assert.deepEqual(
      read(log.lines()).map(({ name, count, firstTime, time }) => [name, count, firstTime, time]),
      [
        ["b", 1, "1970-01-01T00:00:02Z", "1970-01-01T00:00:02Z"],
        ["a", 2, "1970-01-01T00:00:01Z", "1970-01-01T00:01:01Z"],
      ],
    );
  });

  it("takes what differs only in numbers for the same, but not what differs in names", () => {
    const log = new DecisionLog();
    log.add(event("a", "too early: another 8 min, $0.0125"), 0);
    log.add(event("a", "too early: another 7 min, $0.0130"), 1_000);
    log.add(event("a", "Expected on node/ip-10-0-0-1"), 2_000);
    log.add(event("a", "Expected on node/ip-10-0-0-2"), 3_000);
    assert.deepEqual(
      read(log.lines()).map(({ message, count }) => [message, count]),
      [
        ["too early: another 7 min, $0.0130", 2],
        ["Expected on node/ip-10-0-0-1", 1],
        ["Expected on node/ip-10-0-0-2", 1],
      ],
    );
  });

  it("gives those of one object", () => {
    const log = new DecisionLog();
    log.add(event("a", "x"), 0);
    log.add(event("a", "x", "NodeClaim"), 0);
    assert.deepEqual(
      read(log.lines({ kind: "NodeClaim", name: "a" })).map(({ kind }) => kind),
      ["NodeClaim"],
    );
    assert.equal(log.lines({ name: "c" }), "");
  });

  it("forgets the oldest when there are too many", () => {
    const log = new DecisionLog();
    for (let i = 0; i <= limits.decisionsMax; i += 1) log.add(event(`n${i}`, "x"), i);
    const names = read(log.lines()).map(({ name }) => name);
    assert.deepEqual([names.length, names[0]], [limits.decisionsMax, "n1"]);
  });
});
