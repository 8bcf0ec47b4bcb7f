import type { Loose } from "./test-objects.ts";

/** Manifests in the manner of guides to Karpenter on EKS. */
export const REF = { group: "karpenter.k8s.aws", kind: "EC2NodeClass", name: "default" };
export const inList = (key: string, values: string[], minValues?: number) => ({
  key,
  operator: "In",
  values,
  ...(minValues === undefined ? {} : { minValues }),
});
export const pool = (spec: Loose, name = "default"): Loose => ({
  apiVersion: "karpenter.sh/v1",
  kind: "NodePool",
  metadata: { name },
  spec,
});
const nodeClass = (spec: Loose, name = "default"): Loose => ({
  apiVersion: "karpenter.k8s.aws/v1",
  kind: "EC2NodeClass",
  metadata: { name },
  spec,
});
const discovered = (cluster: string) => [{ tags: { "karpenter.sh/discovery": cluster } }];

/** Every field of a pool at once; the notation "a | b" stands for a choice, and is no value. */
export const everyPoolField = pool({
  template: {
    metadata: { labels: { "billing-team": "my-team" }, annotations: { "example.com/owner": "my-team" } },
    spec: {
      nodeClassRef: REF,
      taints: [{ key: "example.com/special-taint", effect: "NoSchedule" }],
      startupTaints: [{ key: "example.com/another-taint", effect: "NoSchedule" }],
      expireAfter: "720h",
      terminationGracePeriod: "48h",
      requirements: [
        inList("karpenter.k8s.aws/instance-category", ["c", "m", "r"], 2),
        inList("karpenter.k8s.aws/instance-family", ["m5", "m5d", "c5", "c5d", "c4", "r4"], 5),
        inList("karpenter.k8s.aws/instance-cpu", ["4", "8", "16", "32"]),
        inList("karpenter.k8s.aws/instance-hypervisor", ["nitro"]),
        { key: "karpenter.k8s.aws/instance-generation", operator: "Gt", values: ["2"] },
        inList("topology.kubernetes.io/zone", ["us-west-2a", "us-west-2b"]),
        inList("kubernetes.io/arch", ["arm64", "amd64"]),
        inList("karpenter.sh/capacity-type", ["spot", "on-demand", "reserved"]),
      ],
    },
  },
  disruption: {
    consolidationPolicy: "WhenEmptyOrUnderutilized",
    consolidateAfter: "1m",
    budgets: [{ nodes: "10%" }, { schedule: "0 9 * * mon-fri", duration: "8h", nodes: "0" }],
  },
  limits: { cpu: "1000", memory: "1000Gi" },
  weight: 10,
});

/** Every field of an EC2NodeClass at once, but for the instance profile: a role is there already. */
export const everyClassField = nodeClass({
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
  amiFamily: "AL2",
  subnetSelectorTerms: [
    { tags: { "karpenter.sh/discovery": "demo", environment: "test" } },
    { id: "subnet-09fa4a0a8f233a921" },
  ],
  securityGroupSelectorTerms: [
    { tags: { "karpenter.sh/discovery": "demo", environment: "test" } },
    { name: "my-security-group" },
    { id: "sg-063d7acfb4b06c82c" },
  ],
  role: "KarpenterNodeRole-demo",
  amiSelectorTerms: [
    { tags: { "karpenter.sh/discovery": "demo", environment: "test" } },
    { name: "my-ami" },
    { id: "ami-123" },
  ],
  capacityReservationSelectorTerms: [{ tags: { "karpenter.sh/discovery": "demo" } }, { id: "cr-123" }],
  tags: { team: "team-a", app: "team-a-app" },
  metadataOptions: {
    httpEndpoint: "enabled",
    httpProtocolIPv6: "disabled",
    httpPutResponseHopLimit: 1,
    httpTokens: "required",
  },
  blockDeviceMappings: [
    {
      deviceName: "/dev/xvda",
      ebs: {
        volumeSize: "100Gi",
        volumeType: "gp3",
        iops: 10000,
        encrypted: true,
        kmsKeyID: "1234abcd-12ab-34cd-56ef-1234567890ab",
        deleteOnTermination: true,
        throughput: 125,
        snapshotID: "snap-0123456789",
      },
    },
  ],
  instanceStorePolicy: "RAID0",
  userData: 'echo "Hello world"\n',
  detailedMonitoring: true,
  associatePublicIPAddress: true,
});

