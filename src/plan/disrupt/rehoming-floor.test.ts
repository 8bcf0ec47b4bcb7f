import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../base/random.ts";
import { MINUTE_MS } from "../../base/time.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import type { RequirementSpec } from "../../model/requirements.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { clusterOf, daemonSet, FAMILY, instanceType, node, nodePool, pod } from "../provision/test-cluster.ts";
import { findCandidates } from "./candidates.ts";
import type { Consolidatee } from "./consolidate-candidates.ts";
import { type MoveRules, moveOf, type NoMove } from "./consolidate-move.ts";
import { disruptionCost } from "./eviction-cost.ts";
import { rehome } from "./rehome.ts";
import { RehomingFloor } from "./rehoming-floor.ts";

const SURCHARGE = 0.01;
const TYPES = [...FAMILY, instanceType({ name: "c.xlarge", cpu: 4, memory: 8, price: 0.19 })];
const ON_DEMAND: RequirementSpec = { key: CAPACITY_TYPE_LABEL, operator: "In", values: ["on-demand"] };
const RULES: MoveRules = { closed: new Set(), surchargePerNode: SURCHARGE, spotToSpot: false, evictionCostUsd: 0 };

function randomCluster(random: Random): Snapshot {
  const objects: KubeObject[] = [
    nodePool({ name: "default", requirements: [ON_DEMAND] }),
    nodePool({ name: "other", requirements: [ON_DEMAND, { key: ZONE_LABEL, operator: "In", values: ["zone-b"] }] }),
    daemonSet("agent", "100m"),
  ];
  for (let n = random.between(2, 7); n > 0; n -= 1) objects.push(...randomNode(random, `n-${n}`));
  return clusterOf({ types: TYPES, objects, settings: { searchSteps: 30_000 } });
}

function randomNode(random: Random, name: string): KubeObject[] {
  const type = random.pick(TYPES);
  const zone = random.pick(["zone-a", "zone-b"]);
  const labels = { [INSTANCE_TYPE_LABEL]: type.name, [ZONE_LABEL]: zone, [CAPACITY_TYPE_LABEL]: "on-demand" };
  const cpu = (type.allocatable["cpu"] ?? 0) / 1_000;
  const taints = random.chance(0.2) ? [{ key: "only", value: "db", effect: "NoSchedule" as const }] : [];
  const objects = node({ name, cpu, memory: String(type.allocatable["memory"] ?? 0), pool: "default", labels, taints });
  for (let left = cpu - random.pick([0.1, 0.1, 2]); left > 0; ) {
    const own = random.pick([0.25, 0.5, 1, 1, 1]);
    left -= own;
    if (left < 0) continue;
    objects.push(
      pod({
        name: `${name}-${objects.length}`,
        node: name,
        cpu: own,
        memory: `${random.pick([128, 512, 2_048, 6_144])}Mi`,
        ...(random.chance(0.15) ? { nodeSelector: { [ZONE_LABEL]: zone } } : {}),
        ...(random.chance(0.2) ? { tolerations: [{ key: "only", operator: "Exists" as const }] } : {}),
      }),
    );
  }
  return objects;
}

/** Every node with pods, as consolidation would look at it, and some of them. */
function randomSet(random: Random, snapshot: Snapshot): Consolidatee[] {
  const quietMs = random.pick([5, 60, 100_000]) * MINUTE_MS;
  return findCandidates(snapshot, new Set())
    .candidates.map((candidate) => ({
      candidate,
      claimName: candidate.claim.metadata.name,
      poolName: "default",
      price:
        TYPES.find(({ name }) => name === candidate.state.labels[INSTANCE_TYPE_LABEL])?.offerings[0]?.priceUsdPerHour ??
        0,
      isSpot: false,
      disruptionCost: disruptionCost(candidate.pods),
      quietMs,
      round: 0,
    }))
    .filter(() => random.chance(0.5));
}

/** What comes too early is looked at again in time. */
function assertInTime(quick: NoMove, exact: NoMove): void {
  if (exact.afterMs !== undefined) assert.ok((quick.afterMs ?? Number.POSITIVE_INFINITY) <= exact.afterMs);
  if (quick.planned !== undefined) assert.deepEqual(quick.planned(), exact);
}

describe("the least that new nodes for the pods of leaving ones can cost", () => {
  it("is never above what a plan comes to, and often tells that no plan pays", () => {
    let [sets, helpful] = [0, 0];
    for (let seed = 1; seed <= 150; seed += 1) {
      const random = new Random(seed);
      const snapshot = randomCluster(random);
      const floor = new RehomingFloor(snapshot, RULES.closed, SURCHARGE);
      for (let turn = 0; turn < 4; turn += 1) {
        const members = randomSet(random, snapshot);
        const least = floor.of(members, snapshot);
        const leaving = new Set(members.map(({ claimName }) => claimName));
        const { replacements, problem } = rehome(snapshot, { leaving });
        if (problem !== undefined) continue;
        const cost = replacements.reduce((sum, { cheapestPrice }) => sum + cheapestPrice + SURCHARGE, 0);
        assert.ok(least <= cost + 1e-9, `seed ${seed}: ${least} is above ${cost}`);
        sets += 1;
        if (least > cost * 0.9) helpful += 1;
      }
    }
    assert.ok(sets > 300 && helpful > sets / 4, `${helpful} of ${sets} are worth something`);
  });

  it("changes no decision: a move that pays is found with it as without", () => {
    let [moves, spared] = [0, 0];
    for (let seed = 1; seed <= 100; seed += 1) {
      const random = new Random(seed);
      const snapshot = randomCluster(random);
      const floor = new RehomingFloor(snapshot, RULES.closed, SURCHARGE);
      const members = randomSet(random, snapshot).slice(0, random.between(1, 2));
      if (members.length === 0) continue;
      const rules = { ...RULES, evictionCostUsd: random.pick([0, 0.05]) };
      const exact = moveOf(snapshot, members, rules);
      const quick = moveOf(snapshot, members, rules, { floor });
      assert.equal(quick.kind, exact.kind, `seed ${seed}`);
      if (exact.kind === "none" && quick.kind === "none") {
        if (quick.reason !== exact.reason) spared += 1;
        assertInTime(quick, exact);
        continue;
      }
      if (exact.kind === "none") continue;
      moves += 1;
      assert.deepEqual(quick, exact);
      const beaten = moveOf(snapshot, members, rules, { floor, gainToBeat: exact.gain - 0.001 });
      assert.deepEqual(beaten, exact);
      const unbeaten = moveOf(snapshot, members, rules, { floor, gainToBeat: 1_000 });
      assert.equal(unbeaten.kind === "none" && unbeaten.code, "NotTried");
    }
    assert.ok(moves > 10 && spared > 10, `${moves} moves, ${spared} plans spared`);
  });
});
