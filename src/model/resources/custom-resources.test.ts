import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { celErrors, ruleProblem } from "../schema/cel.ts";
import { defaulted } from "../schema/default.ts";
import { fieldErrorText } from "../schema/field-error.ts";
import { objectErrors } from "../schema/object-errors.ts";
import { unknownFields } from "../schema/prune.ts";
import type { Rule, Schema } from "../schema/schema.ts";
import { CUSTOM_RESOURCES, customResourceOf } from "./custom-resources.ts";
import { ec2NodeClass, kwokNodeClass, type Loose, nodeClaim, nodePool, withChange } from "./test-objects.ts";

const GROUPS: Readonly<Record<string, string>> = {
  NodePool: "karpenter.sh",
  NodeClaim: "karpenter.sh",
  KWOKNodeClass: "karpenter.kwok.sh",
  EC2NodeClass: "karpenter.k8s.aws",
};
const schemaOf = (kind: string): Schema => customResourceOf(GROUPS[kind] ?? "", kind)!.schema;
const base: Readonly<Record<string, () => Loose>> = {
  NodePool: nodePool,
  NodeClaim: nodeClaim,
  KWOKNodeClass: kwokNodeClass,
  EC2NodeClass: ec2NodeClass,
};

/** The verdict of the API server on a new object. */
function verdict(kind: string, change: string, value: unknown): string[] {
  const schema = schemaOf(kind);
  const object = defaulted(schema, withChange(base[kind]!(), change, value));
  return [
    ...unknownFields(schema, object).map((field) => `unknown field "${field}"`),
    ...objectErrors(schema, object).map(fieldErrorText),
  ];
}

const REQ = "spec.template.spec.requirements";
const many = (count: number, make: (i: number) => unknown) => Array.from({ length: count }, (_, i) => make(i));
const one = (key: string, operator: string, values?: string[], minValues?: number) => [
  { key, operator, ...(values && { values }), ...(minValues && { minValues }) },
];

type Row = readonly [kind: string, path: string, value: unknown];

