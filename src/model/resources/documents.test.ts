import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { parseDocument } from "yaml";
import { defaulted } from "../schema/default.ts";
import { fieldErrorText } from "../schema/field-error.ts";
import { objectErrors } from "../schema/object-errors.ts";
import { unknownFields } from "../schema/prune.ts";
import { customResourceOf } from "./custom-resources.ts";
import { nodePoolProblems } from "./node-pool-problems.ts";
import { type Loose, withChange } from "./test-objects.ts";

/** Manifests as guides to Karpenter on EKS show them, each with the verdict of the definitions. */
const REF = { group: "karpenter.k8s.aws", kind: "EC2NodeClass", name: "default" };
const inList = (key: string, values: string[], minValues?: number) => ({
  key,
  operator: "In",
  values,
  ...(minValues === undefined ? {} : { minValues }),
});
const pool = (spec: Loose, name = "default"): Loose => ({
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
const everyPoolField = pool({
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
const everyClassField = nodeClass({
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

const getStartedPool = pool({
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
const getStartedClass = nodeClass({
  amiFamily: "AL2023",
  role: "KarpenterNodeRole-eks-cluster",
  amiSelectorTerms: [{ id: "ami-09f1941e8730d7702" }],
  subnetSelectorTerms: discovered("eks-cluster"),
  securityGroupSelectorTerms: discovered("eks-cluster"),
});

const productionClass = nodeClass({
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
const productionPool = pool({
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

const reservedClass = nodeClass(
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
const reservedPool = pool(
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

const maintenanceBudgets = [
  { nodes: "10%" },
  { schedule: "0 8 * * 1-5", duration: "8h", nodes: "0" },
  { schedule: "0 0 * * 6", duration: "6h", nodes: "50%" },
];

/** No message: taken. */
const VERDICTS: readonly (readonly [name: string, object: Loose, refused?: RegExp])[] = [
  ["a pool with every field", everyPoolField],
  ["WhenEmpty", withChange(everyPoolField, "spec.disruption.consolidationPolicy", "WhenEmpty")],
  ["consolidateAfter Never", withChange(everyPoolField, "spec.disruption.consolidateAfter", "Never")],
  ["expireAfter Never", withChange(everyPoolField, "spec.template.spec.expireAfter", "Never")],
  [
    "a choice instead of a policy",
    withChange(everyPoolField, "spec.disruption.consolidationPolicy", "WhenEmptyOrUnderutilized | WhenEmpty"),
    /consolidationPolicy: Unsupported value/,
  ],
  [
    "a choice instead of a time",
    withChange(everyPoolField, "spec.disruption.consolidateAfter", "1m | Never"),
    /consolidateAfter: Invalid value/,
  ],
  [
    "a choice instead of an age",
    withChange(everyPoolField, "spec.template.spec.expireAfter", "720h | Never"),
    /expireAfter: Invalid value/,
  ],
  [
    "a pool with nothing but a node class",
    pool({ template: { spec: { nodeClassRef: REF } } }),
    /requirements: Required/,
  ],
  ["a class with every field", everyClassField],
  [
    "a profile instead of the role",
    withChange(withChange(everyClassField, "spec.role", undefined), "spec.instanceProfile", "profile"),
  ],
  [
    "a role and a profile",
    withChange(everyClassField, "spec.instanceProfile", "profile"),
    /exactly one of 'role', 'instanceProfile'/,
  ],
  [
    "an alias among other terms",
    withChange(everyClassField, "spec.amiSelectorTerms", [{ alias: "al2023@v20240703" }, { name: "my-ami" }]),
    /only term/,
  ],
  ["the pool of a first cluster", getStartedPool],
  ["the class of a first cluster", getStartedClass],
  ["a class for production", productionClass],
  ["a pool for production", productionPool],
  ["weight 200 for a second colour", withChange(productionPool, "spec.weight", 200), /less than or equal to 100/],
  ["weight 100 for a second colour", withChange(productionPool, "spec.weight", 100)],
  ["budgets with a maintenance window", withChange(productionPool, "spec.disruption.budgets", maintenanceBudgets)],
  ["a week's life", withChange(productionPool, "spec.template.spec.expireAfter", "168h")],
  ["a class with a reservation", reservedClass],
  ["a pool for a reservation", reservedPool],
  [
    "a reference without group and kind",
    withChange(reservedPool, "spec.template.spec.nodeClassRef", { name: "spot-flex" }),
    /nodeClassRef\.group: Required value/,
  ],
];

function verdict(object: Loose): string[] {
  const [group = ""] = String(object.apiVersion).split("/");
  const schema = customResourceOf(group, object.kind)!.schema;
  const whole = defaulted(schema, object);
  const errors = objectErrors(schema, whole).map(fieldErrorText);
  if (errors.length === 0 && object.kind === "NodePool") errors.push(...nodePoolProblems(whole));
  return [...unknownFields(schema, object).map((field) => `unknown field "${field}"`), ...errors];
}

describe("manifests of published guides", () => {
  for (const [name, object, refused] of VERDICTS) {
    it(`${name}: ${refused === undefined ? "taken" : "refused"}`, () => {
      if (refused === undefined) assert.deepEqual(verdict(object), []);
      else assert.match(verdict(object).join("\n"), refused);
    });
  }
});

/** Mistakes that the guides themselves make; whatever else a manifest of theirs is refused for is our mistake. */
const KNOWN_MISTAKES = [
  /expireAfter: .*720h \| Never/,
  /consolidateAfter: .*1m \| Never/,
  /consolidationPolicy: .* \| /,
  /requirements: Required value/,
  /exactly one of 'role', 'instanceProfile'/,
  /some validation rules were not checked/,
];

describe("whole guides", () => {
  const folder = process.env["KARPENTER_GUIDES"];
  const skip = folder === undefined && "set KARPENTER_GUIDES to a folder of guides as text files";
  it("hold no manifest that is refused for another reason than their known mistakes", { skip }, () => {
    let count = 0;
    for (const file of readdirSync(folder ?? "").sort()) {
      for (const { status: _, ...object } of manifestsIn(readFileSync(join(folder ?? "", file), "utf8"))) {
        const unexpected = verdict(object).filter((text) => !KNOWN_MISTAKES.some((known) => known.test(text)));
        assert.deepEqual(unexpected, [], `${file}: ${object.kind} ${object.metadata.name}`);
        count += 1;
      }
    }
    assert.ok(count > 0, "no manifest found");
  });
});

/** From a line "apiVersion:" to the first that is no YAML. What a user sends has no status: the server drops it. */
function manifestsIn(text: string): Loose[] {
  const found: Loose[] = [];
  let lines: string[] | undefined;
  for (const line of [...text.split("\n"), "."]) {
    if (/^apiVersion: karpenter\.(sh|k8s\.aws)\/v1\s*$/.test(line)) lines = [];
    else if (lines !== undefined && !/^(\s|#|$|[a-z][A-Za-z]*:( |$))/.test(line)) {
      found.push(parseDocument(lines.join("\n")).toJS());
      lines = undefined;
    }
    lines?.push(line);
  }
  return found.filter(({ kind }) => kind === "NodePool" || kind === "EC2NodeClass");
}
