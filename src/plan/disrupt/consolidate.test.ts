import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DAY_MS, formatTime } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, NODE_POOL_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import type { RequirementSpec } from "../../model/requirements.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import {
  type ClusterSketch,
  clusterOf,
  FAMILY,
  instanceType,
  node,
  nodePool,
  pod,
  pods,
} from "../provision/test-cluster.ts";
import { scoreOf } from "./balanced.ts";
import { type ConsolidationPlan, checkMove, planConsolidation } from "./consolidate.ts";

const YEAR_MS = 365 * DAY_MS;
const ON_DEMAND: RequirementSpec = { key: CAPACITY_TYPE_LABEL, operator: "In", values: ["on-demand"] };
type Disruption = NonNullable<NodePool["spec"]["disruption"]>;

function pool(disruption: Disruption = {}, requirements: RequirementSpec[] = [ON_DEMAND], name = "default"): NodePool {
  const made = nodePool({ name, requirements });
  return { ...made, spec: { ...made.spec, disruption: { budgets: [{ nodes: "100%" }], ...disruption } } };
}

type Had = {
  capacityType?: string;
  zone?: string;
  conditions?: string[];
  labels?: Record<string, string | undefined>;
  pool?: string;
  initialized?: boolean;
  lastPodEventMs?: number;
  createdMs?: number;
  /** Of the claim. */
  annotations?: Record<string, string>;
};

/** A node of a type of the family with all of its room, quiet for long. */
function had(name: string, typeName: string, types: readonly InstanceType[], more: Had = {}): KubeObject[] {
  const type = types.find((one) => one.name === typeName);
  const cpu = (type?.allocatable["cpu"] ?? 0) / 1_000;
  const labels: Record<string, string> = {
    [INSTANCE_TYPE_LABEL]: typeName,
    [CAPACITY_TYPE_LABEL]: more.capacityType ?? "on-demand",
    [ZONE_LABEL]: more.zone ?? "zone-a",
  };
  for (const [key, value] of Object.entries(more.labels ?? {})) {
    if (value === undefined) delete labels[key];
    else labels[key] = value;
  }
  const memory = String(type?.allocatable["memory"] ?? 0);
  const objects = node({
    name,
    cpu,
    memory,
    pool: more.pool ?? "default",
    labels,
    initialized: more.initialized ?? true,
  });
  const conditions = (more.conditions ?? ["Initialized", "Consolidatable"]).map((one) => ({
    type: one,
    status: "True",
    lastTransitionTime: "1969-01-01T00:00:00Z",
  }));
  return objects.map((object) => {
    for (const [key, value] of Object.entries(more.labels ?? {})) {
      if (value === undefined) delete object.metadata.labels?.[key];
    }
    if (object.kind === "Node") {
      return {
        ...object,
        status: { ...(object as Node).status, conditions: [{ type: "Ready", status: "True" }] },
      } as Node;
    }
    object.metadata.creationTimestamp = formatTime(more.createdMs ?? -YEAR_MS);
    if (more.annotations !== undefined) object.metadata.annotations = more.annotations;
    const event = more.lastPodEventMs === undefined ? {} : { lastPodEventTime: formatTime(more.lastPodEventMs) };
    return { ...object, status: { ...(object as NodeClaim).status, ...event, conditions } } as KubeObject;
  });
}

const familyNode = (name: string, typeName: string, more: Had = {}): KubeObject[] => had(name, typeName, FAMILY, more);

function planned(sketch: ClusterSketch, spotToSpot = false): ConsolidationPlan {
  return planConsolidation(clusterOf({ ...sketch, settings: { searchSteps: 50_000 } }), {
    underway: new Set(),
    spotToSpot,
  });
}

/** "a,b -> m.large" for every move. */
function inWords({ moves }: ConsolidationPlan): string[] {
  return moves.map(({ members, command }) => {
    const gone = members.map(({ candidate }) => candidate.state.name).join();
    const bought = command.replacements.map(({ instanceTypes }) => instanceTypes[0]).join();
    return `${gone} -> ${bought === "" ? "nothing" : bought}`;
  });
}

function codeOf(plan: ConsolidationPlan, name: string): string | undefined {
  return plan.kept.find(({ state }) => state.name === name)?.code;
}

