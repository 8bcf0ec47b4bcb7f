import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../base/random.ts";
import { SECOND_MS } from "../../base/time.ts";
import type { PodSpec } from "../../model/core.ts";
import { type Kind, NODES, PERSISTENT_VOLUME_CLAIMS, PODS, STORAGE_CLASSES } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import { createApiServer } from "../api-server/api-server.ts";
import { ClusterWriter } from "../cache/cluster-writer.ts";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { startCluster } from "../world/cluster.ts";

type NodeSketch = { name: string; cpu?: string; labels?: Record<string, string>; spec?: object };
type PodSketch = { name: string; cpu?: string; labels?: Record<string, string>; spec?: Partial<PodSpec> };

const zone = (value: string): Record<string, string> => ({ "topology.kubernetes.io/zone": value });
const inZone = (value: string): Partial<PodSpec> => ({ nodeSelector: zone(value) });
const web = { app: "web" };
const term = { labelSelector: { matchLabels: web }, topologyKey: "topology.kubernetes.io/zone" };
const spread = (maxSkew: number): Partial<PodSpec> => ({
  topologySpreadConstraints: [
    { maxSkew, topologyKey: term.topologyKey, whenUnsatisfiable: "DoNotSchedule", labelSelector: term.labelSelector },
  ],
});
const required = (matchExpressions: { key: string; operator: string; values?: string[] }[]): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] },
    },
  },
});
const port: Partial<PodSpec> = {
  containers: [{ name: "c", image: "i", ports: [{ containerPort: 80, hostPort: 80 }] }],
};
const taint = { taints: [{ key: "team", value: "a", effect: "NoSchedule" }] };
const twoZones: NodeSketch[] = [
  { name: "a", labels: zone("z1") },
  { name: "b", labels: zone("z2") },
];

/** Puts the pods in one after the other and tells for each its node, or why it has none. */
async function place(nodes: readonly NodeSketch[], pods: readonly PodSketch[], more?: (writer: ClusterWriter) => void) {
  const clock = new VirtualClock(1_767_571_200_000);
  const random = new Random(3);
  const server = createApiServer({ clock, random: random.fork("api") });
  const cluster = startCluster({ server, clock, random, systemNodes: { count: 0 } });
  const writer = new ClusterWriter(server, "test");
  const create = (kind: Kind, object: object): void => void writer.create(kind, object as KubeObject);
  try {
    for (const { name, cpu = "2", labels, spec } of nodes) {
      const metadata = { name, labels: { "kwok.x-k8s.io/node": "fake", "kubernetes.io/hostname": name, ...labels } };
      create(NODES, { apiVersion: "v1", kind: "Node", metadata, spec: { providerID: name, ...spec } });
      const amounts = { cpu, memory: "8Gi", pods: "10" };
      writer.patchStatus(NODES, { name }, { capacity: amounts, allocatable: amounts });
    }
    await clock.runFor(4 * SECOND_MS);
    more?.(writer);
    const outcomes: string[] = [];
    for (const { name, cpu = "500m", labels, spec } of pods) {
      const containers = [{ name: "c", image: "i", resources: { requests: { cpu } } }];
      const metadata = { name, namespace: "default", ...(labels === undefined ? {} : { labels }) };
      create(PODS, { apiVersion: "v1", kind: "Pod", metadata, spec: { containers, ...spec } });
      await clock.runFor(SECOND_MS);
      const pod = cluster.state.of(PODS).get(`default/${name}`);
      const why = pod?.status?.conditions?.find(({ type }) => type === "PodScheduled")?.message;
      outcomes.push(pod?.spec.nodeName ?? (why ?? "nothing").replace(/\. preemption.*/, ""));
    }
    return outcomes;
  } finally {
    cluster.stop();
    server.close();
  }
}

