import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { describe, it } from "node:test";
import { UserError } from "../../base/errors.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import { allows, requirementFor } from "../../model/requirements.ts";
import { CATALOGUE_REGIONS, ec2Region, spotFraction } from "../ec2/catalogue.ts";
import { catalogueInstanceTypes } from "./catalogue.ts";
import { instanceTypesFromKwokFile } from "./instance-types.ts";

const named = (region: string, name: string): InstanceType => {
  const type = catalogueInstanceTypes(region).find((one) => one.name === name);
  return type ?? assert.fail(`${name} is not in ${region}`);
};
const label = (type: InstanceType, key: string) => [...(type.requirements.get(key)?.values ?? [])].join(" ");
const onDemand = (type: InstanceType) =>
  type.offerings.find(({ capacityType }) => capacityType === "on-demand")!.priceUsdPerHour;

describe("the catalogue of EC2 types", () => {
  it("has every type of the regions, and is made quickly", () => {
    const before = performance.now();
    const counts = new Map(
      ["us-east-1", "eu-central-1"].map((region) => [region, catalogueInstanceTypes(region).length]),
    );
    assert.ok(performance.now() - before < 3_000, "a region takes a moment at most");
    for (const [region, count] of counts) assert.ok(count >= 850, `${region} ${count}`);
  });

  it("knows all regions of the commercial partition, the first one first", () => {
    assert.equal(CATALOGUE_REGIONS.length, 30);
    assert.equal(CATALOGUE_REGIONS[0], "us-east-1");
    for (const region of CATALOGUE_REGIONS) {
      const { zones = [], types = [] } = ec2Region(region) ?? {};
      assert.ok(zones.length >= 2 && zones.every((zone) => zone.startsWith(region)), region);
      assert.ok(
        types.length >= 250 && types.some(({ facts }) => facts.name === "m6g.large"),
        `${region} ${types.length}`,
      );
      assert.ok(
        types.every(({ usdPerHour, zones: some }) => usdPerHour > 0 && some.length > 0),
        region,
      );
    }
  });

  const zones: readonly [region: string, count: number][] = [
    ["us-east-1", 6],
    ["us-west-2", 4],
    ["eu-central-1", 3],
    ["ap-southeast-2", 3],
    ["eu-north-1", 3],
    ["ap-south-1", 3],
  ];
  for (const [region, count] of zones) {
    it(`${region} has ${count} zones, and every offering a zone, a price and labels that agree`, () => {
      const seen = new Set<string>();
      let last = "";
      for (const type of catalogueInstanceTypes(region)) {
        assert.ok(type.name > last, "in order of names");
        last = type.name;
        for (const { zone, capacityType, priceUsdPerHour, requirements } of type.offerings) {
          seen.add(zone);
          assert.ok(priceUsdPerHour > 0 && Number.isFinite(priceUsdPerHour), type.name);
          assert.ok(zone.startsWith(region));
          assert.ok(allows(requirementFor(type.requirements, "topology.kubernetes.io/zone"), zone));
          assert.deepEqual([...requirementFor(requirements, "karpenter.sh/capacity-type").values], [capacityType]);
        }
        assert.ok(
          type.allocatable["cpu"]! > 0 && type.allocatable["memory"]! > 0 && type.capacity["pods"]! > 1,
          type.name,
        );
      }
      assert.equal(seen.size, count);
    });
  }

  const facts: readonly [name: string, cpu: number, gi: number, arch: string, pods: number, usd: number][] = [
    ["m5.large", 2, 8, "amd64", 29, 0.096],
    ["c6g.xlarge", 4, 8, "arm64", 58, 0.136],
    ["r5.2xlarge", 8, 64, "amd64", 58, 0.504],
    ["t3.medium", 2, 4, "amd64", 17, 0.0416],
    ["c4.2xlarge", 8, 15, "amd64", 58, 0.398],
  ];
  for (const [name, cpu, gi, arch, pods, usd] of facts) {
    it(`${name} is what it is known to be`, () => {
      const type = named("us-east-1", name);
      assert.deepEqual(
        [type.capacity["cpu"], type.capacity["memory"], type.capacity["pods"]],
        [cpu * 1_000, gi * 2 ** 30, pods],
      );
      assert.deepEqual(
        [type.allocatable["cpu"], type.allocatable["memory"]],
        [cpu * 1_000 - 100, gi * 2 ** 30 - 10 * 2 ** 20],
      );
      assert.equal(label(type, "kubernetes.io/arch"), arch);
      assert.equal(onDemand(type), usd);
    });
  }

  it("labels types as pools for EKS ask for them", () => {
    const type = named("us-west-2", "g5.12xlarge");
    const wanted = {
      "instance-category": "g",
      "instance-generation": "5",
      "instance-family": "g5",
      "instance-size": "12xlarge",
      "instance-cpu": "48",
      "instance-memory": "196608",
      "instance-hypervisor": "nitro",
      "instance-gpu-name": "a10g",
      "instance-gpu-manufacturer": "nvidia",
      "instance-gpu-count": "4",
      "instance-local-nvme": "3800",
      "instance-capability-flex": "false",
    };
    for (const [suffix, value] of Object.entries(wanted))
      assert.equal(label(type, `karpenter.k8s.aws/${suffix}`), value, suffix);
    assert.equal(type.capacity["nvidia.com/gpu"], 4);
    assert.equal(label(type, "topology.kubernetes.io/region"), "us-west-2");
    assert.equal(label(type, "karpenter.kwok.sh/instance-family"), "g5");
    assert.equal(named("us-east-1", "m5.large").requirements.has("karpenter.k8s.aws/instance-gpu-count"), false);
    assert.equal(named("us-east-1", "inf2.xlarge").capacity["aws.amazon.com/neuron"], 1);
  });

  it("tells spot prices from on-demand ones, the same every time", () => {
    const { offerings } = named("us-east-1", "m5.large");
    for (const { zone, capacityType, priceUsdPerHour } of offerings) {
      if (capacityType !== "spot") continue;
      assert.equal(priceUsdPerHour, Math.round(0.096 * spotFraction("m5.large", zone) * 1e6) / 1e6);
    }
    for (const { name, offerings } of catalogueInstanceTypes("us-east-1")) {
      for (const { zone } of offerings) {
        const fraction = spotFraction(name, zone);
        assert.ok(fraction >= 0.24 && fraction <= 0.56, `${name} ${zone} ${fraction}`);
      }
    }
  });

  it("does not know every region", () => {
    assert.throws(() => catalogueInstanceTypes("mars-1"), { code: "KARP_UNKNOWN_REGION" });
    assert.throws(() => catalogueInstanceTypes("constructor"), UserError);
  });

  const prices = process.env["KARPENTER_EC2_PRICES"];
  const skip = prices === undefined && "set KARPENTER_EC2_PRICES to a JSON file {region: {type: USD per hour}}";
  it("agrees with another list of prices", { skip }, () => {
    const list = JSON.parse(readFileSync(prices ?? "", "utf8"))["us-east-1"] as Record<string, number>;
    const errors = catalogueInstanceTypes("us-east-1")
      .filter(({ name }) => list[name] !== undefined)
      .map((type) => Math.abs(onDemand(type) / list[type.name]! - 1))
      .sort((a, b) => a - b);
    assert.ok(errors.length > 800);
    assert.ok(errors[Math.floor(errors.length / 2)]! < 0.01, "half of them within 1 %");
    assert.ok(errors[Math.floor(errors.length * 0.95)]! < 0.25, "nearly all within 25 %");
  });
});