describe("nodes that are too dear", () => {
  const rows: { given: string; objects: ClusterSketch["objects"]; want: string[] }[] = [
    {
      given: "its pods fit elsewhere",
      objects: [
        familyNode("a", "m.2xlarge"),
        familyNode("b", "m.2xlarge"),
        pods(3, { name: "on-a", node: "a" }),
        pods(4, { name: "on-b", node: "b" }),
      ],
      want: ["a -> nothing"],
    },
    {
      given: "a cheaper type is enough",
      objects: [familyNode("a", "m.4xlarge"), pods(3, { name: "p", node: "a" })],
      want: ["a -> m.xlarge"],
    },
    {
      given: "it is what would be bought",
      objects: [familyNode("a", "m.xlarge"), pods(3, { name: "p", node: "a" })],
      want: [],
    },
    {
      given: "three half empty ones",
      objects: ["a", "b", "c"].flatMap((name) => [
        familyNode(name, "m.2xlarge"),
        pods(1, { name: `on-${name}`, node: name }),
      ]),
      want: ["a,b,c -> m.xlarge"],
    },
    {
      given: "two of one type whose pods need one of that type",
      objects: ["a", "b"].flatMap((name) => [
        familyNode(name, "m.xlarge"),
        pods(1, { name: `on-${name}`, node: name }),
      ]),
      want: ["b -> nothing"],
    },
    {
      given: "a pod that waits for ever beside it",
      objects: [familyNode("a", "m.4xlarge"), pods(3, { name: "p", node: "a" }), pod({ name: "huge", cpu: 500 })],
      want: ["a -> m.xlarge"],
    },
    {
      given: "a pod that no other node takes",
      objects: [familyNode("a", "m.4xlarge"), pod({ name: "p", node: "a", nodeSelector: { mine: "yes" } })],
      want: [],
    },
  ];
  for (const { given, objects, want } of rows) {
    it(`${given}: ${want.join("; ") || "stays"}`, () => {
      const got = inWords(planned({ objects: [pool(), ...objects] }));
      assert.deepEqual(got, want);
    });
  }

  it("names for every pod where it goes, and what is saved", () => {
    const { moves } = planned({ objects: [pool(), familyNode("a", "m.4xlarge"), pods(3, { name: "p", node: "a" })] });
    assert.deepEqual([...(moves[0]?.command.moves.keys() ?? [])].sort(), ["default/p-1", "default/p-2", "default/p-3"]);
    assert.equal(moves[0]?.savings.toFixed(4), "0.6000");
  });

  it("lists for a replacement only what is cheaper wherever it is launched", () => {
    const types = [
      ...FAMILY.filter(({ name }) => name === "m.4xlarge"),
      instanceType({
        name: "uneven",
        cpu: 4,
        memory: 16,
        offerings: [
          { zone: "zone-a", price: 0.3 },
          { zone: "zone-b", price: 0.9 },
        ],
      }),
    ];
    const { moves } = planned({
      types,
      objects: [pool(), had("a", "m.4xlarge", types), pods(3, { name: "p", node: "a" })],
    });
    const [replacement] = moves[0]?.command.replacements ?? [];
    assert.deepEqual(replacement?.instanceTypes, ["uneven"]);
    const zone = replacement?.requirements.find(({ key }) => key === ZONE_LABEL);
    assert.deepEqual(zone?.values, ["zone-a"]);
  });

  it("moves no pod to a node that goes as well", () => {
    const objects = ["a", "b", "c", "d", "e"].flatMap((name) => [
      familyNode(name, "m.2xlarge"),
      pods(1, { name: `on-${name}`, node: name }),
    ]);
    const { moves } = planned({ objects: [pool(), ...objects] });
    const gone = new Set(moves.flatMap(({ members }) => members.map(({ candidate }) => candidate.state.name)));
    for (const { command } of moves) for (const target of command.moves.values()) assert.ok(!gone.has(target));
    assert.equal(gone.size, 4);
  });
});

