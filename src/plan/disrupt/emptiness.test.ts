import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatTime, parseTime } from "../../base/time.ts";
import type { Node, Pod, PodDisruptionBudget } from "../../model/core.ts";
import type { KubeObject, ObjectMeta } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Budget, NodePool } from "../../model/resources/node-pool.ts";
import type { Memory } from "../../snapshot/snapshot.ts";
import { takeSnapshot } from "../../snapshot/take-snapshot.ts";
import { viewOf } from "../../snapshot/view-of.ts";
import { allowedDisruptions, poolBudgets, UNLIMITED } from "./budgets.ts";
import { findCandidates } from "./candidates.ts";
import { consolidatable } from "./consolidatable.ts";
import { planEmptiness } from "./emptiness.ts";
import { expiry } from "./expiry.ts";

const NOW = parseTime("2026-03-04T12:00:00Z") ?? 0;
const meta = (name: string, more: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  uid: name,
  resourceVersion: "1",
  creationTimestamp: "2026-03-04T00:00:00Z",
  ...more,
});
const condition = (type: string, status = "True", ms = NOW - 3_600_000) => ({
  type,
  status: status as "True",
  reason: type,
  message: "",
  lastTransitionTime: formatTime(ms),
});
const nodeClassRef = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };

function pool(disruption: NodePool["spec"]["disruption"] = {}, more: Partial<NodePool["spec"]> = {}): NodePool {
  const template = { spec: { nodeClassRef, requirements: [] } };
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: meta("default"),
    spec: { template, disruption: { budgets: [{ nodes: "100%" }], ...disruption }, ...more },
  };
}

type Changes = {
  node?: (node: Node) => void;
  claim?: (claim: NodeClaim) => void;
};

/** An initialized node with its claim, quiet for long. */
function nodePair(name: string, changes: Changes = {}): [Node, NodeClaim] {
  const labels = {
    "karpenter.sh/nodepool": "default",
    "karpenter.sh/registered": "true",
    "karpenter.sh/initialized": "true",
    "node.kubernetes.io/instance-type": "small",
  };
  const node: Node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: meta(name, { labels }),
    spec: { providerID: `kwok://${name}` },
    status: { conditions: [{ type: "Ready", status: "True" }] },
  };
  const claim: NodeClaim = {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: meta(`claim-${name}`, { labels: { "karpenter.sh/nodepool": "default" } }),
    spec: { nodeClassRef, requirements: [] },
    status: { providerID: `kwok://${name}`, nodeName: name, conditions: [condition("Consolidatable")] },
  };
  changes.node?.(node);
  changes.claim?.(claim);
  return [node, claim];
}

function pod(name: string, nodeName: string, more: Partial<Pod> = {}, metadata: Partial<ObjectMeta> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: meta(name, { namespace: "default", ...metadata }),
    spec: { containers: [], nodeName },
    status: { phase: "Running" },
    ...more,
  };
}
const daemon = { ownerReferences: [{ apiVersion: "apps/v1", kind: "DaemonSet", name: "d", uid: "d" }] };

function plan(objects: readonly KubeObject[], memory?: Partial<Memory>, underway: string[] = [], only?: string[]) {
  const snapshot = takeSnapshot(viewOf(objects), {
    nowMs: NOW,
    instanceTypes: new Map(),
    wellKnownLabels: new Set(),
    memory: { markedForDeletion: new Set(), nominatedUntilMs: new Map(), ...memory },
  });
  const result = planEmptiness(snapshot, {
    underway: new Set(underway),
    ...(only === undefined ? {} : { only: new Set(only) }),
  });
  return { result, snapshot, chosen: result.chosen.map(({ node }) => node.metadata.name) };
}