const CASES: { what: string; nodes?: NodeSketch[]; pods: PodSketch[]; want: string[] }[] = [
  {
    what: "the emptier node wins, a tie goes to the smaller name",
    pods: [{ name: "p1" }, { name: "p2" }, { name: "p3" }],
    want: ["a", "b", "a"],
  },
  {
    what: "what does not fit waits",
    pods: [{ name: "p1", cpu: "3" }],
    want: ["0/2 nodes are available: 2 Insufficient cpu"],
  },
  {
    what: "selectors choose",
    pods: [
      { name: "p1", spec: inZone("z2") },
      { name: "p2", spec: inZone("z9") },
    ],
    want: ["b", "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector"],
  },
  {
    what: "required node affinity knows all operators",
    nodes: [{ name: "a", labels: { gen: "7" } }, { name: "b" }],
    pods: [
      { name: "gt", spec: required([{ key: "gen", operator: "Gt", values: ["6"] }]) },
      { name: "not-in", spec: required([{ key: "gen", operator: "NotIn", values: ["7"] }]) },
      { name: "exists", spec: required([{ key: "gen", operator: "Exists" }]) },
      { name: "does-not", spec: required([{ key: "gen", operator: "DoesNotExist" }]) },
    ],
    want: ["a", "b", "a", "b"],
  },
  {
    what: "taints keep away, tolerations let in",
    nodes: [{ name: "a", spec: taint }],
    pods: [{ name: "p1" }, { name: "p2", spec: { tolerations: [{ key: "team", operator: "Exists" }] } }],
    want: ["0/1 nodes are available: 1 node(s) had untolerated taint {team: a}", "a"],
  },
  {
    what: "a cordoned node takes nothing new",
    nodes: [{ name: "a", spec: { unschedulable: true } }],
    pods: [{ name: "p1" }],
    want: ["0/1 nodes are available: 1 node(s) were unschedulable"],
  },
  {
    what: "a host port is given once a node",
    pods: [
      { name: "p1", spec: port },
      { name: "p2", spec: port },
      { name: "p3", spec: port },
    ],
    want: ["a", "b", "0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports"],
  },
  {
    what: "spread holds the skew",
    nodes: [...twoZones, { name: "a2", labels: zone("z1"), cpu: "64" }],
    pods: [
      { name: "p1", labels: web, spec: spread(1) },
      { name: "p2", labels: web, spec: spread(1) },
      { name: "p3", labels: web, spec: { ...spread(1), ...inZone("z1") } },
      { name: "p4", labels: web, spec: spread(1) },
    ],
    want: ["a2", "b", "a2", "b"],
  },
  {
    what: "affinity follows, the first of a group starts anywhere, anti-affinity flees both ways",
    nodes: twoZones,
    pods: [
      {
        name: "p1",
        labels: web,
        spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } },
      },
      {
        name: "p2",
        labels: web,
        spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } },
      },
      {
        name: "p3",
        spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } },
      },
      { name: "p4", labels: web, spec: inZone("z2") },
    ],
    want: [
      "a",
      "a",
      "b",
      "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) didn't satisfy existing pods anti-affinity rules",
    ],
  },
  {
    what: "a gate holds back",
    pods: [{ name: "p1", spec: { schedulingGates: [{ name: "later" }] } }],
    want: ["Scheduling is blocked due to non-empty scheduling gates"],
  },
  {
    what: "another scheduler's pods are not ours",
    pods: [{ name: "p1", spec: { schedulerName: "other" } }],
    want: ["nothing"],
  },
];

describe("the simulated scheduler", () => {
  for (const { what, nodes = twoZones, pods, want } of CASES) {
    it(what, async () => assert.deepEqual(await place(nodes, pods), want));
  }

  it("provisions a volume where the pod goes, and binds later pods to the volume's zone", async () => {
    const spec = { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] };
    const pods = [
      { name: "filler", spec: inZone("z1") },
      { name: "p1", spec },
      { name: "p2", spec: { ...spec, ...inZone("z1") } },
    ];
    const outcomes = await place(twoZones, pods, (writer) => {
      writer.create(STORAGE_CLASSES, {
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: { name: "disks" },
        provisioner: "disks.example.com",
        volumeBindingMode: "WaitForFirstConsumer",
      });
      writer.create(PERSISTENT_VOLUME_CLAIMS, {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name: "data", namespace: "default" },
        spec: {
          storageClassName: "disks",
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage: "1Gi" } },
        },
      });
    });
    assert.deepEqual(outcomes.slice(0, 2), ["a", "b"]);
    assert.match(outcomes[2] ?? "", /1 node\(s\) had volume node affinity conflict/);
  });

  it("binds a thousand pods in well under a second", async () => {
    const nodes = Array.from({ length: 50 }, (_, i) => ({ name: `n${i}`, cpu: "64" }));
    const clock = new VirtualClock(1_767_571_200_000);
    const random = new Random(3);
    const server = createApiServer({ clock, random });
    const cluster = startCluster({ server, clock, random, systemNodes: { count: 0 }, events: false });
    const writer = new ClusterWriter(server, "test");
    for (const { name, cpu } of nodes) {
      const amounts = { cpu, memory: "256Gi", pods: "110" };
      writer.create(NODES, {
        apiVersion: "v1",
        kind: "Node",
        metadata: { name, labels: { "kwok.x-k8s.io/node": "fake" } },
        spec: {},
      });
      writer.patchStatus(NODES, { name }, { capacity: amounts, allocatable: amounts });
    }
    for (let i = 0; i < 1_000; i += 1) {
      const metadata = { name: `p${i}`, namespace: "default" };
      const containers = [{ name: "c", image: "i", resources: { requests: { cpu: "1" } } }];
      writer.create(PODS, { apiVersion: "v1", kind: "Pod", metadata, spec: { containers } });
    }
    await clock.runFor(10 * SECOND_MS);
    const bound = [...cluster.state.of(PODS).values()].filter(({ spec }) => spec.nodeName !== undefined);
    cluster.stop();
    server.close();
    assert.equal(bound.length, 1_000);
  });
});
