import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeAffinity, NodeSelectorRequirement, Taint } from "../../model/core.ts";
import {
  ARCH_LABEL,
  CAPACITY_TYPE_LABEL,
  INSTANCE_TYPE_LABEL,
  NODE_POOL_LABEL,
  OS_LABEL,
  ZONE_LABEL,
} from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import type { RequirementSpec } from "../../model/requirements.ts";
import { planProvisioning } from "./plan-provisioning.ts";
import type { ProvisionPlan } from "./provision-plan.ts";
import {
  type ClusterSketch,
  clusterOf,
  daemonSet,
  FAMILY,
  instanceType,
  node,
  nodePool,
  pod,
  pods,
} from "./test-cluster.ts";

const ON_DEMAND: RequirementSpec = { key: CAPACITY_TYPE_LABEL, operator: "In", values: ["on-demand"] };
const GPU_TAINT: Taint = { key: "gpu", value: "yes", effect: "NoSchedule" };

/** "pool: type x pods, ...; on node: pods; left: pod Code" in one line. */
function inWords(plan: ProvisionPlan): string {
  const bought = plan.newNodeClaims.map(
    ({ nodePool: pool, instanceTypes, pods: on }) => `${pool}: ${instanceTypes[0]} x${on.length}`,
  );
  const placed = plan.existingNodes.map(({ name, pods: on }) => `on ${name}: ${on.length}`);
  const left = plan.unschedulable.map(({ pod: key, code }) => `left ${key.replace("default/", "")}: ${code}`);
  return [...bought.sort(), ...placed, ...left].join(", ") || "nothing";
}

function required(...terms: NodeSelectorRequirement[][]): { affinity: { nodeAffinity: NodeAffinity } } {
  const nodeSelectorTerms = terms.map((matchExpressions) => ({ matchExpressions }));
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } };
}

function preferred(weights: Record<string, number>): { affinity: { nodeAffinity: NodeAffinity } } {
  const terms = Object.entries(weights).map(([zone, weight]) => ({
    weight,
    preference: { matchExpressions: [{ key: ZONE_LABEL, operator: "In", values: [zone] }] },
  }));
  return { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: terms } } };
}

const onlyIn = (zone: string): RequirementSpec => ({ key: ZONE_LABEL, operator: "In", values: [zone] });

type Case = { given: string; cluster: ClusterSketch; want: string };

function table(cases: readonly Case[]): void {
  for (const { given, cluster, want } of cases) {
    it(`${given}: ${want}`, () => {
      assert.equal(inWords(planProvisioning(clusterOf(cluster))), want);
    });
  }
}

describe("which nodes are bought", () => {
  table([
    { given: "no pods", cluster: { objects: [nodePool()] }, want: "nothing" },
    { given: "a pod", cluster: { objects: [nodePool(), pod({ name: "a" })] }, want: "default: m.large x1" },
    {
      given: "pods that just fill a type together with what it keeps",
      cluster: { objects: [nodePool(), pods(3, { name: "a", cpu: "1300m" })] },
      want: "default: m.xlarge x3",
    },
    {
      given: "a pod without requests",
      cluster: { objects: [nodePool(), pod({ name: "a", cpu: 0, memory: "0" })] },
      want: "default: m.large x1",
    },
    {
      given: "more pods than a node may run",
      cluster: {
        types: [instanceType({ name: "tiny", cpu: 2, memory: 8, more: { pods: 2 } })],
        objects: [nodePool(), pods(5, { name: "a", cpu: "10m", memory: "10Mi" })],
      },
      want: "default: tiny x1, default: tiny x2, default: tiny x2",
    },
    {
      given: "an extended resource",
      cluster: {
        types: [
          ...FAMILY,
          instanceType({ name: "g.xlarge", cpu: 4, memory: 16, price: 1, more: { "nvidia.com/gpu": 1 } }),
        ],
        objects: [nodePool(), pod({ name: "a", more: { "nvidia.com/gpu": 1 } }), pod({ name: "b" })],
      },
      want: "default: g.xlarge x2",
    },
    {
      given: "init containers that need more than the pod's own",
      cluster: {
        objects: [
          nodePool(),
          pod({ name: "a", cpu: 1, initContainers: [{ name: "init", resources: { requests: { cpu: 3 } } }] }),
        ],
      },
      want: "default: m.xlarge x1",
    },
    {
      given: "overhead of a runtime class",
      cluster: { objects: [nodePool(), pod({ name: "a", cpu: 1, overhead: { cpu: 1 } })] },
      want: "default: m.xlarge x1",
    },
    {
      given: "a sold-out cheapest offering",
      cluster: {
        types: [
          instanceType({
            name: "gone",
            cpu: 2,
            memory: 8,
            offerings: [{ zone: "zone-a", price: 0.01, available: false }],
          }),
          instanceType({ name: "there", cpu: 2, memory: 8, offerings: [{ zone: "zone-a", price: 0.5 }] }),
        ],
        objects: [nodePool(), pod({ name: "a" })],
      },
      want: "default: there x1",
    },
  ]);
});

