import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Node, Taint } from "../../model/core.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { findCondition } from "./conditions.ts";
import { launchedClaim, unlaunchedClaim } from "./launch.ts";
import { livenessOf } from "./liveness.ts";
import { type LifecycleStep, nextLifecycleStep } from "./next-step.ts";

const CREATED_MS = 1_704_067_200_000;
const startup: Taint = { key: "cni", effect: "NoSchedule" };
const dedicated: Taint = { key: "team", value: "a", effect: "NoExecute" };

const fresh: NodeClaim = {
  apiVersion: "karpenter.sh/v1",
  kind: "NodeClaim",
  metadata: {
    name: "default-1",
    uid: "u1",
    resourceVersion: "1",
    generation: 1,
    creationTimestamp: "2024-01-01T00:00:00Z",
    labels: { "karpenter.sh/nodepool": "default", team: "a" },
    annotations: { note: "own" },
    finalizers: ["karpenter.sh/termination"],
  },
  spec: {
    nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
    requirements: [
      { key: "tier", operator: "In", values: ["gold"] },
      { key: "node.kubernetes.io/instance-type", operator: "In", values: ["a", "b"] },
    ],
    resources: { requests: { cpu: "1", "example.com/gpu": "1" } },
    taints: [dedicated],
    startupTaints: [startup],
  },
};
const launched = launchedClaim(
  fresh,
  {
    providerId: "kwok://n1",
    labels: { "node.kubernetes.io/instance-type": "a", team: "provider" },
    annotations: { note: "provider" },
    capacity: { cpu: "4" },
    allocatable: { cpu: "3900m" },
  },
  CREATED_MS + 1_000,
);

function node(extra: Partial<Node> = {}): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n1", uid: "nu", resourceVersion: "1", creationTimestamp: "2024-01-01T00:00:09Z" },
    spec: { providerID: "kwok://n1", taints: [{ key: "karpenter.sh/unregistered", effect: "NoExecute" }] },
    ...extra,
  };
}

type Write = Extract<LifecycleStep, { do: "write" }>;
function written(claim: NodeClaim, nodes: readonly Node[], nowMs = CREATED_MS + 10_000): Write {
  const step = nextLifecycleStep(claim, nodes, nowMs);
  assert.equal(step.do, "write");
  return step as Write;
}
const registration = written(launched, [node()]);
const registered = registration.claim;
const joined = registration.node?.after as Node;

const ready = [{ type: "Ready", status: "True" as const }];
const up: Node = {
  ...joined,
  spec: { ...joined.spec, taints: [dedicated] },
  status: { conditions: ready, allocatable: { cpu: "3900m", "example.com/gpu": "1" } },
};

