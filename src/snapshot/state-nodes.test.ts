import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Node, Taint } from "../model/core.ts";
import type { KubeObject } from "../model/object.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import type { StateNode } from "./snapshot.ts";
import { stateNodesOf } from "./state-nodes.ts";
import { emptyView, viewOf } from "./view-of.ts";

const BOOT: Taint = { key: "boot", effect: "NoSchedule" };
const NOT_READY: Taint = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };
const UNREGISTERED: Taint = { key: "karpenter.sh/unregistered", effect: "NoExecute" };
const REAL: Taint = { key: "dedicated", effect: "NoSchedule" };

function meta(name: string, more: object = {}) {
  return { name, uid: name, resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z", ...more };
}

function machine(more: { labels?: object; spec?: object; status?: object; meta?: object } = {}): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: meta("n", { labels: { "node.kubernetes.io/instance-type": "m", ...more.labels }, ...more.meta }),
    spec: { providerID: "p://1", ...more.spec },
    status: { capacity: { cpu: "4", memory: "8Gi" }, allocatable: { cpu: "3", memory: "7Gi" }, ...more.status },
  } as Node;
}

function claim(more: { spec?: object; status?: object; meta?: object } = {}): NodeClaim {
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: meta("c", { labels: { team: "red", "karpenter.sh/nodepool": "pool" }, ...more.meta }),
    spec: { nodeClassRef: { group: "g", kind: "K", name: "k" }, requirements: [], ...more.spec },
    status: {
      providerID: "p://1",
      capacity: { cpu: "4", gpu: "1" },
      allocatable: { cpu: "4", gpu: "1" },
      ...more.status,
    },
  } as unknown as NodeClaim;
}

function only(objects: KubeObject[], marked: string[] = []): StateNode {
  const states = stateNodesOf(viewOf(objects), { markedForDeletion: new Set(marked) });
  assert.equal(states.length, 1);
  const [state] = states;
  assert.ok(state !== undefined);
  return state;
}

const REGISTERED = { "karpenter.sh/registered": "true", "karpenter.sh/nodepool": "pool" };
const INITIALIZED = { ...REGISTERED, "karpenter.sh/initialized": "true" };

