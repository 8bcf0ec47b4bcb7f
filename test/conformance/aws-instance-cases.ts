import assert from "node:assert/strict";
import type { Ec2Instance } from "../../src/providers/aws/aws-api.ts";
import { type AwsCase, type AwsSide, discoveryTag, fleetOf, refusedAs, templateData } from "./aws-side.ts";

/** Launch templates, fleets, and the life of an instance. */
export const awsInstanceCases: readonly AwsCase[] = [
  {
    name: "a launch template is there once, found by name and tag, and gone when it is deleted",
    async run(side) {
      const { aws } = side;
      const [name, tags] = ["case-template", { "eks:eks-cluster-name": "case-cluster" }];
      const data = templateData(side, []);
      const made = await aws.createLaunchTemplate({ name, data, tags });
      assert.deepEqual([made.name, made.tags], [name, tags]);
      const again = aws.createLaunchTemplate({ name, data, tags });
      await refusedAs(again, /^InvalidLaunchTemplateName\.AlreadyExistsException$/, "ec2:CreateLaunchTemplate");
      const byTag = [{ name: "tag:eks:eks-cluster-name", values: ["case-cluster"] }];
      for (const query of [{ names: [name] }, { filters: byTag }]) {
        assert.deepEqual(await aws.describeLaunchTemplates(query), [made], JSON.stringify(query));
      }
      await aws.deleteLaunchTemplate(name);
      assert.deepEqual(await aws.describeLaunchTemplates({ filters: byTag }), []);
    },
  },
  {
    name: "a launch template that is not there cannot be deleted",
    needs: "refusal of a second deletion",
    async run({ aws }) {
      const gone = aws.deleteLaunchTemplate("case-none");
      await refusedAs(gone, /^InvalidLaunchTemplateName\.NotFoundException$/, "ec2:DeleteLaunchTemplate");
    },
  },
  {
    name: "user data above 16 KiB is refused",
    needs: "limits of user data",
    async run(side) {
      const data = templateData(side, [], { userData: "x".repeat(16_385) });
      const made = side.aws.createLaunchTemplate({ name: "case-long", data, tags: { case: "long" } });
      await refusedAs(made, /^InvalidUserData\.Malformed$/, "ec2:CreateLaunchTemplate");
    },
  },
  {
    name: "a fleet from a launch template that is not there is refused",
    async run(side) {
      const subnet = { id: "", zone: `${side.region}a` };
      const fleet = side.aws.createFleet(fleetOf(side, { token: "case-none", templateName: "none", subnet }));
      await refusedAs(fleet, /^InvalidLaunchTemplateName\.NotFoundException$/, "ec2:CreateFleet");
    },
  },
  {
    name: "an instance is launched as its fleet and template say, found by id and tag, tagged, and ended",
    run: (side) => withTemplate(side, "case-one", (launch) => livesAndEnds(launch, side)),
  },
  {
    name: "an instance is in the security groups of its template's interface",
    needs: "security groups of interfaces",
    run: (side) =>
      withTemplate(side, "case-groups", async (launch) => {
        const [instance] = await seen(side, await launch.instances());
        assert.deepEqual(instance?.securityGroupIds, launch.groups);
      }),
  },
  {
    name: "a fleet of three has three instances",
    run: (side) =>
      withTemplate(side, "case-three", async (launch) => {
        const ids = await launch.instances({ count: 3 });
        assert.equal(new Set(ids).size, 3);
        assert.equal((await seen(side, ids)).length, 3);
        const ended = await side.aws.terminateInstances(ids);
        assert.deepEqual(ended.map(({ id }) => id).sort(), [...ids].sort());
      }),
  },
  {
    name: "a spot instance tells that it is one",
    run: (side) =>
      withTemplate(side, "case-spot", async (launch) => {
        const strategy = { targetCapacityType: "spot", allocationStrategy: "price-capacity-optimized" };
        const ids = await launch.instances(strategy);
        assert.deepEqual(
          (await seen(side, ids)).map(({ isSpot }) => isSpot),
          [true],
        );
      }),
  },
  {
    name: "equal tokens launch once",
    needs: "client tokens",
    run: (side) =>
      withTemplate(side, "case-token", async (launch) => {
        assert.deepEqual(await launch.instances(), await launch.instances());
      }),
  },
  {
    name: "a type that the zone does not sell is told as an error of the fleet, and nothing is launched",
    needs: "lack of capacity",
    run: (side) =>
      withTemplate(side, "case-lack", async (launch) => {
        const { instances, errors } = await side.aws.createFleet(launch.request({ instanceType: "no.such" }));
        assert.deepEqual(instances, []);
        assert.deepEqual([errors.length, errors[0]?.instanceType], [1, "no.such"]);
      }),
  },
  {
    name: "dry runs launch nothing",
    needs: "dry runs",
    run: (side) =>
      withTemplate(side, "case-dry", async (launch) => {
        await side.aws.tryFleet(launch.request({}));
        assert.deepEqual(
          await side.aws.describeInstances({ filters: [{ name: "tag:case", values: ["case-dry"] }] }),
          [],
        );
      }),
  },
  {
    name: "an instance that never was is not found",
    async run({ aws }) {
      const ids = ["i-0123456789abcdef0"];
      const unknown = /^InvalidInstanceID\.NotFound$/;
      await refusedAs(aws.describeInstances({ ids }), unknown, "ec2:DescribeInstances");
      await refusedAs(aws.terminateInstances(ids), unknown, "ec2:TerminateInstances");
      assert.deepEqual(await aws.describeInstances({ filters: [{ name: "tag:case", values: ["never"] }] }), []);
    },
  },
];

