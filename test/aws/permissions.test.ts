import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS } from "../../src/base/time.ts";
import { EC2_NODE_CLASSES } from "../../src/model/kinds.ts";
import { type Ec2World, inWorld } from "./ec2-world.ts";

const annotate = (world: Ec2World, key: string) =>
  world.playground.api.patch(
    EC2_NODE_CLASSES,
    { name: "default" },
    { type: "merge", body: { metadata: { annotations: { [key]: "now" } } } },
  );

describe("permissions to launch", () => {
  for (const [action, reason] of [
    ["ec2:CreateLaunchTemplate", "CreateLaunchTemplateAuthCheckFailed"],
    ["ec2:CreateFleet", "CreateFleetAuthCheckFailed"],
    ["ec2:RunInstances", "RunInstancesAuthCheckFailed"],
  ] as const) {
    it(
      `are tried out before they are needed: ${action}`,
      inWorld(async (world) => {
        world.playground.ec2.denied.add(action);
        await world.nodeClass();
        await world.pool();
        await world.deploy(1);
        await world.until("it is told", () => world.condition("ValidationSucceeded")?.reason === reason);
        const { message = "" } = world.condition("ValidationSucceeded") ?? {};
        assert.match(message, new RegExp(`may not do ${action}; .*"Action":\\["${action}"\\]`));
        assert.ok(world.events(reason).some((text) => text.includes(`"Action":["${action}"]`)));
        assert.equal(world.condition("Ready")?.status, "False");
        assert.equal(world.machines().length, 0);
        // What was found out is remembered for half an hour; whoever cannot wait touches the class.
        world.playground.ec2.denied.delete(action);
        await world.clock.runFor(3 * MINUTE_MS);
        assert.equal(world.condition("ValidationSucceeded")?.reason, reason);
        await annotate(world, "example.com/touched");
        await world.podsRun(1);
      }),
    );
  }

  it(
    "are asked for once, and not again every minute",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.until("the class is ready", () => world.condition("Ready")?.status === "True");
      await world.clock.runFor(10 * MINUTE_MS);
      assert.deepEqual([world.calls("ec2:CreateFleet"), world.calls("ec2:RunInstances")], [1, 1]);
      assert.equal(world.machines().length, 0);
    }),
  );

  it(
    "are not tried out when that is switched off: then the claim says what is missing",
    inWorld(
      async (world) => {
        world.playground.ec2.denied.add("ec2:CreateFleet");
        await world.nodeClass();
        await world.pool();
        await world.deploy(1);
        await world.until("a launch has failed", () => world.events("LaunchFailed").length > 0);
        assert.equal(world.condition("ValidationSucceeded")?.status, "True");
        assert.equal(world.calls("ec2:RunInstances"), 0);
        const launched = world.claims()[0]?.status?.conditions?.find(({ type }) => type === "Launched");
        assert.equal(launched?.reason, "Unauthorized");
        for (const text of [launched?.message ?? "", ...world.events("LaunchFailed")]) {
          assert.match(text, /may not do ec2:CreateFleet; .*AllowScopedEC2InstanceActionsWithTags/);
        }
      },
      { disableDryRun: true },
    ),
  );

  it(
    "to look something up that are missing show on the class, and what was found before still holds",
    inWorld(async (world) => {
      world.playground.ec2.denied.add("ec2:DescribeSubnets");
      await world.nodeClass();
      await world.pool();
      await world.until("it is told", () => world.events("AccessDenied").length > 0);
      const condition = world.condition("SubnetsReady");
      assert.deepEqual([condition?.status, condition?.reason], ["Unknown", "AccessDenied"]);
      assert.match(condition?.message ?? "", /may not do ec2:DescribeSubnets; .*"ec2:DescribeSubnets"/);
      world.playground.ec2.denied.clear();
      await world.deploy(1);
      await world.podsRun(1);
      world.playground.ec2.denied.add("ec2:DescribeSubnets");
      await world.clock.runFor(5 * MINUTE_MS);
      assert.equal(world.condition("Ready")?.status, "True");
      await world.scale(3);
      await world.podsRun(3);
    }),
  );
});

describe("a private cluster", () => {
  it(
    "without a way to EKS is served when it is told its address and certificate authority",
    inWorld(
      async (world) => {
        world.playground.ec2.denied.add("eks:DescribeCluster");
        await world.nodeClass({ amiSelectorTerms: [{ alias: "bottlerocket@latest" }] });
        await world.pool();
        await world.deploy(1);
        await world.podsRun(1);
        assert.equal(world.calls("eks:DescribeCluster"), 0);
      },
      { eksControlPlane: false, clusterEndpoint: "https://api.example.com", clusterCaBundle: "Y2E=" },
    ),
  );
});
