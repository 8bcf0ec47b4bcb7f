import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Affinity, Node, Pod } from "../../src/model/core.ts";
import { CAPACITY_TYPE_LABEL, HOSTNAME_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import type { RequirementSpec } from "../../src/model/requirements.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";
import { daemonSet, instanceType, node, nodePool, pod } from "../../src/plan/provision/test-cluster.ts";
import { findingLines, type JudgedPlan, judgePlan } from "./judge.ts";
import type { JudgedClaim } from "./judge-places.ts";

/** A judge that finds nothing wrong proves nothing until it has found mistakes that were put there. */
const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";

const offering = (zone: string, price: number, capacityType: "spot" | "on-demand" = "on-demand") => ({
  zone,
  price,
  capacityType,
});
const TYPES = [
  instanceType({
    name: "small",
    cpu: 2,
    memory: 8,
    offerings: [offering("zone-a", 0.1), offering("zone-b", 0.1), offering("zone-a", 0.05, "spot")],
  }),
  instanceType({ name: "large", cpu: 8, memory: 32, offerings: [offering("zone-a", 0.4), offering("zone-b", 0.4)] }),
  instanceType({ name: "arm", cpu: 8, memory: 32, arch: "arm64", offerings: [offering("zone-a", 0.3)] }),
];
const ON_DEMAND: RequirementSpec = { key: CAPACITY_TYPE_LABEL, operator: "In", values: ["on-demand"] };
const inZone = (zone: string): RequirementSpec => ({ key: ZONE_LABEL, operator: "In", values: [zone] });

function apart(app: string, topologyKey: string, more: object = {}): Affinity {
  return { podAntiAffinity: { [REQUIRED]: [{ topologyKey, labelSelector: { matchLabels: { app } }, ...more }] } };
}
function near(app: string, topologyKey: string, more: object = {}): Affinity {
  return { podAffinity: { [REQUIRED]: [{ topologyKey, labelSelector: { matchLabels: { app } }, ...more }] } };
}
const SPREAD = [
  {
    topologyKey: ZONE_LABEL,
    maxSkew: 1,
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: { app: "web" } },
  },
];

type Bed = {
  objects: KubeObject[];
  plan: JudgedPlan & { newNodeClaims: JudgedClaim[]; existingNodes: { name: string; pods: string[] }[] };
};

/** Two claims in two zones, a pod on a node that exists; every rule is in use and holds. */
function bed(): Bed {
  const [machine, ...others] = node({ name: "old", pool: "default", cpu: 4, labels: { [HOSTNAME_LABEL]: "old" } });
  return {
    objects: [
      nodePool({
        name: "default",
        requirements: [ON_DEMAND, { key: "kubernetes.io/arch", operator: "In", values: ["amd64"] }],
        limits: { cpu: 24, nodes: 3 },
      }),
      nodePool({ name: "tainted", taints: [{ key: "dedicated", effect: "NoSchedule" }] }),
      nodePool({ name: "asleep", ready: false }),
      ...(machine === undefined ? [] : [machine, ...others]),
      pod({ name: "running", node: "old", cpu: 1, labels: { app: "guard" }, affinity: apart("intruder", ZONE_LABEL) }),
      daemonSet("agent", "100m"),
      pod({ name: "web-a", labels: { app: "web" }, topologySpreadConstraints: SPREAD, hostPort: 80 }),
      pod({
        name: "web-b",
        labels: { app: "web" },
        topologySpreadConstraints: SPREAD,
        nodeSelector: { [ZONE_LABEL]: "zone-b" },
        hostPort: 80,
      }),
      pod({ name: "mate", cpu: "100m", labels: { app: "mate" }, affinity: near("web", HOSTNAME_LABEL) }),
      pod({ name: "loner", cpu: "100m", labels: { app: "loner" }, affinity: apart("web", HOSTNAME_LABEL) }),
      pod({ name: "stuck", cpu: 100 }),
    ],
    plan: {
      newNodeClaims: [
        {
          nodePool: "default",
          pods: ["default/web-a"],
          instanceTypes: ["small", "large"],
          requirements: [ON_DEMAND, inZone("zone-a")],
          cheapestPrice: 0.1,
        },
        {
          nodePool: "default",
          pods: ["default/web-b", "default/mate"],
          instanceTypes: ["small"],
          requirements: [ON_DEMAND, inZone("zone-b")],
          cheapestPrice: 0.1,
        },
      ],
      existingNodes: [{ name: "old", pods: ["default/loner"] }],
      unschedulable: [{ pod: "default/stuck" }],
      pricePerHour: 0.2,
    },
  };
}

