import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ec2Region } from "../../ec2/catalogue.ts";
import { deviceResources } from "../../ec2/devices.ts";
import type { Devices } from "../../ec2/facts.ts";
import type { AmiFamily, Ec2NodeClassSpec } from "./ami-family.ts";
import { amiFor, misfit } from "./compatibility.ts";
import { type NodeShape, nodeShape } from "./instance-type.ts";
import { SETTINGS, sold, typesOf, viewOf } from "./test-class.ts";

const MI = 2 ** 20;
const GI = 2 ** 30;
const family = (amiFamily: AmiFamily): Partial<Ec2NodeClassSpec> => ({
  amiFamily,
  amiSelectorTerms: [{ id: "ami-1" }],
});

function shapeOf(
  name: string,
  spec: Partial<Ec2NodeClassSpec> = {},
  settings: Partial<typeof SETTINGS> = {},
): NodeShape {
  const { facts, zones } = sold(name);
  return nodeShape(facts, zones, viewOf(spec), { ...SETTINGS, ...settings });
}
const label = ({ requirements }: NodeShape, key: string): string | undefined => {
  const one = requirements.get(key.includes("/") ? key : `karpenter.k8s.aws/${key}`);
  return one === undefined || one.values.size === 0 ? undefined : [...one.values].join(" ");
};

describe("how many pods a node takes", () => {
  const efaOnly = (networkCardIndex: number): Partial<Ec2NodeClassSpec> => ({
    networkInterfaces: [
      { networkCardIndex: 0, deviceIndex: 0, interfaceType: "interface" },
      { networkCardIndex, deviceIndex: 1, interfaceType: "efa-only" },
    ],
  });
  const rows: readonly [
    what: string,
    type: string,
    spec: Partial<Ec2NodeClassSpec>,
    reservedEnis: number,
    pods: number,
  ][] = [
    ["its addresses", "t3.large", {}, 0, 35],
    ["less an interface that is reserved", "t3.large", {}, 1, 24],
    ["never less than none", "t3.large", {}, 1_000_000, 0],
    ["110 on Windows", "t3.large", family("Windows2022"), 0, 110],
    ["maxPods, whatever the interfaces", "t3.large", { kubelet: { maxPods: 10 } }, 0, 10],
    ["maxPods with an own image", "t3.large", { ...family("Custom"), kubelet: { maxPods: 10 } }, 0, 10],
    ["podsPerCore below maxPods", "m5.xlarge", { kubelet: { maxPods: 20, podsPerCore: 1 } }, 0, 4],
    ["podsPerCore 0 is no limit", "m5.xlarge", { kubelet: { podsPerCore: 0 } }, 0, 58],
    [
      "podsPerCore means nothing to Bottlerocket",
      "m5.xlarge",
      { ...family("Bottlerocket"), kubelet: { podsPerCore: 1 } },
      0,
      58,
    ],
    ["only the default card counts", "m6idn.32xlarge", {}, 0, 394],
    ["less an interface that only EFA uses", "m6idn.32xlarge", efaOnly(0), 0, 345],
    ["EFA on another card takes nothing", "m6idn.32xlarge", efaOnly(1), 0, 394],
  ];
  for (const [what, type, spec, reservedEnis, pods] of rows) {
    it(`${type}: ${what}`, () => assert.equal(shapeOf(type, spec, { reservedEnis }).capacity["pods"], pods));
  }
});

