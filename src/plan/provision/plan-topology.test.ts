import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Pod, PodSpec, TopologySpreadConstraint } from "../../model/core.ts";
import { HOSTNAME_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import { planProvisioning } from "./plan-provisioning.ts";
import type { ProvisionPlan } from "./provision-plan.ts";
import { type ClusterSketch, clusterOf, instanceType, node, nodePool, pod, pods } from "./test-cluster.ts";

const web = { labels: { app: "web" } };
const selector = { labelSelector: { matchLabels: { app: "web" } } };
const spread = (more: Partial<TopologySpreadConstraint> = {}): Pick<PodSpec, "topologySpreadConstraints"> => ({
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: ZONE_LABEL, whenUnsatisfiable: "DoNotSchedule", ...selector, ...more },
  ],
});
const near = (topologyKey = ZONE_LABEL, app = "web"): Pick<PodSpec, "affinity"> => ({
  affinity: {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { app } } }],
    },
  },
});
const nearLabel = (key: string, value: string): Pick<PodSpec, "affinity"> => ({
  affinity: {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: ZONE_LABEL, labelSelector: { matchLabels: { [key]: value } } },
      ],
    },
  },
});
const apart = (topologyKey = ZONE_LABEL, app = "web"): Pick<PodSpec, "affinity"> => ({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { app } } }],
    },
  },
});

/** Pods per zone, as far as the zone is decided; "open" for claims that leave it open, "left" for refused ones. */
function perZone(plan: ProvisionPlan, zones: Record<string, string> = {}): Record<string, number> {
  const counts: Record<string, number> = {};
  const add = (place: string, count: number): void => {
    counts[place] = (counts[place] ?? 0) + count;
  };
  for (const { pods: keys, requirements } of plan.newNodeClaims) {
    const zone = requirements.find(({ key }) => key === ZONE_LABEL)?.values ?? [];
    add(zone.length === 1 ? (zone[0] ?? "") : "open", keys.length);
  }
  for (const { name, pods: keys } of plan.existingNodes) add(zones[name] ?? name, keys.length);
  if (plan.unschedulable.length > 0) add("left", plan.unschedulable.length);
  return Object.fromEntries(Object.entries(counts).sort());
}

function planOf(objects: Parameters<typeof clusterOf>[0]["objects"]): ProvisionPlan {
  return planProvisioning(clusterOf({ objects }));
}

const inZone = (name: string, zone: string, more = {}) => node({ name, labels: { [ZONE_LABEL]: zone }, ...more });
const running = (name: string, on: string): Pod => pod({ name, node: on, cpu: "100m", ...web });