type Planted = { name: string; rule: string; plant: (it: Bed) => void };

const podOf = ({ objects }: Bed, name: string): Pod =>
  objects.find((o) => o.kind === "Pod" && o.metadata.name === name) as Pod;
const poolOf = ({ objects }: Bed, name: string): NodePool =>
  objects.find((o) => o.kind === "NodePool" && o.metadata.name === name) as NodePool;
const nodeOf = ({ objects }: Bed): Node => objects.find((o) => o.kind === "Node") as Node;
function claimOf({ plan }: Bed, index: number): { -readonly [K in keyof JudgedClaim]: JudgedClaim[K] } {
  const claim = plan.newNodeClaims[index];
  assert.ok(claim !== undefined);
  return claim;
}
/** A volume of the pod, in zone-b or without a place yet. */
function mount(it: Bed, name: string, claimName: string, zone: string): void {
  podOf(it, name).spec.volumes = [{ name: "data", persistentVolumeClaim: { claimName } }];
  const meta = { uid: "", resourceVersion: "", creationTimestamp: "" };
  it.objects.push(
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        ...meta,
        name: claimName,
        namespace: "default",
        annotations: { "pv.kubernetes.io/bind-completed": "yes" },
      },
      spec: { volumeName: `pv-${claimName}` },
    } as KubeObject,
    {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { ...meta, name: `pv-${claimName}` },
      spec: {
        csi: { driver: "disk" },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE_LABEL, operator: "In", values: [zone] }] }],
          },
        },
      },
    } as KubeObject,
  );
}