describe("emptiness: which node goes", () => {
  const pdb: PodDisruptionBudget = {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: meta("pdb", { namespace: "default" }),
    spec: { selector: {} },
    status: { disruptionsAllowed: 0 },
  };
  const rows: { given: string; objects: KubeObject[]; memory?: Partial<Memory>; goes: boolean; block?: string }[] = [
    { given: "no pods", objects: [pool(), ...nodePair("n")], goes: true },
    { given: "a pod", objects: [pool(), ...nodePair("n"), pod("p", "n")], goes: false },
    { given: "a daemon", objects: [pool(), ...nodePair("n"), pod("p", "n", {}, daemon)], goes: true },
    {
      given: "an ended pod",
      objects: [pool(), ...nodePair("n"), pod("p", "n", { status: { phase: "Succeeded" } })],
      goes: true,
    },
    {
      given: "a pod on its way out",
      objects: [pool(), ...nodePair("n"), pod("p", "n", {}, { deletionTimestamp: "2026-03-04T12:00:00Z" })],
      goes: true,
    },
    {
      given: "a protected daemon",
      objects: [
        pool(),
        ...nodePair("n"),
        pod("p", "n", {}, { ...daemon, annotations: { "karpenter.sh/do-not-disrupt": "true" } }),
      ],
      goes: false,
      block: "DoNotDisruptPod",
    },
    {
      given: "a daemon that its budget keeps",
      objects: [pool(), pdb, ...nodePair("n"), pod("p", "n", {}, daemon)],
      goes: false,
      block: "PdbBlocks",
    },
    {
      given: "a daemon with two budgets",
      objects: [
        pool(),
        pdb,
        { ...pdb, metadata: { ...pdb.metadata, name: "b" } },
        ...nodePair("n"),
        pod("p", "n", {}, daemon),
      ],
      goes: false,
      block: "SeveralPdbs",
    },
    {
      given: "pods came lately",
      objects: [pool(), ...nodePair("n", { claim: (c) => Object.assign(c.status ?? {}, { conditions: [] }) })],
      goes: false,
    },
    {
      given: "pods are expected by node name",
      objects: [pool(), ...nodePair("n"), pod("p", "")],
      memory: { nominatedUntilMs: new Map([["n", NOW + 1]]) },
      goes: false,
      block: "Nominated",
    },
    {
      given: "pods of a node that goes are expected",
      objects: [pool(), ...nodePair("n"), ...nodePair("going"), pod("p", "going")],
      memory: { markedForDeletion: new Set(["claim-going"]), nominatedUntilMs: new Map([["n", NOW + 1]]) },
      goes: false,
      block: "MarkedForDeletion Nominated",
    },
    {
      given: "pods were expected, and none is on its way any more",
      objects: [pool(), ...nodePair("n"), ...nodePair("busy"), pod("p", "busy")],
      memory: { nominatedUntilMs: new Map([["n", NOW + 1]]) },
      goes: true,
    },
    {
      given: "pods are expected by claim name",
      objects: [pool(), ...nodePair("n"), pod("p", "")],
      memory: { nominatedUntilMs: new Map([["claim-n", NOW + 1]]) },
      goes: false,
      block: "Nominated",
    },
    {
      given: "pods were expected",
      objects: [pool(), ...nodePair("n"), pod("p", "")],
      memory: { nominatedUntilMs: new Map([["n", NOW]]) },
      goes: true,
    },
    {
      given: "a pod waits that it was bought for",
      objects: [pool(), ...nodePair("n"), pod("p", "")],
      memory: { expectedOn: new Map([["p", "claim-n"]]) },
      goes: false,
      block: "Nominated",
    },
    {
      given: "the pod it was bought for is gone",
      objects: [pool(), ...nodePair("n")],
      memory: { expectedOn: new Map([["p", "claim-n"]]) },
      goes: true,
    },
    {
      given: "the scheduler preempts on it",
      objects: [pool(), ...nodePair("n"), pod("p", "", { status: { nominatedNodeName: "n" } })],
      goes: false,
      block: "Nominated",
    },
    {
      given: "the node is protected",
      objects: [
        pool(),
        ...nodePair("n", {
          node: (n) => Object.assign(n.metadata, { annotations: { "karpenter.sh/do-not-disrupt": "true" } }),
        }),
      ],
      goes: false,
      block: "DoNotDisruptNode",
    },
    {
      given: "the node asks for a duration",
      objects: [
        pool(),
        ...nodePair("n", {
          node: (n) => Object.assign(n.metadata, { annotations: { "karpenter.sh/do-not-disrupt": "1h" } }),
        }),
      ],
      goes: true,
    },
    {
      given: "the node asks for a duration that is not over",
      objects: [
        pool(),
        ...nodePair("n", {
          node: (n) => Object.assign(n.metadata, { annotations: { "karpenter.sh/do-not-disrupt": "90000h" } }),
        }),
      ],
      goes: false,
      block: "DoNotDisruptNode",
    },
    {
      given: "marked already",
      objects: [pool(), ...nodePair("n")],
      memory: { markedForDeletion: new Set(["claim-n"]) },
      goes: false,
      block: "MarkedForDeletion",
    },
    {
      given: "deleting already",
      objects: [
        pool(),
        ...nodePair("n", { claim: (c) => Object.assign(c.metadata, { deletionTimestamp: "2026-03-04T12:00:00Z" }) }),
      ],
      goes: false,
      block: "MarkedForDeletion",
    },
    {
      given: "not initialized",
      objects: [pool(), ...nodePair("n", { node: (n) => delete n.metadata.labels?.["karpenter.sh/initialized"] })],
      goes: false,
      block: "NotInitialized",
    },
    { given: "no node yet", objects: [pool(), nodePair("n")[1]], goes: false, block: "NoNode" },
    { given: "no claim", objects: [pool(), nodePair("n")[0]], goes: false },
    { given: "no pool", objects: nodePair("n"), goes: false, block: "NodePoolNotFound" },
    { given: "consolidation is off", objects: [pool({ consolidateAfter: "Never" }), ...nodePair("n")], goes: false },
    {
      given: "only empty nodes may go",
      objects: [pool({ consolidationPolicy: "WhenEmpty" }), ...nodePair("n")],
      goes: true,
    },
    { given: "the pool is static", objects: [pool({}, { replicas: 1 }), ...nodePair("n")], goes: false },
    { given: "the budget is closed", objects: [pool({ budgets: [{ nodes: "0" }] }), ...nodePair("n")], goes: false },
  ];
  for (const { given, objects, memory, goes, block } of rows) {
    it(`${given}: ${goes ? "goes" : "stays"}${block === undefined ? "" : ` (${block})`}`, () => {
      const { snapshot, chosen } = plan(objects, memory);
      assert.deepEqual(chosen, goes ? ["n"] : []);
      assert.deepEqual(
        findCandidates(snapshot, new Set()).blocked.map(({ code }) => code),
        block === undefined ? [] : block.split(" "),
      );
    });
  }

  it("what is under way is not chosen again, and a check keeps to what was chosen", () => {
    const objects = [pool(), ...nodePair("a"), ...nodePair("b"), ...nodePair("c")];
    assert.deepEqual(plan(objects).chosen, ["a", "b", "c"]);
    assert.deepEqual(plan(objects, { markedForDeletion: new Set(["claim-a"]) }, ["claim-a"]).chosen, ["b", "c"]);
    assert.deepEqual(plan(objects, {}, [], ["claim-b"]).chosen, ["b"]);
    assert.deepEqual(plan([...objects, pod("p", "b")], {}, [], ["claim-b"]).chosen, []);
  });

  it("a node that waits for its check keeps its place before others", () => {
    const objects = [pool({ budgets: [{ nodes: "1" }] }), ...nodePair("a"), ...nodePair("b")];
    const { snapshot, chosen } = plan(objects);
    assert.deepEqual(chosen, ["a"]);
    const again = planEmptiness(snapshot, { underway: new Set(), proposed: new Set(["claim-b"]) });
    assert.deepEqual(
      again.chosen.map(({ node }) => node.metadata.name),
      ["b"],
    );
  });

  it("a budget counts nodes that are going or not ready, also those of other commands", () => {
    const sick = nodePair("d", {
      node: (n) => Object.assign(n.status ?? {}, { conditions: [{ type: "Ready", status: "False" }] }),
    });
    const objects = [
      pool({ budgets: [{ nodes: "3" }] }),
      ...["a", "b", "c"].flatMap((name) => nodePair(name)),
      ...sick,
    ];
    const { result, chosen } = plan(objects, { markedForDeletion: new Set(["claim-b"]) }, ["claim-b"]);
    assert.deepEqual(result.budgets.get("default"), { total: 4, consuming: 2, allowed: 3, remaining: 1, problems: [] });
    assert.deepEqual(chosen, ["a"]);
    assert.equal(result.eligible.length, 3);
  });

  it("an instance on its way out no longer counts as a node", () => {
    const objects = [
      pool({ budgets: [{ nodes: "50%" }] }),
      ...nodePair("a"),
      ...nodePair("b", { claim: (c) => c.status?.conditions?.push(condition("InstanceTerminating")) }),
    ];
    assert.deepEqual(poolBudgets(plan(objects).snapshot, "Empty").get("default"), {
      total: 1,
      consuming: 0,
      allowed: 1,
      remaining: 1,
      problems: [],
    });
  });
});