describe("rules about zones", () => {
  const cases: (Pick<ClusterSketch, "objects" | "types"> & { given: string; want: Record<string, number> })[] = [
    {
      given: "five pods, spread",
      objects: [nodePool(), pods(5, { name: "p", ...web, ...spread() })],
      want: { "zone-a": 3, "zone-b": 2 },
    },
    {
      given: "minDomains beyond what there is: so many per zone as the skew allows",
      objects: [nodePool(), pods(4, { name: "p", ...web, ...spread({ minDomains: 3 }) })],
      want: { left: 2, "zone-a": 1, "zone-b": 1 },
    },
    {
      given: "a selector that does not select the pods themselves: any zone will do",
      objects: [nodePool(), pods(3, { name: "p", labels: { app: "other" }, ...spread() })],
      want: { "zone-a": 3 },
    },
    {
      given: "pods that run count",
      objects: [
        nodePool(),
        inZone("n", "zone-a"),
        running("r", "n"),
        pods(3, { name: "p", cpu: 8, ...web, ...spread() }),
      ],
      want: { "zone-a": 1, "zone-b": 2 },
    },
    {
      given: "affinity to themselves: all in one zone",
      objects: [nodePool(), pods(9, { name: "p", cpu: 3, ...web, ...near() })],
      want: { "zone-a": 9 },
    },
    {
      given: "affinity to a pod that runs",
      objects: [nodePool(), inZone("n", "zone-b"), running("r", "n"), pods(2, { name: "p", cpu: 8, ...near() })],
      want: { "zone-b": 2 },
    },
    {
      given: "affinity to nobody",
      objects: [nodePool(), pods(2, { name: "p", ...near() })],
      want: { left: 2 },
    },
    {
      given: "a chain: c near b near a",
      objects: [
        nodePool(),
        pod({ name: "c", labels: { app: "c" }, ...near(ZONE_LABEL, "b") }),
        pod({ name: "b", labels: { app: "b" }, ...near(ZONE_LABEL, "a") }),
        pod({ name: "a", labels: { app: "a" }, nodeSelector: { [ZONE_LABEL]: "zone-b" } }),
      ],
      want: { "zone-b": 3 },
    },
    {
      given: "a circle, a near b near a: neither could ever be bound first",
      objects: [
        nodePool(),
        pod({ name: "a", labels: { app: "a" }, ...near(ZONE_LABEL, "b") }),
        pod({ name: "b", labels: { app: "b" }, ...near(ZONE_LABEL, "a") }),
      ],
      want: { left: 2 },
    },
    {
      given: "a circle with one that is near its like as well: that one comes first",
      objects: [
        nodePool(),
        pod({ name: "a", labels: { app: "a", both: "yes" }, ...near(ZONE_LABEL, "b") }),
        pod({ name: "b", labels: { app: "b", both: "yes" }, ...nearLabel("both", "yes") }),
      ],
      want: { "zone-a": 2 },
    },
    {
      given:
        "pods that fit in one zone only stay balanced: other pods' nodes do not come up in a zone they would count",
      objects: [
        nodePool(),
        inZone("n", "zone-b", { cpu: 20 }),
        pods(2, { name: "p", cpu: 9, ...web, ...spread() }),
        pod({ name: "q", cpu: 3 }),
      ],
      want: { "zone-b": 3 },
      types: [
        instanceType({
          name: "t",
          cpu: 4,
          memory: 16,
          offerings: [
            { zone: "zone-a", price: 0.1 },
            { zone: "zone-b", price: 0.101 },
          ],
        }),
      ],
    },
    {
      given: "anti-affinity to themselves: one per zone",
      objects: [nodePool(), pods(3, { name: "p", ...web, ...apart() })],
      want: { left: 1, "zone-a": 1, "zone-b": 1 },
    },
    {
      given: "a plain pod keeps out of the zone of one that wants it away",
      objects: [
        nodePool(),
        pod({ name: "alone", nodeSelector: { [ZONE_LABEL]: "zone-a" }, ...apart() }),
        pod({ name: "plain", ...web }),
      ],
      want: { "zone-a": 1, "zone-b": 1 },
    },
    {
      given: "a wish to be apart is kept while it can be",
      objects: [nodePool(), pods(4, { name: "p", ...web, ...spread({ whenUnsatisfiable: "ScheduleAnyway" }) })],
      want: { "zone-a": 2, "zone-b": 2 },
    },
  ];
  for (const { given, want, ...cluster } of cases) {
    it(given, () => assert.deepEqual(perZone(planProvisioning(clusterOf(cluster)), { n: "zone-b" }), want));
  }
});

describe("spread over hosts", () => {
  it("keeps pods that it does not count themselves off a node with more than it allows", () => {
    const objects = [nodePool(), inZone("n", "zone-a"), running("r", "n"), running("s", "n")];
    const bound = (maxSkew: number) =>
      pod({ name: "p", labels: { app: "db" }, ...spread({ topologyKey: HOSTNAME_LABEL, maxSkew }) });
    assert.deepEqual(planOf([...objects, bound(1)]).existingNodes, []);
    assert.deepEqual(planOf([...objects, bound(2)]).existingNodes, [{ name: "n", pods: ["default/p"] }]);
  });
});

describe("a spread that others are counted by", () => {
  it("leaves no pod for the sake of those that may come after it", () => {
    // Wherever the plain pod is bound, the other must follow: in an empty zone, as long as it comes first.
    const objects = [nodePool(), inZone("n", "zone-b", { cpu: 1 }), pod({ name: "r", node: "n", cpu: 1 })];
    const plan = planOf([...objects, pod({ name: "a", ...web }), pod({ name: "b", ...web, ...near(), ...spread() })]);
    assert.deepEqual(plan.unschedulable, []);
  });

  it("counts a zone in which nobody buys a node as long as that leaves no pod", () => {
    const byVersion = spread({ matchLabelKeys: ["version"] });
    const labels = { app: "web", version: "v1" };
    const objects = [nodePool(), inZone("n", "zone-b")];
    const plan = planOf([
      ...objects,
      pod({ name: "a", labels, ...near(HOSTNAME_LABEL), ...spread() }),
      pod({ name: "b", labels, ...byVersion }),
    ]);
    assert.deepEqual(plan.existingNodes, [{ name: "n", pods: ["default/a", "default/b"] }]);
    // Two pods with the rule are in no balance, whoever comes first.
    const alone = planOf([
      nodePool({ limits: { nodes: 0 } }),
      inZone("n", "zone-b"),
      pods(2, { name: "p", ...web, ...spread() }),
    ]);
    assert.deepEqual(perZone(alone, { n: "zone-b" }), { left: 1, "zone-b": 1 });
  });

  it("lets nobody found a group away from those whom it must be near to and keeps away", () => {
    const affinity = { ...near(ZONE_LABEL).affinity, ...apart(ZONE_LABEL).affinity };
    const plan = planOf([nodePool(), pod({ name: "a", ...web, affinity }), pod({ name: "b", ...web, ...near() })]);
    assert.deepEqual(plan.unschedulable.length, 1);
  });
});