describe("labels", () => {
  const arm = instanceType({ name: "arm.large", cpu: 2, memory: 8, price: 0.08, arch: "arm64" });
  table([
    {
      given: "a node selector",
      cluster: {
        types: [...FAMILY, arm],
        objects: [nodePool(), pod({ name: "a", nodeSelector: { [ARCH_LABEL]: "amd64" } })],
      },
      want: "default: m.large x1",
    },
    {
      given: "the old name of a label",
      cluster: {
        types: [...FAMILY, arm],
        objects: [nodePool(), pod({ name: "a", nodeSelector: { "beta.kubernetes.io/arch": "arm64" } })],
      },
      want: "default: arm.large x1",
    },
    {
      given: "pods of two architectures",
      cluster: {
        types: [...FAMILY, arm],
        objects: [
          nodePool(),
          pod({ name: "a", nodeSelector: { [ARCH_LABEL]: "amd64" } }),
          pod({ name: "b", nodeSelector: { [ARCH_LABEL]: "arm64" } }),
        ],
      },
      want: "default: arm.large x1, default: m.large x1",
    },
    {
      given: "pods of two operating systems on types that offer both",
      cluster: {
        types: [instanceType({ name: "any", cpu: 4, memory: 8, os: ["linux", "windows"] })],
        objects: [
          nodePool(),
          pod({ name: "a", nodeSelector: { [OS_LABEL]: "linux" } }),
          pod({ name: "b", nodeSelector: { [OS_LABEL]: "windows" } }),
        ],
      },
      want: "default: any x1, default: any x1",
    },
    {
      given: "alternatives of which the first is impossible",
      cluster: {
        objects: [
          nodePool(),
          pod({
            name: "a",
            ...required(
              [{ key: ZONE_LABEL, operator: "In", values: ["nowhere"] }],
              [{ key: INSTANCE_TYPE_LABEL, operator: "In", values: ["m.xlarge"] }],
            ),
          }),
        ],
      },
      want: "default: m.xlarge x1",
    },
    {
      given: "an alternative that contradicts the node selector",
      cluster: {
        objects: [
          nodePool(),
          pod({
            name: "a",
            nodeSelector: { [ZONE_LABEL]: "zone-a" },
            ...required([{ key: ZONE_LABEL, operator: "In", values: ["zone-b"] }]),
          }),
        ],
      },
      want: "left a: RequirementsNotMet",
    },
    {
      given: "a label of the template",
      cluster: { objects: [nodePool({ labels: { team: "red" } }), pod({ name: "a", nodeSelector: { team: "red" } })] },
      want: "default: m.large x1",
    },
    {
      given: "another value than the template's label has",
      cluster: { objects: [nodePool({ labels: { team: "red" } }), pod({ name: "a", nodeSelector: { team: "blue" } })] },
      want: "left a: RequirementsNotMet",
    },
    {
      given: "a label that the pool does not define",
      cluster: { objects: [nodePool(), pod({ name: "a", nodeSelector: { team: "red" } })] },
      want: "left a: RequirementsNotMet",
    },
    {
      given: "a label that must not be there, and is not",
      cluster: {
        objects: [nodePool(), pod({ name: "a", ...required([{ key: "team", operator: "DoesNotExist" }]) })],
      },
      want: "default: m.large x1",
    },
    {
      given: "values that the pool leaves open, one per pod",
      cluster: {
        objects: [
          nodePool({ requirements: [{ key: "team", operator: "In", values: ["red", "blue"] }] }),
          pods(2, { name: "red", nodeSelector: { team: "red" } }),
          pod({ name: "blue", nodeSelector: { team: "blue" } }),
          pod({ name: "any" }),
        ],
      },
      want: "default: m.large x1, default: m.xlarge x3",
    },
    {
      given: "numbers compared",
      cluster: {
        types: FAMILY.map((type, i) => ({
          ...type,
          requirements: new Map([
            ...type.requirements,
            ["size", { key: "size", complement: false, values: new Set([String(2 ** (i + 1))]) }],
          ]),
        })),
        objects: [nodePool(), pod({ name: "a", ...required([{ key: "size", operator: "Gt", values: ["4"] }]) })],
      },
      want: "default: m.2xlarge x1",
    },
    {
      given: "a pool chosen by name",
      cluster: {
        objects: [
          nodePool({ name: "a", weight: 50 }),
          nodePool({ name: "b" }),
          pod({ name: "p", nodeSelector: { [NODE_POOL_LABEL]: "b" } }),
        ],
      },
      want: "b: m.large x1",
    },
    {
      given: "a pod that refuses Karpenter's nodes",
      cluster: {
        objects: [nodePool(), pod({ name: "a", ...required([{ key: NODE_POOL_LABEL, operator: "DoesNotExist" }]) })],
      },
      want: "nothing",
    },
    {
      given: "a host by name",
      cluster: { objects: [nodePool(), pod({ name: "a", nodeSelector: { "kubernetes.io/hostname": "n" } })] },
      want: "left a: InvalidNodeSelector",
    },
  ]);
});