const GOOD: readonly Row[] = [
  ["NodePool", "", undefined],
  ["NodePool", REQ, []],
  ["NodePool", REQ, one("a", "Exists", ["ignored"])],
  ["NodePool", REQ, one("a", "Gt", ["0"])],
  ["NodePool", REQ, one("a", "Lte", ["7"])],
  ["NodePool", REQ, one("a", "In", ["x", "y"], 2)],
  ["NodePool", REQ, one("karpenter.sh/capacity-type", "In", ["spot"])],
  ["NodePool", REQ, one("karpenter.kwok.sh/instance-family", "In", ["c"])],
  ["NodePool", REQ, one("a", "In", ["value that only the controller refuses"])],
  ["NodePool", REQ, many(100, (i) => ({ key: `k${i}`, operator: "Exists" }))],
  ["NodePool", "spec.weight", 1],
  ["NodePool", "spec.weight", 100],
  ["NodePool", "spec.limits", { cpu: 1000, memory: "1000Gi", nodes: "5", "nvidia.com/gpu": "2" }],
  ["NodePool", "spec.limits", {}],
  ["NodePool", "spec.replicas", 0],
  ["NodePool", "spec", (spec: Loose) => ({ ...spec, replicas: 3, limits: { nodes: "4" } })],
  ["NodePool", "spec", (spec: Loose) => ({ ...spec, replicas: 3, limits: {} })],
  ["NodePool", "spec.template.spec.expireAfter", "Never"],
  ["NodePool", "spec.template.spec.expireAfter", "1h30m"],
  ["NodePool", "spec.template.spec.terminationGracePeriod", "0s"],
  ["NodePool", "spec.template.metadata", { labels: { "a.b/c": "", team: "x" }, annotations: { "any thing": "goes" } }],
  ["NodePool", "spec.template.spec.taints", [{ key: "a.b/c", value: "d", effect: "NoSchedule" }]],
  [
    "NodePool",
    "spec.template.spec.startupTaints",
    [{ key: "x", effect: "NoExecute", timeAdded: "2024-01-01T00:00:00Z" }],
  ],
  ["NodePool", "spec.disruption", { consolidateAfter: "Never", consolidationPolicy: "Balanced", budgets: [] }],
  [
    "NodePool",
    "spec.disruption.budgets",
    [{ nodes: "0" }, { nodes: "100%", reasons: [] }, { nodes: "7", reasons: ["Empty", "Drifted"] }],
  ],
  ["NodePool", "spec.disruption.budgets", [{ nodes: "0", schedule: "0 9 * * mon-fri", duration: "8h" }]],
  ["NodePool", "spec.disruption.budgets", [{ nodes: "0", schedule: "@daily", duration: "1h30m0s" }]],
  ["NodePool", "spec.disruption.budgets", many(50, () => ({ nodes: "1" }))],
  ["NodeClaim", "", undefined],
  ["NodeClaim", "spec.requirements", one("karpenter.sh/nodepool", "In", ["a"])],
  ["NodeClaim", "spec.resources.requests", { cpu: "100m", pods: 3 }],
  [
    "NodeClaim",
    "status.conditions",
    [{ type: "Ready", status: "Unknown", lastTransitionTime: "2024-01-01T00:00:00Z" }],
  ],
  ["KWOKNodeClass", "", undefined],
  ["KWOKNodeClass", "spec", undefined],
  ["KWOKNodeClass", "spec.nodeRegistrationDelay", "1m30s"],
  ["EC2NodeClass", "", undefined],
  ["EC2NodeClass", "spec.userData", ""],
  ["EC2NodeClass", "spec", ({ role: _, ...spec }: Loose) => ({ ...spec, instanceProfile: "p" })],
  ...["AL2", "AL2023", "Bottlerocket", "Custom", "Windows2019", "Windows2022", "Windows2025"].map(
    (family): Row => [
      "EC2NodeClass",
      "spec",
      (spec: Loose) => ({ ...spec, amiFamily: family, amiSelectorTerms: [{ id: "ami-1" }] }),
    ],
  ),
  ["EC2NodeClass", "spec.amiFamily", "AL2023"],
  ["EC2NodeClass", "spec.amiFamily", "Custom"],
  ["EC2NodeClass", "spec.amiSelectorTerms", [{ alias: "windows2022@latest" }]],
  ["EC2NodeClass", "spec.amiSelectorTerms", [{ alias: "bottlerocket@v1.2.3" }]],
  ["EC2NodeClass", "spec.amiSelectorTerms", [{ alias: "al2@latest", ssmParameter: "/x" }]],
  [
    "EC2NodeClass",
    "spec",
    (spec: Loose) => ({
      ...spec,
      amiFamily: "AL2",
      amiSelectorTerms: [{ owner: "self", tags: { a: "*" } }, { owner: "1", name: "n" }, { ssmParameter: "p" }],
    }),
  ],
  ["EC2NodeClass", "spec.subnetSelectorTerms", [{ id: "subnet-1", tags: { a: "b" } }, { tags: { a: "b" } }]],
  ["EC2NodeClass", "spec.securityGroupSelectorTerms", [{ name: "x" }, { id: "sg-1" }, { tags: { a: "b" } }]],
  ["EC2NodeClass", "spec.capacityReservationSelectorTerms", []],
  [
    "EC2NodeClass",
    "spec.capacityReservationSelectorTerms",
    [{ id: "cr-1" }, { ownerID: "123456789012", tags: { a: "b" } }, { instanceMatchCriteria: "open" }],
  ],
  ["EC2NodeClass", "spec.placementGroupSelector", { id: "pg-1" }],
  ["EC2NodeClass", "spec.tags", { team: "a", "karpenter.sh/discovery": "c", Name: "x", "kubernetes.io/x": "" }],
  ["EC2NodeClass", "spec.kubelet", { maxPods: 20, anything: { at: ["all"] } }],
  ...["110G", "64T", "1Gi", "59000Gi", "64000G", "17Ti", "18Ti", "58Ti"].map(
    (size): Row => [
      "EC2NodeClass",
      "spec.blockDeviceMappings",
      [{ deviceName: "/dev/xvda", rootVolume: true, ebs: { volumeSize: size } }, { rootVolume: false }],
    ],
  ),
  [
    "EC2NodeClass",
    "spec.blockDeviceMappings",
    [{ ebs: { snapshotID: "snap-1", volumeInitializationRate: 100, iops: 0 } }],
  ],
  ["EC2NodeClass", "spec.networkInterfaces", []],
  ["EC2NodeClass", "spec.networkInterfaces", [nic(0, 0, "interface"), nic(0, 1, "efa-only"), nic(1, 1, "efa-only")]],
  ["EC2NodeClass", "spec.connectionTracking", { tcpEstablishedTimeout: 60, udpStreamTimeout: 180, udpTimeout: 30 }],
  ["EC2NodeClass", "spec.cpuOptions", {}],
  ["EC2NodeClass", "spec.metadataOptions", { httpPutResponseHopLimit: 64 }],
];