type Launch = {
  subnet: { id: string; zone: string };
  groups: readonly string[];
  request(change: { instanceType?: string } & Partial<Parameters<typeof fleetOf>[2]>): ReturnType<typeof fleetOf>;
  /** Launches, and tells the ids. */
  instances(change?: Parameters<typeof fleetOf>[2]): Promise<string[]>;
};

/** With a launch template and an instance profile of the case's own, which go with all its instances. */
async function withTemplate(side: AwsSide, name: string, use: (launch: Launch) => Promise<void>): Promise<void> {
  const { aws } = side;
  const [subnet] = await aws.describeSubnets({ filters: [discoveryTag(side)] });
  const groups = (await aws.describeSecurityGroups({ filters: [discoveryTag(side)] })).map(({ id }) => id);
  assert.ok(subnet !== undefined);
  await aws.createInstanceProfile({ name: "case-instances", path: "/case/", tags: { case: name } });
  await aws.createLaunchTemplate({ name, data: templateData(side, groups), tags: { case: name } });
  const launched = new Set<string>();
  const request: Launch["request"] = ({ instanceType = "m5.large", ...change }) => {
    const whole = fleetOf(side, { token: name, templateName: name, subnet }, change);
    const templates = whole.templates.map((one) => ({
      ...one,
      overrides: one.overrides.map((override) => ({ ...override, instanceType })),
    }));
    return { ...whole, templates };
  };
  const instances: Launch["instances"] = async (change = {}) => {
    const { instances: made, errors } = await aws.createFleet(request(change));
    assert.deepEqual(errors, []);
    const ids = made.flatMap(({ instanceIds }) => instanceIds);
    for (const id of ids) launched.add(id);
    return ids;
  };
  try {
    await use({ subnet, groups, request, instances });
  } finally {
    if (launched.size > 0) await aws.terminateInstances([...launched]);
    await side.passTime(10_000);
    await aws.deleteLaunchTemplate(name);
    await aws.deleteInstanceProfile("case-instances");
  }
  for (const { state } of await aws.describeInstances({ filters: [{ name: "tag:case", values: [name] }] })) {
    assert.ok(["shutting-down", "terminated"].includes(state), state);
  }
}

/** Once EC2 tells of them. */
async function seen({ aws, passTime }: AwsSide, ids: readonly string[]): Promise<Ec2Instance[]> {
  await passTime(5_000);
  return aws.describeInstances({ ids });
}

async function livesAndEnds({ subnet, instances }: Launch, side: AwsSide): Promise<void> {
  const { aws, imageId } = side;
  const [id = ""] = await instances();
  const [instance] = await seen(side, [id]);
  assert.ok(instance !== undefined);
  const { state, instanceType, zone, subnetId, isSpot, tenancy, tags } = instance;
  assert.ok(["pending", "running"].includes(state), state);
  assert.deepEqual([instance.id, instanceType, instance.imageId], [id, "m5.large", imageId]);
  assert.deepEqual([zone, subnetId, isSpot, tenancy], [subnet.zone, subnet.id, false, "default"]);
  assert.equal(tags["case"], "case-one");
  assert.ok(Math.abs(Date.parse(instance.launchTime)) > 0);
  await aws.createTags(id, { Name: "case-node" });
  const named = await aws.describeInstances({ filters: [{ name: "tag:Name", values: ["case-node"] }] });
  assert.deepEqual(
    named.map(({ id: found, tags: all }) => [found, all["case"]]),
    [[id, "case-one"]],
  );
  const [ended] = await aws.terminateInstances([id]);
  assert.equal(ended?.id, id);
  assert.ok(["shutting-down", "terminated"].includes(ended?.state ?? ""));
  await side.passTime(10_000);
  const [gone] = await aws.describeInstances({ ids: [id] });
  assert.equal(gone?.state, "terminated");
  // Ending it once more is no mistake; the emulator then says that it is going once more.
  assert.deepEqual(
    (await aws.terminateInstances([id])).map((again) => again.id),
    [id],
  );
  assert.equal((await aws.describeInstances({ ids: [id] }))[0]?.state, "terminated");
}