describe("why a node stays", () => {
  const one = (disruption: Disruption, more: Had = {}, requirements?: RequirementSpec[]): ConsolidationPlan =>
    planned({
      objects: [pool(disruption, requirements), familyNode("a", "m.4xlarge", more), pods(3, { name: "p", node: "a" })],
    });
  const rows: [string, ConsolidationPlan, string][] = [
    ["the pool consolidates empty nodes only", one({ consolidationPolicy: "WhenEmpty" }), "OnlyWhenEmpty"],
    ["consolidateAfter is Never", one({ consolidateAfter: "Never" }), "ConsolidationOff"],
    ["pods came just now", one({ consolidateAfter: "1h" }, { conditions: ["Initialized"] }), "NotConsolidatable"],
    ["its type is not offered", one({}, { labels: { [INSTANCE_TYPE_LABEL]: "old" } }), "InstanceTypeUnknown"],
    ["it has no zone label", one({}, { labels: { [ZONE_LABEL]: undefined } }), "OfferingUnknown"],
    ["it has no capacity type label", one({}, { labels: { [CAPACITY_TYPE_LABEL]: undefined } }), "OfferingUnknown"],
    ["the budget is used up", one({ budgets: [{ nodes: "0" }] }), "BudgetUsedUp"],
    [
      "the budget for the reason is used up",
      one({ budgets: [{ nodes: "0", reasons: ["Underutilized"] }] }),
      "BudgetUsedUp",
    ],
    [
      "minValues would be broken",
      one({}, {}, [ON_DEMAND, { key: INSTANCE_TYPE_LABEL, operator: "Exists", minValues: 3 }]),
      "MinValuesNotMet",
    ],
  ];
  for (const [because, plan, code] of rows) {
    it(`${because}: ${code}`, () => {
      assert.deepEqual(inWords(plan), []);
      assert.equal(codeOf(plan, "a"), code);
    });
  }

  it("a budget for another reason does not matter", () => {
    assert.equal(one({ budgets: [{ nodes: "0", reasons: ["Drifted"] }] }).moves.length, 1);
  });

  it("budgets count over all commands of a plan", () => {
    const objects = ["a", "b", "c", "d"].flatMap((name) => [
      familyNode(name, "m.4xlarge"),
      pods(3, { name: `on-${name}`, node: name }),
    ]);
    const plan = planned({ objects: [pool({ budgets: [{ nodes: "2" }] }), ...objects] });
    assert.equal(plan.moves.flatMap(({ members }) => members).length, 2);
  });
});

describe("where the pods of a dear node may go", () => {
  const target = (disruption: Disruption, more: Had): string[] =>
    inWords(
      planned({
        objects: [
          pool(disruption),
          familyNode("a", "m.large"),
          familyNode("full", "m.4xlarge", { pool: "default", ...more }),
          pod({ name: "p", cpu: "500m", node: "a" }),
          pods(15, { name: "q", node: "full" }),
        ],
      }),
    );
  it("to a node with room", () => assert.deepEqual(target({}, {}), ["a -> nothing"]));
  it("not to one that is not initialized", () => {
    assert.deepEqual(target({}, { initialized: false, conditions: [] }), []);
  });
  it("not to one that pods came to less than consolidateAfter ago", () => {
    const recent = { conditions: ["Initialized"], lastPodEventMs: clusterOf({ objects: [] }).nowMs - 1_000 };
    assert.deepEqual(target({ consolidateAfter: "1h" }, recent), []);
  });
});

describe("spot", () => {
  const BOTH: RequirementSpec[] = [{ key: CAPACITY_TYPE_LABEL, operator: "In", values: ["on-demand", "spot"] }];
  const many = (count: number): InstanceType[] => [
    ...FAMILY.filter(({ name }) => name === "m.4xlarge"),
    ...Array.from({ length: count }, (_, i) =>
      instanceType({ name: `s${String(i).padStart(2, "0")}`, cpu: 4, memory: 16, price: 0.2 + i / 1_000 }),
    ),
  ];
  const single = (count: number, spotToSpot: boolean): ConsolidationPlan => {
    const types = many(count);
    const objects = [
      pool({}, BOTH),
      had("a", "m.4xlarge", types, { capacityType: "spot" }),
      pods(3, { name: "p", node: "a" }),
    ];
    return planned({ types, objects }, spotToSpot);
  };

  it("an on-demand node that might be spot makes way for spot only", () => {
    const { moves } = planned({
      objects: [pool({}, BOTH), familyNode("a", "m.4xlarge"), pods(3, { name: "p", node: "a" })],
    });
    const requirement = moves[0]?.command.replacements[0]?.requirements.find(({ key }) => key === CAPACITY_TYPE_LABEL);
    assert.deepEqual(requirement?.values, ["spot"]);
  });
  it("a spot node stays without the gate", () => {
    const types = many(20).map((type) => ({
      ...type,
      offerings: type.offerings.filter((o) => o.capacityType === "spot"),
    }));
    const plan = planned({
      types,
      objects: [
        pool({}, BOTH),
        had("a", "m.4xlarge", types, { capacityType: "spot" }),
        pods(3, { name: "p", node: "a" }),
      ],
    });
    assert.deepEqual(inWords(plan), []);
  });
  it("fourteen cheaper types are too few for a single one", () => {
    const plan = single(14, true);
    assert.deepEqual(inWords(plan), []);
    assert.equal(codeOf(plan, "a"), "TooFewSpotTypes");
  });
  it("of twenty cheaper types fifteen are listed", () => {
    const replacement = single(20, true).moves[0]?.command.replacements[0];
    assert.equal(replacement?.instanceTypes.length, 15);
    assert.deepEqual(replacement?.requirements.find(({ key }) => key === INSTANCE_TYPE_LABEL)?.values?.length, 15);
  });
});

