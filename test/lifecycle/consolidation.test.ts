import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { NODE_CLAIMS } from "../../src/model/kinds.ts";
import { planConsolidation } from "../../src/plan/disrupt/consolidate.ts";
import type { Consolidatee } from "../../src/plan/disrupt/consolidate-candidates.ts";
import type { Move } from "../../src/plan/disrupt/consolidate-move.ts";
import type { ConsolidationPolicy } from "../../src/plan/disrupt/consolidation-policy.ts";
import { rehome } from "../../src/plan/disrupt/rehome.ts";
import { findCondition } from "../../src/plan/lifecycle/conditions.ts";
import { DEPLOYMENTS } from "../../src/simulation/workloads/kinds.ts";
import type { Snapshot } from "../../src/snapshot/snapshot.ts";
import { DeploymentWorld } from "./deployment-world.ts";

/** Moves a node's pods to a new one without looking at the price, and again, and again. */
const RESTLESS: ConsolidationPolicy = {
  plan(snapshot, options) {
    const plan = planConsolidation(snapshot, options);
    const move = restlessMove(snapshot, plan.eligible.slice(0, 1));
    return { ...plan, moves: move === undefined ? [] : [move] };
  },
  check(snapshot, claims, options) {
    const { eligible } = planConsolidation(snapshot, options);
    const move = restlessMove(
      snapshot,
      eligible.filter(({ claimName }) => claims.has(claimName)),
    );
    return move ?? { kind: "rejected", cause: "churn", reason: "it is gone" };
  },
  apartMs: 60_000,
};

function restlessMove(snapshot: Snapshot, members: readonly Consolidatee[]): Move | undefined {
  const leaving = new Set(members.map(({ claimName }) => claimName));
  const avoid = new Set([...snapshot.view.nodeClaims.keys()].filter((name) => !leaving.has(name)));
  const { replacements, moves, problem } = rehome(snapshot, { leaving, avoid });
  if (members.length === 0 || replacements.length === 0 || problem !== undefined) return undefined;
  const candidates = members.map(({ candidate }) => candidate);
  const command = { reason: "Underutilized", consolidationType: "single", candidates, replacements, moves } as const;
  return { kind: "move", members, command, planned: replacements, savings: 0, gain: 0, stragglers: 0, scores: [] };
}

describe("consolidation that goes in circles", () => {
  it("is found out by the judges of peace and of prices", async () => {
    const world = new DeploymentWorld({ consolidation: RESTLESS });
    await world.addPool({ disruption: { consolidateAfter: "0s" } });
    await world.deploy("web", { replicas: 1 });
    await world.pass(20 * 60);
    const found = new Set(world.world.violations().map(({ judge }) => judge));
    world.stop();
    assert.deepEqual([...found].sort(), ["consolidations", "peace"]);
  });
});

describe("underutilized nodes", () => {
  let world: DeploymentWorld;
  afterEach(() => world.stop());

  /** Two nodes, each full with three pods; then one pod of each Deployment is left. */
  const halfEmpty = async (
    settings: { evictionCostUsd?: number; underutilizedNodes?: "Keep" },
    consolidationPolicy = "WhenEmptyOrUnderutilized",
  ): Promise<void> => {
    world = new DeploymentWorld({ settings });
    await world.addPool({ disruption: { consolidateAfter: "0s", consolidationPolicy } });
    for (const name of ["a", "b"]) {
      await world.deploy(name, { replicas: 3, cpu: "600m" });
      await world.pass(60);
    }
    assert.equal(world.nodes().length, 2);
    for (const name of ["a", "b"]) {
      const body = { spec: { replicas: 1 } };
      await world.api.patch(DEPLOYMENTS, { name, namespace: "default" }, { type: "merge", body });
    }
  };
  const movesMetric = (decision: string, policy: string): boolean =>
    world
      .metrics()
      .some((line) =>
        line.startsWith(
          `karpenter_consolidation_moves_total{decision="${decision}",nodepool="default",policy="${policy}"}`,
        ),
      );

  it("make way when they have been quiet for long enough, and say why before and after", async () => {
    await halfEmpty({ evictionCostUsd: 0.05 });
    await world.pass(10 * 60);
    assert.equal(world.nodes().length, 2);
    assert.ok((await world.reasons("Node")).includes("Unconsolidatable"));
    await world.pass(30 * 60);
    assert.equal(world.nodes().length, 1);
    const reasons = await world.reasons("Node");
    for (const reason of ["ConsolidationCandidate", "ConsolidationApproved", "DisruptionTerminating"]) {
      assert.ok(reasons.includes(reason), `${reason} is not among ${reasons.join()}`);
    }
    assert.ok(movesMetric("approved", "WhenEmptyOrUnderutilized"));
    assert.deepEqual(world.world.violations(), []);
  });

  it("make way at once where evictions cost nothing", async () => {
    await halfEmpty({ evictionCostUsd: 0 });
    await world.pass(3 * 60);
    assert.equal(world.nodes().length, 1);
  });

  it("stay where the setting says so", async () => {
    await halfEmpty({ evictionCostUsd: 0, underutilizedNodes: "Keep" });
    await world.pass(30 * 60);
    assert.equal(world.nodes().length, 2);
  });

  it("are counted with their score in a Balanced pool", async () => {
    await halfEmpty({ evictionCostUsd: 0 }, "Balanced");
    await world.pass(3 * 60);
    assert.equal(world.nodes().length, 1);
    assert.ok(movesMetric("approved", "Balanced"));
    assert.ok(
      world.metrics().some((line) => line.startsWith('karpenter_consolidation_score_count{decision="approved"')),
    );
  });

  it("what is bought in place of nodes says of how many moves in a row it comes", async () => {
    world = new DeploymentWorld({ settings: { evictionCostUsd: 0 } });
    await world.addPool({ disruption: { consolidateAfter: "0s" }, cpus: ["2", "8"] });
    await world.deploy("a", { replicas: 7, cpu: "1" });
    await world.pass(120);
    const body = { spec: { replicas: 1 } };
    await world.api.patch(DEPLOYMENTS, { name: "a", namespace: "default" }, { type: "merge", body });
    await world.pass(5 * 60);
    const [claim, ...others] = (await world.api.list(NODE_CLAIMS)).items;
    assert.ok(claim !== undefined && others.length === 0);
    assert.equal(findCondition(claim, "Initialized")?.status, "True");
    const round = JSON.parse(claim.metadata.annotations?.["karpenter.sh/consolidation-round"] ?? "{}") as {
      round?: number;
    };
    assert.equal(round.round, 1);
  });
});
