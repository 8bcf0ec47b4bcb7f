import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { formatTime } from "../../src/base/time.ts";
import { NODE_CLAIMS, NODES } from "../../src/model/kinds.ts";
import { findCondition } from "../../src/plan/lifecycle/conditions.ts";
import { addNode, addPod, START, startedWorld, type World } from "./node-world.ts";

describe("what a controller left behind when it died", () => {
  let world: World;
  afterEach(() => world.stop());

  it("what a controller left behind when it died is taken back by the next", async () => {
    world = await startedWorld({ consolidateAfter: "Never" });
    await addNode(world, "a");
    const node = await world.get(NODES, "a");
    await world.api.update(NODES, {
      ...node,
      spec: { ...node.spec, taints: [{ key: "karpenter.sh/disrupted", effect: "NoSchedule" }] },
    });
    const claim = await world.get(NODE_CLAIMS, "claim-a");
    const reason = {
      type: "DisruptionReason",
      status: "True" as const,
      reason: "Empty",
      message: "",
      lastTransitionTime: formatTime(START),
    };
    await world.api.updateStatus(NODE_CLAIMS, {
      ...claim,
      status: { ...claim.status, conditions: [...(claim.status?.conditions ?? []), reason] },
    });
    await world.restart();
    await world.pass(5);
    assert.deepEqual((await world.get(NODES, "a")).spec.taints ?? [], []);
    assert.equal(findCondition(await world.get(NODE_CLAIMS, "claim-a"), "DisruptionReason"), undefined);
  });

  /** Node a is closed, and b says that it was bought in its place together with others. */
  const halfDone = async (replacements: string[]): Promise<void> => {
    world = await startedWorld({ consolidateAfter: "Never" });
    await addNode(world, "a");
    await addPod(world, "p", "a");
    await addNode(world, "b");
    const node = await world.get(NODES, "a");
    const taints = [{ key: "karpenter.sh/disrupted", effect: "NoSchedule" as const }];
    await world.api.update(NODES, { ...node, spec: { ...node.spec, taints } });
    const claim = await world.get(NODE_CLAIMS, "claim-a");
    const lastTransitionTime = formatTime(START);
    const reason = {
      type: "DisruptionReason",
      status: "True" as const,
      reason: "Drifted",
      message: "",
      lastTransitionTime,
    };
    const conditions = [...(claim.status?.conditions ?? []), reason];
    await world.api.updateStatus(NODE_CLAIMS, { ...claim, status: { ...claim.status, conditions } });
    const record = JSON.stringify({ reason: "Drifted", candidates: ["claim-a"], replacements });
    const body = { metadata: { annotations: { "karpenter.sh/disruption-command": record } } };
    await world.api.patch(NODE_CLAIMS, { name: "claim-b" }, { type: "merge", body });
    await world.restart();
    await world.pass(20);
  };

  it("a command whose replacements are there is gone on with by the next controller", async () => {
    await halfDone(["claim-b"]);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(await world.exists(NODES, "b"), true);
    const labels = {
      reason: "drifted",
      nodepool: "default",
      capacity_type: "",
      consolidation_policy: "",
      termination_mode: "graceful",
    };
    assert.equal(world.metrics.read("karpenter_nodeclaims_disrupted_total", labels), 1);
  });

  it("a command of which a replacement is missing is void: its node goes back to work", async () => {
    await halfDone(["claim-b", "claim-c"]);
    const node = await world.get(NODES, "a");
    assert.deepEqual([node.metadata.deletionTimestamp, node.spec.taints ?? []], [undefined, []]);
    assert.equal(findCondition(await world.get(NODE_CLAIMS, "claim-a"), "DisruptionReason"), undefined);
  });
});