function nic(networkCardIndex: number, deviceIndex: number, interfaceType: string) {
  return { networkCardIndex, deviceIndex, interfaceType };
}

const ami = (...terms: unknown[]) => terms;
type BadRow = readonly [kind: string, path: string, value: unknown, messages: RegExp];
const BAD: BadRow[] = [
  ["NodePool", "spec", undefined, /^spec: Required value/],
  ["NodePool", REQ, undefined, /^spec\.template\.spec\.requirements: Required value/],
  ["NodePool", "spec.foo", 1, /^unknown field "spec\.foo"$/],
  [
    "NodePool",
    "spec.weight",
    0,
    /^spec\.weight: Invalid value: 0: spec\.weight in body should be greater than or equal to 1$/,
  ],
  [
    "NodePool",
    "spec.weight",
    200,
    /^spec\.weight: Invalid value: 200: spec\.weight in body should be less than or equal to 100$/,
  ],
  [
    "NodePool",
    "spec.weight",
    "10",
    /^spec\.weight: Invalid value: "string": spec\.weight in body must be of type integer: "string"/,
  ],
  ["NodePool", "spec.weight", 1.5, /must be of type integer: "number"/],
  [
    "NodePool",
    "spec.limits.cpu",
    "much",
    /^spec\.limits\.cpu: Invalid value: "much": spec\.limits\.cpu in body should match '/,
  ],
  ["NodePool", "spec.limits.cpu", true, /must be of type integer,string: "boolean"/],
  ["NodePool", "spec.replicas", -1, /greater than or equal to 0/],
  [
    "NodePool",
    "spec",
    (spec: Loose) => ({ ...spec, replicas: 1, limits: { cpu: 1 } }),
    /^spec: Invalid value: "object": with 'replicas', only the limit 'nodes' may be set$/,
  ],
  [
    "NodePool",
    "spec",
    (spec: Loose) => ({ ...spec, replicas: 1, limits: { nodes: 1, cpu: 1 } }),
    /only the limit 'nodes'/,
  ],
  [
    "NodePool",
    "spec",
    (spec: Loose) => ({ ...spec, replicas: 1, weight: 1 }),
    /^spec: Invalid value: "object": with 'replicas', 'weight' may not be set$/,
  ],
  ["NodePool", "spec.template.spec.nodeClassRef.group", "a/v1", /should match/],
  ["NodePool", "spec.template.spec.nodeClassRef.group", "", /group may not be empty/],
  ["NodePool", "spec.template.spec.nodeClassRef.kind", "", /kind may not be empty/],
  ["NodePool", "spec.template.spec.nodeClassRef.name", "", /name may not be empty/],
  ["NodePool", "spec.template.spec.nodeClassRef.name", undefined, /nodeClassRef\.name: Required value/],
  ["NodePool", "spec.template.spec.expireAfter", "720h | Never", /should match/],
  ["NodePool", "spec.template.spec.expireAfter", "100ms", /should match/],
  ["NodePool", "spec.template.spec.terminationGracePeriod", "Never", /should match/],
  ["NodePool", "spec.disruption.consolidateAfter", "1m | Never", /should match/],
  [
    "NodePool",
    "spec.disruption.consolidationPolicy",
    "WhenEmptyOrUnderutilized | WhenEmpty",
    /Unsupported value: "WhenEmptyOrUnderutilized \| WhenEmpty": supported values: "WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"/,
  ],
  ["NodePool", "spec.disruption.budgets", [{ nodes: "101%" }], /budgets\[0\]\.nodes: Invalid value: "101%"/],
  ["NodePool", "spec.disruption.budgets", [{ nodes: 10 }], /must be of type string: "integer"/],
  [
    "NodePool",
    "spec.disruption.budgets",
    [{ nodes: "1", schedule: "@daily" }],
    /'schedule' and 'duration', or neither/,
  ],
  ["NodePool", "spec.disruption.budgets", [{ nodes: "1", duration: "1h" }], /'schedule' and 'duration', or neither/],
  [
    "NodePool",
    "spec.disruption.budgets",
    [{ nodes: "1", schedule: "daily", duration: "1h" }],
    /schedule.*should match/,
  ],
  [
    "NodePool",
    "spec.disruption.budgets",
    [{ nodes: "1", schedule: "@daily", duration: "30s" }],
    /duration.*should match/,
  ],
  ["NodePool", "spec.disruption.budgets", [{ nodes: "1", reasons: ["Expired"] }], /Unsupported value: "Expired"/],
  [
    "NodePool",
    "spec.disruption.budgets",
    [{ nodes: "1", reasons: ["Empty", "Empty"] }],
    /reasons\[1\]: Duplicate value: "Empty"/,
  ],
  [
    "NodePool",
    "spec.disruption.budgets",
    many(51, () => ({ nodes: "1" })),
    /^spec\.disruption\.budgets: Too many: 51: must have at most 50 items/,
  ],
  ["NodePool", "spec.template.metadata.labels", { "karpenter.sh/custom": "x" }, /reserved/],
  ["NodePool", "spec.template.metadata.labels", { "x.karpenter.sh/custom": "x" }, /reserved/],
  [
    "NodePool",
    "spec.template.metadata.labels",
    { "karpenter.sh/nodepool": "x" },
    /karpenter\.sh\/nodepool is set by Karpenter/,
  ],
  ["NodePool", "spec.template.metadata.labels", { "kubernetes.io/hostname": "x" }, /hostname/],
  ["NodePool", "spec.template.metadata.labels", { a: "-" }, /labels\.a: Invalid value: "-"/],
  [
    "NodePool",
    "spec.template.metadata.labels",
    { a: "x".repeat(64) },
    /labels\.a: Too long: may not be more than 63 bytes/,
  ],
  [
    "NodePool",
    "spec.template.metadata.labels",
    Object.fromEntries(many(101, (i) => [`k${i}`, "v"]) as [string, string][]),
    /Too many: 101/,
  ],
  ["NodePool", "spec.template.spec.taints", [{ key: "", effect: "NoSchedule" }], /at least 1 chars long/],
  [
    "NodePool",
    "spec.template.spec.taints",
    [{ key: "a", value: "", effect: "NoSchedule" }],
    /value in body should match/,
  ],
  ["NodePool", "spec.template.spec.taints", [{ key: "a", effect: "Never" }], /Unsupported value: "Never"/],
  [
    "NodePool",
    "spec.template.spec.taints",
    [{ key: "a", effect: "NoSchedule", timeAdded: "today" }],
    /must be of type date-time: "today"/,
  ],
  ["NodePool", REQ, one("a", "In"), /at least one value/],
  ["NodePool", REQ, one("a", "In", []), /at least one value/],
  ["NodePool", REQ, one("a", "Gt", ["-1"]), /zero or more/],
  ["NodePool", REQ, one("a", "Lt", ["1", "2"]), /zero or more/],
  ["NodePool", REQ, one("a", "Gte", []), /zero or more/],
  ["NodePool", REQ, one("a", "Lte", ["x"]), /cannot convert to int evaluating rule: .*zero or more/],
  ["NodePool", REQ, one("a", "In", ["x"], 2), /minValues/],
  ["NodePool", REQ, one("a", "In", ["x"], 51), /less than or equal to 50/],
  ["NodePool", REQ, one("a", "Near", ["x"]), /Unsupported value: "Near"/],
  ["NodePool", REQ, one("a b", "Exists"), /requirements\[0\]\.key in body should match/],
  ["NodePool", REQ, one("k".repeat(317), "Exists"), /Too long: may not be more than 316 bytes/],
  [
    "NodePool",
    REQ,
    one("karpenter.sh/nodepool", "Exists"),
    /^spec\.template\.spec\.requirements\[0\]\.key: Invalid value: "string": the label karpenter\.sh\/nodepool/,
  ],
  ["NodePool", REQ, one("karpenter.sh/registered", "Exists"), /domain karpenter\.sh/],
  ["NodePool", REQ, one("notkarpenter.sh/x", "Exists"), /domain karpenter\.sh/],
  ["NodePool", REQ, one("karpenter.sh", "Exists"), /domain karpenter\.sh/],
  ["NodePool", REQ, one("kubernetes.io/hostname", "In", ["x"]), /hostname/],
  [
    "NodePool",
    REQ,
    many(101, (i) => ({ key: `k${i}`, operator: "Exists" })),
    /Too many: 101: must have at most 100 items/,
  ],
  [
    "NodePool",
    "status.conditions",
    [{ type: "Ready", status: "True", lastTransitionTime: "2024-01-01T00:00:00Z" }],
    /reason: Required value/,
  ],
  [
    "NodePool",
    "status.conditions",
    many(2, () => ({
      type: "Ready",
      status: "True",
      lastTransitionTime: "2024-01-01T00:00:00Z",
      reason: "R",
      message: "",
    })),
    /conditions\[1\]: Duplicate value: \{"type":"Ready"\}/,
  ],
  ["NodeClaim", "spec.requirements", one("kubernetes.io/hostname", "Exists"), /hostname/],
  ["NodeClaim", "spec.requirements", one("karpenter.sh/other", "Exists"), /domain karpenter\.sh/],
  ["NodeClaim", "spec.resources.requests.cpu", "-", /should match/],
  [
    "NodeClaim",
    "status.conditions",
    [{ type: "Ready", status: "Yes", lastTransitionTime: "2024-01-01T00:00:00Z" }],
    /Unsupported value: "Yes"/,
  ],
  ["KWOKNodeClass", "spec.nodeRegistrationDelay", "1.5s", /should match/],
  ["EC2NodeClass", "spec.instanceProfile", "p", /exactly one of 'role', 'instanceProfile'/],
  ["EC2NodeClass", "spec.role", undefined, /exactly one of 'role', 'instanceProfile'/],
  ["EC2NodeClass", "spec.role", "", /role may not be empty/],
  [
    "EC2NodeClass",
    "spec",
    ({ role: _, ...spec }: Loose) => ({ ...spec, instanceProfile: "" }),
    /instanceProfile may not be empty/,
  ],
  ["EC2NodeClass", "spec.amiFamily", "Ubuntu", /Unsupported value: "Ubuntu"/],
  ["EC2NodeClass", "spec.amiFamily", "AL2", /with an alias of al2023/],
  ...(["al2", "bottlerocket", "windows2019", "windows2022", "windows2025"] as const).map(
    (family): BadRow => [
      "EC2NodeClass",
      "spec",
      (spec: Loose) => ({ ...spec, amiFamily: "AL2023", amiSelectorTerms: [{ alias: `${family}@latest` }] }),
      new RegExp(`with an alias of ${family},`),
    ],
  ),
  ["EC2NodeClass", "spec.amiSelectorTerms", ami({ id: "ami-1" }), /'amiFamily' is needed/],
  ["EC2NodeClass", "spec.amiSelectorTerms", ami(), /should have at least 1 items/],
  ["EC2NodeClass", "spec.amiSelectorTerms", ami({ alias: "al2023" }), /family@version/],
  ["EC2NodeClass", "spec.amiSelectorTerms", ami({ alias: "@latest" }), /family@version/],
  ["EC2NodeClass", "spec.amiSelectorTerms", ami({ alias: "al2023@" }), /family@version/],
  ["EC2NodeClass", "spec.amiSelectorTerms", ami({ alias: "ubuntu@latest" }), /family is one of/],
  ["EC2NodeClass", "spec.amiSelectorTerms", ami({ alias: "windows2022@v1" }), /version 'latest'/],
  ["EC2NodeClass", "spec.amiSelectorTerms", ami({ alias: "al2023@latest" }, { id: "ami-1" }), /must be the only term/],
  ["EC2NodeClass", "spec.amiSelectorTerms", ami({ alias: "al2023@latest", name: "x" }), /'alias' stands alone/],
  ["EC2NodeClass", "spec.amiSelectorTerms", ami({ id: "ami-1", owner: "self" }), /'id' stands alone/],
  [
    "EC2NodeClass",
    "spec.amiSelectorTerms",
    ami({ owner: "self" }),
    /each term needs one of 'tags', 'id', 'name', 'alias', 'ssmParameter'/,
  ],
  ["EC2NodeClass", "spec.amiSelectorTerms", ami({ tags: { a: "" } }), /tag keys and values may not be empty/],
  ["EC2NodeClass", "spec.subnetSelectorTerms", [], /at least one term/],
  ["EC2NodeClass", "spec.subnetSelectorTerms", null, /must be of type array: "null"/],
  ["EC2NodeClass", "spec.subnetSelectorTerms", [{ tags: { a: "b" } }, {}], /each term needs one of 'tags', 'id'/],
  ["EC2NodeClass", "spec.subnetSelectorTerms", [{ id: "subnet-1", tags: { a: "b" } }], /'id' stands alone/],
  ["EC2NodeClass", "spec.subnetSelectorTerms", [{ id: "net-1" }], /should match/],
  ["EC2NodeClass", "spec.subnetSelectorTerms", many(31, () => ({ id: "subnet-1" })), /Too many: 31/],
  ["EC2NodeClass", "spec.securityGroupSelectorTerms", [], /at least one term/],
  ["EC2NodeClass", "spec.securityGroupSelectorTerms", [{}], /each term needs one of/],
  ["EC2NodeClass", "spec.securityGroupSelectorTerms", [{ name: "x", tags: { a: "b" } }], /'name' stands alone/],
  ["EC2NodeClass", "spec.securityGroupSelectorTerms", [{ id: "sg-1", name: "x" }], /'id' stands alone/],
  ["EC2NodeClass", "spec.capacityReservationSelectorTerms", [{ id: "cr_123" }], /should match/],
  ["EC2NodeClass", "spec.capacityReservationSelectorTerms", [{ ownerID: "123456789012" }], /each term needs one of/],
  [
    "EC2NodeClass",
    "spec.capacityReservationSelectorTerms",
    [{ ownerID: "12345678901", tags: { a: "b" } }],
    /should match/,
  ],
  [
    "EC2NodeClass",
    "spec.capacityReservationSelectorTerms",
    [{ id: "cr-1", instanceMatchCriteria: "open" }],
    /'id' stands alone/,
  ],
  [
    "EC2NodeClass",
    "spec.capacityReservationSelectorTerms",
    [{ instanceMatchCriteria: "any" }],
    /Unsupported value: "any"/,
  ],
  ["EC2NodeClass", "spec.placementGroupSelector", {}, /exactly one of 'name', 'id'/],
  ["EC2NodeClass", "spec.placementGroupSelector", { id: "pg-1", name: "x" }, /exactly one of 'name', 'id'/],
  ["EC2NodeClass", "spec.tags", { "": "x" }, /tag keys may not be empty/],
  ...[
    "eks:eks-cluster-name",
    "kubernetes.io/clusterfoo",
    "karpenter.sh/nodepool",
    "karpenter.sh/nodeclaim",
    "karpenter.k8s.aws/ec2nodeclass",
  ].map(
    (tag): BadRow => [
      "EC2NodeClass",
      "spec.tags",
      { [tag]: "x" },
      /^spec\.tags: Invalid value: "object": the tag .* is set by Karpenter$/,
    ],
  ),
  ["EC2NodeClass", "spec.metadataOptions.httpPutResponseHopLimit", 0, /greater than or equal to 1/],
  ["EC2NodeClass", "spec.metadataOptions.httpPutResponseHopLimit", 65, /less than or equal to 64/],
  ["EC2NodeClass", "spec.metadataOptions.httpEndpoint", "maybe", /Unsupported value: "maybe"/],
  [
    "EC2NodeClass",
    "spec.blockDeviceMappings",
    [{ rootVolume: true }, { rootVolume: true }],
    /at most one block device/,
  ],
  ...["500Mi", "65T", "10", "59Ti", "0Gi", "Ti"].map(
    (size): BadRow => [
      "EC2NodeClass",
      "spec.blockDeviceMappings",
      [{ ebs: { volumeSize: size } }],
      /volumeSize in body should match/,
    ],
  ),
  ["EC2NodeClass", "spec.blockDeviceMappings", [{ ebs: {} }], /one of 'snapshotID', 'volumeSize' must be set/],
  [
    "EC2NodeClass",
    "spec.blockDeviceMappings",
    [{ ebs: { volumeSize: "1Gi", volumeInitializationRate: 100 } }],
    /needs a 'snapshotID'/,
  ],
  [
    "EC2NodeClass",
    "spec.blockDeviceMappings",
    [{ ebs: { snapshotID: "s", volumeInitializationRate: 99 } }],
    /greater than or equal to 100/,
  ],
  [
    "EC2NodeClass",
    "spec.blockDeviceMappings",
    [{ ebs: { snapshotID: "s", volumeInitializationRate: 301 } }],
    /less than or equal to 300/,
  ],
  ["EC2NodeClass", "spec.networkInterfaces", [nic(0, 0, "efa-only")], /card 0, device 0 must be there/],
  ["EC2NodeClass", "spec.networkInterfaces", [nic(0, 0, "interface"), nic(0, 0, "interface")], /same card and device/],
  [
    "EC2NodeClass",
    "spec.networkInterfaces",
    [nic(0, 0, "interface"), nic(1, 0, "efa-only"), nic(1, 1, "efa-only")],
    /at most one interface of type 'efa-only'/,
  ],
  ["EC2NodeClass", "spec.networkInterfaces", [nic(-1, 0, "interface")], /greater than or equal to 0/],
  ["EC2NodeClass", "spec.connectionTracking", {}, /at least one of/],
  ["EC2NodeClass", "spec.connectionTracking", { tcpEstablishedTimeout: 59 }, /greater than or equal to 60/],
  ["EC2NodeClass", "spec.connectionTracking", { udpStreamTimeout: 181 }, /less than or equal to 180/],
  ["EC2NodeClass", "spec.connectionTracking", { udpTimeout: 61 }, /less than or equal to 60/],
  ["EC2NodeClass", "spec.cpuOptions.nestedVirtualization", "on", /Unsupported value: "on"/],
  ["EC2NodeClass", "spec.ipPrefixCount", 2 ** 40, /must be of type int32/],
];

