import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Pod } from "../../src/model/core.ts";
import {
  EKS_COMPUTE_TYPE_LABEL,
  HOSTNAME_LABEL,
  INITIALIZED_LABEL,
  INSTANCE_TYPE_LABEL,
  NODE_POOL_LABEL,
  REGISTERED_LABEL,
  ZONE_LABEL,
} from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import type { RequirementSpec } from "../../src/model/requirements.ts";
import {
  daemonSet,
  instanceType,
  type NodeSketch,
  node,
  nodePool,
  pod,
  pods,
} from "../../src/plan/provision/test-cluster.ts";
import { checkGotchas, required, thing } from "./gotcha-table.ts";

const X = { key: "x", effect: "NoSchedule" as const };
const here = (name: string, more: Omit<NodeSketch, "name"> = {}) =>
  node({ name, ...more, labels: { [HOSTNAME_LABEL]: name, ...more.labels } });
const onItsWay = (name: string) =>
  here(name, { pool: "default", joined: false, initialized: false, labels: { [REGISTERED_LABEL]: "" } });
const prefer = (...wishes: [number, string][]) => ({
  affinity: {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: wishes.map(([weight, zone]) => ({
        weight,
        preference: { matchExpressions: [{ key: ZONE_LABEL, operator: "In" as const, values: [zone] }] },
      })),
    },
  },
});
const labelled = (one: Pod, labels: Record<string, string>): Pod => ({
  ...one,
  metadata: { ...one.metadata, labels: { ...one.metadata.labels, ...labels } },
});
const ending = (one: Pod, owner: string): Pod => ({
  ...one,
  metadata: {
    ...one.metadata,
    deletionTimestamp: "2026-01-01T00:00:00Z",
    ownerReferences: [{ apiVersion: "apps/v1", kind: owner, name: "o", uid: "u", controller: true }],
  },
});
const budget = (name: string, maxUnavailable: number): KubeObject =>
  thing(
    "policy/v1",
    "PodDisruptionBudget",
    name,
    { spec: { maxUnavailable, selector: { matchLabels: { app: "web" } } } },
    { namespace: "default" },
  );
const typesAtLeast = (minValues: number, more: Partial<RequirementSpec> = {}): RequirementSpec => ({
  key: INSTANCE_TYPE_LABEL,
  operator: "Exists",
  minValues,
  ...more,
});

describe("pods of nodes that go, as others got them wrong", () => {
  const going = here("n", { pool: "default", deleting: true });
  const running = pod({ name: "r", node: "n", labels: { app: "web" } });
  checkGotchas([
    { line: "a pod that runs: gets another node", objects: [nodePool(), going, running], nodes: 1 },
    {
      line: "a budget that allows none: not provided for",
      objects: [nodePool(), going, running, budget("a", 0)],
      nodes: 0,
    },
    {
      line: "two budgets for one pod: it cannot be evicted, and is not provided for",
      objects: [nodePool(), going, running, budget("a", 1), budget("b", 1)],
      nodes: 0,
    },
    {
      line: "a pod of a ReplicaSet that ends: nothing",
      objects: [nodePool(), going, ending(running, "ReplicaSet")],
      nodes: 0,
    },
    {
      line: "a pod of a StatefulSet that ends: it comes back, so a node",
      objects: [nodePool(), going, ending(running, "StatefulSet")],
      nodes: 1,
    },
  ]);
});

describe("what is none of Karpenter's, as others got it wrong", () => {
  checkGotchas([
    {
      line: "a pod with a Fargate profile: not ours",
      objects: [nodePool(), labelled(pod({ name: "p" }), { "eks.amazonaws.com/fargate-profile": "a" })],
      nodes: 0,
    },
    {
      line: "a node of Fargate takes nobody, not even one that tolerates everything",
      objects: [
        nodePool(),
        here("fargate", { labels: { [EKS_COMPUTE_TYPE_LABEL]: "fargate" } }),
        pod({ name: "p", tolerations: [{ operator: "Exists" }] }),
      ],
      nodes: 1,
      existing: {},
    },
  ]);
});