describe("what the kubelet keeps", () => {
  const memory = (name: string, spec: Partial<Ec2NodeClassSpec>, reservedEnis = 0): number =>
    (shapeOf(name, spec, { reservedEnis }).overhead["memory"] ?? 0) / MI;

  it("80m of 4 processors, 893Mi for 58 pods, 1Gi of storage, and the eviction thresholds", () => {
    const { overhead, capacity } = shapeOf("m5.xlarge");
    assert.equal(overhead["cpu"], 80);
    assert.equal(overhead["memory"], (893 + 100) * MI);
    assert.equal(overhead["ephemeral-storage"], GI + Math.ceil((capacity["ephemeral-storage"] ?? 0) / 10));
  });

  it("memory for the pods that the interfaces allow, by family", () => {
    assert.equal(memory("t3.large", {}, 1), 640 + 100);
    assert.equal(memory("t3.large", family("AL2"), 1), 640 + 100);
    assert.equal(memory("t3.large", family("Bottlerocket"), 1), 519 + 100);
    assert.equal(memory("t3.large", family("Windows2019"), 1), 1465 + 100);
  });

  it("what is set, one by one", () => {
    const { overhead } = shapeOf("m5.xlarge", {
      kubelet: { kubeReserved: { cpu: "2" }, systemReserved: { memory: "1Gi" } },
    });
    assert.equal(overhead["cpu"], 2_000);
    assert.equal(overhead["memory"], (893 + 100 + 1024) * MI);
  });

  const thresholds: readonly [value: string | undefined, mi: (capacityMi: number) => number][] = [
    [undefined, () => 100],
    ["500Mi", () => 500],
    ["10%", (capacity) => Math.ceil((capacity * MI) / 10) / MI],
    ["100%", () => 0],
  ];
  for (const [value, wanted] of thresholds) {
    it(`evictionHard memory.available ${value ?? "unset"}`, () => {
      const kubelet = value === undefined ? {} : { evictionHard: { "memory.available": value } };
      const { overhead, capacity } = shapeOf("m5.xlarge", { kubelet });
      assert.equal((overhead["memory"] ?? 0) / MI, 893 + wanted((capacity["memory"] ?? 0) / MI));
    });
  }

  it("nothing for evictionSoft", () => {
    const soft = { evictionSoft: { "memory.available": "1Gi" }, evictionSoftGracePeriod: { "memory.available": "1m" } };
    assert.equal(memory("m5.xlarge", { kubelet: soft }), 893 + 100);
  });
});

describe("memory and storage", () => {
  const memory = (name: string, vmMemoryOverhead: number) =>
    (shapeOf(name, {}, { vmMemoryOverhead }).capacity["memory"] ?? 0) / MI;

  it("is less than EC2 says by a part, and by 64 MiB on arm64", () => {
    assert.equal(memory("m5.large", 0.075), 8192 - Math.ceil(8192 * 0.075));
    assert.equal(memory("m6g.large", 0.075), 8128 - Math.ceil(8128 * 0.075));
    assert.equal(memory("m5.large", 0), 8192);
  });

  it("is what a node has shown, once one has", () => {
    const { facts, zones } = sold("m5.large");
    const shape = nodeShape(
      facts,
      zones,
      { ...viewOf(), learnedMemory: new Map([["m5.large", 7_900 * MI]]) },
      SETTINGS,
    );
    assert.equal(shape.capacity["memory"], 7_900 * MI);
  });

  const device = (deviceName: string, volumeSize: string | undefined, rootVolume = false) => ({
    deviceName,
    ebs: volumeSize === undefined ? { snapshotID: "snap-1" } : { volumeSize },
    ...(rootVolume ? { rootVolume } : {}),
  });
  const rows: readonly [what: string, type: string, spec: Partial<Ec2NodeClassSpec>, bytes: number][] = [
    ["20Gi by default", "m5.large", {}, 20 * GI],
    ["Bottlerocket's second volume", "m5.large", family("Bottlerocket"), 20 * GI],
    ["50Gi on Windows", "m5.large", family("Windows2022"), 50 * GI],
    [
      "the family's device",
      "m5.large",
      { blockDeviceMappings: [device("/dev/xvda", "100Gi"), device("/dev/xvdc", "1Ti")] },
      100 * GI,
    ],
    ["another device does not count", "m5.large", { blockDeviceMappings: [device("/dev/xvdc", "1Ti")] }, 20 * GI],
    [
      "the one marked rootVolume",
      "m5.large",
      { blockDeviceMappings: [device("/dev/xvda", "100Gi"), device("/dev/xvdc", "30Gi", true)] },
      30 * GI,
    ],
    [
      "the last device of an own image",
      "m5.large",
      { ...family("Custom"), blockDeviceMappings: [device("/dev/a", "100Gi"), device("/dev/b", "30Gi")] },
      30 * GI,
    ],
    [
      "20Gi when that has no size",
      "m5.large",
      { ...family("Custom"), blockDeviceMappings: [device("/dev/b", undefined)] },
      20 * GI,
    ],
    ["local disks as one", "m5d.large", { instanceStorePolicy: "RAID0" }, 75e9],
    ["no local disks: as without RAID0", "m5.large", { instanceStorePolicy: "RAID0" }, 20 * GI],
    ["local disks that are no NVMe, too", "d2.xlarge", { instanceStorePolicy: "RAID0" }, 6144e9],
  ];
  for (const [what, type, spec, bytes] of rows) {
    it(`storage of ${type}: ${what}`, () => assert.equal(shapeOf(type, spec).capacity["ephemeral-storage"], bytes));
  }
});