// A NodeClaim has the requirements and the reference of its pool's template, but for the pool's own label.
for (const [kind, path, value, message] of [...BAD]) {
  const isShared = path === REQ || path.startsWith("spec.template.spec.nodeClassRef");
  if (kind !== "NodePool" || !isShared || /nodepool/.test(message.source)) continue;
  const source = message.source.replaceAll("template\\.spec\\.", "");
  BAD.push(["NodeClaim", path.replace("template.spec.", ""), value, new RegExp(source)]);
}

describe("schemas of our kinds", () => {
  for (const [kind, path, value] of GOOD) {
    it(`${kind} ${path} = ${show(value)} is taken`, () => {
      assert.deepEqual(verdict(kind, path, value), []);
    });
  }
  for (const [kind, path, value, message] of BAD) {
    it(`${kind} ${path} = ${show(value)} is refused: ${message.source.slice(0, 60)}`, () => {
      const errors = verdict(kind, path, value);
      assert.ok(
        errors.some((error) => message.test(error)),
        `none of ${JSON.stringify(errors)}`,
      );
    });
  }

  it("every rule of every kind is violated by one of the bad objects above, or compares with the old object", () => {
    const seen = new Set(
      BAD.flatMap(([kind, path, value]) => verdict(kind, path, value).map((text) => `${kind} ${text}`)),
    );
    for (const { kind, schema } of CUSTOM_RESOURCES) {
      for (const { message = "", rule } of rulesIn(schema)) {
        if (rule.includes("oldSelf")) continue;
        assert.ok(
          [...seen].some((text) => text.startsWith(kind.kind) && text.includes(message)),
          `${kind.kind}: ${message}`,
        );
      }
    }
  });

  it("has as many rules as the reference counts, and each can be evaluated", () => {
    const counts = Object.fromEntries(CUSTOM_RESOURCES.map(({ kind, schema }) => [kind.kind, rulesIn(schema).length]));
    assert.equal(counts["NodePool"], 18);
    assert.equal(counts["NodeClaim"], 9);
    assert.equal(counts["KWOKNodeClass"], 0);
    for (const { schema } of CUSTOM_RESOURCES)
      for (const rule of rulesIn(schema)) assert.equal(ruleProblem(rule), undefined);
  });
});

