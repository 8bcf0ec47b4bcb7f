import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatTime, parseTime } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import type { KubeObject } from "../../model/object.ts";
import type { RequirementSpec } from "../../model/requirements.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { clusterOf, instanceType, node, nodePool, pod } from "../provision/test-cluster.ts";
import { type DriftOptions, type DriftPlan, planDrift } from "./drift.ts";
import { driftOf } from "./drift-reason.ts";
import { readReplacementRecord, writeReplacementRecord } from "./replacement-record.ts";

const NOW = parseTime("2026-03-04T12:00:00Z") ?? 0;
const HASHES = (hash: string, version = "v3") => ({
  "karpenter.sh/nodepool-hash": hash,
  "karpenter.sh/nodepool-hash-version": version,
});
const LABELS = {
  "karpenter.sh/nodepool": "default",
  "karpenter.sh/capacity-type": "on-demand",
  "topology.kubernetes.io/zone": "zone-a",
  "node.kubernetes.io/instance-type": "small",
};
const small = instanceType({ name: "small", cpu: 2, memory: 4 });

function claim(annotations: Record<string, string> = {}, labels: Record<string, string> = {}, ageMs = 0): NodeClaim {
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: {
      name: "c",
      uid: "c",
      resourceVersion: "1",
      creationTimestamp: formatTime(NOW - ageMs),
      labels: { ...LABELS, ...labels },
      annotations,
    },
    spec: { nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" }, requirements: [] },
  };
}

function pool(annotations: Record<string, string> = {}, requirements: RequirementSpec[] = []): NodePool {
  const made = nodePool({ requirements });
  return { ...made, metadata: { ...made.metadata, annotations } };
}

describe("why a claim has drifted", () => {
  const zones = (operator: "In" | "NotIn", ...values: string[]): RequirementSpec[] => [
    { key: "topology.kubernetes.io/zone", operator, values },
  ];
  const soldOut = instanceType({
    name: "small",
    cpu: 2,
    memory: 4,
    offerings: [{ zone: "zone-a", price: 1, available: false }],
  });
  const elsewhere = instanceType({ name: "small", cpu: 2, memory: 4, offerings: [{ zone: "zone-b", price: 1 }] });
  const OLD = 3_600_000;
  const rows: {
    given: string;
    claim: NodeClaim;
    pool?: NodePool;
    types?: readonly InstanceType[] | undefined;
    want: string | undefined;
  }[] = [
    { given: "the same hash", claim: claim(HASHES("1")), pool: pool(HASHES("1")), want: undefined },
    { given: "another hash", claim: claim(HASHES("1")), pool: pool(HASHES("2")), want: "NodePoolDrifted" },
    { given: "a hash of another version", claim: claim(HASHES("1", "v2")), pool: pool(HASHES("2")), want: undefined },
    { given: "a claim without a hash", claim: claim(), pool: pool(HASHES("2")), want: undefined },
    { given: "a pool without a hash", claim: claim(HASHES("1")), pool: pool(), want: undefined },
    { given: "a zone that is still allowed", claim: claim(), pool: pool({}, zones("In", "zone-a")), want: undefined },
    {
      given: "a zone no longer listed",
      claim: claim(),
      pool: pool({}, zones("In", "zone-b")),
      want: "RequirementsDrifted",
    },
    {
      given: "a zone now excluded",
      claim: claim(),
      pool: pool({}, zones("NotIn", "zone-a")),
      want: "RequirementsDrifted",
    },
    {
      given: "a label that is now required",
      claim: claim(),
      pool: pool({}, [{ key: "team", operator: "Exists" }]),
      want: "RequirementsDrifted",
    },
    {
      given: "a label that is now forbidden and absent",
      claim: claim(),
      pool: pool({}, [{ key: "team", operator: "DoesNotExist" }]),
      want: undefined,
    },
    {
      given: "hash and requirements at once: the template first",
      claim: claim(HASHES("1")),
      pool: pool(HASHES("2"), zones("In", "zone-b")),
      want: "NodePoolDrifted",
    },
    { given: "an unknown type on a young node", claim: claim({}, {}, OLD - 1), types: [], want: undefined },
    { given: "a known type", claim: claim({}, {}, OLD), want: undefined },
    {
      given: "an unknown type",
      claim: claim({}, { "node.kubernetes.io/instance-type": "gone" }, OLD),
      want: "InstanceTypeNotFound",
    },
    { given: "a sold-out offering", claim: claim({}, {}, OLD), types: [soldOut], want: undefined },
    { given: "no offering in its zone", claim: claim({}, {}, OLD), types: [elsewhere], want: "InstanceTypeNotFound" },
    {
      given: "a reserved node whose reservation became on-demand",
      claim: claim({}, { "karpenter.sh/capacity-type": "reserved" }, OLD),
      want: undefined,
    },
    { given: "an empty catalogue", claim: claim({}, {}, OLD), types: [], want: undefined },
    { given: "an unknown catalogue", claim: claim({}, {}, OLD), types: undefined, want: undefined },
  ];
  for (const row of rows) {
    it(`${row.given}: ${row.want ?? "has not"}`, () => {
      const instanceTypes = "types" in row ? row.types : [small];
      const drift = driftOf({ claim: row.claim, pool: row.pool ?? pool(), nowMs: NOW, instanceTypes });
      assert.equal(drift?.reason, row.want);
    });
  }
});