describe("preferences", () => {
  table([
    {
      given: "a preferred zone",
      cluster: { objects: [nodePool(), pods(2, { name: "a", cpu: "1500m", ...preferred({ "zone-b": 1 }) })] },
      want: "default: m.xlarge x2",
    },
    {
      given: "an impossible preference",
      cluster: { objects: [nodePool(), pod({ name: "a", ...preferred({ nowhere: 100 }) })] },
      want: "default: m.large x1",
    },
    {
      given: "a PreferNoSchedule pool and a clean, dearer one",
      cluster: {
        objects: [
          nodePool({ name: "soft", weight: 10, taints: [{ key: "x", effect: "PreferNoSchedule" }] }),
          nodePool({ name: "clean", requirements: [ON_DEMAND] }),
          pod({ name: "a" }),
        ],
      },
      want: "clean: m.large x1",
    },
    {
      given: "only a PreferNoSchedule pool",
      cluster: {
        objects: [nodePool({ name: "soft", taints: [{ key: "x", effect: "PreferNoSchedule" }] }), pod({ name: "a" })],
      },
      want: "soft: m.large x1",
    },
  ]);

  it("the heaviest preference that can be had decides the zone, unless preferences are ignored", () => {
    const objects = [nodePool(), pod({ name: "a", ...preferred({ nowhere: 100, "zone-b": 10, "zone-a": 1 }) })];
    const zoneOf = (plan: ProvisionPlan) =>
      plan.newNodeClaims[0]?.requirements.find(({ key }) => key === ZONE_LABEL)?.values;
    assert.deepEqual(zoneOf(planProvisioning(clusterOf({ objects }))), ["zone-b"]);
    assert.equal(zoneOf(planProvisioning(clusterOf({ objects, settings: { preferencePolicy: "Ignore" } }))), undefined);
  });

  it("a preference that cannot be met is left out and told", () => {
    const podAffinity = {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, podAffinityTerm: { topologyKey: ZONE_LABEL, labelSelector: { matchLabels: { app: "cache" } } } },
      ],
    };
    const plan = planProvisioning(clusterOf({ objects: [nodePool(), pod({ name: "a", affinity: { podAffinity } })] }));
    assert.equal(inWords(plan), "default: m.large x1");
    assert.deepEqual(plan.remarks, [
      {
        code: "PreferenceLeftOut",
        reason:
          "pod affinity over topology.kubernetes.io/zone to pods of default with app=cache cannot be met: the pods are placed without it",
        pods: ["default/a"],
      },
    ]);
  });
});

describe("taints", () => {
  const tolerations = [{ key: "gpu", operator: "Exists" }];
  table([
    {
      given: "a taint without a toleration",
      cluster: { objects: [nodePool({ taints: [GPU_TAINT] }), pod({ name: "a" })] },
      want: "left a: TaintsNotTolerated",
    },
    {
      given: "a taint with a toleration",
      cluster: { objects: [nodePool({ taints: [GPU_TAINT] }), pod({ name: "a", tolerations })] },
      want: "default: m.large x1",
    },
    {
      given: "a startup taint",
      cluster: { objects: [nodePool({ startupTaints: [GPU_TAINT] }), pod({ name: "a" })] },
      want: "default: m.large x1",
    },
  ]);
});