describe("devices", () => {
  const rows: readonly [type: string, resource: string, count: number | undefined, spec?: Partial<Ec2NodeClassSpec>][] =
    [
      ["g4dn.12xlarge", "nvidia.com/gpu", 4],
      ["inf2.24xlarge", "aws.amazon.com/neuron", 6],
      ["inf2.24xlarge", "aws.amazon.com/neuroncore", 12],
      ["trn1.32xlarge", "aws.amazon.com/neuroncore", 32],
      ["m5.large", "vpc.amazonaws.com/pod-eni", 9],
      ["t3.large", "vpc.amazonaws.com/pod-eni", undefined],
      ["c6in.32xlarge", "vpc.amazonaws.com/efa", 2],
      [
        "c6in.32xlarge",
        "vpc.amazonaws.com/efa",
        undefined,
        { networkInterfaces: [{ networkCardIndex: 0, deviceIndex: 0, interfaceType: "interface" }] },
      ],
      ["m5.large", "vpc.amazonaws.com/PrivateIPv4Address", undefined],
      ["m5.large", "vpc.amazonaws.com/PrivateIPv4Address", 9, family("Windows2022")],
    ];
  for (const [type, resource, count, spec] of rows) {
    it(`${type} has ${count ?? "no"} ${resource}`, () => assert.equal(shapeOf(type, spec).capacity[resource], count));
  }
});

describe("makers of devices", () => {
  const devices = (...gpus: Devices[]) => deviceResources({ ...sold("m5.large").facts, gpus });

  it("have names of their own; parts of a GPU count as none", () => {
    assert.deepEqual(devices(["radeon-pro-v520", "amd", 2, 8192]), { "amd.com/gpu": 2 });
    assert.deepEqual(devices(["gaudi", "habana", 8, 32768]), { "habana.ai/gaudi": 8 });
    assert.deepEqual(devices(["l4", "nvidia", 0, 2861]), {});
    assert.deepEqual(devices(["a", "nvidia", 1, 1], ["b", "nvidia", 3, 1]), { "nvidia.com/gpu": 4 });
  });
});