describe("budgets of a pool with 15 nodes, on a Wednesday at noon", () => {
  const rows: { budgets: Budget[] | undefined; want: number; because: string }[] = [
    { budgets: undefined, want: 2, because: "the default is 10 %, rounded up" },
    { budgets: [], want: UNLIMITED, because: "no budgets, no limit" },
    { budgets: [{ nodes: "5" }, { nodes: "20%" }], want: 3, because: "the strictest counts" },
    { budgets: [{ nodes: "0", reasons: ["Drifted"] }], want: UNLIMITED, because: "another reason" },
    { budgets: [{ nodes: "0", reasons: [] }], want: UNLIMITED, because: "no reason at all" },
    { budgets: [{ nodes: "1", reasons: ["Empty", "Drifted"] }], want: 1, because: "among the reasons" },
    { budgets: [{ nodes: "0", schedule: "0 9 * * mon-fri", duration: "8h" }], want: 0, because: "office hours" },
    {
      budgets: [{ nodes: "0", schedule: "0 9 * * mon-fri", duration: "3h" }],
      want: 0,
      because: "its end belongs to it",
    },
    {
      budgets: [{ nodes: "0", schedule: "0 9 * * mon-fri", duration: "2h59m" }],
      want: UNLIMITED,
      because: "a minute after its end",
    },
    { budgets: [{ nodes: "0", schedule: "0 12 * * *", duration: "1h" }], want: 0, because: "the start belongs to it" },
    { budgets: [{ nodes: "0", schedule: "0 9 * * sat", duration: "8h" }], want: UNLIMITED, because: "not today" },
    { budgets: [{ nodes: "0", schedule: "@daily", duration: "24h" }], want: 0, because: "always" },
    {
      budgets: [{ nodes: "9", schedule: "@daily1", duration: "24h" }],
      want: 0,
      because: "a bad schedule closes the pool",
    },
    {
      budgets: [{ nodes: "9", schedule: "61 * * * *", duration: "1h", reasons: ["Drifted"] }],
      want: 0,
      because: "also one for another reason",
    },
    { budgets: [{ nodes: "9", schedule: "@daily" }], want: 0, because: "a schedule without a duration" },
    { budgets: [{ nodes: "many" }], want: 0, because: "a bad number" },
  ];
  for (const { budgets, want, because } of rows) {
    it(`${because}: ${want}`, () => {
      const { spec } = pool();
      const disruption = budgets === undefined ? {} : { budgets };
      const given: NodePool = { ...pool(), spec: { ...spec, disruption } };
      assert.equal(allowedDisruptions(given, "Empty", 15, NOW).allowed, want);
    });
  }
});

