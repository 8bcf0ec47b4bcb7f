import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { type Requirement, requirementFor } from "../../../model/requirements.ts";
import { CATALOGUE_REGIONS, ec2Region } from "../../ec2/catalogue.ts";
import type { Ec2Facts } from "../../ec2/facts.ts";
import type { Ec2NodeClassSpec } from "./ami-family.ts";
import { type NodeShape, nodeShape } from "./instance-type.ts";
import { SETTINGS, viewOf } from "./test-class.ts";

const MI = 2 ** 20;
const GI = 2 ** 30;

/** Every type of every region, once. */
const ALL: ReadonlyMap<string, Ec2Facts> = new Map(
  CATALOGUE_REGIONS.flatMap((region) => ec2Region(region)?.types ?? []).map(({ facts }) => [facts.name, facts]),
);
const ZONES = ["us-east-1a", "us-east-1b"];

type Family = {
  name: string;
  spec: Partial<Ec2NodeClassSpec>;
  eniPods: boolean;
  reservesForEniPods: boolean;
  diskGi: number;
};
const alias = (name: string): Partial<Ec2NodeClassSpec> => ({ amiSelectorTerms: [{ alias: `${name}@latest` }] });
const FAMILIES: readonly Family[] = [
  { name: "AL2023", spec: alias("al2023"), eniPods: true, reservesForEniPods: true, diskGi: 20 },
  { name: "AL2", spec: alias("al2"), eniPods: true, reservesForEniPods: true, diskGi: 20 },
  { name: "Bottlerocket", spec: alias("bottlerocket"), eniPods: true, reservesForEniPods: false, diskGi: 20 },
  { name: "Windows", spec: alias("windows2022"), eniPods: false, reservesForEniPods: false, diskGi: 50 },
];

/** What the kubelet keeps of the cores, in thousandths: written as the table of the reference has it, bracket by bracket. */
function reservedMilli(cpu: number): number {
  const bracket = (from: number, to: number, perMille10: number) =>
    Math.floor((Math.max(0, Math.min(cpu, to) - from) * perMille10) / 10);
  return bracket(0, 1, 600) + bracket(1, 2, 100) + bracket(2, 4, 50) + bracket(4, Number.POSITIVE_INFINITY, 25);
}

/** The tables of the reference (of the AWS provider, sections 1.1 to 1.4), reckoned once more in another way. */
function expected(facts: Ec2Facts, family: Family) {
  const seenMi = facts.arch === "arm64" ? facts.memoryMiB - 64 : facts.memoryMiB;
  const memory = (seenMi - Math.ceil(seenMi * 0.075)) * MI;
  const eniPods = (facts.cards[0] ?? 0) * (facts.addresses - 1) + 2;
  const pods = family.eniPods ? eniPods : 110;
  const storage = family.diskGi * GI;
  return {
    capacity: { cpu: facts.cpu * 1_000, memory, pods, "ephemeral-storage": storage },
    overhead: {
      cpu: reservedMilli(facts.cpu),
      memory: (11 * (family.reservesForEniPods ? eniPods : pods) + 255 + 100) * MI,
      "ephemeral-storage": GI + Math.ceil(storage * 0.1),
    },
  };
}

function part(of: Readonly<Record<string, number>>, like: object): Record<string, number | undefined> {
  return Object.fromEntries(Object.keys(like).map((name) => [name, of[name]]));
}

describe(`all ${ALL.size} types`, () => {
  for (const family of FAMILIES) {
    it(`${family.name}: capacity and what is kept from pods are those of the tables`, () => {
      const view = viewOf(family.spec);
      for (const facts of ALL.values()) {
        const shape = nodeShape(facts, ZONES, view, SETTINGS);
        const { capacity, overhead } = expected(facts, family);
        assert.deepEqual(part(shape.capacity, capacity), capacity, facts.name);
        assert.deepEqual(part(shape.overhead, overhead), overhead, facts.name);
        for (const [name, amount] of Object.entries(overhead)) {
          const left = Math.max(0, (shape.capacity[name] ?? 0) - amount);
          assert.equal(shape.allocatable[name], left, `${facts.name} ${name}`);
        }
      }
    });
  }

  it("devices become the resources that their plugins register", () => {
    const view = viewOf();
    for (const facts of ALL.values()) {
      const { capacity } = nodeShape(facts, ZONES, view, SETTINGS);
      const count = (maker: RegExp) =>
        facts.gpus.reduce((sum, [, of, number]) => (maker.test(of) ? sum + number : sum), 0);
      const wanted = {
        "nvidia.com/gpu": count(/^nvidia$/),
        "amd.com/gpu": count(/^amd$/),
        "habana.ai/gaudi": count(/^habana$/),
        "aws.amazon.com/neuron": facts.accelerators.reduce(
          (sum, [, of, number]) => (of === "aws" && facts.neuronCores > 0 ? sum + number : sum),
          0,
        ),
        "aws.amazon.com/neuroncore":
          facts.neuronCores * (facts.neuronCores > 0 ? (facts.accelerators[0]?.[2] ?? 0) : 0),
        "vpc.amazonaws.com/efa": facts.efaInterfaces,
      };
      for (const [name, amount] of Object.entries(wanted))
        assert.equal(capacity[name] ?? 0, amount, `${facts.name} ${name}`);
    }
  });

  it("labels are those of the table, with one value or none", () => {
    const view = viewOf();
    for (const facts of ALL.values()) {
      const shape = nodeShape(facts, ZONES, view, SETTINGS);
      for (const [label, value] of Object.entries(labelsOf(facts))) {
        assert.deepEqual(
          valuesOf(shape, label),
          value === undefined ? "none" : [String(value)],
          `${facts.name} ${label}`,
        );
      }
      assert.equal(shape.requirements.has("karpenter.k8s.aws/instance-pods"), false, "documented, and never there");
      const usual = ["on-demand", ...(facts.usageClasses.includes("spot") ? ["spot"] : [])];
      assert.deepEqual(valuesOf(shape, "karpenter.sh/capacity-type"), usual, facts.name);
      assert.deepEqual(valuesOf(shape, "karpenter.k8s.aws/instance-tenancy"), ["dedicated", "default"], facts.name);
    }
  });
});