describe("the policy Balanced", () => {
  const busy = (policy: "Balanced" | "WhenEmptyOrUnderutilized"): string[] =>
    inWords(
      planned({
        objects: [
          pool({ consolidationPolicy: policy }),
          familyNode("a", "m.xlarge"),
          familyNode("b", "m.4xlarge"),
          pods(30, { name: "p", cpu: "60m", memory: "10Mi", node: "a" }),
          pods(15, { name: "q", node: "b" }),
        ],
      }),
    );
  it("a small saving for much disturbance is left alone", () => {
    assert.deepEqual(busy("WhenEmptyOrUnderutilized"), ["a -> m.large"]);
    assert.deepEqual(busy("Balanced"), []);
  });
  it("the score is the share saved by the share disturbed", () => {
    assert.equal(scoreOf(1, 5, { price: 10, disruption: 100 }), 2);
    assert.equal(scoreOf(0, 5, { price: 10, disruption: 100 }), 0);
    assert.equal(scoreOf(1, 0, { price: 10, disruption: 100 }), Number.POSITIVE_INFINITY);
    assert.equal(scoreOf(1, 5, { price: 0, disruption: 100 }), 0);
  });
});

describe("a consolidation plan", () => {
  it("is the same for the same cluster", () => {
    const objects = ["a", "b", "c", "d", "e", "f"].flatMap((name, i) => [
      familyNode(name, i % 2 === 0 ? "m.4xlarge" : "m.2xlarge"),
      pods(i, { name: `on-${name}`, node: name }),
    ]);
    const cluster = { objects: [pool(), ...objects] };
    assert.deepEqual(
      inWords(planned(cluster)),
      inWords(planned({ ...cluster, objects: [...cluster.objects].reverse() })),
    );
  });
  it("leaves nodes alone that a command takes already", () => {
    const cluster = clusterOf({ objects: [pool(), familyNode("a", "m.4xlarge"), pods(3, { name: "p", node: "a" })] });
    const plan = planConsolidation(cluster, { underway: new Set(["claim-a"]), spotToSpot: false });
    assert.deepEqual(inWords(plan), []);
  });
  it("leaves paused pools and empty nodes alone", () => {
    const objects = [
      pool(),
      familyNode("a", "m.4xlarge"),
      pods(3, { name: "p", node: "a" }),
      familyNode("b", "m.large"),
    ];
    const cluster = clusterOf({ objects });
    const paused = planConsolidation(cluster, { underway: new Set(), spotToSpot: false, paused: new Set(["default"]) });
    assert.deepEqual([inWords(paused), codeOf(paused, "a"), codeOf(paused, "b")], [[], "Paused", "Empty"]);
  });
  it("holds when it is looked at again, unless the cluster has changed", () => {
    const objects = [pool(), familyNode("a", "m.4xlarge"), pods(3, { name: "p", node: "a" })];
    const options = { underway: new Set<string>(), spotToSpot: false };
    const again = (more: ClusterSketch["objects"], first = pool()) =>
      checkMove(clusterOf({ objects: [first, ...objects.slice(1), ...more] }), new Set(["claim-a"]), options);
    const held = again([pod({ name: "late", node: "a" })]);
    assert.ok(held.kind === "move" && held.command.moves.has("default/late"));
    const full = again([pods(10, { name: "late", node: "a" })]);
    assert.ok(full.kind === "rejected" && full.cause === "scheduling");
    const closed = again([], pool({ budgets: [{ nodes: "0" }] }));
    assert.ok(closed.kind === "rejected" && closed.cause === "budget");
    const saved = pod({ name: "late", node: "a" });
    saved.metadata.annotations = { "karpenter.sh/do-not-disrupt": "true" };
    const blocked = again([saved]);
    assert.ok(blocked.kind === "rejected" && blocked.cause === "churn");
  });
  it("takes nodes of a pool without limits from nobody else", () => {
    const other = pool({}, [ON_DEMAND], "other");
    const objects = [pool(), { ...other, status: {} }, familyNode("a", "m.4xlarge"), pods(3, { name: "p", node: "a" })];
    assert.deepEqual(inWords(planned({ objects })), ["a -> m.xlarge"]);
    assert.equal(planned({ objects }).moves[0]?.command.replacements[0]?.labels[NODE_POOL_LABEL], "default");
  });
});