describe("rules that compare with the old object", () => {
  const rows: readonly [kind: string, path: string, value: unknown, message: RegExp | undefined][] = [
    ["NodePool", "spec.replicas", 3, /'replicas' cannot be added or removed/],
    ["NodePool", "spec.template.spec.nodeClassRef.group", "other", /group cannot be changed/],
    ["NodePool", "spec.template.spec.nodeClassRef.kind", "Other", /kind cannot be changed/],
    ["NodePool", "spec.template.spec.nodeClassRef.name", "other", undefined],
    ["NodePool", "spec.weight", 3, undefined],
    ["NodeClaim", "spec.expireAfter", "1h", /cannot be changed/],
    ["NodeClaim", "status.nodeName", "n", undefined],
    ["EC2NodeClass", "spec", ({ role: _, ...spec }: Loose) => ({ ...spec, instanceProfile: "p" }), undefined],
    ["EC2NodeClass", "spec.role", "other", undefined],
  ];
  for (const [kind, path, value, message] of rows) {
    it(`${kind}: setting ${path} later is ${message === undefined ? "fine" : "refused"}`, () => {
      const schema = schemaOf(kind);
      const old = defaulted(schema, base[kind]!());
      const errors = celErrors(schema, defaulted(schema, withChange(old, path, value)), old).map(fieldErrorText);
      if (message === undefined) assert.deepEqual(errors, []);
      else assert.match(errors.join("\n"), message);
      assert.deepEqual(celErrors(schema, old, old), []);
    });
  }
});

