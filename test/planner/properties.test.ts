import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { snapshotOf } from "../../apps/cli/plan-cluster.ts";
import type { InstanceType } from "../../src/model/instance-type.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import { type KubeObject, keyOf } from "../../src/model/object.ts";
import type { RequirementSpec } from "../../src/model/requirements.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";
import { planProvisioning } from "../../src/plan/provision/plan-provisioning.ts";
import type { ProvisionPlan } from "../../src/plan/provision/provision-plan.ts";
import { nodePool } from "../../src/plan/provision/test-cluster.ts";
import { EXTRA_TYPE, type RandomCluster, randomCluster } from "./arbitraries.ts";
import { findingLines, type JudgedPlan, judgePlan } from "./judge.ts";
import { type Launch, launchesOf } from "./judge-labels.ts";
import type { JudgedClaim } from "./judge-places.ts";
import { letLoose } from "./let-loose.ts";
import { spreadDomains, withoutNewDomains } from "./spread-domains.ts";

/** With SEED=n in the environment other clusters are drawn; RUNS=n draws n times as many. */
const SEED = Number(process.env["SEED"] ?? 4);
const RUNS = Number(process.env["RUNS"] ?? 1);
const draw = (numRuns: number) => ({ numRuns: numRuns * RUNS, seed: SEED });

const STEPS = 300_000;

function plan({ objects, types }: RandomCluster, more: { surchargePerNode?: number } = {}): ProvisionPlan {
  const settings = { searchSteps: STEPS, ...more };
  return planProvisioning(snapshotOf({ objects, instanceTypes: types, nowMs: 0, settings }));
}

describe("plans for random clusters with every rule", () => {
  it("hold all rules, on every type and offering that their claims list", () => {
    fc.assert(
      fc.property(randomCluster(), (cluster) => {
        const { violations, stiff } = judge(cluster, plan(cluster));
        assert.deepEqual(findingLines([...violations, ...stiff]), []);
      }),
      draw(400),
    );
  });

  it("leave no pod that a node of its own would serve, or room that is there", () => {
    fc.assert(
      fc.property(randomCluster(), (cluster) => {
        const made = plan(cluster);
        const left = made.unschedulable.filter(({ code }) => !code.endsWith("NotPlanned"));
        for (const { pod, code } of left.slice(0, 2)) {
          const place = placesFor(cluster, pod, made).find((better) => judge(cluster, better).violations.length === 0);
          assert.equal(place, undefined, `${pod} is refused with ${code}`);
        }
      }),
      draw(60),
    );
  });

  it("do not depend on the order of objects and types", () => {
    fc.assert(
      fc.property(randomCluster(), fc.integer(), (cluster, seed) => {
        const objects = [...cluster.objects].sort((a, b) => hash(a, seed) - hash(b, seed));
        assert.deepEqual(plan({ objects, types: [...cluster.types].reverse() }), plan(cluster));
      }),
      draw(100),
    );
  });

  it("are the same at four times the price where everything costs that", () => {
    fc.assert(
      fc.property(randomCluster(), (cluster) => {
        const once = plan(cluster, { surchargePerNode: 0.01 });
        const dear = plan({ ...cluster, types: cluster.types.map(dearer) }, { surchargePerNode: 0.04 });
        assert.ok(Math.abs(dear.pricePerHour - 4 * once.pricePerHour) < 1e-6);
        assert.deepEqual(
          dear.newNodeClaims.map(({ pods }) => pods),
          once.newNodeClaims.map(({ pods }) => pods),
        );
      }),
      draw(100),
    );
  });

  it("become dearer with more choice only now and then, and by little", () => {
    const ratios: number[] = [];
    let worst = { ratio: 1, text: "" };
    fc.assert(
      fc.property(randomCluster(), EXTRA_TYPE, fc.boolean(), (cluster, type, isType) => {
        // A clean pool is worth its price to pods that would rather not be on a softly tainted one.
        fc.pre(!cluster.objects.some(hasSoftTaint));
        const more = isType
          ? { ...cluster, types: [...cluster.types, withoutNewDomains(cluster, type)] }
          : { ...cluster, objects: [...cluster.objects, twinOf(cluster)] };
        const [before, after] = [plan(cluster), plan(more)];
        if (before.pricePerHour === 0 || givesMore(cluster, more, before, after)) return;
        const ratio = after.pricePerHour / before.pricePerHour;
        ratios.push(ratio);
        if (ratio > worst.ratio)
          worst = { ratio, text: `${fc.stringify(cluster)} and ${isType ? "type" : "pool"}-extra` };
      }),
      draw(150),
    );
    const worse = ratios.filter((ratio) => ratio > 1 + 1e-9);
    assert.ok(ratios.length > 50 * RUNS, `${ratios.length} pairs could be compared`);
    assert.ok(worse.length <= ratios.length * 0.03, `${worse.length} of ${ratios.length} became dearer: ${worse}`);
    assert.ok(Math.max(1, ...ratios) < 1.02, `one became ${worst.ratio} times as dear: ${worst.text}`);
  });

  it("are what the scheduler does when it is let loose on the nodes bought, in some order of the pods", async () => {
    const disordered: string[] = [];
    let count = 0;
    await fc.assert(
      fc.asyncProperty(randomCluster(), async (cluster) => {
        const made = plan(cluster);
        fc.pre(made.newNodeClaims.length + made.existingNodes.length > 0);
        const { atOnce, best } = await letLoose(cluster, made);
        count += 1;
        if (atOnce.size > 0) disordered.push([...atOnce].join("\n"));
        assert.deepEqual([...best], []);
      }),
      draw(60),
    );
    assert.ok(disordered.length <= count * 0.05, `${disordered.length} of ${count} depend on the order: ${disordered}`);
  });
});

