import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import type { KubeObject } from "../../model/object.ts";
import type { Budget } from "../../model/resources/node-pool.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { NO_MEMORY, takeSnapshot } from "../../snapshot/take-snapshot.ts";
import { viewOf } from "../../snapshot/view-of.ts";
import { estimateRollout } from "./rollout.ts";

const NOW_MS = Date.UTC(2026, 2, 4, 12);
const PACE = { nodeReadyMs: 60 * SECOND_MS, podReadyMs: 30 * SECOND_MS };
const meta = (name: string, more: object = {}) => ({
  name,
  uid: name,
  resourceVersion: "1",
  creationTimestamp: "",
  ...more,
});
const conditions = ["Launched", "Registered", "Initialized"].map((type) => ({ type, status: "True" }));

type Given = { nodes: number; podsPerNode?: number; budgets?: Budget[]; allowed?: number; grace?: string };

function cluster({ nodes, podsPerNode = 1, budgets = [{ nodes: "1" }], allowed, grace }: Given): Snapshot {
  const names = Array.from({ length: nodes }, (_, i) => `n${i}`);
  const objects: object[] = [
    {
      apiVersion: "karpenter.sh/v1",
      kind: "NodePool",
      metadata: meta("p"),
      spec: { template: { spec: {} }, disruption: { consolidateAfter: "0s", budgets } },
    },
    ...names.flatMap((name) => [
      {
        apiVersion: "v1",
        kind: "Node",
        metadata: meta(name, {
          labels: {
            "karpenter.sh/nodepool": "p",
            "karpenter.sh/registered": "true",
            "karpenter.sh/initialized": "true",
            "node.kubernetes.io/instance-type": "m",
          },
        }),
        spec: { providerID: `x://${name}` },
        status: {},
      },
      {
        apiVersion: "karpenter.sh/v1",
        kind: "NodeClaim",
        metadata: meta(`c-${name}`),
        spec: { ...(grace === undefined ? {} : { terminationGracePeriod: grace }) },
        status: { providerID: `x://${name}`, conditions },
      },
      ...Array.from({ length: podsPerNode }, (_, i) => ({
        apiVersion: "v1",
        kind: "Pod",
        metadata: meta(`${name}-${i}`, {
          namespace: "x",
          labels: { app: "a" },
          ownerReferences: [{ kind: "ReplicaSet" }],
        }),
        spec: { nodeName: name, containers: [] },
        status: { phase: "Running" },
      })),
    ]),
  ];
  if (allowed !== undefined) {
    objects.push({
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: meta("pdb", { namespace: "x" }),
      spec: { selector: { matchLabels: { app: "a" } } },
      status: { disruptionsAllowed: allowed },
    });
  }
  return takeSnapshot(viewOf(objects as KubeObject[]), {
    nowMs: NOW_MS,
    instanceTypes: new Map(),
    wellKnownLabels: new Set(),
    memory: NO_MEMORY,
  });
}

function takes(given: Given): {
  minutes: number | undefined;
  atOnce: number | undefined;
  slowedBy: string | undefined;
} {
  const snapshot = cluster(given);
  const { takesMs, pools } = estimateRollout(
    snapshot,
    snapshot.stateNodes.map((state) => ({ state })),
    PACE,
  );
  const minutes = takesMs === undefined ? undefined : takesMs / MINUTE_MS;
  return { minutes, atOnce: pools[0]?.atOnce, slowedBy: pools[0]?.slowedBy };
}

describe("how long a roll-out takes", () => {
  it("one node: until its replacement is ready and its pods are", () => {
    assert.deepEqual(takes({ nodes: 1 }), { minutes: 1.5, atOnce: 1, slowedBy: "starting nodes and pods" });
  });

  it("empty nodes need no replacement", () => assert.equal(takes({ nodes: 1, podsPerNode: 0 }).minutes, 0.5));

  it("budgets let so many go at once", () => {
    const one = takes({ nodes: 10 });
    const five = takes({ nodes: 10, budgets: [{ nodes: "50%" }] });
    assert.deepEqual([one.atOnce, five.atOnce], [1, 5]);
    assert.equal(one.slowedBy, "the budgets of NodePool p");
    assert.ok((one.minutes ?? 0) >= 10 * 1.5 && (five.minutes ?? 99) < (one.minutes ?? 0) / 2);
  });

  it("a window that is closed until the evening is waited for", () => {
    const budgets = [{ nodes: "0", schedule: "0 9 * * *", duration: "8h" }];
    const { minutes = 0 } = takes({ nodes: 1, budgets });
    // It belongs to the window that it ends in.
    assert.ok(minutes > 5 * 60 && minutes < 5 * 60 + 5, String(minutes));
  });

  it("never, while nothing is allowed", () => {
    assert.deepEqual(takes({ nodes: 1, budgets: [{ nodes: "0" }] }).minutes, undefined);
  });

  it("pods of one budget leave one after the other, whatever nodes they are on", () => {
    const { minutes = 0, slowedBy } = takes({ nodes: 4, podsPerNode: 5, budgets: [{ nodes: "100%" }], allowed: 1 });
    assert.ok(minutes >= 20 * 0.5 && minutes < 13, String(minutes));
    assert.equal(slowedBy, "PodDisruptionBudget x/pdb");
  });

  it("a terminationGracePeriod ends the waiting for pods", () => {
    const { minutes } = takes({ nodes: 1, podsPerNode: 3, allowed: 0, grace: "10m" });
    assert.equal(minutes, 11.5);
    assert.equal(takes({ nodes: 1, podsPerNode: 3, allowed: 0 }).minutes, undefined);
  });
});