describe("defaults", () => {
  it("fills a NodePool", () => {
    const { spec } = defaulted(schemaOf("NodePool"), nodePool()) as Loose;
    assert.deepEqual(spec.disruption, {
      consolidateAfter: "0s",
      consolidationPolicy: "WhenEmptyOrUnderutilized",
      budgets: [{ nodes: "10%" }],
    });
    assert.equal(spec.template.spec.expireAfter, "720h");
    assert.ok(!("weight" in spec) && !("terminationGracePeriod" in spec.template.spec));
  });
  it("fills a budget without nodes, so that its required field is there", () => {
    const pool = withChange(nodePool(), "spec.disruption.budgets", [{ reasons: ["Empty"] }]);
    assert.deepEqual((defaulted(schemaOf("NodePool"), pool) as Loose).spec.disruption.budgets, [
      { nodes: "10%", reasons: ["Empty"] },
    ]);
  });
  it("makes a KWOKNodeClass ready and fills the metadata options of an EC2NodeClass", () => {
    const kwok = defaulted(schemaOf("KWOKNodeClass"), kwokNodeClass()) as Loose;
    assert.deepEqual(kwok.status.conditions, [
      { type: "Ready", status: "True", reason: "Ready", message: "", lastTransitionTime: "2024-01-01T01:01:01Z" },
    ]);
    const ec2 = defaulted(
      schemaOf("EC2NodeClass"),
      withChange(ec2NodeClass(), "spec.metadataOptions", { httpTokens: "optional" }),
    ) as Loose;
    assert.deepEqual(ec2.spec.metadataOptions, {
      httpTokens: "optional",
      httpEndpoint: "enabled",
      httpProtocolIPv6: "disabled",
      httpPutResponseHopLimit: 1,
    });
  });
});

function rulesIn(schema: Schema): Rule[] {
  const { properties = {}, items, additionalProperties } = schema;
  const children = [...Object.values(properties), items, additionalProperties];
  return [
    ...(schema["x-kubernetes-validations"] ?? []),
    ...children.flatMap((child) => (typeof child === "object" ? rulesIn(child) : [])),
  ];
}

function show(value: unknown): string {
  return typeof value === "function" ? "..." : (JSON.stringify(value)?.slice(0, 70) ?? "absent");
}