function valuesOf({ requirements }: NodeShape, label: string): string[] | "none" {
  const one: Requirement = requirementFor(requirements, label);
  if (!one.complement && one.values.size === 0) return "none";
  return [...one.values].sort();
}

/** The labels of the reference (of the AWS provider's API, section 5); undefined: the type has none. */
function labelsOf(facts: Ec2Facts): Record<string, string | number | boolean | undefined> {
  const [family = "", size = ""] = facts.name.split(".");
  const digit = family.replace(/-\d+tb/, "").search(/\d/);
  const plain = family.replace(/-\d+tb/, "");
  const [gpu] = facts.gpus.length === 1 ? facts.gpus : [];
  const [accelerator] = facts.accelerators.length === 1 ? facts.accelerators : [];
  const own = {
    "instance-category": plain.slice(0, digit),
    "instance-generation": Number.parseInt(plain.slice(digit), 10),
    "instance-family": family,
    "instance-size": size,
    "instance-capability-flex": family.endsWith("-flex"),
    "instance-cpu": facts.cpu,
    "instance-cpu-manufacturer": facts.cpuMaker,
    "instance-memory": facts.memoryMiB,
    "instance-hypervisor": facts.name.includes(".metal") ? "" : facts.hypervisor,
    "instance-encryption-in-transit-supported": facts.isEncryptedInTransit,
    "instance-cpu-sustained-clock-speed-mhz": facts.clockMhz > 0 ? facts.clockMhz : undefined,
    "instance-ebs-bandwidth": facts.ebsMbps > 0 ? facts.ebsMbps : undefined,
    "instance-network-bandwidth": facts.networkMbps > 0 ? facts.networkMbps : undefined,
    "instance-local-nvme": facts.nvmeGB > 0 ? facts.nvmeGB : undefined,
    "nitro-sandbox": facts.hasEnclaves,
    "instance-gpu-name": gpu?.[0],
    "instance-gpu-manufacturer": gpu?.[1],
    "instance-gpu-count": gpu?.[2],
    "instance-gpu-memory": gpu !== undefined && gpu[3] > 0 ? gpu[3] : undefined,
    "instance-accelerator-name": accelerator?.[0],
    "instance-accelerator-manufacturer": accelerator?.[1],
    "instance-accelerator-count": accelerator?.[2],
  };
  const prefixed = Object.entries(own).map(([suffix, value]) => [`karpenter.k8s.aws/${suffix}`, value]);
  return {
    ...Object.fromEntries(prefixed),
    "node.kubernetes.io/instance-type": facts.name,
    "kubernetes.io/arch": facts.arch,
    "kubernetes.io/os": "linux",
    "topology.kubernetes.io/region": "us-east-1",
    "node.kubernetes.io/windows-build": undefined,
    "karpenter.k8s.aws/capacity-reservation-id": undefined,
    "karpenter.k8s.aws/placement-group-id": undefined,
  };
}

type Limits = {
  bw?: number | null;
  ip4?: number;
  trunk?: boolean;
  branch?: number;
  hv?: string;
  cards?: number[];
  defCard?: number;
};

/** Where upstream's table of bandwidths differs from what EC2 says of itself: see docs/differences.md. */
const OTHER_BANDWIDTH =
  /^(i7i\.12xlarge|i7ie\.(48xlarge|metal-48xl)|i8g\.(12xlarge|metal-48xl)|i8ge\.(48xlarge|metal-48xl))$/;

describe("the tables that stand beside the checkout", () => {
  const path = process.env["KARPENTER_EC2_LIMITS"];
  const skip = path === undefined && "set KARPENTER_EC2_LIMITS to a JSON file of limits per type";
  it("have the same bandwidths, addresses, interfaces for pods and hypervisors", { skip }, () => {
    const { types } = JSON.parse(readFileSync(path ?? "", "utf8")) as { types: Record<string, Limits> };
    const known = [...ALL.values()].filter(({ name }) => types[name] !== undefined);
    for (const facts of known) compare(facts, types[facts.name] ?? {});
    assert.ok(known.length > 1_000, `${known.length} types compared`);
  });
});

function compare(facts: Ec2Facts, { bw, ip4, trunk, branch, hv }: Limits): void {
  const shape = nodeShape(facts, ZONES, viewOf(), SETTINGS);
  if (!OTHER_BANDWIDTH.test(facts.name) && bw !== undefined) {
    const wanted = bw === null ? "none" : [String(bw)];
    assert.deepEqual(valuesOf(shape, "karpenter.k8s.aws/instance-network-bandwidth"), wanted, facts.name);
  }
  if (ip4 === undefined) return;
  const podInterfaces = trunk === true ? branch : 0;
  assert.deepEqual([facts.addresses, facts.hypervisor], [ip4, hv], facts.name);
  assert.equal(shape.capacity["vpc.amazonaws.com/pod-eni"] ?? 0, podInterfaces, facts.name);
}