describe("daemons", () => {
  table([
    {
      given: "a daemon that takes what the pod would need",
      cluster: { objects: [nodePool(), daemonSet("agent", 1), pod({ name: "a", cpu: 1 })] },
      want: "default: m.xlarge x1",
    },
    {
      given: "a daemon for another architecture",
      cluster: {
        objects: [
          nodePool(),
          daemonSet("agent", 1, { nodeSelector: { [ARCH_LABEL]: "arm64" } }),
          pod({ name: "a", cpu: 1 }),
        ],
      },
      want: "default: m.large x1",
    },
    {
      given: "a daemon that does not tolerate the pool's taint",
      cluster: {
        objects: [
          nodePool({ taints: [GPU_TAINT] }),
          daemonSet("agent", 1),
          pod({ name: "a", cpu: 1, tolerations: [{ operator: "Exists" }] }),
        ],
      },
      want: "default: m.large x1",
    },
    {
      given: "a daemon that has yet to start on an existing node",
      cluster: { objects: [node({ name: "n", cpu: 2 }), daemonSet("agent", "1500m"), pod({ name: "a", cpu: 1 })] },
      want: "left a: NoNodePools",
    },
    {
      given: "a daemon that runs there already",
      cluster: {
        objects: [
          node({ name: "n", cpu: 3 }),
          daemonSet("agent", "1500m"),
          pod({ name: "d", cpu: "1500m", memory: "100Mi", node: "n", daemonOf: "agent" }),
          pod({ name: "a", cpu: 1 }),
        ],
      },
      want: "on n: 1",
    },
  ]);
});

describe("nodes that exist", () => {
  const claimTaint: Taint = { key: "boot", effect: "NoSchedule" };
  table([
    {
      given: "room on a node",
      cluster: { objects: [nodePool(), node({ name: "n" }), pods(2, { name: "a" })] },
      want: "on n: 2",
    },
    {
      given: "room for some of them",
      cluster: { objects: [nodePool(), node({ name: "n", cpu: 2 }), pods(3, { name: "a" })] },
      want: "default: m.large x1, on n: 2",
    },
    {
      given: "a node taken by running pods",
      cluster: {
        objects: [nodePool(), node({ name: "n", cpu: 2 }), pod({ name: "r", cpu: 2, node: "n" }), pod({ name: "a" })],
      },
      want: "default: m.large x1",
    },
    {
      given: "a finished pod on it",
      cluster: {
        objects: [
          node({ name: "n", cpu: 2 }),
          { ...pod({ name: "r", cpu: 2, node: "n" }), status: { phase: "Succeeded" } } as KubeObject,
          pod({ name: "a" }),
        ],
      },
      want: "on n: 1",
    },
    {
      given: "a claim whose node has not come",
      cluster: { objects: [nodePool(), node({ name: "n", pool: "default", joined: false }), pod({ name: "a" })] },
      want: "on claim-n: 1",
    },
    {
      given: "a node that still boots behind its startup taint",
      cluster: {
        objects: [
          nodePool(),
          node({ name: "n", pool: "default", initialized: false, taints: [claimTaint], startupTaints: [claimTaint] }),
          pod({ name: "a" }),
        ],
      },
      want: "on n: 1",
    },
    {
      given: "the same taint later on",
      cluster: {
        objects: [
          nodePool(),
          node({ name: "n", pool: "default", taints: [claimTaint], startupTaints: [claimTaint] }),
          pod({ name: "a" }),
        ],
      },
      want: "default: m.large x1",
    },
    {
      given: "a label that the node lacks, though a provider could define it",
      cluster: {
        objects: [nodePool(), node({ name: "n" }), pod({ name: "a", nodeSelector: { [ZONE_LABEL]: "zone-b" } })],
      },
      want: "default: m.large x1",
    },
    {
      given: "a node that is going away, with its pods",
      cluster: {
        objects: [
          nodePool(),
          node({ name: "n", pool: "default", deleting: true }),
          pod({ name: "r", node: "n" }),
          pod({ name: "a" }),
        ],
      },
      want: "default: m.xlarge x2",
    },
    {
      given: "a claim that we are about to delete",
      cluster: {
        objects: [nodePool(), node({ name: "n", pool: "default" }), pod({ name: "r", node: "n" })],
        memory: { markedForDeletion: new Set(["claim-n"]), nominatedUntilMs: new Map() },
      },
      want: "default: m.large x1",
    },
    {
      given: "no pool at all",
      cluster: { objects: [node({ name: "n" }), pods(5, { name: "a" })] },
      want: "on n: 4, left a-5: ExistingNodesFull",
    },
    {
      given: "a running pod that repels the new one",
      cluster: {
        objects: [
          nodePool(),
          node({ name: "n" }),
          pod({
            name: "r",
            node: "n",
            affinity: {
              podAntiAffinity: {
                requiredDuringSchedulingIgnoredDuringExecution: [
                  { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "loud" } } },
                ],
              },
            },
          }),
          pod({ name: "a", labels: { app: "loud" } }),
          pod({ name: "b", labels: { app: "quiet" } }),
        ],
      },
      want: "default: m.large x1, on n: 1",
    },
  ]);

  it("a pod that repels a whole zone keeps others out of it, also on new nodes", () => {
    const podAntiAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: ZONE_LABEL, labelSelector: { matchLabels: { app: "loud" } } },
      ],
    };
    const objects = [
      nodePool(),
      node({ name: "n" }),
      pod({ name: "r", node: "n", affinity: { podAntiAffinity } }),
      pod({ name: "a", labels: { app: "loud" } }),
    ];
    const [claim] = planProvisioning(clusterOf({ objects })).newNodeClaims;
    assert.deepEqual(
      claim?.requirements.find(({ key }) => key === ZONE_LABEL),
      {
        key: ZONE_LABEL,
        operator: "NotIn",
        values: ["zone-a"],
      },
    );
  });
});

