import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Ec2Instance, Image } from "../aws-api.ts";
import type { AmiFamily } from "./ami-family.ts";
import { aliasParameters, statusAmis } from "./ami-selection.ts";
import { dynamicDrift, isClassChanged } from "./drift.ts";
import { interruptionMessage } from "./interruption-message.ts";
import { kubeletProblem } from "./kubelet.ts";
import { HASH_ANNOTATION, HASH_VERSION_ANNOTATION } from "./labels.ts";
import { claimOf, classOf, typesOf, viewOf } from "./test-class.ts";

const NOW = Date.parse("2026-06-01T00:00:00Z");

describe("images of an alias", () => {
  const parameters = (family: AmiFamily, version: string, kubernetes = "1.32") => {
    const found = aliasParameters({ family, version }, kubernetes);
    return "problem" in found ? found.problem : found.map(({ name, variants }) => `${name} ${variants.join("+")}`);
  };

  it("are where AWS publishes them", () => {
    const al2023 = "/aws/service/eks/optimized-ami/1.32/amazon-linux-2023";
    assert.deepEqual(parameters("AL2023", "latest"), [
      `${al2023}/x86_64/standard/recommended/image_id standard`,
      `${al2023}/x86_64/nvidia/recommended/image_id gpu`,
      `${al2023}/x86_64/neuron/recommended/image_id accelerator`,
      `${al2023}/arm64/standard/recommended/image_id standard`,
      `${al2023}/arm64/nvidia/recommended/image_id gpu`,
    ]);
    assert.equal(
      parameters("AL2023", "v20240703")[0],
      `${al2023}/x86_64/standard/amazon-eks-node-al2023-x86_64-standard-1.32-v20240703/image_id standard`,
    );
    assert.equal(
      parameters("AL2", "v1")[1],
      "/aws/service/eks/optimized-ami/1.32/amazon-linux-2-arm64/amazon-eks-arm64-node-1.32-v1/image_id standard",
    );
    assert.deepEqual(parameters("Bottlerocket", "v1.50.0"), [
      "/aws/service/bottlerocket/aws-k8s-1.32/x86_64/1.50.0/image_id standard+accelerator",
      "/aws/service/bottlerocket/aws-k8s-1.32-nvidia/x86_64/1.50.0/image_id gpu",
      "/aws/service/bottlerocket/aws-k8s-1.32/arm64/1.50.0/image_id standard",
      "/aws/service/bottlerocket/aws-k8s-1.32-nvidia/arm64/1.50.0/image_id gpu",
    ]);
    assert.deepEqual(parameters("Windows2022", "latest"), [
      "/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.32/image_id any",
    ]);
  });

  it("end: AL2 with 1.33, and Windows 2025 begins with 1.35", () => {
    assert.match(String(parameters("AL2", "latest", "1.33")), /no images of AL2/);
    assert.match(String(parameters("Windows2025", "latest", "1.34")), /1\.35/);
    assert.ok(Array.isArray(parameters("Windows2025", "latest", "1.35")));
  });
});