describe("a move in a cluster that goes on living", () => {
  const patient = (objects: ClusterSketch["objects"]): ConsolidationPlan =>
    planConsolidation(clusterOf({ objects: [pool(), ...objects] }), {
      underway: new Set(),
      spotToSpot: false,
      evictionCostUsd: 0.05,
    });
  const threePods = pods(3, { name: "p", node: "a" });
  const quietFor = (seconds: number, annotations: Record<string, string> = {}) => [
    familyNode("a", "m.4xlarge", { lastPodEventMs: -1_000 * seconds, annotations }),
    threePods,
  ];
  const round = (value: object): Record<string, string> => ({
    "karpenter.sh/consolidation-round": JSON.stringify(value),
  });
  // Saves 0.6 per hour; three evictions and a new node are worth 0.2: it pays back in 20 minutes, and waits for a third of these.
  it("waits for quiet, the longer the later it pays back", () => {
    const early = patient(quietFor(300));
    assert.deepEqual([inWords(early), codeOf(early, "a"), early.nextMs], [[], "TooEarly", 100_000]);
    assert.deepEqual(inWords(patient(quietFor(420))), ["a -> m.xlarge"]);
  });
  it("waits an hour for what pays back in an hour", () => {
    const small = (seconds: number): string[] =>
      inWords(
        patient([familyNode("a", "m.xlarge", { lastPodEventMs: -1_000 * seconds }), pod({ name: "p", node: "a" })]),
      );
    assert.deepEqual([small(3_500), small(3_700)], [[], ["a -> m.large"]]);
  });
  it("waits where its pool has just had to grow, but not where a node was replaced", () => {
    const young = (annotations: Record<string, string>) =>
      inWords(patient([...quietFor(420), familyNode("b", "m.large", { createdMs: -60_000, annotations })]));
    assert.deepEqual(young({}), []);
    assert.deepEqual(young({ "karpenter.sh/disruption-command": "any" }), ["a -> m.xlarge"]);
  });
  it("waits four times as long for each move that it came of, while pods ask for the same", () => {
    const same = { cpuMilli: 3_000, memoryMib: 3_072 };
    assert.deepEqual(inWords(patient(quietFor(1_500, round({ round: 1, ...same })))), []);
    assert.deepEqual(inWords(patient(quietFor(1_700, round({ round: 1, ...same })))), ["a -> m.xlarge"]);
    assert.deepEqual(inWords(patient(quietFor(6_000, round({ round: 2, ...same })))), []);
    const other = { cpuMilli: 6_000, memoryMib: 3_072 };
    assert.deepEqual(inWords(patient(quietFor(420, round({ round: 1, ...other })))), ["a -> m.xlarge"]);
    assert.deepEqual(inWords(patient(quietFor(420, { "karpenter.sh/consolidation-round": "edited" }))), [
      "a -> m.xlarge",
    ]);
  });
  it("is not made where the scheduler would spread the pods so that some find no room", () => {
    // By plan 600m go to c, and twice 450m to b; the scheduler puts 600m on b, where most is left.
    const objects = [
      pool(),
      familyNode("a", "m.large"),
      familyNode("b", "m.2xlarge", { conditions: ["Initialized"] }),
      familyNode("c", "m.2xlarge", { conditions: ["Initialized"] }),
      pod({ name: "on-b", cpu: "7000m", memory: "1Gi", node: "b" }),
      pod({ name: "on-c", cpu: "7300m", memory: "1Gi", node: "c" }),
      pod({ name: "p", cpu: "600m", memory: "10Mi", node: "a" }),
      pod({ name: "q", cpu: "450m", memory: "10Mi", node: "a" }),
      pod({ name: "r", cpu: "450m", memory: "10Mi", node: "a" }),
    ];
    const plan = planned({ objects });
    assert.deepEqual([inWords(plan), codeOf(plan, "a")], [[], "TooTight"]);
    const roomy = planned({ objects: objects.filter((one) => !("kind" in one) || one.metadata.name !== "r") });
    assert.deepEqual(inWords(roomy), ["a -> nothing"]);
  });
});