describe("affinity over hosts", () => {
  it("puts pods that want each other on one node, and leaves those that no node holds beside them", () => {
    const plan = planOf([nodePool(), pods(3, { name: "p", cpu: "900m", ...web, ...near(HOSTNAME_LABEL) })]);
    assert.deepEqual(
      plan.newNodeClaims.map((claim) => claim.pods.length),
      [3],
    );
    const many = planOf([nodePool(), pods(300, { name: "p", cpu: 1, ...web, ...near(HOSTNAME_LABEL) })]);
    assert.equal(many.newNodeClaims.length, 1);
    assert.ok(many.unschedulable.every(({ code }) => code === "PodAffinityUnsatisfiable"));
  });

  it("counts pods that share a host one after the other where there is one domain only", () => {
    const plan = planOf([
      nodePool({ requirements: [{ key: ZONE_LABEL, operator: "In", values: ["zone-a"] }] }),
      pods(3, { name: "p", ...web, ...near(HOSTNAME_LABEL), ...spread() }),
    ]);
    assert.deepEqual(perZone(plan), { "zone-a": 3 });
  });

  it("counts a zone in which one of the pods fits, though not all together", () => {
    const offerings = (zone: string) => [{ zone, price: 0.1 }];
    const types = [
      instanceType({ name: "small", cpu: 2, memory: 4, offerings: offerings("zone-a") }),
      instanceType({ name: "large", cpu: 8, memory: 16, offerings: offerings("zone-b") }),
    ];
    const together = { cpu: 1, ...web, ...near(HOSTNAME_LABEL), ...spread() };
    const plan = planProvisioning(clusterOf({ types, objects: [nodePool(), pods(3, { name: "p", ...together })] }));
    assert.equal(plan.unschedulable.length, 3);
  });

  it("waits for nobody who fits nowhere", () => {
    const huge = pod({ name: "huge", memory: "999Gi", ...web });
    const plan = planOf([nodePool(), huge, pod({ name: "p", ...web, ...near(HOSTNAME_LABEL) })]);
    assert.deepEqual(
      plan.newNodeClaims.map((claim) => claim.pods),
      [["default/p"]],
    );
  });

  it("founds no group with a pod that its own rule is not about", () => {
    const elsewhere = pod({ name: "p", ...near(HOSTNAME_LABEL) });
    const huge = pod({ name: "huge", memory: "999Gi", ...web, ...near(HOSTNAME_LABEL) });
    assert.deepEqual(planOf([nodePool(), elsewhere, huge]).newNodeClaims, []);
  });

  it("sends pods to the node where those run that they want", () => {
    const objects = [nodePool(), node({ name: "n" }), node({ name: "o" }), running("r", "o")];
    const plan = planOf([...objects, pod({ name: "p", ...near(HOSTNAME_LABEL) })]);
    assert.deepEqual(plan.existingNodes, [{ name: "o", pods: ["default/p"] }]);
  });
});

describe("refusals for rules between pods", () => {
  it("name every rule with the domains that it rules out, where no single one rules out all", () => {
    const both = { ...web, ...spread(), ...near() };
    const objects = [
      nodePool(),
      inZone("n", "zone-a", { cpu: 1 }),
      running("r", "n"),
      pod({ name: "p", cpu: 2, ...both }),
    ];
    const [refusal] = planOf(objects).unschedulable;
    assert.equal(
      refusal?.reason,
      `topology spread over ${ZONE_LABEL} of pods of default with app=web (maxSkew 1) rules out zone-a; ` +
        `pod affinity over ${ZONE_LABEL} to pods of default with app=web rules out zone-b`,
    );
  });

  it("say so when rules leave a domain and the pool's limits leave no room there", () => {
    const plan = planOf([nodePool({ limits: { nodes: 1 } }), pods(2, { name: "p", ...web, ...spread() })]);
    assert.deepEqual(plan.unschedulable, [
      {
        pod: "default/p-2",
        code: "LimitsReached",
        reason: "the plan reaches the limits of NodePool default: nodes 1 (1 left before this plan)",
      },
    ]);
  });

  it("name the rule, the counts and what came nearest", () => {
    const plan = planOf([nodePool(), pods(3, { name: "p", ...web, ...apart() })]);
    assert.deepEqual(plan.unschedulable, [
      {
        pod: "default/p-3",
        code: "PodAntiAffinityUnsatisfiable",
        reason: `pod anti-affinity over ${ZONE_LABEL} to pods of default with app=web: every domain where it could run holds such a pod: zone-a has 1, zone-b has 1`,
      },
    ]);
  });
});