describe("which of several images", () => {
  const image = (id: string, creationDate: string, change: Partial<Image> = {}): Image => ({
    id,
    name: id,
    architecture: "x86_64",
    creationDate,
    ...change,
  });
  const deprecated = { deprecationTime: "2026-05-01T00:00:00Z" };
  const chosen = (...images: Image[]) =>
    statusAmis(
      images.map((one) => ({ image: one, variants: ["any"] })),
      "AL2023",
      NOW,
    ).map(({ id }) => id);

  it("one that is not deprecated, the newest, the greatest name", () => {
    assert.deepEqual(chosen(image("a", "2026-01-01"), image("b", "2026-02-01")), ["b"]);
    assert.deepEqual(chosen(image("a", "2026-01-01"), image("b", "2026-02-01", deprecated)), ["a"]);
    assert.deepEqual(chosen(image("a", "2026-01-01", deprecated), image("b", "2026-02-01", deprecated)), ["b"]);
    assert.deepEqual(chosen(image("a", "2026-01-01"), image("b", "2026-01-01")), ["b"]);
    assert.deepEqual(
      chosen(image("a", "2026-01-01", { deprecationTime: "2027-01-01T00:00:00Z" }), image("b", "2025-01-01")),
      ["a"],
    );
  });

  it("one for each architecture, newest first; those of Macs are none", () => {
    const arm = image("arm", "2026-03-01", { architecture: "arm64" });
    assert.deepEqual(chosen(image("a", "2026-01-01"), arm, image("mac", "2026-04-01", { architecture: "arm64_mac" })), [
      "arm",
      "a",
    ]);
  });

  it("the same one twice where it serves two kinds of nodes", () => {
    const amis = statusAmis(
      [{ image: image("a", "2026-01-01", deprecated), variants: ["accelerator", "gpu"] }],
      "AL2",
      NOW,
    );
    assert.deepEqual(
      amis.map(({ id, deprecated: is, requirements }) => [id, is, requirements.map(({ key }) => key)]),
      [
        ["a", true, ["kubernetes.io/arch", "karpenter.k8s.aws/instance-accelerator-count"]],
        ["a", true, ["kubernetes.io/arch", "karpenter.k8s.aws/instance-gpu-count"]],
      ],
    );
  });
});

describe("drift", () => {
  const view = viewOf();
  const [type] = typesOf(["m5.large"], view);
  const instance = (change: Partial<Ec2Instance> = {}): Ec2Instance => ({
    id: "i-1",
    state: "running",
    instanceType: "m5.large",
    imageId: "ami-amd",
    zone: "us-east-1a",
    subnetId: "subnet-a",
    securityGroupIds: ["sg-1"],
    launchTime: "2026-01-01T00:00:00Z",
    tags: {},
    isSpot: false,
    tenancy: "default",
    usesReservationOnly: false,
    ...change,
  });
  const claim = (imageID = "ami-amd", labels: Record<string, string> = {}) => {
    const made = claimOf([], { labels });
    return { ...made, status: { imageID } };
  };
  const groups = (...ids: string[]) => viewOf({}, { securityGroups: ids.map((id) => ({ id })) });
  const grouped = viewOf({}, {}, { id: "pg-1", name: "g", strategy: "spread", partitions: 0 });
  const rows: readonly [what: string, drift: ReturnType<typeof dynamicDrift>, wanted: string][] = [
    ["nothing", dynamicDrift(claim(), instance(), type!.requirements, view), "none"],
    ["the image", dynamicDrift(claim("ami-old"), instance(), type!.requirements, view), "AMIDrift"],
    [
      "an image of another architecture",
      dynamicDrift(claim("ami-arm"), instance(), type!.requirements, view),
      "AMIDrift",
    ],
    [
      "a group more",
      dynamicDrift(claim(), instance(), type!.requirements, groups("sg-1", "sg-2")),
      "SecurityGroupDrift",
    ],
    ["other groups", dynamicDrift(claim(), instance(), type!.requirements, groups("sg-2")), "SecurityGroupDrift"],
    [
      "groups in another order",
      dynamicDrift(claim(), instance({ securityGroupIds: ["b", "a"] }), type!.requirements, groups("a", "b")),
      "none",
    ],
    ["the subnet", dynamicDrift(claim(), instance({ subnetId: "subnet-z" }), type!.requirements, view), "SubnetDrift"],
    [
      "the reservation",
      dynamicDrift(
        claim(),
        instance({ capacityReservationId: "cr-1", usesReservationOnly: true }),
        type!.requirements,
        view,
      ),
      "CapacityReservationDrift",
    ],
    [
      "an open reservation that it met",
      dynamicDrift(claim(), instance({ capacityReservationId: "cr-1" }), type!.requirements, view),
      "none",
    ],
    ["the placement group", dynamicDrift(claim(), instance(), type!.requirements, grouped), "PlacementGroupDrift"],
    [
      "the image and the subnet",
      dynamicDrift(claim("ami-old"), instance({ subnetId: "subnet-z" }), type!.requirements, view),
      "AMIDrift",
    ],
    ["no images found", dynamicDrift(claim(), instance(), type!.requirements, viewOf({}, { amis: [] })), "unknown"],
    ["no groups found", dynamicDrift(claim(), instance(), type!.requirements, groups()), "unknown"],
    ["no subnets found", dynamicDrift(claim(), instance(), type!.requirements, viewOf({}, { subnets: [] })), "unknown"],
    ["a type that is not there", dynamicDrift(claim(), instance(), undefined, view), "unknown"],
  ];
  for (const [what, drift, wanted] of rows) {
    it(`${what}: ${wanted}`, () => assert.equal(drift.kind === "drifted" ? drift.reason : drift.kind, wanted));
  }

  it("of the class itself is told by hashes of the same version only", () => {
    const hashed = (hash?: string, version?: string) => ({
      ...(hash === undefined ? {} : { [HASH_ANNOTATION]: hash }),
      ...(version === undefined ? {} : { [HASH_VERSION_ANNOTATION]: version }),
    });
    const isChanged = (own: Record<string, string>, wanted: Record<string, string>) => {
      const nodeClass = classOf();
      return isClassChanged(claimOf([], { annotations: own }), {
        ...nodeClass,
        metadata: { ...nodeClass.metadata, annotations: wanted },
      });
    };
    assert.equal(isChanged(hashed("1", "v6"), hashed("2", "v6")), true);
    assert.equal(isChanged(hashed("1", "v6"), hashed("1", "v6")), false);
    assert.equal(isChanged(hashed("1", "v5"), hashed("2", "v6")), false);
    assert.equal(isChanged(hashed(undefined, "v6"), hashed("2", "v6")), false);
    assert.equal(isChanged(hashed("1", "v6"), hashed("2")), false);
  });
});