describe("labels", () => {
  it("are those of the reference", () => {
    const shape = shapeOf("g4dn.8xlarge");
    const wanted: Readonly<Record<string, string | undefined>> = {
      "instance-category": "g",
      "instance-family": "g4dn",
      "instance-generation": "4",
      "instance-size": "8xlarge",
      "instance-local-nvme": "900",
      "instance-gpu-name": "t4",
      "instance-gpu-manufacturer": "nvidia",
      "instance-gpu-count": "1",
      "instance-gpu-memory": "16384",
      "instance-ebs-bandwidth": "9500",
      "instance-network-bandwidth": "50000",
      "instance-hypervisor": "nitro",
      "instance-cpu-manufacturer": "intel",
      "nitro-sandbox": "true",
      "instance-tenancy": "default dedicated",
      "instance-accelerator-count": undefined,
      "capacity-reservation-id": undefined,
      "placement-group-id": undefined,
      "kubernetes.io/arch": "amd64",
      "kubernetes.io/os": "linux",
      "topology.kubernetes.io/region": "us-east-1",
      "topology.kubernetes.io/zone": "us-east-1a us-east-1b",
      "topology.k8s.aws/zone-id": "use1-az1 use1-az2",
      "karpenter.sh/capacity-type": "on-demand spot",
    };
    for (const [key, value] of Object.entries(wanted)) assert.equal(label(shape, key), value, key);
  });

  it("tell absent ones as absent, so that nobody gets a GPU that is not there", () => {
    const gpus = shapeOf("m5.large").requirements.get("karpenter.k8s.aws/instance-gpu-count");
    assert.deepEqual([gpus?.complement, gpus?.values.size], [false, 0]);
    assert.equal(label(shapeOf("m4.large"), "instance-network-bandwidth"), undefined, "EC2 only says Moderate");
  });

  it("of odd names", () => {
    assert.equal(label(shapeOf("c7i-flex.large"), "instance-capability-flex"), "true");
    assert.equal(label(shapeOf("c7i.large"), "instance-capability-flex"), "false");
    assert.equal(label(shapeOf("m5.metal"), "instance-hypervisor"), "");
    const giant = shapeOf("u-6tb1.56xlarge");
    assert.deepEqual([label(giant, "instance-category"), label(giant, "instance-generation")], ["u", "1"]);
  });

  it("of Windows: only where there is Windows", () => {
    const shape = shapeOf("m5.large", family("Windows2022"));
    assert.deepEqual(
      [label(shape, "kubernetes.io/os"), label(shape, "node.kubernetes.io/windows-build")],
      ["windows", "10.0.20348"],
    );
    assert.equal(label(shapeOf("m6g.large", family("Windows2022")), "kubernetes.io/os"), undefined);
  });

  it("every type of the region has them all, and room for something", () => {
    for (const { facts, zones } of ec2Region("us-east-1")!.types) {
      const { requirements, capacity, allocatable } = nodeShape(facts, zones, viewOf(), SETTINGS);
      for (const key of ["instance-category", "instance-family", "instance-size", "instance-cpu", "instance-memory"]) {
        assert.equal(requirements.get(`karpenter.k8s.aws/${key}`)?.values.size, 1, `${facts.name} ${key}`);
      }
      assert.ok(capacity["cpu"]! > 0 && capacity["memory"]! > 0 && capacity["pods"]! > 1, facts.name);
      assert.ok(
        Object.values(allocatable).every((amount) => amount >= 0),
        facts.name,
      );
    }
  });
});

describe("types that nodes of a class cannot be of", () => {
  const interfaces = (
    ...list: [card: number, device: number, type: "interface" | "efa-only"][]
  ): Partial<Ec2NodeClassSpec> => ({
    networkInterfaces: list.map(([networkCardIndex, deviceIndex, interfaceType]) => ({
      networkCardIndex,
      deviceIndex,
      interfaceType,
    })),
  });
  const tracking: Partial<Ec2NodeClassSpec> = { connectionTracking: { udpTimeout: 45 } };
  const rows: readonly [what: string, type: string, spec: Partial<Ec2NodeClassSpec>, why: RegExp | undefined][] = [
    ["a1 with AL2023", "a1.large", {}, /a1/],
    ["a1 with Bottlerocket", "a1.large", family("Bottlerocket"), undefined],
    ["tracking on Nitro", "m5.large", tracking, undefined],
    ["tracking on Xen", "m4.large", tracking, /tracked/],
    ["tracking on bare metal", "m5.metal", tracking, /tracked/],
    ["virtual machines where they run", "m8i.large", { cpuOptions: { nestedVirtualization: "enabled" } }, undefined],
    [
      "virtual machines where they do not",
      "m5.large",
      { cpuOptions: { nestedVirtualization: "enabled" } },
      /virtual machines/,
    ],
    ["a card too many", "m5.large", interfaces([0, 0, "interface"], [1, 0, "interface"]), /card 1/],
    ["a device too many", "m5.large", interfaces([0, 0, "interface"], [0, 3, "interface"]), /device 3/],
    ["EFA where there is none", "m5.large", interfaces([0, 0, "interface"], [0, 1, "efa-only"]), /EFA/],
    ["EFA where there is", "c6in.32xlarge", interfaces([0, 0, "interface"], [0, 1, "efa-only"]), undefined],
    ["no elastic adapter", "m3.large", interfaces([0, 0, "interface"]), /elastic/],
  ];
  for (const [what, type, spec, why] of rows) {
    it(`${what}: ${why === undefined ? "fits" : "does not fit"}`, () => {
      const { facts } = sold(type);
      const reason = misfit(facts, shapeOf(type, spec).requirements, viewOf(spec));
      if (why === undefined) assert.equal(reason, undefined);
      else assert.match(reason ?? "", why);
    });
  }

  it("a placement group's strategy, and an architecture without image", () => {
    const group = (strategy: string) => viewOf({}, {}, { id: "pg-1", name: "g", strategy, partitions: 2 });
    const { facts } = sold("t3.large");
    const { requirements } = shapeOf("t3.large");
    assert.match(misfit(facts, requirements, group("cluster")) ?? "", /cluster/);
    assert.equal(misfit(facts, requirements, group("spread")), undefined);
    const [arm] = viewOf().amis;
    assert.match(misfit(facts, requirements, viewOf({}, { amis: [arm!] })) ?? "", /image/);
    assert.equal(amiFor(requirements, viewOf().amis)?.id, "ami-amd");
  });
});

