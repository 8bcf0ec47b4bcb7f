import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAmount } from "../../src/model/resources.ts";
import { type Ec2World, inWorld } from "./ec2-world.ts";

type Spec = Parameters<Ec2World["nodeClass"]>[0];
const GI = 2 ** 30;

/** Node classes as guides for EKS write them: they are applied, and nodes come that are as they say. */
describe("node classes of published guides", () => {
  const everything: Spec = {
    amiFamily: "AL2",
    kubelet: {
      podsPerCore: 2,
      maxPods: 20,
      systemReserved: { cpu: "100m", memory: "100Mi", "ephemeral-storage": "1Gi" },
      kubeReserved: { cpu: "200m", memory: "100Mi", "ephemeral-storage": "3Gi" },
      evictionHard: { "memory.available": "5%", "nodefs.available": "10%", "nodefs.inodesFree": "10%" },
      evictionSoft: { "memory.available": "500Mi", "nodefs.available": "15%", "nodefs.inodesFree": "15%" },
      evictionSoftGracePeriod: { "memory.available": "1m", "nodefs.available": "1m30s", "nodefs.inodesFree": "2m" },
      evictionMaxPodGracePeriod: 60,
      imageGCHighThresholdPercent: 85,
      imageGCLowThresholdPercent: 80,
      cpuCFSQuota: true,
      clusterDNS: ["10.0.1.100"],
    },
    subnetSelectorTerms: [
      { tags: { "karpenter.sh/discovery": "shop", environment: "test" } },
      { id: "subnet-09fa4a0a8f233a921" },
    ],
    securityGroupSelectorTerms: [
      { tags: { "karpenter.sh/discovery": "shop", environment: "test" } },
      { name: "my-security-group" },
      { id: "sg-063d7acfb4b06c82c" },
    ],
    amiSelectorTerms: [{ tags: { environment: "test" } }, { name: "my-ami" }, { id: "ami-123" }],
    tags: { team: "team-a", app: "team-a-app" },
    blockDeviceMappings: [
      {
        deviceName: "/dev/xvda",
        ebs: {
          volumeSize: "100Gi",
          volumeType: "gp3",
          iops: 10_000,
          encrypted: true,
          kmsKeyID: "1234abcd-12ab-34cd-56ef-1234567890ab",
          deleteOnTermination: true,
          throughput: 125,
          snapshotID: "snap-0123456789",
        },
      },
    ],
    instanceStorePolicy: "RAID0",
    userData: 'echo "Hello world"',
  };

  it(
    "with every field: each of them shows in the machine",
    inWorld(async (world) => {
      world.account.hasWhateverIsNamed = true;
      await world.nodeClass(everything);
      await world.pool();
      await world.deploy(2);
      await world.podsRun(2);
      for (const { instance, data, facts } of world.alive()) {
        assert.equal(instance.subnetId, "subnet-09fa4a0a8f233a921");
        assert.deepEqual(instance.securityGroupIds, ["sg-063d7acfb4b06c82c"]);
        assert.deepEqual([instance.imageId, instance.tags["team"]], ["ami-123", "team-a"]);
        assert.match(
          data.userData,
          /echo "Hello world"[\s\S]*bootstrap\.sh 'shop'[\s\S]*--dns-cluster-ip '10\.0\.1\.100'[\s\S]*--local-disks raid0/,
        );
        const [device] = data.blockDeviceMappings ?? [];
        assert.deepEqual(
          [device?.ebs?.volumeSize, device?.ebs?.iops, device?.ebs?.kmsKeyId],
          [100, 10_000, "1234abcd-12ab-34cd-56ef-1234567890ab"],
        );
        const node = world.nodes().find(({ spec }) => spec.providerID?.endsWith(instance.id));
        assert.equal(node?.status?.capacity?.["pods"], String(Math.min(20, 2 * facts.cpu)));
        assert.equal(parseAmount("cpu", node?.status?.allocatable?.["cpu"] ?? 0), facts.cpu * 1_000 - 300);
        const claim = world.claims().find(({ status }) => status?.providerID === node?.spec.providerID);
        assert.equal(parseAmount("cpu", claim?.status?.allocatable?.["cpu"] ?? 0), facts.cpu * 1_000 - 300);
      }
    }),
  );

  const discovery = [{ tags: { "karpenter.sh/discovery": "shop" } }];
  const rows: readonly [what: string, spec: Spec, check: (world: Ec2World) => void][] = [
    [
      "an image by its id",
      {
        amiFamily: "AL2023",
        amiSelectorTerms: [{ id: "ami-09f1941e8730d7702" }],
        role: "KarpenterNodeRole-eks-cluster",
      },
      (world) => assert.ok(world.alive().every(({ instance }) => instance.imageId === "ami-09f1941e8730d7702")),
    ],
    [
      "an instance profile, an encrypted volume and tags",
      {
        instanceProfile: "karpenter-node-profile",
        subnetSelectorTerms: discovery,
        blockDeviceMappings: [
          {
            deviceName: "/dev/xvda",
            ebs: { volumeSize: "50Gi", volumeType: "gp3", encrypted: true, iops: 3_000, throughput: 125 },
          },
        ],
        tags: { Environment: "production", "karpenter.sh/discovery": "shop" },
      },
      (world) => {
        const [claim] = world.claims();
        assert.equal(world.account.profiles.size, 0, "nothing is made in IAM");
        assert.equal(
          claim!.metadata.annotations?.["karpenter.k8s.aws/instance-profile-name"],
          "karpenter-node-profile",
        );
        assert.equal(parseAmount("ephemeral-storage", claim!.status?.capacity?.["ephemeral-storage"] ?? 0), 50 * GI);
        assert.ok(world.alive().every(({ instance }) => instance.tags["Environment"] === "production"));
      },
    ],
    [
      "Bottlerocket",
      { amiSelectorTerms: [{ alias: "bottlerocket@latest" }] },
      (world) => assert.ok(world.alive().every(({ data }) => /\[settings\.kubernetes\]/.test(data.userData))),
    ],
  ];
  for (const [what, spec, check] of rows) {
    it(
      what,
      inWorld(async (world) => {
        world.account.hasWhateverIsNamed = true;
        await world.nodeClass(spec);
        await world.pool();
        await world.deploy(1);
        await world.podsRun(1);
        check(world);
      }),
    );
  }

  it(
    "Windows: the pool's pods run on it, others do not",
    inWorld(async (world) => {
      await world.nodeClass({ amiSelectorTerms: [{ alias: "windows2022@latest" }] });
      await world.pool([{ key: "kubernetes.io/os", operator: "In", values: ["windows"] }]);
      await world.deploy(1, { cpu: "1" }, "web", { "kubernetes.io/os": "windows" });
      await world.podsRun(1);
      const [node] = world.nodes();
      assert.equal(node?.metadata.labels?.["kubernetes.io/os"], "windows");
      assert.equal(node?.metadata.labels?.["node.kubernetes.io/windows-build"], "10.0.20348");
      assert.equal(node?.status?.capacity?.["pods"], "110");
    }),
  );

  it(
    "GPUs: the image for them, and only for who asks",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.pool();
      await world.deploy(1, { "nvidia.com/gpu": "1", cpu: "1" }, "gpu");
      await world.deploy(1);
      await world.podsRun(2);
      const kinds = world.alive().map(({ instance, facts }) => {
        const name = world.account.images.get(instance.imageId)?.name ?? "";
        return [facts.gpus.length > 0, /nvidia/.test(name)];
      });
      assert.ok(kinds.some(([hasGpu]) => hasGpu) && kinds.every(([hasGpu, hasDrivers]) => hasGpu === hasDrivers));
    }),
  );
});
