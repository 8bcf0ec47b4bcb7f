import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeClass } from "../../model/cluster-view.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import type { StateNode } from "../../snapshot/snapshot.ts";
import { findCondition } from "../lifecycle/conditions.ts";
import { hashedPool, isHashOutdated, migratedClaim } from "./claim-hash.ts";
import { poolWithCount } from "./counter.ts";
import { poolWithoutProvider, poolWithReadiness } from "./readiness.ts";
import { poolAfterEdit, poolAfterOutcome, type RegistrationRing, ringOf, withOutcome } from "./registration-health.ts";
import { poolWithProblems } from "./validation.ts";

const NOW_MS = 1_704_067_200_000;
const metadata = { uid: "u", resourceVersion: "1", generation: 3, creationTimestamp: "2024-01-01T00:00:00Z" };
const pool: NodePool = {
  apiVersion: "karpenter.sh/v1",
  kind: "NodePool",
  metadata: { ...metadata, name: "default" },
  spec: {
    template: {
      spec: {
        nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
        requirements: [],
        expireAfter: "720h",
      },
    },
  },
};
const claim: NodeClaim = {
  apiVersion: "karpenter.sh/v1",
  kind: "NodeClaim",
  metadata: { ...metadata, name: "default-1", annotations: { "karpenter.sh/nodepool-hash": "1" } },
  spec: { nodeClassRef: pool.spec.template.spec.nodeClassRef, requirements: [] },
};
function nodeClass(extra: Partial<NodeClass>, deleted = false): NodeClass {
  const own = { ...metadata, name: "default", ...(deleted ? { deletionTimestamp: "2024-01-01T00:00:00Z" } : {}) };
  return { apiVersion: "karpenter.kwok.sh/v1alpha1", kind: "KWOKNodeClass", metadata: own, ...extra };
}
const readyClass = nodeClass({ status: { conditions: [{ type: "Ready", status: "True" }] } });
const shown = (of: NodePool, type: string): string => {
  const condition = findCondition(of, type);
  return `${condition?.status}/${condition?.reason}`;
};

describe("a pool's readiness", () => {
  const bad = { type: "Ready", status: "False", reason: "SubnetsNotFound", message: "none" };
  const table: { given: string; nodeClass: NodeClass | undefined; want: string }[] = [
    { given: "no class", nodeClass: undefined, want: "False/NodeClassNotFound" },
    { given: "a class on its way out", nodeClass: nodeClass({}, true), want: "False/NodeClassTerminating" },
    { given: "a class that says nothing", nodeClass: nodeClass({}), want: "False/NodeClassReadinessUnknown" },
    {
      given: "a class that is not ready",
      nodeClass: nodeClass({ status: { conditions: [bad] } }),
      want: "False/SubnetsNotFound",
    },
    { given: "a ready class", nodeClass: readyClass, want: "True/NodeClassReady" },
  ];
  for (const { given, nodeClass, want } of table) {
    it(`${given}: ${want}`, () =>
      assert.equal(shown(poolWithReadiness(pool, nodeClass, NOW_MS), "NodeClassReady"), want));
  }

  it("is True when the class is ready and the pool is valid", () => {
    const valid = poolWithProblems(poolWithReadiness(pool, readyClass, NOW_MS), [], NOW_MS);
    assert.equal(shown(valid, "Ready"), "True/Ready");
    const broken = poolWithProblems(valid, ["taint twice", "bad label"], NOW_MS);
    assert.equal(shown(broken, "ValidationSucceeded"), "False/NodePoolValidationFailed");
    assert.equal(findCondition(broken, "ValidationSucceeded")?.message, "taint twice; bad label");
    assert.equal(shown(broken, "Ready"), "False/UnhealthyDependents");
  });

  it("says that nobody serves its class, unless somebody does", () => {
    const alone = poolWithoutProvider(pool, ["X.y"], NOW_MS);
    assert.equal(shown(alone, "NodeClassReady"), "False/NodeClassNotServed");
    assert.match(findCondition(alone, "NodeClassReady")?.message ?? "", /KWOKNodeClass\.karpenter\.kwok\.sh.*X\.y/);
    const served = poolWithReadiness(pool, readyClass, NOW_MS);
    assert.equal(poolWithoutProvider(served, ["X.y"], NOW_MS), served);
  });
});