describe("several pools", () => {
  const dear = FAMILY.map((type) => ({
    ...type,
    offerings: type.offerings.map((o) => ({ ...o, priceUsdPerHour: o.priceUsdPerHour * 3 })),
  }));
  table([
    {
      given: "a heavier pool",
      cluster: {
        objects: [nodePool({ name: "a", weight: 1 }), nodePool({ name: "b", weight: 10 }), pod({ name: "p" })],
      },
      want: "b: m.large x1",
    },
    {
      given: "a heavier pool that cannot take the pod",
      cluster: {
        objects: [
          nodePool({ name: "a" }),
          nodePool({ name: "b", weight: 10, taints: [GPU_TAINT] }),
          pod({ name: "p" }),
        ],
      },
      want: "a: m.large x1",
    },
    {
      given: "a heavier pool whose limit is reached",
      cluster: {
        objects: [
          nodePool({ name: "a" }),
          nodePool({ name: "b", weight: 10, limits: { nodes: 1 } }),
          pods(2, { name: "p", cpu: 15 }),
        ],
      },
      want: "a: m.4xlarge x1, b: m.4xlarge x1",
    },
    {
      given: "equal weights, by name",
      cluster: { objects: [nodePool({ name: "b" }), nodePool({ name: "a" }), pod({ name: "p" })] },
      want: "a: m.large x1",
    },
    {
      given: "pools that are static, not ready, or being deleted",
      cluster: {
        objects: [
          nodePool({ name: "static", replicas: 3 }),
          nodePool({ name: "unready", ready: false }),
          nodePool({ name: "gone", deleting: true }),
          pod({ name: "p" }),
        ],
      },
      want: "left p: NoNodePools",
    },
  ]);

  it("equal weights: the cheaper pool", () => {
    const snapshot = clusterOf({ objects: [nodePool({ name: "a" }), nodePool({ name: "b" }), pod({ name: "p" })] });
    const instanceTypes = new Map([
      ["a", dear],
      ["b", FAMILY],
    ]);
    assert.equal(inWords(planProvisioning({ ...snapshot, instanceTypes })), "b: m.large x1");
  });

  it("small pods fill what a lighter pool had to buy anyway", () => {
    const objects = [
      nodePool({ name: "heavy", weight: 10 }),
      nodePool({ name: "gpu", taints: [GPU_TAINT] }),
      pod({
        name: "needs-gpu",
        cpu: 3,
        nodeSelector: { [NODE_POOL_LABEL]: "gpu" },
        tolerations: [{ operator: "Exists" }],
      }),
      pod({ name: "small", cpu: "500m", tolerations: [{ operator: "Exists" }] }),
    ];
    assert.equal(inWords(planProvisioning(clusterOf({ objects }))), "gpu: m.xlarge x2");
  });
});