describe("wishes and labels, as others got them wrong", () => {
  checkGotchas([
    {
      line: "the heaviest wish cannot be, a lighter one can",
      objects: [nodePool(), pod({ name: "p", ...prefer([100, "zone-z"], [1, "zone-b"]) })],
      zones: { "zone-b": 1 },
    },
    {
      line: "wishes against each other: placed",
      objects: [nodePool(), pod({ name: "p", ...prefer([10, "zone-a"], [10, "zone-c"]) })],
      nodes: 1,
    },
    {
      line: "several wishes that cannot be: placed",
      objects: [nodePool(), pod({ name: "p", ...prefer([3, "zone-x"], [2, "zone-y"], [1, "zone-z"]) })],
      nodes: 1,
    },
    {
      line: "wishes ignored: any zone",
      objects: [nodePool(), pod({ name: "p", ...prefer([100, "zone-b"]) })],
      settings: { preferencePolicy: "Ignore" },
      zones: { any: 1 },
    },
    {
      line: "a label that must exist keeps the pool's value",
      objects: [
        nodePool({ labels: { team: "red" } }),
        pod({ name: "p", ...required([{ key: "team", operator: "Exists" }]) }),
      ],
      more: ({ newNodeClaims }) => assert.equal(newNodeClaims[0]?.labels["team"], "red"),
    },
    {
      line: "a label that must not exist, on a pool that gives it: left",
      objects: [
        nodePool({ labels: { team: "red" } }),
        pod({ name: "p", ...required([{ key: "team", operator: "DoesNotExist" }]) }),
      ],
      left: 1,
    },
    {
      line: "only types without an optional label",
      objects: [nodePool(), pod({ name: "p", ...required([{ key: "example.com/gpu", operator: "DoesNotExist" }]) })],
      types: [
        instanceType({ name: "g", cpu: 2, memory: 8, price: 0.01, labels: { "example.com/gpu": "t4" } }),
        instanceType({ name: "m", cpu: 2, memory: 8, price: 0.1 }),
      ],
      types1: ["m"],
    },
    {
      line: "a type's own label: only types that have the value",
      objects: [nodePool(), pod({ name: "p", nodeSelector: { "example.com/gpu": "t4" } })],
      types: [
        instanceType({ name: "g", cpu: 2, memory: 8, price: 1, labels: { "example.com/gpu": "t4" } }),
        instanceType({ name: "m", cpu: 2, memory: 8, price: 0.1 }),
      ],
      types1: ["g"],
    },
  ]);
});

describe("types of a claim, as others got them wrong", () => {
  const many = Array.from({ length: 1_000 }, (_, i) => instanceType({ name: `t-${i}`, cpu: 2, memory: 8, price: 0.1 }));
  checkGotchas([
    {
      line: "a thousand types that fit: at most 600 are listed",
      objects: [nodePool(), pod({ name: "p" })],
      types: many,
      more: ({ newNodeClaims }) => assert.equal(newNodeClaims[0]?.instanceTypes.length, 600),
    },
    {
      line: "a million cores are a slip of the keyboard",
      objects: [nodePool(), pod({ name: "p", cpu: "100M" })],
      left: 1,
      reason: /is "m" meant, not "M"\?/,
    },
    {
      line: "minValues of In and of NotIn for one key: the larger",
      objects: [
        nodePool({
          requirements: [
            typesAtLeast(1, { operator: "In", values: ["m.2", "m.4", "m.8"] }),
            typesAtLeast(2, { operator: "NotIn", values: ["m.8"] }),
          ],
        }),
        pod({ name: "p" }),
      ],
      more: ({ newNodeClaims }) => assert.deepEqual(newNodeClaims[0]?.instanceTypes, ["m.2", "m.4"]),
    },
    {
      line: "minValues met: nothing is relaxed",
      objects: [nodePool({ requirements: [typesAtLeast(2)] }), pod({ name: "p" })],
      more: ({ newNodeClaims }) => assert.deepEqual(newNodeClaims[0]?.minValuesRelaxed, false),
    },
    {
      line: "minValues of two keys: both",
      objects: [
        nodePool({ requirements: [typesAtLeast(3), { key: ZONE_LABEL, operator: "Exists", minValues: 2 }] }),
        pod({ name: "p", nodeSelector: { [ZONE_LABEL]: "zone-a" } }),
      ],
      left: 1,
      code: /^MinValuesNotMet$/,
    },
  ]);
});