describe("when a node may be consolidated", () => {
  const claim = (lastPodEventTime?: string, initialized = "True"): NodeClaim => ({
    ...nodePair("n")[1],
    status: {
      conditions: [condition("Initialized", initialized, NOW - 120_000)],
      ...(lastPodEventTime === undefined ? {} : { lastPodEventTime }),
    },
  });
  for (const { given, after, want } of [
    { given: claim(), after: "0s", want: { kind: "yes" } },
    { given: claim(), after: "2m", want: { kind: "yes" } },
    { given: claim(), after: "3m", want: { kind: "not-yet", afterMs: 60_000 } },
    { given: claim(formatTime(NOW - 30_000)), after: "1m", want: { kind: "not-yet", afterMs: 30_000 } },
    { given: claim(formatTime(NOW - 60_000)), after: "1m", want: { kind: "yes" } },
    { given: claim(), after: "Never", want: { kind: "no" } },
    { given: claim(undefined, "Unknown"), after: "0s", want: { kind: "no" } },
  ]) {
    it(`${after} after ${given.status?.lastPodEventTime ?? "initialization"}: ${JSON.stringify(want)}`, () => {
      assert.deepEqual(consolidatable(given, pool({ consolidateAfter: after }), NOW), want);
    });
  }
  it("never in a static pool", () =>
    assert.deepEqual(consolidatable(claim(), pool({}, { replicas: 1 }), NOW), { kind: "no" }));

  for (const [expireAfter, want] of [
    ["12h", { kind: "due" }],
    ["13h", { kind: "later", afterMs: 3_600_000 }],
    ["Never", { kind: "never" }],
  ] as const) {
    it(`a claim of twelve hours with expireAfter ${expireAfter}: ${want.kind}`, () => {
      const given = { ...claim(), spec: { nodeClassRef, requirements: [], expireAfter } };
      assert.deepEqual(expiry(given, NOW), want);
    });
  }
});
