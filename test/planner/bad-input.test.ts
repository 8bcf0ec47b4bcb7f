import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { snapshotOf } from "../../apps/cli/plan-cluster.ts";
import type { Affinity, PodSpec } from "../../src/model/core.ts";
import type { InstanceType } from "../../src/model/instance-type.ts";
import { HOSTNAME_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { planProvisioning } from "../../src/plan/provision/plan-provisioning.ts";
import type { ProvisionPlan } from "../../src/plan/provision/provision-plan.ts";
import { FAMILY, instanceType, nodePool, pod, pods } from "../../src/plan/provision/test-cluster.ts";
import { hostileCluster } from "./hostile.ts";
import { findingLines, judgePlan } from "./judge.ts";

/** With SEED=n in the environment other values are spoilt; RUNS=n spoils n times as many clusters. */
const SEED = Number(process.env["SEED"] ?? 4);
const RUNS = Number(process.env["RUNS"] ?? 1);

/** Whatever comes in: a reason, or a plan that holds; never an exception, and never work without bounds. */
type Case = {
  name: string;
  objects: KubeObject[];
  types?: readonly InstanceType[];
  /** Keys of the pods that get no node; default none. "all": every pod. */
  refused?: "all" | readonly string[];
  code?: RegExp;
  /** Each refusal says at least this. */
  reason?: RegExp;
};

const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";
const manyValues = Array.from({ length: 10_000 }, (_, i) => `value-${i}`);
const manyZones = Array.from({ length: 10_000 }, (_, i) => `zone-${i}`);
const web = { labels: { app: "web" } };

function nodeAffinity(...matchExpressions: { key: string; operator: string; values?: string[] }[]): Affinity {
  return { nodeAffinity: { [REQUIRED]: { nodeSelectorTerms: [{ matchExpressions }] } } };
}
function near(app: string, topologyKey = ZONE_LABEL): Affinity {
  return { podAffinity: { [REQUIRED]: [{ topologyKey, labelSelector: { matchLabels: { app } } }] } };
}
function priced(price: number, name = "odd"): InstanceType {
  return instanceType({ name, cpu: 2, memory: 8, offerings: [{ zone: "zone-a", price }] });
}
function spread(topologyKey: string, more: object = {}): Partial<PodSpec> {
  const labelSelector = { matchLabels: { app: "web" } };
  return {
    topologySpreadConstraints: [
      { topologyKey, maxSkew: 1, whenUnsatisfiable: "DoNotSchedule", labelSelector, ...more },
    ],
  };
}

const CASES: Case[] = [
  { name: "no pods", objects: [nodePool()] },
  { name: "nothing at all", objects: [] },
  { name: "no pool", objects: [pod({ name: "a" })], refused: "all" },
  { name: "no types", objects: [nodePool(), pod({ name: "a" })], types: [], refused: "all" },
  {
    name: "a price that is no number, beside a sane one",
    objects: [nodePool(), pod({ name: "a" })],
    types: [priced(Number.NaN), priced(0.2, "sane")],
  },
  {
    name: "a negative price, beside a sane one",
    objects: [nodePool(), pod({ name: "a" })],
    types: [priced(-1), priced(0.2, "sane")],
  },
  {
    name: "an endless price only",
    objects: [nodePool(), pod({ name: "a" })],
    types: [priced(Number.POSITIVE_INFINITY)],
    refused: "all",
  },
  {
    name: "a price that is no number only",
    objects: [nodePool(), pod({ name: "a" })],
    types: [priced(Number.NaN)],
    refused: "all",
  },
  {
    name: "a type without offerings",
    objects: [nodePool(), pod({ name: "a" })],
    types: [instanceType({ name: "none", cpu: 64, memory: 64, offerings: [] })],
    refused: "all",
  },
  {
    name: "a type with no room at all",
    objects: [nodePool(), pod({ name: "a" })],
    types: [instanceType({ name: "none", cpu: 0, memory: 0, price: 0.1 })],
    refused: "all",
  },
  {
    name: "a pool that contradicts itself",
    objects: [
      nodePool({
        requirements: [
          { key: ZONE_LABEL, operator: "In", values: ["zone-a"] },
          { key: ZONE_LABEL, operator: "NotIn", values: ["zone-a"] },
        ],
      }),
      pod({ name: "a" }),
    ],
    refused: "all",
  },
  {
    name: "a pod that contradicts itself",
    objects: [
      nodePool(),
      pod({
        name: "a",
        nodeSelector: { [ZONE_LABEL]: "zone-a" },
        affinity: nodeAffinity({ key: ZONE_LABEL, operator: "In", values: ["zone-b"] }),
      }),
      pod({ name: "sane" }),
    ],
    refused: ["default/a"],
  },
  {
    name: "bounds that cross",
    objects: [
      nodePool({ labels: { size: "5" } }),
      pod({
        name: "a",
        affinity: nodeAffinity(
          { key: "size", operator: "Gt", values: ["7"] },
          { key: "size", operator: "Lt", values: ["3"] },
        ),
      }),
    ],
    refused: "all",
  },
  {
    name: "10,000 values that a pod accepts, one of them real",
    objects: [
      nodePool(),
      pod({ name: "a", affinity: nodeAffinity({ key: ZONE_LABEL, operator: "In", values: [...manyZones, "zone-b"] }) }),
    ],
  },
  {
    name: "10,000 values that a pod rules out",
    objects: [
      nodePool(),
      ...pods(50, { name: "a", affinity: nodeAffinity({ key: "team", operator: "NotIn", values: manyValues }) }),
    ],
  },
  {
    name: "10,000 values of a pool's own label, spread over",
    objects: [
      nodePool({ requirements: [{ key: "team", operator: "In", values: manyValues }] }),
      ...pods(5, { name: "a", ...web, ...spread("team") }),
    ],
  },
  {
    name: "a spread over an unknown label",
    objects: [nodePool(), ...pods(3, { name: "a", ...web, ...spread("no/such") })],
    refused: "all",
  },
  {
    name: "a spread with a skew of nothing",
    objects: [nodePool(), ...pods(3, { name: "a", ...web, ...spread(ZONE_LABEL, { maxSkew: 0 }) })],
    refused: "all",
  },
  {
    name: "more domains wanted than there are",
    objects: [nodePool(), ...pods(3, { name: "a", ...web, ...spread(ZONE_LABEL, { minDomains: 1_000_000 }) })],
    refused: ["default/a-3"],
  },
  {
    name: "a circle of affinity",
    objects: [
      nodePool(),
      pod({ name: "a", labels: { app: "a" }, affinity: near("b") }),
      pod({ name: "b", labels: { app: "b" }, affinity: near("c") }),
      pod({ name: "c", labels: { app: "c" }, affinity: near("a") }),
      pod({ name: "sane" }),
    ],
    refused: ["default/a", "default/b", "default/c"],
  },
  {
    name: "near and apart at once",
    objects: [
      nodePool(),
      ...pods(2, {
        name: "a",
        ...web,
        affinity: { ...near("web", HOSTNAME_LABEL), podAntiAffinity: near("web", HOSTNAME_LABEL).podAffinity ?? {} },
      }),
    ],
    refused: ["default/a-2"],
  },
  {
    name: "10^9 cpu",
    objects: [nodePool(), pod({ name: "a", cpu: "1000000000" }), pod({ name: "sane" })],
    refused: ["default/a"],
    reason: /cpu/,
  },
  {
    name: "amounts beyond what a number holds",
    objects: [nodePool(), pod({ name: "a", memory: "16Ei", cpu: "9E" })],
    refused: "all",
  },
  { name: "a negative amount", objects: [nodePool(), pod({ name: "a", cpu: "-5" })] },
  { name: "an amount that is none", objects: [nodePool(), pod({ name: "a", cpu: "many" })] },
  {
    name: "a limit of zero",
    objects: [nodePool({ limits: { cpu: 0 } }), pod({ name: "a" })],
    refused: "all",
    code: /Limit/,
  },
  {
    name: "a limit that is passed already",
    objects: [nodePool({ limits: { nodes: -3 } }), pod({ name: "a" })],
    refused: "all",
  },
  {
    name: "a selector nobody can read",
    objects: [nodePool(), pod({ name: "a", nodeSelector: { "": "", "a b": "c d" } })],
    refused: "all",
    code: /InvalidNodeSelector/,
  },
  {
    name: "no node term at all",
    objects: [nodePool(), pod({ name: "a", affinity: { nodeAffinity: { [REQUIRED]: { nodeSelectorTerms: [] } } } })],
    refused: "all",
  },
  {
    name: "an empty node term",
    objects: [nodePool(), pod({ name: "a", affinity: { nodeAffinity: { [REQUIRED]: { nodeSelectorTerms: [{}] } } } })],
    refused: "all",
  },
  {
    name: "empty affinity everywhere",
    objects: [nodePool(), pod({ name: "a", affinity: { nodeAffinity: {}, podAffinity: {}, podAntiAffinity: {} } })],
  },
  { name: "no containers", objects: [nodePool(), pod({ name: "a", containers: [] })] },
];

describe("a plan for bad input", () => {
  for (const { name, objects, types = FAMILY, refused = [], code, reason } of CASES) {
    it(`says a reason or works: ${name}`, () => {
      const before = cpuMs();
      const made = plan(objects, types);
      assert.ok(cpuMs() - before < 3_000, "in time");
      const keys =
        refused === "all"
          ? objects.filter(({ kind }) => kind === "Pod").map(({ metadata }) => `default/${metadata.name}`)
          : refused;
      const later = made.unschedulable.filter((one) => one.code.endsWith("NotPlanned")).map(({ pod: key }) => key);
      const judged = made.unschedulable.filter(({ pod: key }) => !later.includes(key));
      assert.deepEqual(
        judged.map(({ pod: key }) => key),
        keys.filter((key) => !later.includes(key)).sort(),
      );
      for (const one of judged) {
        assert.ok(one.reason.length > 0 && !/undefined|NaN|\[object/.test(one.reason), one.reason);
        if (code !== undefined) assert.match(one.code, code);
        if (reason !== undefined) assert.match(one.reason, reason);
      }
      assert.ok(Number.isFinite(made.pricePerHour) && made.pricePerHour >= 0, `${made.pricePerHour} per hour`);
      assert.ok(made.lowerBoundPerHour >= 0 && made.lowerBoundPerHour <= made.pricePerHour + 1e-9);
      const { violations, stiff } = judgePlan({ objects, instanceTypes: types.filter(isSane) }, made);
      assert.deepEqual(findingLines([...violations, ...stiff]), []);
    });
  }

  it("is made of whatever the values are, with a reason for every pod that is left", () => {
    fc.assert(
      fc.property(hostileCluster(), ({ objects, types }) => {
        const made = plan(objects, types);
        assert.ok(Number.isFinite(made.pricePerHour) && made.pricePerHour >= 0, `${made.pricePerHour} per hour`);
        assert.ok(made.lowerBoundPerHour >= 0 && made.lowerBoundPerHour <= made.pricePerHour + 1e-9);
        for (const { reason } of made.unschedulable) {
          assert.ok(reason.length > 0 && !/undefined|\[object/.test(reason), reason);
        }
      }),
      { numRuns: 100 * RUNS, seed: SEED },
    );
  });

  it("is made in bounded time for very many pods of very many kinds", () => {
    const objects = [
      nodePool(),
      ...Array.from({ length: 20_000 }, (_, i) =>
        pod({ name: `p-${i}`, cpu: `${100 + (i % 97)}m`, memory: `${100 + (i % 89)}Mi` }),
      ),
    ];
    const before = cpuMs();
    const made = plan(objects, FAMILY);
    assert.ok(cpuMs() - before < 10_000, `${cpuMs() - before} ms`);
    assert.equal(
      made.newNodeClaims.reduce((sum, claim) => sum + claim.pods.length, 0),
      20_000,
    );
  });
});

/** Of this thread on the processor: what else the machine does shows less in it. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function plan(objects: readonly KubeObject[], types: readonly InstanceType[]): ProvisionPlan {
  const settings = { searchSteps: 300_000 };
  return planProvisioning(snapshotOf({ objects, instanceTypes: types, nowMs: 0, settings }));
}

/** A type whose price means nothing must not be bought: for the judge it does not exist. */
function isSane({ offerings }: InstanceType): boolean {
  return offerings.every(({ priceUsdPerHour }) => priceUsdPerHour >= 0 && Number.isFinite(priceUsdPerHour));
}
