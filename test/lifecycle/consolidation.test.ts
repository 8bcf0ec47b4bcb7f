import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { NODE_CLAIMS } from "../../src/model/kinds.ts";
import { findCondition } from "../../src/plan/lifecycle/conditions.ts";
import { DEPLOYMENTS } from "../../src/simulation/workloads/kinds.ts";
import { DeploymentWorld } from "./deployment-world.ts";

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
    await halfEmpty({});
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
    const round = JSON.parse(claim.metadata.annotations?.["karpenter.sh/consolidation-round"] ?? "{}") as { round?: number };
    assert.equal(round.round, 1);
  });
});
