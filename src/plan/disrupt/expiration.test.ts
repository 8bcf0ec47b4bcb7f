import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatTime, parseTime } from "../../base/time.ts";
import { parseDisruptionPause } from "../../model/disruption-pause.ts";
import { DISRUPTION_PAUSE_ANNOTATION } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { clusterOf, node, nodePool, pod } from "../provision/test-cluster.ts";
import { type ExpirationOptions, planExpiration } from "./expiration.ts";
import { pausedFor, pausedPools } from "./paused-pools.ts";

const NOW = parseTime("2026-03-04T12:00:00Z") ?? 0;
const HOUR = 3_600_000;

/** A node that ends in so many minutes, with a life of ten hours. */
function ending(
  name: string,
  minutes: number,
  claimSpec: Partial<NodeClaim["spec"]> = {},
  pool = "default",
): KubeObject[] {
  const [machine, made] = node({ name, pool }) as [KubeObject, NodeClaim];
  const creationTimestamp = formatTime(NOW + minutes * 60_000 - 10 * HOUR);
  const claim: NodeClaim = {
    ...made,
    metadata: { ...made.metadata, creationTimestamp },
    spec: { ...made.spec, expireAfter: "10h", ...claimSpec },
  };
  return [machine, claim];
}

function plan(objects: readonly (KubeObject | readonly KubeObject[])[], options: Partial<ExpirationOptions> = {}) {
  const snapshot = { ...clusterOf({ objects }), nowMs: NOW };
  const made = planExpiration(snapshot, { underway: new Set(), lastTriedMs: new Map(), paused: new Set(), ...options });
  const chosen = made.commands.map(
    ({ candidates, replacements }) => `${candidates[0]?.node.metadata.name} ${replacements.length}`,
  );
  return { made, chosen };
}

describe("replacing nodes before their time is over", () => {
  const full = (name: string) => pod({ name: `p-${name}`, node: name, cpu: 3 });

  it("begins a turn before the hour", () => {
    assert.deepEqual(plan([nodePool(), ending("a", 15), full("a")]).chosen, ["a 1"]);
    assert.deepEqual(plan([nodePool(), ending("a", 16), full("a")]).chosen, []);
  });

  it("nodes that end together begin one turn after the other, the oldest first", () => {
    const three = [ending("a", 45), ending("b", 45), ending("c", 45)];
    assert.deepEqual(plan([nodePool(), ...three, full("a"), full("b"), full("c")]).chosen, ["a 1"]);
    assert.deepEqual(plan([nodePool(), ...three.slice(1), full("b"), full("c")]).chosen, []);
  });

  it("but none earlier than a tenth of its life before its end", () => {
    const many = Array.from({ length: 20 }, (_, i) => ending(`n${i}`, 61));
    assert.deepEqual(plan([nodePool(), ...many, ...many.map((_, i) => full(`n${i}`))]).chosen, []);
  });

  it("one of a pool at a time", () => {
    const [machine, claim] = ending("a", 10) as [KubeObject, NodeClaim];
    const lastTransitionTime = formatTime(NOW);
    const condition = {
      type: "DisruptionReason",
      status: "True" as const,
      reason: "Expired",
      message: "",
      lastTransitionTime,
    };
    const busy: NodeClaim = { ...claim, status: { ...claim.status, conditions: [condition] } };
    const others = [ending("b", 10), ending("x", 12, {}, "other")];
    const pods = ["a", "b", "x"].map(full);
    assert.deepEqual(plan([nodePool(), nodePool({ name: "other" }), machine, busy, ...others, ...pods]).chosen, [
      "x 1",
    ]);
  });

  it("an empty node just goes; a node that never ends, or a paused one, stays", () => {
    assert.deepEqual(plan([nodePool(), ending("a", 5)]).chosen, ["a 0"]);
    assert.deepEqual(plan([nodePool(), ending("a", 5, { expireAfter: "Never" })]).chosen, []);
    assert.deepEqual(plan([nodePool(), ending("a", 5)], { paused: new Set(["default"]) }).chosen, []);
  });

  it("a protected pod is waited for, and another node takes its turn", () => {
    const kept = full("a");
    const protectedPod = {
      ...kept,
      metadata: { ...kept.metadata, annotations: { "karpenter.sh/do-not-disrupt": "true" } },
    };
    const { chosen, made } = plan([nodePool(), ending("a", 5), ending("b", 6), protectedPod, full("b")]);
    assert.deepEqual(chosen, ["b 1"]);
    assert.deepEqual(
      made.blocked.map(({ code }) => code),
      ["DoNotDisruptPod"],
    );
    const ends = [ending("a", 5, { terminationGracePeriod: "1h" }), protectedPod];
    assert.deepEqual(plan([nodePool(), ...ends]).chosen, ["a 0"]);
  });
});

describe("a pause", () => {
  const until = "2026-03-04T18:00:00Z";
  const untilMs = parseTime(until);
  const rows: { text: string; want: unknown }[] = [
    { text: until, want: { untilMs, reasons: [], note: "" } },
    {
      text: `${until} Drifted,Empty # ann: bad image`,
      want: { untilMs, reasons: ["Drifted", "Empty"], note: "ann: bad image" },
    },
    { text: `${until} # why`, want: { untilMs, reasons: [], note: "why" } },
    { text: "", want: { problem: '"" is no time as in 2026-03-04T18:00:00Z' } },
    { text: "for ever", want: { problem: '"for" is no time as in 2026-03-04T18:00:00Z' } },
    { text: `${until} Bored`, want: { problem: '"Bored" is none of Underutilized, Empty, Drifted, Expired' } },
    { text: `${until} Empty bad image`, want: { problem: '"bad image" follows the reasons without a #' } },
  ];
  for (const { text, want } of rows) {
    it(`"${text}"`, () => assert.deepEqual(parseDisruptionPause(text), want));
  }

  it("holds one pool, or all, for its reasons and until its time; one that cannot be read holds too", () => {
    const annotated = (name: string, text: string) => {
      const pool = nodePool({ name });
      return { ...pool, metadata: { ...pool.metadata, annotations: { [DISRUPTION_PAUSE_ANNOTATION]: text } } };
    };
    const pools = [
      annotated("drift", `${until} Drifted`),
      annotated("over", "2026-03-04T11:59:59Z"),
      annotated("odd", "soon"),
      nodePool({ name: "free" }),
    ];
    const own = pausedPools(pools, undefined, NOW);
    assert.deepEqual([...pausedFor(own, "Drifted")].sort(), ["drift", "odd"]);
    assert.deepEqual([...pausedFor(own, "Empty")], ["odd"]);
    const all = pausedPools(pools, { untilMs: NOW + 1, reasons: ["Expired"], note: "" }, NOW);
    assert.deepEqual([...pausedFor(all, "Expired")].sort(), ["drift", "free", "odd", "over"]);
  });
});