describe("a pool's registration health", () => {
  const play = (outcomes: string): string => {
    let [ring, now]: [RegistrationRing, NodePool] = [[], pool];
    for (const outcome of outcomes) {
      ring = withOutcome(ring, outcome === "+");
      now = poolAfterOutcome(now, ring, claim, NOW_MS);
    }
    return findCondition(now, "NodeRegistrationHealthy")?.status ?? "none";
  };
  const table = {
    "+": "True",
    "-": "none",
    "--": "False",
    "--+": "False",
    "--+++": "True",
    "+-": "True",
    "+-+-": "False",
  };
  for (const [outcomes, want] of Object.entries(table)) {
    it(`${outcomes}: ${want}`, () => assert.equal(play(outcomes), want));
  }

  it("is unknown again after an edit, and read back after a restart", () => {
    const healthy = poolAfterOutcome(poolAfterEdit(pool, 7, NOW_MS), [true], claim, NOW_MS);
    assert.deepEqual(ringOf(healthy), [true]);
    assert.equal(poolAfterEdit(healthy, 7, NOW_MS), healthy);
    const edited = poolAfterEdit(healthy, 8, NOW_MS);
    assert.equal(shown(edited, "NodeRegistrationHealthy"), "Unknown/AwaitingReconciliation");
    assert.equal(edited.status?.nodeClassObservedGeneration, 8);
    assert.deepEqual(ringOf(edited), []);
  });
});

describe("a pool's count", () => {
  const state = (nodePool: string, markedForDeletion: boolean): StateNode => ({
    name: "n",
    providerId: undefined,
    node: undefined,
    claim: undefined,
    nodePool,
    labels: {},
    annotations: {},
    taints: [],
    capacity: { cpu: 4_000, memory: 1024 ** 3, "example.com/gpu": 2 },
    allocatable: {},
    hostname: "n",
    registered: true,
    initialized: true,
    managed: true,
    markedForDeletion,
    podKeys: [],
  });

  it("is zero for the usual resources", () => {
    assert.deepEqual(poolWithCount(pool, []).status, {
      resources: { cpu: "0", "ephemeral-storage": "0", memory: "0", nodes: "0", pods: "0" },
      nodes: 0,
    });
  });

  it("sums up the nodes that stay", () => {
    const counted = poolWithCount(pool, [
      state("default", false),
      state("default", false),
      state("default", true),
      state("x", false),
    ]);
    assert.equal(counted.status?.nodes, 2);
    assert.deepEqual(counted.status?.resources, {
      cpu: "8",
      "ephemeral-storage": "0",
      "example.com/gpu": "4",
      memory: "2Gi",
      nodes: "2",
      pods: "0",
    });
  });
});

describe("a pool's hash", () => {
  it("is brought over to claims of an older version, but not to those that had drifted", () => {
    assert.equal(isHashOutdated(pool), true);
    assert.equal(isHashOutdated(hashedPool(pool)), false);
    const migrated = migratedClaim(claim, pool).metadata.annotations;
    assert.equal(migrated?.["karpenter.sh/nodepool-hash"], "12745407319442031341");
    assert.equal(migrated?.["karpenter.sh/nodepool-hash-version"], "v3");
    const condition = { type: "Drifted", status: "True" as const, reason: "x", message: "", lastTransitionTime: "" };
    const drifted = migratedClaim({ ...claim, status: { conditions: [condition] } }, pool).metadata.annotations;
    assert.equal(drifted?.["karpenter.sh/nodepool-hash"], "1");
    assert.equal(drifted?.["karpenter.sh/nodepool-hash-version"], "v3");
  });
});