describe("a claim's next step", () => {
  it("is the finalizer before anything is launched", () => {
    const step = nextLifecycleStep({ ...fresh, metadata: { ...fresh.metadata, finalizers: [] } }, [], CREATED_MS);
    assert.equal(step.do, "add-finalizer");
    assert.equal(nextLifecycleStep(fresh, [], CREATED_MS).do, "launch");
  });

  it("is finalizing once it is being deleted, whatever its state", () => {
    for (const claim of [fresh, launched, registered]) {
      const deleted = { ...claim, metadata: { ...claim.metadata, deletionTimestamp: "2024-01-01T00:01:00Z" } };
      assert.equal(nextLifecycleStep(deleted, [node()], CREATED_MS).do, "finalize");
    }
  });

  it("takes over what the launch decided, own labels and the provider's annotations first", () => {
    assert.deepEqual(launched.metadata.labels, {
      "node.kubernetes.io/instance-type": "a",
      tier: "gold",
      "karpenter.sh/nodepool": "default",
      team: "a",
    });
    assert.deepEqual(launched.metadata.annotations, { note: "provider" });
    assert.equal(launched.status?.providerID, "kwok://n1");
    assert.equal(findCondition(launched, "Launched")?.status, "True");
  });

  it("waits for the node, and looks again when the time for registering is over", () => {
    const step = written(launched, []);
    assert.equal(findCondition(step.claim, "Registered")?.reason, "NodeNotFound");
    assert.equal(step.recheckMs, 15 * 60_000 - 10_000);
    assert.equal(step.registers, false);
  });

  it("registers the node with all that the claim says", () => {
    assert.equal(findCondition(registered, "Registered")?.status, "True");
    assert.equal(registered.status?.nodeName, "n1");
    assert.equal(registration.registers, true);
    assert.equal(registration.taintMissing, false);
    assert.deepEqual(joined.spec.taints, [dedicated, startup]);
    assert.deepEqual(joined.metadata.finalizers, ["karpenter.sh/termination"]);
    assert.deepEqual(
      joined.metadata.ownerReferences?.map(({ uid }) => uid),
      ["u1"],
    );
    assert.equal(joined.metadata.labels?.["karpenter.sh/registered"], "true");
    assert.equal(joined.metadata.labels?.["tier"], "gold");
  });

  it("leaves the node's taints alone when it asks for that", () => {
    const { metadata, spec } = node();
    const step = written(launched, [
      node({ metadata: { ...metadata, labels: { "karpenter.sh/do-not-sync-taints": "true" } }, spec }),
    ]);
    assert.equal(step.node?.after.spec.taints, undefined);
  });

  it("says that the unregistered taint is missing", () => {
    assert.equal(written(launched, [node({ spec: { providerID: "kwok://n1" } })]).taintMissing, true);
  });

  it("does not choose between two nodes with one provider id, and goes on when one has left", () => {
    const twin = node({ metadata: { ...node().metadata, name: "n2" } });
    const stuck = written(launched, [node(), twin]);
    assert.equal(findCondition(stuck.claim, "Registered")?.reason, "MultipleNodesFound");
    assert.equal(stuck.node, undefined);
    assert.equal(written(stuck.claim, [node()]).registers, true);
  });

  const obstacles: { given: string; nodes: Node[]; want: string }[] = [
    { given: "the node is gone", nodes: [], want: "NodeNotFound" },
    { given: "it does not say that it is ready", nodes: [joined], want: "NodeNotReady" },
    {
      given: "it is not ready, with startup taints",
      nodes: [{ ...joined, status: { conditions: [{ type: "Ready", status: "False" }] } }],
      want: "NodeNotReady",
    },
    {
      given: "startup and ephemeral taints are there",
      nodes: [
        {
          ...up,
          spec: { ...up.spec, taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }, startup] },
        },
      ],
      want: "StartupTaintsExist",
    },
    {
      given: "an ephemeral taint is there",
      nodes: [{ ...up, spec: { ...up.spec, taints: [{ key: "readiness.k8s.io/x", effect: "NoSchedule" }] } }],
      want: "KnownEphemeralTaintsExist",
    },
    {
      given: "a requested device is not offered yet",
      nodes: [{ ...up, status: { conditions: ready, allocatable: { cpu: "4", "example.com/gpu": "0" } } }],
      want: "ResourceNotRegistered",
    },
  ];
  for (const { given, nodes, want } of obstacles) {
    it(`is to wait with ${want} while ${given}`, () => {
      const step = written(registered, nodes);
      assert.equal(findCondition(step.claim, "Initialized")?.reason, want);
      assert.equal(step.node, undefined);
    });
  }

  it("initializes a node that offers everything, and then has nothing to do", () => {
    const step = written(registered, [up]);
    assert.equal(step.node?.after.metadata.labels?.["karpenter.sh/initialized"], "true");
    assert.equal(findCondition(step.claim, "Ready")?.status, "True");
    const quiet = written(step.claim, [up]);
    assert.equal(quiet.claim, step.claim);
    assert.equal(quiet.node, undefined);
    assert.equal(written(step.claim, []).claim, step.claim, "it is never un-initialized");
  });
});

describe("waiting for a node", () => {
  const minutes = (n: number): number => CREATED_MS + n * 60_000;
  const failed = unlaunchedClaim(fresh, "LaunchFailed", "no".repeat(400), minutes(4));
  const table: { given: string; claim: NodeClaim; atMs: number; want: string }[] = [
    { given: "a new claim after 4.9 minutes", claim: fresh, atMs: minutes(4.9), want: "waiting" },
    { given: "a new claim after 5 minutes", claim: fresh, atMs: minutes(5), want: "lost launch_timeout" },
    { given: "one that failed to launch since", claim: failed, atMs: minutes(5), want: "lost launch_timeout" },
    { given: "a launched one after 14.9 minutes", claim: launched, atMs: minutes(14.9), want: "waiting" },
    { given: "a launched one after 15 minutes", claim: launched, atMs: minutes(15), want: "lost registration_timeout" },
    { given: "a registered one after a day", claim: registered, atMs: minutes(1_440), want: "alive" },
  ];
  for (const { given, claim, atMs, want } of table) {
    it(`${given}: ${want}`, () => {
      const liveness = livenessOf(claim, atMs);
      assert.equal(liveness.kind === "lost" ? `lost ${liveness.reason}` : liveness.kind, want);
    });
  }

  it("gives up a launched claim whose node does not come", () => {
    assert.deepEqual(nextLifecycleStep(launched, [], minutes(15)), { do: "give-up", reason: "registration_timeout" });
  });

  it("cuts messages that are pages long", () => {
    assert.equal(findCondition(failed, "Launched")?.message.length, 303);
  });
});