describe("settings of the kubelet that cannot stand", () => {
  const rows: readonly [
    kubelet: Record<string, unknown>,
    family: AmiFamily,
    reason: string | undefined,
    message?: RegExp,
  ][] = [
    [{}, "AL2023", undefined],
    [{ registryPullQPS: 3 }, "AL2023", undefined],
    [{ registryPullQPS: 3 }, "Custom", undefined],
    [{ registryPullQPS: 3 }, "AL2", "UnsupportedKubeletConfiguration", /registryPullQPS/],
    [{ registryPullQPS: 3 }, "Windows2022", "UnsupportedKubeletConfiguration", /registryPullQPS/],
    [{ podsPerCore: 3 }, "Bottlerocket", "UnsupportedKubeletConfiguration", /podsPerCore/],
    [{ clusterDNS: ["10.0.0.1", "10.0.0.2"] }, "AL2", "UnsupportedKubeletConfiguration", /clusterDNS/],
    [{ maxPodz: 3 }, "AL2023", "InvalidKubeletConfiguration", /maxPodz/],
    [{ podsPerCore: "3" }, "AL2023", "InvalidKubeletConfiguration", /podsPerCore must be a whole number/],
    [{ maxPods: -1, podsPerCore: -1 }, "AL2023", "InvalidKubeletConfiguration", /maxPods.*; podsPerCore/],
    [{ registerWithTaints: [] }, "AL2023", "InvalidKubeletConfiguration", /NodePool/],
    [{ evictionHard: { "disk.free": "1Gi" } }, "AL2023", "InvalidKubeletConfiguration", /disk\.free/],
    [{ evictionHard: { "memory.available": "101%" } }, "AL2023", "InvalidKubeletConfiguration", /101%/],
    [{ evictionHard: { "memory.available": "100%" } }, "AL2023", undefined],
    [{ evictionHard: { "memory.available": "-1Gi" } }, "AL2023", "InvalidKubeletConfiguration", /-1Gi/],
    [{ evictionSoft: { "memory.available": "1Gi" } }, "AL2023", "InvalidKubeletConfiguration", /GracePeriod/],
    [
      { evictionSoftGracePeriod: { "memory.available": "1m" } },
      "AL2023",
      "InvalidKubeletConfiguration",
      /no evictionSoft/,
    ],
    [{ kubeReserved: { gpu: "1" } }, "AL2023", "InvalidKubeletConfiguration", /gpu/],
    [{ systemReserved: { cpu: "-1" } }, "AL2023", "InvalidKubeletConfiguration", /less than nothing/],
    [
      { imageGCHighThresholdPercent: 80, imageGCLowThresholdPercent: 80 },
      "AL2023",
      "InvalidKubeletConfiguration",
      /above/,
    ],
    [{ imageGCHighThresholdPercent: 101 }, "AL2023", "InvalidKubeletConfiguration", /0 to 100/],
    [{ maxPods: "max(10, vcpus)" }, "AL2023", "KubeletExpressionsDisabled", /maxPods/],
    [{ kubeReserved: { cpu: "vcpus * 10" } }, "AL2023", "KubeletExpressionsDisabled", /kubeReserved\.cpu/],
  ];
  for (const [kubelet, family, reason, message] of rows) {
    it(`${family} ${JSON.stringify(kubelet)}: ${reason ?? "fine"}`, () => {
      const problem = kubeletProblem(kubelet, family, false);
      assert.equal(problem?.reason, reason);
      if (message !== undefined) assert.match(problem?.message ?? "", message);
    });
  }
});