describe("a node as planning sees it", () => {
  it("of its own: everything is the node's, and it counts as initialized", () => {
    const state = only([machine({ spec: { taints: [NOT_READY] } })]);
    assert.deepEqual(
      { name: state.name, managed: state.managed, registered: state.registered, initialized: state.initialized },
      { name: "n", managed: false, registered: true, initialized: true },
    );
    assert.deepEqual(state.taints, [NOT_READY]);
    assert.deepEqual(state.allocatable, { cpu: 3_000, memory: 7 * 2 ** 30 });
    assert.equal(state.hostname, "n");
  });

  it("a claim before its node: what it expects to become", () => {
    const state = only([claim({ spec: { taints: [REAL, BOOT], startupTaints: [BOOT] } })]);
    assert.deepEqual(
      { name: state.name, pool: state.nodePool, managed: state.managed, registered: state.registered },
      { name: "c", pool: "pool", managed: true, registered: false },
    );
    assert.deepEqual(state.taints, [REAL]);
    assert.deepEqual(state.allocatable, { cpu: 4_000, gpu: 1 });
    assert.deepEqual(state.podKeys, []);
  });

  it("joined but not registered: labels and taints are still the claim's", () => {
    const state = only([machine({ spec: { taints: [UNREGISTERED, NOT_READY] } }), claim({ spec: { taints: [REAL] } })]);
    assert.equal(state.name, "c");
    assert.equal(state.labels["team"], "red");
    assert.deepEqual(state.taints, [REAL]);
  });

  it("registered but not initialized: the node's, without what it will lose, and with what it has yet to report", () => {
    const objects = [
      machine({
        labels: REGISTERED,
        spec: { taints: [NOT_READY, BOOT, REAL, { key: "readiness.k8s.io/x", effect: "NoSchedule" }] },
        status: { allocatable: { cpu: "3", gpu: "0" } },
      }),
      claim({ spec: { startupTaints: [BOOT] } }),
    ];
    const state = only(objects);
    assert.equal(state.name, "n");
    assert.deepEqual(state.taints, [REAL]);
    assert.deepEqual(state.allocatable, { cpu: 3_000, gpu: 1 });
  });

  it("initialized: only the node counts, and every taint counts again", () => {
    const state = only([
      machine({
        labels: INITIALIZED,
        spec: { taints: [NOT_READY, BOOT] },
        status: { allocatable: { cpu: "3", gpu: "0" } },
      }),
      claim({ spec: { startupTaints: [BOOT] } }),
    ]);
    assert.deepEqual(state.taints, [NOT_READY, BOOT]);
    assert.deepEqual(state.allocatable, { cpu: 3_000, gpu: 0 });
  });

  it("a cordoned node has the taint that the node controller has yet to put there", () => {
    const state = only([machine({ spec: { unschedulable: true } })]);
    assert.deepEqual(state.taints, [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }]);
  });

  it("a node of ours that does not say its type yet is spoken for by its claim", () => {
    const silent = machine();
    silent.metadata.labels = {};
    assert.equal(only([silent, claim()]).node, undefined);
  });

  it("lists its pods by key, without those that have ended", () => {
    const pod = (name: string, phase: string) =>
      ({
        apiVersion: "v1",
        kind: "Pod",
        metadata: meta(name, { namespace: "x" }),
        spec: { nodeName: "n", containers: [] },
        status: { phase },
      }) as KubeObject;
    const state = only([
      machine(),
      pod("b", "Running"),
      pod("a", "Pending"),
      pod("c", "Failed"),
      pod("d", "Succeeded"),
    ]);
    assert.deepEqual(state.podKeys, ["x/a", "x/b"]);
  });
});

describe("going away", () => {
  const deleted = { deletionTimestamp: "2026-01-01T00:00:00Z" };
  const cases: { given: string; objects: KubeObject[]; marked?: string[]; want: boolean }[] = [
    { given: "nothing", objects: [machine({ labels: INITIALIZED }), claim()], want: false },
    { given: "a deleted claim", objects: [machine({ labels: INITIALIZED }), claim({ meta: deleted })], want: true },
    {
      given: "an instance that terminates",
      objects: [
        machine({ labels: INITIALIZED }),
        claim({ status: { conditions: [{ type: "InstanceTerminating", status: "True" }] } }),
      ],
      want: true,
    },
    { given: "a command of ours", objects: [machine({ labels: INITIALIZED }), claim()], marked: ["c"], want: true },
    {
      given: "a deleted node whose claim stays",
      objects: [machine({ labels: INITIALIZED, meta: deleted }), claim()],
      want: false,
    },
    { given: "a deleted node without a claim", objects: [machine({ meta: deleted })], want: true },
  ];
  for (const { given, objects, marked, want } of cases) {
    it(`${given}: ${want}`, () => assert.equal(only(objects, marked).markedForDeletion, want));
  }
});

describe("a view of a list of objects", () => {
  it("indexes pods and provider ids, and puts a namespace where one belongs", () => {
    const pod = { apiVersion: "v1", kind: "Pod", metadata: meta("a"), spec: { containers: [] } } as KubeObject;
    const view = viewOf([pod, machine(), claim(), { apiVersion: "g/v1", kind: "KNodeClass", metadata: meta("k") }]);
    assert.deepEqual([...view.unboundPods], ["default/a"]);
    assert.equal(view.nodeByProviderId.get("p://1"), "n");
    assert.equal(view.claimByProviderId.get("p://1"), "c");
    assert.ok(view.nodeClasses.has("g/KNodeClass/k"));
    assert.deepEqual(viewOf([]), emptyView());
  });
});