describe("limits", () => {
  table([
    {
      given: "a limit of nodes, held within one batch",
      cluster: { objects: [nodePool({ limits: { nodes: 2 } }), pods(3, { name: "p", cpu: 15 })] },
      want: "default: m.4xlarge x1, default: m.4xlarge x1, left p-3: LimitsReached",
    },
    {
      given: "a limit of cpu",
      cluster: { objects: [nodePool({ limits: { cpu: 6 } }), pods(4, { name: "p", cpu: "1500m" })] },
      want: "default: m.large x1, default: m.xlarge x2, left p-4: LimitsReached",
    },
    {
      given: "a limit that running nodes have used up",
      cluster: {
        objects: [
          nodePool({ limits: { cpu: 5 } }),
          node({ name: "n", pool: "default", cpu: 4 }),
          pod({ name: "r", node: "n", cpu: 4 }),
          pod({ name: "p" }),
        ],
      },
      want: "left p: LimitsReached",
    },
    {
      given: "a limit of nothing",
      cluster: { objects: [nodePool({ limits: { cpu: 0 } }), pod({ name: "p" })] },
      want: "left p: LimitsReached",
    },
  ]);

  it("even if every claim launched its largest type, the limit would hold", () => {
    const objects = [nodePool({ limits: { cpu: 20 } }), pods(8, { name: "p", cpu: "1500m" })];
    const plan = planProvisioning(clusterOf({ objects }));
    const cpuOf = new Map(FAMILY.map(({ name, capacity }) => [name, capacity["cpu"] ?? 0]));
    const largest = plan.newNodeClaims.map(({ instanceTypes }) =>
      Math.max(...instanceTypes.map((name) => cpuOf.get(name) ?? 0)),
    );
    assert.equal(plan.unschedulable.length, 0);
    assert.ok(largest.reduce((sum, cpu) => sum + cpu, 0) <= 20_000);
  });
});

describe("rules of the single host", () => {
  const apart = {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "db" } } },
      ],
    },
  };
  const spread = (maxSkew: number) => ({
    topologySpreadConstraints: [
      {
        maxSkew,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector: { matchLabels: { app: "web" } },
      },
    ],
  });
  table([
    {
      given: "one host port wanted three times",
      cluster: { objects: [nodePool(), pods(3, { name: "p", cpu: "100m", hostPort: 80 })] },
      want: "default: m.large x1, default: m.large x1, default: m.large x1",
    },
    {
      given: "a host port that a daemon holds",
      cluster: {
        objects: [
          nodePool(),
          daemonSet("agent", "100m", { containers: [{ name: "a", ports: [{ containerPort: 80, hostPort: 80 }] }] }),
          pod({ name: "p", hostPort: 80 }),
        ],
      },
      want: "left p: NoInstanceTypeFits",
    },
    {
      given: "a host port in use on a node",
      cluster: {
        objects: [
          nodePool(),
          node({ name: "n" }),
          pod({ name: "r", node: "n", hostPort: 80 }),
          pod({ name: "p", hostPort: 80 }),
        ],
      },
      want: "default: m.large x1",
    },
    {
      given: "pods that keep apart",
      cluster: {
        objects: [
          nodePool(),
          pods(2, { name: "db", cpu: "100m", labels: { app: "db" }, affinity: apart }),
          pod({ name: "x", cpu: "100m" }),
        ],
      },
      want: "default: m.large x1, default: m.large x2",
    },
    {
      given: "spread over hosts, two to each",
      cluster: { objects: [nodePool(), pods(5, { name: "web", cpu: "100m", labels: { app: "web" }, ...spread(2) })] },
      want: "default: m.large x1, default: m.large x2, default: m.large x2",
    },
    {
      given: "spread over hosts, and one runs already",
      cluster: {
        objects: [
          nodePool(),
          node({ name: "n" }),
          pod({ name: "r", node: "n", labels: { app: "web" } }),
          pods(2, { name: "web", cpu: "100m", labels: { app: "web" }, ...spread(1) }),
        ],
      },
      want: "default: m.large x1, default: m.large x1",
    },
  ]);
});

describe("rules that are not planned for refuse the pod by name", () => {
  const cases: [string, Parameters<typeof pod>[0]][] = [
    ["ResourceClaimsNotPlanned", { name: "p", resourceClaims: [{ name: "gpu" }] }],
    [
      "VolumeClaimUnusable",
      { name: "p", volumes: [{ name: "data", persistentVolumeClaim: { claimName: "missing" } }] },
    ],
  ];
  for (const [code, sketch] of cases) {
    it(code, () => {
      const objects = [nodePool(), pod(sketch), pod({ name: "plain" })];
      assert.equal(inWords(planProvisioning(clusterOf({ objects }))), `default: m.large x1, left p: ${code}`);
    });
  }
});