export const getStartedPool = pool({
  template: {
    spec: {
      requirements: [
        inList("kubernetes.io/arch", ["amd64"]),
        inList("kubernetes.io/os", ["linux"]),
        inList("karpenter.sh/capacity-type", ["spot", "on-demand"]),
        inList("karpenter.k8s.aws/instance-category", ["c", "m", "r"]),
        { key: "karpenter.k8s.aws/instance-generation", operator: "Gt", values: ["2"] },
      ],
      nodeClassRef: REF,
    },
  },
  limits: { cpu: 1000 },
  disruption: { consolidationPolicy: "WhenEmptyOrUnderutilized", consolidateAfter: "30s" },
});
export const getStartedClass = nodeClass({
  amiFamily: "AL2023",
  role: "KarpenterNodeRole-eks-cluster",
  amiSelectorTerms: [{ id: "ami-09f1941e8730d7702" }],
  subnetSelectorTerms: discovered("eks-cluster"),
  securityGroupSelectorTerms: discovered("eks-cluster"),
});

export const productionClass = nodeClass({
  amiSelectorTerms: [{ alias: "al2023@latest" }],
  subnetSelectorTerms: discovered("my-cluster"),
  securityGroupSelectorTerms: discovered("my-cluster"),
  instanceProfile: "karpenter-node-profile",
  blockDeviceMappings: [
    {
      deviceName: "/dev/xvda",
      ebs: { volumeSize: "50Gi", volumeType: "gp3", encrypted: true, iops: 3000, throughput: 125 },
    },
  ],
  metadataOptions: {
    httpEndpoint: "enabled",
    httpProtocolIPv6: "disabled",
    httpTokens: "required",
    httpPutResponseHopLimit: 1,
  },
  tags: { Environment: "production", ManagedBy: "karpenter", "karpenter.sh/discovery": "my-cluster" },
});
export const productionPool = pool({
  template: {
    metadata: { labels: { nodepool: "default" } },
    spec: {
      nodeClassRef: REF,
      requirements: [
        inList("karpenter.k8s.aws/instance-family", ["m6i", "m6a", "m7i", "m7a", "c6i", "c6a", "r6i"], 3),
        inList("karpenter.k8s.aws/instance-size", ["medium", "large", "xlarge", "2xlarge"]),
        inList("kubernetes.io/arch", ["amd64", "arm64"]),
        inList("karpenter.sh/capacity-type", ["spot", "on-demand"]),
        inList("topology.kubernetes.io/zone", ["eu-north-1a", "eu-north-1b", "eu-north-1c"]),
      ],
      expireAfter: "720h",
      terminationGracePeriod: "48h",
    },
  },
  limits: { cpu: "1000", memory: "4000Gi" },
  weight: 10,
  disruption: {
    consolidationPolicy: "WhenEmptyOrUnderutilized",
    consolidateAfter: "5m",
    budgets: [{ nodes: "10%" }, { schedule: "0 9 * * 1-5", duration: "8h", nodes: "0" }],
  },
});

export const reservedClass = nodeClass(
  {
    amiSelectorTerms: [{ alias: "al2023@latest" }],
    subnetSelectorTerms: discovered("my-cluster"),
    securityGroupSelectorTerms: discovered("my-cluster"),
    instanceProfile: "karpenter-node-profile",
    capacityReservationSelectorTerms: [{ id: "cr-0abc1234def567890" }],
    metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 1 },
    blockDeviceMappings: [
      { deviceName: "/dev/xvda", ebs: { volumeSize: "100Gi", volumeType: "gp3", encrypted: true } },
    ],
  },
  "reserved-capacity",
);
export const reservedPool = pool(
  {
    template: {
      spec: {
        nodeClassRef: { ...REF, name: "reserved-capacity" },
        requirements: [
          inList("karpenter.sh/capacity-type", ["on-demand"]),
          inList("karpenter.k8s.aws/instance-family", ["p4d", "p4de", "p5"]),
          inList("topology.kubernetes.io/zone", ["eu-north-1a"]),
        ],
      },
    },
    limits: { cpu: "768" },
    disruption: { consolidationPolicy: "WhenEmpty" },
  },
  "reserved-gpu",
);

export const maintenanceBudgets = [
  { nodes: "10%" },
  { schedule: "0 8 * * 1-5", duration: "8h", nodes: "0" },
  { schedule: "0 0 * * 6", duration: "6h", nodes: "50%" },
];