describe("nodes on their way, as others got them wrong", () => {
  checkGotchas([
    {
      line: "a pod too large for what is on its way, one that fits: a new node for the first only",
      objects: [nodePool(), onItsWay("n"), pod({ name: "big", cpu: 12 }), pod({ name: "small" })],
      nodes: 1,
      existing: { "claim-n": 1 },
    },
    {
      line: "a pod for another zone: a new node",
      objects: [nodePool(), onItsWay("n"), pod({ name: "p", nodeSelector: { [ZONE_LABEL]: "zone-b" } })],
      zones: { "zone-b": 1 },
      existing: {},
    },
    {
      line: "a taint of an unregistered node that its claim does not have is to go",
      objects: [
        nodePool(),
        here("n", { pool: "default", initialized: false, labels: { [REGISTERED_LABEL]: "" } }).map((one) =>
          one.kind === "Node" ? ({ ...one, spec: { providerID: "test://n", taints: [X] } } as KubeObject) : one,
        ),
        pod({ name: "p" }),
      ],
      nodes: 0,
    },
    {
      line: "said to be initialized, but not registered: the claim's taints count",
      objects: [
        nodePool(),
        here("n", {
          pool: "default",
          labels: { [REGISTERED_LABEL]: "", [INITIALIZED_LABEL]: "true" },
        }).map((one) =>
          one.kind === "Node"
            ? ({
                ...one,
                spec: {
                  providerID: "test://n",
                  taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }],
                },
              } as KubeObject)
            : one,
        ),
        pod({ name: "p" }),
      ],
      nodes: 0,
    },
    {
      line: "both would take it: the one that is initialized",
      objects: [
        nodePool(),
        here("a", { pool: "default", initialized: false }),
        here("b", { pool: "default" }),
        pod({ name: "p" }),
      ],
      existing: { b: 1 },
    },
    {
      line: "a device that the kubelet still reports as zero: the claim's number",
      objects: [
        nodePool(),
        here("n", { pool: "default", initialized: false }).map((one) => {
          const amount = one.kind === "Node" ? 0 : 1;
          const { status } = one as { status?: { capacity: object; allocatable: object } };
          const amounts = { "example.com/gpu": amount };
          return {
            ...one,
            status: {
              ...status,
              capacity: { ...status?.capacity, ...amounts },
              allocatable: { ...status?.allocatable, ...amounts },
            },
          } as unknown as KubeObject;
        }),
        pod({ name: "p", more: { "example.com/gpu": 1 } }),
      ],
      nodes: 0,
    },
    {
      line: "a claim that is not launched holds up nobody: others get their nodes",
      objects: [
        nodePool(),
        nodePool({ name: "other", labels: { team: "red" } }),
        onItsWay("n").map((one) => ({ ...one, status: { conditions: [] } }) as KubeObject),
        pod({ name: "p", nodeSelector: { team: "red" } }),
      ],
      pools: ["other"],
    },
  ]);
});

describe("daemons and limits, as others got them wrong", () => {
  checkGotchas([
    {
      line: "a daemon counts once for two pods",
      objects: [nodePool(), daemonSet("agent", "500m"), pods(2, { name: "p", cpu: "600m", memory: "100Mi" })],
      more: ({ newNodeClaims }) =>
        assert.deepEqual(
          newNodeClaims.map(({ requests }) => requests["cpu"]),
          [1_700],
        ),
    },
    {
      line: "a daemon's pod that has grown counts, not its template",
      objects: [
        nodePool(),
        daemonSet("agent", "100m"),
        pod({ name: "d", node: "elsewhere", cpu: 3, daemonOf: "agent" }),
        pod({ name: "p" }),
      ],
      types1: ["m.8"],
    },
    {
      line: "a daemon's pod that is pinned to its node: the template's affinity counts",
      objects: [
        nodePool(),
        daemonSet("agent", 1, required([{ key: ZONE_LABEL, operator: "Exists" }])),
        pod({
          name: "d",
          node: "elsewhere",
          cpu: 1,
          daemonOf: "agent",
          ...required([{ key: HOSTNAME_LABEL, operator: "In", values: ["elsewhere"] }]),
        }),
        pod({ name: "p" }),
      ],
      types1: ["m.4"],
    },
    {
      line: "a daemon's port keeps pods from types on which it runs only",
      objects: [
        nodePool(),
        daemonSet("agent", "100m", {
          containers: [{ name: "a", ports: [{ containerPort: 80, hostPort: 80 }] }],
          nodeSelector: { [INSTANCE_TYPE_LABEL]: "m.2" },
        }),
        pod({ name: "p", hostPort: 80 }),
      ],
      types1: ["m.4"],
    },
    {
      line: "daemons with devices of resource claims are not counted",
      objects: [nodePool(), daemonSet("agent", 1, { resourceClaims: [{ name: "gpu" }] }), pod({ name: "p" })],
      types1: ["m.2"],
    },
    {
      line: "two nodes are allowed and two are there: left",
      objects: [
        nodePool({ limits: { nodes: 2 } }),
        here("a", { pool: "default", cpu: 1 }),
        here("b", { pool: "default", cpu: 1 }),
        pod({ name: "p", cpu: 2 }),
      ],
      left: 1,
      code: /^LimitsReached$/,
    },
    {
      line: "a pool by name that is not there: left, and told",
      objects: [nodePool(), pod({ name: "p", nodeSelector: { [NODE_POOL_LABEL]: "none" } })],
      left: 1,
      reason: /there is no NodePool none/,
    },
  ]);
});