describe("minValues", () => {
  const atLeast = (minValues: number): RequirementSpec => ({ key: INSTANCE_TYPE_LABEL, operator: "Exists", minValues });
  it("pods are packed so that enough types hold them", () => {
    const objects = [nodePool({ requirements: [atLeast(3)] }), pods(4, { name: "p", cpu: 3 })];
    const plan = planProvisioning(clusterOf({ objects }));
    assert.equal(plan.unschedulable.length, 0);
    for (const { instanceTypes, minValuesRelaxed } of plan.newNodeClaims) {
      assert.ok(instanceTypes.length >= 3);
      assert.equal(minValuesRelaxed, false);
    }
  });
  it("Strict refuses what leaves too few types", () => {
    const objects = [nodePool({ requirements: [atLeast(3)] }), pod({ name: "p", cpu: 7 })];
    assert.equal(inWords(planProvisioning(clusterOf({ objects }))), "left p: MinValuesNotMet");
  });
  it("a pool whose other requirements leave too few values names those that are lost, and to what", () => {
    const types = {
      key: INSTANCE_TYPE_LABEL,
      operator: "In" as const,
      values: ["m.xlarge", "m.large", "tiny"],
      minValues: 3,
    };
    const objects = [nodePool({ requirements: [types] }), pod({ name: "p" })];
    const plan = planProvisioning(clusterOf({ objects }));
    const reason = `${INSTANCE_TYPE_LABEL} must keep 3 different values and has 2 left (m.large, m.xlarge): tiny is not on offer`;
    assert.deepEqual(plan.poolsWithoutTypes, [{ nodePool: "default", code: "MinValuesNotMet", reason }]);
    assert.ok(plan.unschedulable[0]?.reason.startsWith(reason));
    const relaxed = planProvisioning(clusterOf({ objects, settings: { minValuesPolicy: "BestEffort" } }));
    assert.deepEqual([relaxed.poolsWithoutTypes, relaxed.unschedulable], [[], []]);
  });
  it("BestEffort keeps the number while it can", () => {
    const objects = [nodePool({ requirements: [atLeast(3)] }), pods(4, { name: "p", cpu: 3 })];
    const plan = planProvisioning(clusterOf({ objects, settings: { minValuesPolicy: "BestEffort" } }));
    assert.equal(plan.unschedulable.length, 0);
    for (const { instanceTypes } of plan.newNodeClaims) assert.ok(instanceTypes.length >= 3);
  });
  it("BestEffort lowers the number and says so", () => {
    const objects = [nodePool({ requirements: [atLeast(3)] }), pod({ name: "p", cpu: 7 })];
    const [claim] = planProvisioning(clusterOf({ objects, settings: { minValuesPolicy: "BestEffort" } })).newNodeClaims;
    assert.equal(claim?.minValuesRelaxed, true);
    assert.equal(claim?.requirements.find(({ key }) => key === INSTANCE_TYPE_LABEL)?.minValues, 2);
  });
});