describe("messages of the interruption queue", () => {
  const event = (source: string, type: string, detail: unknown, version = "0") =>
    interruptionMessage(JSON.stringify({ version, source, "detail-type": type, time: "2026-01-01T00:00:00Z", detail }));
  const state = (word: string) =>
    event("aws.ec2", "EC2 Instance State-change Notification", { "instance-id": "i-1", state: word });
  const health = (service: string, eventTypeCategory: string) =>
    event("aws.health", "AWS Health Event", {
      service,
      eventTypeCategory,
      affectedEntities: [{ entityValue: "i-1" }, { entityValue: "i-2" }],
    });
  const rows: readonly [what: string, message: ReturnType<typeof interruptionMessage>, kind: string, ids: string[]][] =
    [
      [
        "spot",
        event("aws.ec2", "EC2 Spot Instance Interruption Warning", { "instance-id": "i-1" }),
        "spot_interrupted",
        ["i-1"],
      ],
      [
        "reservation",
        event("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning", { "instance-id": "i-1" }),
        "capacity_reservation_interrupted",
        ["i-1"],
      ],
      [
        "rebalance",
        event("aws.ec2", "EC2 Instance Rebalance Recommendation", { "instance-id": "i-1" }),
        "rebalance_recommendation",
        ["i-1"],
      ],
      ["health", health("EC2", "scheduledChange"), "scheduled_change", ["i-1", "i-2"]],
      ["health of another service", health("RDS", "scheduledChange"), "no_op", []],
      ["another kind of health", health("EC2", "issue"), "no_op", []],
      ["stopping", state("stopping"), "instance_stopped", ["i-1"]],
      ["Stopping", state("Stopping"), "instance_stopped", ["i-1"]],
      ["terminated", state("terminated"), "instance_terminated", ["i-1"]],
      ["pending", state("pending"), "no_op", ["i-1"]],
      [
        "another version",
        event("aws.ec2", "EC2 Spot Instance Interruption Warning", { "instance-id": "i-1" }, "1"),
        "no_op",
        ["i-1"],
      ],
      ["no JSON", interruptionMessage("hello"), "no_op", []],
      ["nothing", interruptionMessage(""), "no_op", []],
      ["a list", interruptionMessage("[1]"), "no_op", []],
    ];
  for (const [what, message, kind, ids] of rows) {
    it(`${what}: ${kind}`, () => {
      assert.equal(message.kind, kind);
      if (kind !== "no_op") assert.deepEqual(message.instanceIds, ids);
    });
  }

  it("tell when they were written", () => {
    assert.equal(state("stopping").sentAtMs, Date.parse("2026-01-01T00:00:00Z"));
    assert.equal(interruptionMessage("hello").sentAtMs, undefined);
  });
});