const PLANTED: Planted[] = [
  { name: "a pod that is nowhere", rule: "pods", plant: (it) => void it.plan.existingNodes.pop() },
  {
    name: "a pod in two places",
    rule: "pods",
    plant: (it) => (claimOf(it, 0).pods = ["default/web-a", "default/mate"]),
  },
  {
    name: "a pod that runs already",
    rule: "pods",
    plant: (it) => (claimOf(it, 0).pods = ["default/web-a", "default/running"]),
  },
  {
    name: "a pod that keeps off",
    rule: "pods",
    plant: (it) =>
      (podOf(it, "loner").spec.affinity = {
        nodeAffinity: {
          [REQUIRED]: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: "karpenter.sh/nodepool", operator: "DoesNotExist" }] }],
          },
        },
      }),
  },
  {
    name: "a pod without its volume claim",
    rule: "pods",
    plant: (it) => (podOf(it, "loner").spec.volumes = [{ name: "x", persistentVolumeClaim: { claimName: "none" } }]),
  },
  {
    name: "a node that is not there",
    rule: "pods",
    plant: (it) => (it.plan.existingNodes[0] = { name: "older", pods: ["default/loner"] }),
  },
  {
    name: "too much on a new node",
    rule: "resources",
    plant: (it) => (podOf(it, "web-a").spec.containers[0]!.resources = { requests: { cpu: "1850m" } }),
  },
  {
    name: "too much on a node that exists",
    rule: "resources",
    plant: (it) => (podOf(it, "loner").spec.containers[0]!.resources = { requests: { cpu: "2950m" } }),
  },
  {
    name: "a resource the node has not",
    rule: "resources",
    plant: (it) => (podOf(it, "web-b").spec.containers[0]!.resources = { requests: { gpu: 1 } }),
  },
  { name: "a taint", rule: "taints", plant: (it) => (claimOf(it, 1).nodePool = "tainted") },
  {
    name: "a taint of a node that exists",
    rule: "taints",
    plant: (it) => (nodeOf(it).spec.taints = [{ key: "full", effect: "NoSchedule" }]),
  },
  {
    name: "a node selector",
    rule: "node-affinity",
    plant: (it) => (claimOf(it, 1).requirements = [ON_DEMAND, inZone("zone-a")]),
  },
  { name: "a zone left open", rule: "node-affinity", plant: (it) => (claimOf(it, 1).requirements = [ON_DEMAND]) },
  {
    name: "an unknown label",
    rule: "node-affinity",
    plant: (it) => (podOf(it, "loner").spec.nodeSelector = { team: "red" }),
  },
  {
    name: "a bound",
    rule: "node-affinity",
    plant: (it) =>
      (podOf(it, "loner").spec.affinity = {
        nodeAffinity: {
          [REQUIRED]: { nodeSelectorTerms: [{ matchExpressions: [{ key: "size", operator: "Gt", values: ["3"] }] }] },
        },
      }),
  },
  {
    name: "a capacity type that the pool forbids",
    rule: "pool",
    plant: (it) => {
      Object.assign(claimOf(it, 0), { requirements: [inZone("zone-a")], cheapestPrice: 0.05 });
      Object.assign(it.plan, { pricePerHour: 0.15 });
    },
  },
  {
    name: "an architecture that the pool forbids",
    rule: "pool",
    plant: (it) => {
      Object.assign(claimOf(it, 0), { instanceTypes: ["arm"], cheapestPrice: 0.3 });
      Object.assign(it.plan, { pricePerHour: 0.4 });
    },
  },
  { name: "a pool that is not ready", rule: "pool", plant: (it) => (claimOf(it, 1).nodePool = "asleep") },
  { name: "a pool that is not there", rule: "pool", plant: (it) => (claimOf(it, 1).nodePool = "none") },
  {
    name: "an offering that is not there",
    rule: "offering",
    plant: (it) => (claimOf(it, 0).requirements = [ON_DEMAND, inZone("zone-z")]),
  },
  {
    name: "a type that is not there",
    rule: "offering",
    plant: (it) => (claimOf(it, 0).instanceTypes = ["small", "tiny"]),
  },
  { name: "a wrong price", rule: "price", plant: (it) => (claimOf(it, 0).cheapestPrice = 0.09) },
  { name: "a wrong sum", rule: "price", plant: (it) => (it.plan.pricePerHour = 0.19) },
  { name: "a limit of cpu", rule: "limits", plant: (it) => (poolOf(it, "default").spec.limits = { cpu: 7 }) },
  { name: "a limit of nodes", rule: "limits", plant: (it) => (poolOf(it, "default").spec.limits = { nodes: 2 }) },
  {
    name: "minValues",
    rule: "min-values",
    plant: (it) =>
      poolOf(it, "default").spec.template.spec.requirements.push({
        key: "node.kubernetes.io/instance-type",
        operator: "Exists",
        minValues: 2,
      }),
  },
  {
    name: "a spread that is uneven",
    rule: "spread",
    plant: (it) =>
      it.objects.push(
        pod({ name: "more", node: "old", cpu: 0, labels: { app: "web" } }),
        pod({ name: "even-more", node: "old", cpu: 0, labels: { app: "web" } }),
      ),
  },
  { name: "a spread over an open zone", rule: "spread", plant: (it) => (claimOf(it, 0).requirements = [ON_DEMAND]) },
  {
    name: "too few domains",
    rule: "spread",
    plant: (it) => {
      podOf(it, "web-a").spec.topologySpreadConstraints = [{ ...SPREAD[0]!, minDomains: 3, maxSkew: 1 }];
      it.objects.push(pod({ name: "one-more", node: "old", cpu: 0, labels: { app: "web" } }));
    },
  },
  {
    name: "a spread over a label that is not there",
    rule: "spread",
    plant: (it) => (podOf(it, "web-a").spec.topologySpreadConstraints = [{ ...SPREAD[0]!, topologyKey: "rack" }]),
  },
  {
    name: "affinity to nobody",
    rule: "pod-affinity",
    plant: (it) => (podOf(it, "mate").spec.affinity = near("ghost", ZONE_LABEL)),
  },
  {
    name: "affinity to pods of another namespace",
    rule: "pod-affinity",
    plant: (it) => (podOf(it, "mate").spec.affinity = near("web", HOSTNAME_LABEL, { namespaces: ["other"] })),
  },
  {
    name: "affinity over a label that is not there",
    rule: "pod-affinity",
    plant: (it) => (podOf(it, "mate").spec.affinity = near("web", "rack")),
  },
  {
    name: "a circle of affinity",
    rule: "pod-affinity-order",
    plant: (it) => (podOf(it, "web-b").spec.affinity = near("mate", HOSTNAME_LABEL)),
  },
  {
    name: "anti-affinity on one node",
    rule: "pod-anti-affinity",
    plant: (it) => (podOf(it, "mate").spec.affinity = apart("web", HOSTNAME_LABEL)),
  },
  {
    name: "anti-affinity in one zone",
    rule: "pod-anti-affinity",
    plant: (it) => (podOf(it, "loner").spec.affinity = apart("web", ZONE_LABEL)),
  },
  {
    name: "anti-affinity of a pod that runs",
    rule: "pod-anti-affinity",
    plant: (it) => (podOf(it, "web-a").metadata.labels = { app: "intruder" }),
  },
  {
    name: "anti-affinity in every namespace",
    rule: "pod-anti-affinity",
    plant: (it) => (podOf(it, "mate").spec.affinity = apart("web", HOSTNAME_LABEL, { namespaceSelector: {} })),
  },
  {
    name: "a host port twice",
    rule: "host-ports",
    plant: (it) =>
      (podOf(it, "mate").spec.containers[0]!.ports = [{ containerPort: 1, hostPort: 80, hostIP: "10.0.0.1" }]),
  },
  {
    name: "a host port of a daemon",
    rule: "host-ports",
    plant: (it) =>
      it.objects.push({
        ...daemonSet("proxy", 0),
        spec: {
          selector: {},
          template: { spec: { containers: [{ name: "p", ports: [{ containerPort: 80, hostPort: 80 }] }] } },
        },
      } as KubeObject),
  },
  { name: "a volume in another zone", rule: "volumes", plant: (it) => mount(it, "web-a", "data", "zone-b") },
  {
    name: "a volume in another zone than a node that exists",
    rule: "volumes",
    plant: (it) => mount(it, "loner", "data", "zone-b"),
  },
  {
    name: "more volumes than a node takes",
    rule: "volume-limits",
    plant: (it) => {
      mount(it, "loner", "data", "zone-a");
      it.objects.push({
        apiVersion: "storage.k8s.io/v1",
        kind: "CSINode",
        metadata: { name: "old", uid: "", resourceVersion: "", creationTimestamp: "" },
        spec: { drivers: [{ name: "disk", nodeID: "old", allocatable: { count: 0 } }] },
      } as KubeObject);
    },
  },
];