describe("offerings", () => {
  const summary = (names: readonly string[], view = viewOf(), market = {}) =>
    typesOf(names, view, market).flatMap(({ offerings }) =>
      offerings.filter(({ available }) => available).map(({ zone, capacityType }) => `${capacityType} ${zone}`),
    );

  it("are to be had where the class has subnets; others are listed", () => {
    assert.deepEqual(summary(["m5.large"]), [
      "on-demand us-east-1a",
      "spot us-east-1a",
      "on-demand us-east-1b",
      "spot us-east-1b",
    ]);
    const [type] = typesOf(["m5.large"], viewOf());
    assert.ok(type!.offerings.some(({ zone, available }) => zone === "us-east-1c" && !available));
  });

  it("are not to be had without a price, or when EC2 has refused them", () => {
    assert.deepEqual(summary(["m5.large"], viewOf(), { spotPrice: () => undefined }), [
      "on-demand us-east-1a",
      "on-demand us-east-1b",
    ]);
    const isUnavailable = ({ zone }: { zone: string }) => zone === "us-east-1a";
    assert.deepEqual(summary(["m5.large"], viewOf(), { isUnavailable }), ["on-demand us-east-1b", "spot us-east-1b"]);
    assert.deepEqual(summary(["a1.large"]), []);
  });

  const reservation = {
    id: "cr-1",
    availabilityZone: "us-east-1a",
    instanceMatchCriteria: "targeted" as const,
    instanceType: "m5.large",
    ownerID: "111122223333",
  };

  it("of reservations are all but free, as long as there is room and time", () => {
    const [type] = typesOf(["m5.large"], viewOf({}, { capacityReservations: [reservation] }));
    const reserved = type!.offerings.find(({ capacityType }) => capacityType === "reserved")!;
    assert.ok(reserved.available && reserved.priceUsdPerHour > 0 && reserved.priceUsdPerHour < 1e-6);
    assert.deepEqual([reserved.reservationId, reserved.reservationCapacity], ["cr-1", 3]);
    const full = typesOf(["m5.large"], viewOf({}, { capacityReservations: [reservation] }), {
      reservationLeft: () => 0,
    });
    assert.equal(full[0]!.offerings.at(-1)!.available, false);
    const ending = viewOf({}, { capacityReservations: [{ ...reservation, state: "expiring" as const }] });
    assert.equal(typesOf(["m5.large"], ending)[0]!.offerings.at(-1)!.available, false);
  });

  it("of a partitioned group are one per partition", () => {
    const group = { id: "pg-1", name: "g", strategy: "partition", partitions: 3 };
    const offerings = typesOf(["m5.large"], viewOf({}, {}, group))[0]!.offerings.filter(({ available }) => available);
    assert.equal(offerings.length, 12);
    const partitions = offerings.map(({ requirements }) => [
      ...requirements.get("karpenter.k8s.aws/placement-group-partition")!.values,
    ]);
    assert.deepEqual(partitions.slice(0, 3), [["1"], ["2"], ["3"]]);
  });
});
