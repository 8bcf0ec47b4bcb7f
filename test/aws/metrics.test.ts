import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS } from "../../src/base/time.ts";
import { type Ec2World, inWorld } from "./ec2-world.ts";

const exposed = (world: Ec2World): string =>
  world.playground.products.map(({ metrics }) => metrics.expose()).join("\n");
const value = (text: string, name: string, ...labels: string[]): number | undefined => {
  const line = text.split("\n").find((one) => one.startsWith(name) && labels.every((label) => one.includes(label)));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
};

describe("metrics of the AWS provider", () => {
  it(
    "tell what can be bought, what was refused, and how calls go",
    inWorld(async (world) => {
      await world.nodeClass();
      const onDemand = { key: "karpenter.sh/capacity-type", operator: "In" as const, values: ["on-demand"] };
      await world.pool([onDemand]);
      world.playground.ec2.isSoldOut = ({ instanceType }) => instanceType.startsWith("c5");
      await world.deploy(2);
      await world.podsRun(2);
      await world.clock.runFor(MINUTE_MS);
      const text = exposed(world);
      const type = "karpenter_cloudprovider_instance_type";
      const m5 = ['instance_type="m5.large"', 'capacity_type="on-demand"', 'zone="us-east-1a"'];
      assert.equal(value(text, `${type}_offering_available`, ...m5), 1);
      assert.ok((value(text, `${type}_offering_price_estimate`, ...m5) ?? 0) > 0.05);
      assert.equal(value(text, `${type}_cpu_cores`, 'instance_type="m5.large"'), 2);
      assert.ok((value(text, `${type}_memory_bytes`, 'instance_type="m5.large"') ?? 0) > 7e9);
      assert.ok((value(text, "karpenter_cloudprovider_batcher_batch_size_count", 'batcher="create_fleet"') ?? 0) >= 1);
      assert.ok((value(text, "karpenter_cloudprovider_duration_seconds_count", 'method="Create"') ?? 0) >= 1);
      assert.ok((value(text, "karpenter_ec2nodeclasses_userdata_bytes", 'nodeclass="default"') ?? 0) > 100);
      assert.equal(value(text, "operator_ec2nodeclass_status_condition_count", 'type="Ready"', 'status="True"'), 1);
      assert.ok((value(text, "karpenter_cloudprovider_price_age_seconds", 'capacity_type="spot"') ?? -1) >= 0);
    }),
  );

  it(
    "count launches that EC2 refuses, by zone and reason, and show the offering as gone",
    inWorld(async (world) => {
      await world.nodeClass();
      const m5 = { key: "node.kubernetes.io/instance-type", operator: "In" as const, values: ["m5.large"] };
      await world.pool([m5, { key: "karpenter.sh/capacity-type", operator: "In" as const, values: ["on-demand"] }]);
      world.playground.ec2.isSoldOut = () => true;
      await world.deploy(1);
      await world.clock.runFor(2 * MINUTE_MS);
      const text = exposed(world);
      const failures = "karpenter_cloudprovider_instance_launch_failures_total";
      const labels = ['zone="us-east-1a"', 'capacity_type="on-demand"', 'reason="LaunchFailed"'];
      assert.ok((value(text, failures, ...labels) ?? 0) >= 1);
      assert.match(text, new RegExp(`${failures}\\{[^}]*zone_id="use1-az`));
      const available = "karpenter_cloudprovider_instance_type_offering_available";
      const offering = ['instance_type="m5.large"', 'capacity_type="on-demand"', 'zone="us-east-1a"'];
      assert.equal(value(text, available, ...offering), 0);
      const errors = "karpenter_cloudprovider_errors_total";
      assert.ok((value(text, errors, 'error="InsufficientCapacityError"', 'method="Create"') ?? 0) >= 1);
    }),
  );
});