function wishesLeft({ remarks }: ProvisionPlan): string {
  return JSON.stringify(remarks);
}

/** Where more pods find a node, more wishes come true or heavier pools are used, more is paid for a reason. */
function givesMore(cluster: RandomCluster, more: RandomCluster, before: ProvisionPlan, after: ProvisionPlan): boolean {
  const left = ({ unschedulable }: ProvisionPlan): string => unschedulable.map(({ pod }) => pod).join();
  return (
    left(before) !== left(after) ||
    wishesLeft(before) !== wishesLeft(after) ||
    spreadDomains(cluster) !== spreadDomains(more) ||
    weightUsed(cluster, before) !== weightUsed(more, after)
  );
}

/** Over all pods on new nodes the weights of their pools: the heavier pool is wanted, whatever it costs. */
function weightUsed({ objects }: RandomCluster, { newNodeClaims }: ProvisionPlan): number {
  const weights = new Map(objects.map((object) => [object.metadata.name, (object as Partial<NodePool>).spec?.weight]));
  return newNodeClaims.reduce((sum, { nodePool: pool, pods }) => sum + pods.length * (weights.get(pool) ?? 0), 0);
}

function judge({ objects, types }: RandomCluster, made: JudgedPlan) {
  return judgePlan({ objects, instanceTypes: types }, made);
}

/** The plan with the refused pod somewhere: on each node that exists, and on a node of its own of every kind. */
function* placesForEach({ objects, types }: RandomCluster, pod: string, made: ProvisionPlan): Generator<JudgedPlan> {
  const unschedulable = made.unschedulable.filter((one) => one.pod !== pod);
  for (const { kind, metadata } of objects) {
    if (kind !== "Node") continue;
    const others = made.existingNodes.filter(({ name }) => name !== metadata.name);
    const pods = made.existingNodes.find(({ name }) => name === metadata.name)?.pods ?? [];
    yield { ...made, unschedulable, existingNodes: [...others, { name: metadata.name, pods: [...pods, pod] }] };
  }
  for (const pool of objects) {
    if (pool.kind !== "NodePool" || hasMinValues(pool as NodePool)) continue;
    for (const one of types.flatMap(launchesOf).flatMap((launch) => claimsAs(pool as NodePool, launch))) {
      const newNodeClaims = [...made.newNodeClaims, { ...one, pods: [pod] }];
      yield { unschedulable, existingNodes: made.existingNodes, newNodeClaims };
    }
  }
}

const CHOSEN = [ZONE_LABEL, CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, "kubernetes.io/os", "team"];

/** Claims for exactly this launch, one for each value that the pool leaves open for its own label. */
function claimsAs(
  { metadata, spec }: NodePool,
  { type, labels, priceUsdPerHour }: Launch,
): Omit<JudgedClaim, "pods">[] {
  const hasTeam = spec.template.spec.requirements.some(({ key }) => key === "team");
  return (hasTeam ? [{ team: "red" }, { team: "blue" }] : [{}]).map((team) => ({
    nodePool: metadata.name,
    instanceTypes: [type.name],
    requirements: Object.entries<string>({ ...labels, ...team })
      .filter(([key]) => CHOSEN.includes(key))
      .map(([key, value]): RequirementSpec => ({ key, operator: "In", values: [value] })),
    cheapestPrice: priceUsdPerHour,
  }));
}
const placesFor = (...args: Parameters<typeof placesForEach>): JudgedPlan[] => [...placesForEach(...args)];

function hasSoftTaint(object: KubeObject): boolean {
  if (object.kind !== "NodePool") return false;
  return (object as NodePool).spec.template.spec.taints?.some(({ effect }) => effect === "PreferNoSchedule") === true;
}

function hasMinValues({ spec }: NodePool): boolean {
  return (spec.template.spec.requirements ?? []).some(({ minValues }) => minValues !== undefined);
}

/** By a power of two, so that no rounding decides between plans that cost the same. */
function dearer(type: InstanceType): InstanceType {
  const offerings = type.offerings.map((one) => ({ ...one, priceUsdPerHour: one.priceUsdPerHour * 4 }));
  return { ...type, offerings };
}

/** A pool without conditions at the weight of the first one. */
function twinOf({ objects }: RandomCluster): NodePool {
  const first = objects.find(({ kind }) => kind === "NodePool") as NodePool;
  const { weight } = first.spec;
  return nodePool({ name: "pool-extra", ...(weight === undefined ? {} : { weight }) });
}

function hash(object: KubeObject, seed: number): number {
  let value = seed | 0;
  for (const char of `${object.kind} ${keyOf(object)}`) value = Math.imul(value ^ char.charCodeAt(0), 0x01000193);
  return value;
}
