import assert from "node:assert/strict";
import { type AwsCase, discoveryTag, refusedAs } from "./aws-side.ts";

/** What there is to be found. */
export const awsDiscoveryCases: readonly AwsCase[] = [
  {
    name: "types come with their hardware, each once, Linux nodes' architectures alone",
    async run({ aws }) {
      const types = await aws.describeInstanceTypes();
      assert.equal(new Set(types.map(({ name }) => name)).size, types.length);
      assert.ok(types.every(({ arch }) => arch === "amd64" || arch === "arm64"));
      const named = (name: string) => types.find((type) => type.name === name) ?? assert.fail(`no ${name}`);
      const { cpu, memoryMiB, arch, cpuMaker, hypervisor, cards, addresses, usageClasses } = named("m5.large");
      assert.deepEqual([cpu, memoryMiB, arch, cpuMaker, hypervisor], [2, 8_192, "amd64", "intel", "nitro"]);
      assert.deepEqual([cards, addresses, usageClasses.includes("spot")], [[3], 10, true]);
      assert.deepEqual(named("g4dn.xlarge").gpus, [["t4", "nvidia", 1, 16_384]]);
      assert.deepEqual([named("m6g.large").arch, named("m6gd.large").nvmeGB > 0], ["arm64", true]);
      assert.ok(named("inf2.xlarge").neuronCores > 0 && named("m5.metal").hypervisor === "");
      assert.ok(named("p5.48xlarge").efaInterfaces > 4 && named("p5.48xlarge").cards.length > 1);
    },
  },
  {
    name: "offerings name the zones of the region in which a type is sold",
    async run({ aws, region }) {
      const offerings = await aws.describeInstanceTypeOfferings();
      assert.ok(offerings.every(({ zone }) => zone.startsWith(region)));
      assert.ok(offerings.filter(({ instanceType }) => instanceType === "m5.large").length >= 2);
    },
  },
  {
    name: "subnets are found by tag, by the key alone and by id; all filters must match",
    async run(side) {
      const { aws, region } = side;
      const tagged = await aws.describeSubnets({ filters: [discoveryTag(side)] });
      assert.ok(tagged.length >= 2);
      for (const { id, zone, zoneId, freeAddresses } of tagged) {
        assert.match(id, /^subnet-/);
        assert.ok(zone.startsWith(region) && zoneId !== "" && freeAddresses > 0, `${zone} ${zoneId} ${freeAddresses}`);
      }
      const byKey = await aws.describeSubnets({ filters: [{ name: "tag-key", values: ["karpenter.sh/discovery"] }] });
      assert.deepEqual(byKey.map(({ id }) => id).sort(), tagged.map(({ id }) => id).sort());
      const [first, second] = tagged;
      const ids = { name: "subnet-id", values: [first?.id ?? "", second?.id ?? ""] };
      assert.equal((await aws.describeSubnets({ filters: [ids] })).length, 2);
      const other = { name: "tag:karpenter.sh/discovery", values: ["another"] };
      assert.deepEqual(await aws.describeSubnets({ filters: [ids, other] }), []);
    },
  },
  {
    name: "security groups are found by tag, by name and by id",
    async run(side) {
      const [group, ...others] = await side.aws.describeSecurityGroups({ filters: [discoveryTag(side)] });
      assert.ok(group !== undefined && others.length === 0);
      assert.match(group.id, /^sg-/);
      for (const [name, value] of Object.entries({ "group-id": group.id, "group-name": group.name })) {
        assert.deepEqual(
          await side.aws.describeSecurityGroups({ filters: [{ name, values: [value] }] }),
          [group],
          name,
        );
      }
      const none = [{ name: "group-name", values: ["nobody"] }];
      assert.deepEqual(await side.aws.describeSecurityGroups({ filters: none }), []);
    },
  },
  {
    name: "images are found by id, by owner and by a part of the name",
    async run({ aws, imageId }) {
      const byId = [{ name: "image-id", values: [imageId] }];
      const [image, ...others] = await aws.describeImages({ filters: byId });
      assert.ok(image !== undefined && others.length === 0);
      assert.deepEqual([image.id, image.architecture], [imageId, "x86_64"]);
      assert.ok(Date.parse(image.creationDate) > 0, image.creationDate);
      const part = [{ name: "name", values: [`${image.name.slice(0, -1)}*`] }];
      assert.ok((await aws.describeImages({ filters: part })).some(({ id }) => id === imageId));
      assert.deepEqual(await aws.describeImages({ filters: [{ name: "name", values: ["no-such-*"] }] }), []);
      assert.deepEqual(await aws.describeImages({ filters: [...byId, { name: "name", values: ["no-such-*"] }] }), []);
    },
  },
  {
    name: "a parameter has its value, and one that is not there is told so",
    async run({ aws, parameter }) {
      assert.equal(await aws.getParameter(parameter.name), parameter.value);
      await refusedAs(aws.getParameter("/none"), /^ParameterNotFound$/, "ssm:GetParameter");
    },
  },
  {
    name: "the cluster tells endpoint, certificate authority, version and addresses of services",
    async run({ aws, clusterName, region }) {
      const cluster = await aws.describeCluster(clusterName);
      assert.match(cluster.arn, new RegExp(`^arn:aws:eks:${region}:\\d{12}:cluster/${clusterName}$`));
      assert.match(cluster.endpoint, /^https:/);
      assert.match(cluster.version, /^1\.\d+$/);
      assert.ok(cluster.certificateAuthority !== "");
      await refusedAs(aws.describeCluster("none"), /^ResourceNotFoundException$/, "eks:DescribeCluster");
    },
  },
  {
    name: "reservations: none is told as none, an unknown id is refused",
    needs: "capacity reservations",
    async run({ aws }) {
      assert.deepEqual(await aws.describeCapacityReservations({ filters: [{ name: "tag:a", values: ["b"] }] }), []);
      const ids = ["cr-0123456789abcdef0"];
      const action = "ec2:DescribeCapacityReservations";
      await refusedAs(aws.describeCapacityReservations({ ids }), /^InvalidCapacityReservationId\.NotFound$/, action);
    },
  },
  {
    name: "an unknown placement group is refused",
    needs: "placement groups",
    async run({ aws }) {
      const action = "ec2:DescribePlacementGroups";
      await refusedAs(aws.describePlacementGroups({ name: "none" }), /^InvalidPlacementGroup\.Unknown$/, action);
    },
  },
  {
    name: "spot prices are told by type and zone",
    needs: "spot prices",
    async run({ aws, region }) {
      const prices = await aws.describeSpotPrices();
      assert.ok(prices.some(({ instanceType }) => instanceType === "m5.large"));
      assert.ok(prices.every(({ zone, usdPerHour }) => zone.startsWith(region) && usdPerHour > 0));
    },
  },
  {
    name: "the price list has a price for common types",
    needs: "price list",
    async run({ aws }) {
      const price = (await aws.onDemandPrices()).find(({ instanceType }) => instanceType === "m5.large");
      assert.ok((price?.usdPerHour ?? 0) > 0);
    },
  },
];
