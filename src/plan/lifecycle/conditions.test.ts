import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import {
  clearCondition,
  findCondition,
  NODE_CLAIM_CONDITIONS,
  setCondition,
  startedConditions,
  withConditions,
} from "./conditions.ts";

const created = "2024-01-01T00:00:00Z";
const createdMs = 1_704_067_200_000;
const bare: NodeClaim = {
  apiVersion: "karpenter.sh/v1",
  kind: "NodeClaim",
  metadata: { name: "a", uid: "u", resourceVersion: "1", generation: 1, creationTimestamp: created },
  spec: { nodeClassRef: { group: "g", kind: "K", name: "n" }, requirements: [] },
};

type Setting = { type: string; status: "True" | "False" | "Unknown"; atSeconds: number; reason?: string };
function after(settings: readonly Setting[], start: NodeClaim = bare): NodeClaim {
  let claim = start;
  for (const { atSeconds, ...condition } of settings) {
    claim = withConditions(claim, setCondition(claim, NODE_CLAIM_CONDITIONS, condition, createdMs + atSeconds * 1_000));
  }
  return claim;
}
const ready = (claim: NodeClaim) => findCondition(claim, "Ready");
const types = (claim: NodeClaim) => (claim.status?.conditions ?? []).map(({ type }) => type);
const all = (at: number): Setting[] => [
  { type: "Launched", status: "True", atSeconds: at },
  { type: "Registered", status: "True", atSeconds: at + 1 },
  { type: "Initialized", status: "True", atSeconds: at + 2 },
];

describe("conditions", () => {
  it("start as Unknown since the object's creation", () => {
    const started = startedConditions(bare, NODE_CLAIM_CONDITIONS);
    assert.deepEqual(
      started.map(({ type, status, reason, lastTransitionTime }) => [type, status, reason, lastTransitionTime]),
      ["Launched", "Registered", "Initialized", "Ready"].map((type) => [
        type,
        "Unknown",
        "AwaitingReconciliation",
        created,
      ]),
    );
  });

  const table: { given: string; settings: Setting[]; status: string; reason: string; message: string }[] = [
    { given: "all True", settings: all(1), status: "True", reason: "Ready", message: "" },
    {
      given: "one Unknown",
      settings: all(1).slice(0, 2),
      status: "Unknown",
      reason: "ReconcilingDependents",
      message: "Initialized=Unknown",
    },
    {
      given: "one False",
      settings: [...all(1).slice(0, 1), { type: "Registered", status: "False", atSeconds: 2 }],
      status: "False",
      reason: "UnhealthyDependents",
      message: "Registered=False, Initialized=Unknown",
    },
    {
      given: "an extra one False",
      settings: [...all(1), { type: "ConsistentStateFound", status: "False", atSeconds: 9 }],
      status: "True",
      reason: "Ready",
      message: "",
    },
  ];
  for (const { given, settings, ...want } of table) {
    it(`${given}: Ready is ${want.status}`, () => {
      const { status, reason, message } = ready(after(settings)) ?? {};
      assert.deepEqual({ status, reason, message }, want);
    });
  }

  it("move their time only with their status", () => {
    const claim = after([
      { type: "Launched", status: "Unknown", atSeconds: 5, reason: "LaunchFailed" },
      { type: "Launched", status: "True", atSeconds: 7 },
      { type: "Launched", status: "True", atSeconds: 9, reason: "StillLaunched" },
    ]);
    const launched = findCondition(claim, "Launched");
    assert.equal(launched?.lastTransitionTime, "2024-01-01T00:00:07Z");
    assert.equal(launched?.reason, "StillLaunched");
  });

  it("are ordered by time, Ready last", () => {
    const claim = after([{ type: "Drifted", status: "True", atSeconds: 0 }, ...all(3)]);
    assert.deepEqual(types(claim), ["Drifted", "Launched", "Registered", "Initialized", "Ready"]);
  });

  it("do not count for Ready when they are of an older generation", () => {
    const old = after(all(1));
    const edited = { ...old, metadata: { ...old.metadata, generation: 2 } };
    assert.equal(ready(after([{ type: "Launched", status: "True", atSeconds: 9 }], edited))?.status, "Unknown");
    const deleted = { ...edited, metadata: { ...edited.metadata, deletionTimestamp: created } };
    assert.equal(ready(after([{ type: "Launched", status: "True", atSeconds: 9 }], deleted))?.status, "True");
  });

  it("can be cleared unless Ready needs them", () => {
    const claim = after([...all(1), { type: "Drifted", status: "True", atSeconds: 4 }]);
    const cleared = withConditions(claim, clearCondition(claim, NODE_CLAIM_CONDITIONS, "Drifted"));
    assert.deepEqual(types(cleared), ["Launched", "Registered", "Initialized", "Ready"]);
    for (const type of ["Launched", "Ready", "Unheard"]) {
      assert.equal(clearCondition(claim, NODE_CLAIM_CONDITIONS, type), claim.status?.conditions);
    }
  });
});