describe("a file of instance types", () => {
  const entry = (more: object = {}) => ({
    name: "c-4x-amd64-linux",
    architecture: "amd64",
    operatingSystems: ["linux"],
    resources: { cpu: "4", memory: "8Gi", "ephemeral-storage": "20Gi" },
    offerings: [offering({})],
    ...more,
  });
  const offering = (more: object) => ({
    Price: 0.1,
    Available: true,
    Requirements: [
      { key: "karpenter.sh/capacity-type", operator: "In", values: ["spot"] },
      { key: "topology.kubernetes.io/zone", operator: "In", values: ["test-zone-a"] },
    ],
    ...more,
  });

  it("gives types with the labels, overhead and pods of upstream's provider", () => {
    const [type] = instanceTypesFromKwokFile([entry()]);
    assert.deepEqual(type!.capacity, { cpu: 4_000, memory: 8 * 2 ** 30, "ephemeral-storage": 20 * 2 ** 30, pods: 110 });
    assert.deepEqual(type!.overhead, { cpu: 100, memory: 10 * 2 ** 20 });
    assert.equal(type!.allocatable["cpu"], 3_900);
    const labels = ["size", "family", "cpu", "memory"].map((one) => label(type!, `karpenter.kwok.sh/instance-${one}`));
    assert.deepEqual(labels, ["4", "c", "4", "8Gi"]);
    assert.deepEqual([type!.offerings[0]!.zone, type!.offerings[0]!.capacityType], ["test-zone-a", "spot"]);
  });
  it("keeps huge pages out of the memory that pods get, down to none", () => {
    const memoryOf = (huge: string) => {
      const resources = { cpu: "4", memory: "8Gi", "hugepages-2Mi": huge };
      return instanceTypesFromKwokFile([entry({ resources })])[0]!.allocatable["memory"];
    };
    assert.equal(memoryOf("1Gi"), 7 * 2 ** 30 - 10 * 2 ** 20);
    assert.equal(memoryOf("9Gi"), 0);
  });

  const sizes: readonly [name: string, size: string, family: string][] = [
    ["m5.large", "large", "m5"],
    ["m5.24xlarge", "24xlarge", "m5"],
    ["m5.metal-24xl", "4", "m5"],
    ["n2-standard-4", "4", "n2"],
    ["u-6tb1.metal", "4", "u"],
    ["odd", "4", "o"],
  ];
  for (const [name, size, family] of sizes) {
    it(`reads ${name} as size ${size} of family ${family}`, () => {
      const [type] = instanceTypesFromKwokFile([entry({ name })]);
      assert.deepEqual(
        [label(type!, "karpenter.kwok.sh/instance-size"), label(type!, "karpenter.kwok.sh/instance-family")],
        [size, family],
      );
    });
  }
  const broken: readonly [name: string, file: unknown, message: RegExp][] = [
    ["no list", {}, /must be of type array/],
    ["a type without a name", [entry({ name: undefined })], /\[0\]\.name/],
    ["two of one name", [entry(), entry()], /two types named "c-4x-amd64-linux"/],
    ["no memory", [entry({ resources: { cpu: "1" } })], /has no memory/],
    ["an amount that is none", [entry({ resources: { cpu: "1", memory: "8GB" } })], /"8GB" is no amount of memory/],
    ["a negative price", [entry({ offerings: [offering({ Price: -1 })] })], /Price/],
    [
      "no zone",
      [entry({ offerings: [offering({ Requirements: [] })] })],
      /does not name one topology\.kubernetes\.io\/zone/,
    ],
    ["less than nothing of a resource", [entry({ resources: { cpu: "-4", memory: "1Gi" } })], /"-4" of cpu is less/],
    ["a price beyond all sense", [entry({ offerings: [offering({ Price: 1e308 })] })], /less than or equal to 1000000/],
    ["something that is no list", {}, /the file: Invalid value/],
    [
      "two zones",
      [
        entry({
          offerings: [
            offering({ Requirements: [{ key: "topology.kubernetes.io/zone", operator: "In", values: ["a", "b"] }] }),
          ],
        }),
      ],
      /does not name one topology/,
    ],
    [
      "an unknown capacity type",
      [
        entry({
          offerings: [
            offering({ Requirements: [{ key: "karpenter.sh/capacity-type", operator: "In", values: ["free"] }] }),
          ],
        }),
      ],
      /on-demand, spot or reserved/,
    ],
  ];
  for (const [name, file, message] of broken) {
    it(`is refused for ${name}`, () => {
      assert.throws(
        () => instanceTypesFromKwokFile(file, "types.json"),
        (error) => error instanceof UserError && error.code === "KARP_BAD_INSTANCE_TYPES" && message.test(error.what),
      );
    });
  }
});