const STIFF: Planted[] = [
  {
    name: "a listed type that is too small",
    rule: "flexibility",
    plant: (it) => {
      podOf(it, "web-a").spec.containers[0]!.resources = { requests: { cpu: 5 } };
      Object.assign(claimOf(it, 0), { instanceTypes: ["large", "small"], requirements: [ON_DEMAND, inZone("zone-a")] });
    },
  },
  {
    name: "a listed type without an open offering",
    rule: "flexibility",
    plant: (it) => (claimOf(it, 1).instanceTypes = ["small", "arm"]),
  },
  {
    name: "a limit that a larger listed type breaks",
    rule: "flexibility",
    plant: (it) => (poolOf(it, "default").spec.limits = { cpu: 10 }),
  },
];

describe("the judge of plans", () => {
  it("finds nothing in a plan that holds", () => {
    const { objects, plan } = bed();
    assert.deepEqual(judgePlan({ objects, instanceTypes: TYPES }, plan), { violations: [], stiff: [], remarks: [] });
  });

  for (const { name, rule, plant } of PLANTED) {
    it(`finds what was planted: ${name}`, () => {
      const it = bed();
      plant(it);
      const { violations } = judgePlan({ objects: it.objects, instanceTypes: TYPES }, it.plan);
      assert.ok(
        violations.some((one) => one.rule === rule),
        findingLines(violations).join("\n") || "nothing found",
      );
    });
  }

  for (const { name, rule, plant } of STIFF) {
    it(`finds what the provider might launch: ${name}`, () => {
      const it = bed();
      plant(it);
      const { violations, stiff } = judgePlan({ objects: it.objects, instanceTypes: TYPES }, it.plan);
      assert.ok(
        [...violations, ...stiff].some((one) => one.rule === rule),
        findingLines(stiff).join("\n") || "nothing found",
      );
    });
  }
});