describe("the record on a replacement", () => {
  const record = {
    reason: "Underutilized",
    consolidationType: "multi",
    candidates: ["a", "b"],
    replacements: ["c"],
  } as const;
  it("is read back as it was written", () =>
    assert.deepEqual(readReplacementRecord(writeReplacementRecord(record)), record));
  for (const text of ["", "{", "null", "[]", '{"reason":"Bored","candidates":["a"],"replacements":["b"]}']) {
    it(`is none: ${text}`, () => assert.equal(readReplacementRecord(text), undefined));
  }
});

describe("which drifted node goes next", () => {
  const drifted = (name: string, minute: number, pool = "default"): KubeObject[] => {
    const [machine, claim] = node({ name, pool, cpu: 4, memory: "8Gi" }) as [Node, NodeClaim];
    const at = `2026-03-04T11:${String(minute).padStart(2, "0")}:00Z`;
    const condition = { type: "Drifted", status: "True" as const, reason: "D", message: "", lastTransitionTime: at };
    Object.assign(machine.status ?? {}, { conditions: [{ type: "Ready", status: "True" }] });
    const marked: NodeClaim = { ...claim, status: { ...claim.status, conditions: [condition] } };
    return [machine, marked];
  };
  const open = (name = "default", nodes = "100%"): NodePool => {
    const made = nodePool({ name });
    return { ...made, spec: { ...made.spec, disruption: { budgets: [{ nodes }] } } };
  };
  const plan = (objects: readonly (KubeObject | readonly KubeObject[])[], options: Partial<DriftOptions> = {}) => {
    const none = {
      underway: new Set<string>(),
      lastTurnMs: new Map(),
      lastTriedMs: new Map(),
      paused: new Set<string>(),
    };
    return planDrift(clusterOf({ objects }), { ...none, ...options });
  };
  const chosen = ({ commands }: DriftPlan): string[] =>
    commands.map(({ candidates, replacements }) => `${candidates[0]?.node.metadata.name} ${replacements.length}`);

  it("the empty ones at once, of the others the one that drifted first", () => {
    const nodes = [drifted("a", 3), drifted("b", 1), drifted("c", 2), drifted("d", 4)];
    const made = plan([open(), ...nodes, pod({ name: "p", node: "a" }), pod({ name: "q", node: "b" })]);
    assert.deepEqual(chosen(made), ["c 0", "d 0", "b 1"]);
    assert.deepEqual([...(made.commands[2]?.moves.keys() ?? [])], ["default/q"]);
  });

  it("its pods go to free room elsewhere, but not to another drifted node", () => {
    const two = [open(), drifted("a", 1), pod({ name: "p", node: "a" }), pod({ name: "q", node: "b" })];
    assert.deepEqual(chosen(plan([...two, drifted("b", 2)])), ["a 1"]);
    assert.deepEqual(chosen(plan([...two, node({ name: "b", pool: "default" })])), ["a 0"]);
  });

  it("it waits for a node that is coming up and would take its pods", () => {
    const made = plan([
      open(),
      drifted("a", 1),
      pod({ name: "p", node: "a" }),
      node({ name: "b", pool: "default", initialized: false }),
    ]);
    assert.deepEqual(chosen(made), []);
    assert.match(made.stuck[0]?.reason ?? "", /node b, which is not initialized yet/);
  });

  it("pods that wait do not swell its replacement, and keep the room that they find", () => {
    const made = plan([
      open(),
      drifted("a", 1),
      pod({ name: "p", node: "a", cpu: 3 }),
      node({ name: "b", pool: "default" }),
      pod({ name: "w", cpu: 3 }),
    ]);
    assert.deepEqual(
      made.commands[0]?.replacements.map(({ pods }) => pods),
      [["default/p"]],
    );
  });

  it("budgets and pauses hold, and pools take turns", () => {
    const nodes = [drifted("a", 1), drifted("b", 2), drifted("x", 3, "other"), drifted("y", 4, "other")];
    const pods = ["a", "b", "x", "y"].map((name) => pod({ name: `p-${name}`, node: name, cpu: 3 }));
    assert.deepEqual(chosen(plan([open(), open("other"), ...nodes, ...pods])), ["a 1"]);
    const turn = { lastTurnMs: new Map([["default", 1]]) };
    assert.deepEqual(chosen(plan([open(), open("other"), ...nodes, ...pods], turn)), ["x 1"]);
    assert.deepEqual(chosen(plan([open("default", "0"), open("other"), ...nodes, ...pods])), ["x 1"]);
    const paused = { paused: new Set(["default", "other"]) };
    assert.deepEqual(chosen(plan([open(), open("other"), ...nodes, ...pods], paused)), []);
  });

  it("a pool whose pods find no place holds up no other", () => {
    const nodes = [drifted("a", 1), drifted("x", 3, "other")];
    const stuck = pod({ name: "p", node: "a", nodeSelector: { "topology.kubernetes.io/zone": "zone-z" } });
    const made = plan([open(), open("other"), ...nodes, stuck, pod({ name: "q", node: "x" })]);
    assert.deepEqual(chosen(made), ["x 1"]);
    assert.deepEqual(
      made.stuck.map(({ candidate }) => candidate.node.metadata.name),
      ["a"],
    );
  });

  it("protected pods keep a node, unless its terminationGracePeriod ends the waiting", () => {
    const keeper = pod({ name: "p", node: "a" });
    const kept = {
      ...keeper,
      metadata: { ...keeper.metadata, annotations: { "karpenter.sh/do-not-disrupt": "true" } },
    };
    const [machine, claim] = drifted("a", 1) as [Node, NodeClaim];
    assert.deepEqual(chosen(plan([open(), machine, claim, kept])), []);
    const ending = { ...claim, spec: { ...claim.spec, terminationGracePeriod: "1h" } };
    assert.deepEqual(chosen(plan([open(), machine, ending, kept])), ["a 0"]);
  });
});