describe("reasons", () => {
  const reasonOf = (cluster: ClusterSketch) => planProvisioning(clusterOf(cluster)).unschedulable[0]?.reason;
  it("a pod that is too large hears its size and the largest there is", () => {
    assert.equal(
      reasonOf({ objects: [nodePool(), pod({ name: "p", cpu: 512 })] }),
      "needs 512 cpu; the largest of 4 types has 15900m cpu for pods",
    );
  });
  it("a label that only looks right", () => {
    assert.equal(
      reasonOf({ objects: [nodePool(), pod({ name: "p", nodeSelector: { zone: "zone-a" } })] }),
      "asks for zone In [zone-a], but the pool does not define zone, perhaps topology.kubernetes.io/zone is meant",
    );
  });
  it("a zone that is sold out", () => {
    const offerings = [
      { zone: "zone-a", price: 1 },
      { zone: "zone-b", price: 1, available: false },
    ];
    const types = [instanceType({ name: "m", cpu: 2, memory: 8, offerings })];
    const objects = [nodePool(), pod({ name: "p", nodeSelector: { [ZONE_LABEL]: "zone-b" } })];
    assert.deepEqual(planProvisioning(clusterOf({ types, objects })).unschedulable, [
      {
        pod: "default/p",
        code: "NoOfferingAvailable",
        reason: "everything with topology.kubernetes.io/zone In [zone-b] is sold out",
      },
    ]);
  });
  it("every pool has its say", () => {
    const objects = [
      nodePool({ name: "a", taints: [GPU_TAINT] }),
      nodePool({ name: "b" }),
      pod({ name: "p", cpu: 512 }),
    ];
    assert.equal(
      reasonOf({ objects }),
      "NodePool b: needs 512 cpu; the largest of 4 types has 15900m cpu for pods; NodePool a: the taint gpu=yes:NoSchedule is not tolerated",
    );
  });
  it("a pool that only a taint keeps the pod out of comes first, with what would take it", () => {
    const gpu = instanceType({ name: "g", cpu: 4, memory: 16, more: { "nvidia.com/gpu": 1 } });
    const small = instanceType({ name: "s", cpu: 4, memory: 16 });
    const objects = [
      nodePool({ name: "a", requirements: [{ key: INSTANCE_TYPE_LABEL, operator: "In", values: ["s"] }] }),
      nodePool({ name: "b", taints: [GPU_TAINT] }),
      pod({ name: "p", more: { "nvidia.com/gpu": 1 } }),
    ];
    assert.deepEqual(planProvisioning(clusterOf({ types: [gpu, small], objects })).unschedulable, [
      {
        pod: "default/p",
        code: "TaintsNotTolerated",
        reason:
          "NodePool b: the taint gpu=yes:NoSchedule is not tolerated, or g would take it; " +
          "NodePool a: needs 1 nvidia.com/gpu; the only type has none; " +
          "of the pool's 2 types ruled out before: 1 by the pool's node.kubernetes.io/instance-type In [s]",
      },
    ]);
  });
  it("of many pools with reasons of their own ten are told", () => {
    const many = Array.from({ length: 14 }, (_, i) => nodePool({ name: `pool-${i}`, labels: { team: `t${i}` } }));
    const reason = reasonOf({ objects: [...many, pod({ name: "p", nodeSelector: { team: "none" } })] }) ?? "";
    assert.match(reason, /; and 4 more NodePools$/);
    assert.equal(reason.split("; NodePool ").length, 10);
  });
  it("a pool that is not usable is told as well", () => {
    const objects = [nodePool({ name: "a" }), nodePool({ name: "b", ready: false }), pod({ name: "p", cpu: 512 })];
    assert.equal(
      reasonOf({ objects }),
      "NodePool a: needs 512 cpu; the largest of 4 types has 15900m cpu for pods; NodePool b: is not ready (the class is not ready)",
    );
  });
  it("a pool asked for by name: whether it is there, and why it does not take the pod", () => {
    const objects = (name: string) => [
      nodePool({ name: "default" }),
      nodePool({ name: "asleep", ready: false }),
      pod({ name: "p", cpu: 512, nodeSelector: { [NODE_POOL_LABEL]: name } }),
    ];
    assert.equal(
      reasonOf({ objects: objects("defualt") }),
      "its node selector asks for a pool by name: there is no NodePool defualt, perhaps default is meant",
    );
    assert.equal(
      reasonOf({ objects: objects("asleep") }),
      "there is no usable NodePool: NodePool asleep is not ready (the class is not ready)",
    );
    assert.equal(
      reasonOf({ objects: objects("default") }),
      "needs 512 cpu; the largest of 4 types has 15900m cpu for pods",
    );
  });
  it("a value that nothing offers: what there is instead", () => {
    const objects = [nodePool(), pod({ name: "p", nodeSelector: { [ZONE_LABEL]: "zone-z" } })];
    assert.equal(
      reasonOf({ objects }),
      "nothing that it offers has topology.kubernetes.io/zone In [zone-z], only zone-a, zone-b",
    );
  });
  it("a pool that rules out every type says by which requirement", () => {
    const objects = [nodePool({ requirements: [ON_DEMAND, onlyIn("us-east-1f")] }), pod({ name: "p" })];
    assert.deepEqual(planProvisioning(clusterOf({ objects })).poolsWithoutTypes, [
      {
        nodePool: "default",
        code: "NoInstanceTypesMatch",
        reason: "topology.kubernetes.io/zone In [us-east-1f] rules out all 4 instance types",
      },
    ]);
  });
});
