import { describe } from "node:test";
import type { PodSpec } from "../../src/model/core.ts";
import { HOSTNAME_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { node, nodePool, pod } from "../../src/plan/provision/test-cluster.ts";
import { checkGotchas, required, spreadOver, thing } from "./gotcha-table.ts";

const DRIVER = "disk.example.com";

function mounts(...claims: string[]): Partial<PodSpec> {
  return { volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) };
}
function claim(
  name: string,
  spec: object,
  more: { phase?: string; bound?: boolean; deleting?: boolean } = {},
): KubeObject {
  const { phase = "Bound", bound = true, deleting = false } = more;
  const annotations = bound ? { "pv.kubernetes.io/bind-completed": "yes" } : {};
  const metadata = {
    namespace: "default",
    annotations,
    ...(deleting ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
  };
  return thing("v1", "PersistentVolumeClaim", name, { spec, status: { phase } }, metadata);
}
/** A bound claim and its volume; each list of zones one alternative. */
function bound(name: string, zones: string[][], more: object = {}): KubeObject[] {
  const nodeSelectorTerms = zones.map((values) => ({
    matchExpressions: [{ key: ZONE_LABEL, operator: "In", values }],
  }));
  const spec = {
    csi: { driver: DRIVER },
    ...(zones.length === 0 ? {} : { nodeAffinity: { required: { nodeSelectorTerms } } }),
    ...more,
  };
  return [claim(name, { volumeName: `pv-${name}` }), thing("v1", "PersistentVolume", `pv-${name}`, { spec })];
}
function storageClass(name: string, zones: string[], mode = "WaitForFirstConsumer"): KubeObject {
  const allowedTopologies =
    zones.length === 0 ? {} : { allowedTopologies: [{ matchLabelExpressions: [{ key: ZONE_LABEL, values: zones }] }] };
  return thing("storage.k8s.io/v1", "StorageClass", name, {
    provisioner: DRIVER,
    volumeBindingMode: mode,
    ...allowedTopologies,
  });
}
const onHost = {
  nodeAffinity: {
    required: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: HOSTNAME_LABEL, operator: "In", values: ["gone"] }] }],
    },
  },
};
const small = { cpu: "100m" };

describe("volumes, as others got them wrong", () => {
  checkGotchas([
    {
      line: "a volume in a zone: the node goes there",
      objects: [nodePool(), bound("v", [["zone-b"]]), pod({ name: "p", ...mounts("v") })],
      zones: { "zone-b": 1 },
    },
    {
      line: "a class with zones: a node in one of them",
      objects: [
        nodePool(),
        storageClass("late", ["zone-c"]),
        claim("v", { storageClassName: "late" }, { bound: false, phase: "Pending" }),
        pod({ name: "p", ...mounts("v") }),
      ],
      zones: { "zone-c": 1 },
    },
    {
      line: "two alternatives of one volume: either",
      objects: [
        nodePool({ requirements: [{ key: ZONE_LABEL, operator: "In", values: ["zone-b", "zone-c"] }] }),
        bound("v", [["zone-a"], ["zone-b"]]),
        pod({ name: "p", ...mounts("v") }),
      ],
      zones: { "zone-b": 1 },
    },
    {
      line: "two volumes: what both allow",
      objects: [
        nodePool(),
        bound("v", [["zone-a"], ["zone-b"]]),
        bound("w", [["zone-b"], ["zone-c"]]),
        pod({ name: "p", ...mounts("v", "w") }),
      ],
      zones: { "zone-b": 1 },
    },
    {
      line: "two volumes that nothing joins: left",
      objects: [
        nodePool(),
        bound("v", [["zone-a"]]),
        bound("w", [["zone-b"]]),
        pod({ name: "p", ...mounts("v", "w") }),
      ],
      left: 1,
    },
    {
      line: "an ephemeral volume goes by its claim's name",
      objects: [
        nodePool(),
        storageClass("late", ["zone-b"]),
        claim("p-data", { storageClassName: "late" }, { bound: false, phase: "Pending" }),
        pod({
          name: "p",
          volumes: [{ name: "data", ephemeral: { volumeClaimTemplate: { spec: { storageClassName: "late" } } } }],
        }),
      ],
      zones: { "zone-b": 1 },
    },
    {
      line: "a local volume of a host that is gone: another node",
      objects: [
        nodePool(),
        bound("v", [], { local: { path: "/x" }, csi: undefined, ...onHost }),
        pod({ name: "p", ...mounts("v") }),
      ],
      nodes: 1,
    },
    {
      line: "another volume of a host that is gone: left",
      objects: [nodePool(), bound("v", [], onHost), pod({ name: "p", ...mounts("v") })],
      left: 1,
    },
    {
      line: "alternatives of node affinity never lose the volume's zone",
      objects: [
        nodePool(),
        bound("v", [["zone-b"]]),
        pod({
          name: "p",
          ...mounts("v"),
          ...required(
            [{ key: "none", operator: "Exists" }],
            [{ key: ZONE_LABEL, operator: "In", values: ["zone-a", "zone-b"] }],
          ),
        }),
      ],
      zones: { "zone-b": 1 },
    },
    {
      line: "a volume and a spread: the spread gives way to no other zone",
      objects: [
        nodePool(),
        bound("v", [["zone-b"]]),
        pod({ name: "p", labels: { app: "web" }, ...mounts("v"), topologySpreadConstraints: [spreadOver(ZONE_LABEL)] }),
      ],
      zones: { "zone-b": 1 },
    },
    {
      line: "no class, bound: placed",
      objects: [
        nodePool(),
        claim("v", { storageClassName: "", volumeName: "pv" }),
        thing("v1", "PersistentVolume", "pv", { spec: { csi: { driver: DRIVER } } }),
        pod({ name: "p", ...mounts("v") }),
      ],
      nodes: 1,
    },
    {
      line: "no class, not bound: left",
      objects: [nodePool(), claim("v", { storageClassName: "" }, { bound: false }), pod({ name: "p", ...mounts("v") })],
      left: 1,
      code: /VolumeClaimUnusable/,
    },
    {
      line: "a class that is missing: left",
      objects: [
        nodePool(),
        claim("v", { storageClassName: "none" }, { bound: false }),
        pod({ name: "p", ...mounts("v") }),
      ],
      left: 1,
      code: /VolumeClaimUnusable/,
    },
    {
      line: "a class that binds at once, not bound: left",
      objects: [
        nodePool(),
        storageClass("now", [], "Immediate"),
        claim("v", { storageClassName: "now" }, { bound: false }),
        pod({ name: "p", ...mounts("v") }),
      ],
      left: 1,
      code: /VolumeClaimUnusable/,
    },
    {
      line: "a volume is named, but not bound yet: left",
      objects: [
        nodePool(),
        claim("v", { volumeName: "pv" }, { bound: false }),
        thing("v1", "PersistentVolume", "pv", { spec: {} }),
        pod({ name: "p", ...mounts("v") }),
      ],
      left: 1,
      code: /VolumeClaimUnusable/,
    },
    {
      line: "a claim that is lost: left",
      objects: [nodePool(), claim("v", { volumeName: "pv" }, { phase: "Lost" }), pod({ name: "p", ...mounts("v") })],
      left: 1,
      code: /VolumeClaimUnusable/,
    },
    {
      line: "a claim that is being deleted: left",
      objects: [nodePool(), claim("v", { volumeName: "pv" }, { deleting: true }), pod({ name: "p", ...mounts("v") })],
      left: 1,
      code: /VolumeClaimUnusable/,
    },
    {
      line: "one pod with a bad claim and a good pod: the good one is placed",
      objects: [nodePool(), pod({ name: "bad", ...mounts("none") }), pod({ name: "good" })],
      leftNames: ["bad"],
      nodes: 1,
    },
    {
      line: "a node takes two volumes, three pods with one each: one goes elsewhere",
      objects: [
        nodePool(),
        node({ name: "n", cpu: 8, labels: { [HOSTNAME_LABEL]: "n" } }),
        csiNode("n", 2),
        ...[1, 2, 3].flatMap((i) => [...bound(`v-${i}`, []), pod({ name: `p-${i}`, ...small, ...mounts(`v-${i}`) })]),
      ],
      existing: { n: 2 },
      nodes: 1,
    },
    {
      line: "three pods that share one volume count once",
      objects: [
        nodePool(),
        node({ name: "n", cpu: 8, labels: { [HOSTNAME_LABEL]: "n" } }),
        csiNode("n", 1),
        bound("v", []),
        ...[1, 2, 3].map((i) => pod({ name: `p-${i}`, ...small, ...mounts("v") })),
      ],
      existing: { n: 3 },
      nodes: 0,
    },
    {
      line: "volumes without a limit",
      objects: [
        nodePool(),
        node({ name: "n", cpu: 8, labels: { [HOSTNAME_LABEL]: "n" } }),
        csiNode("n", 0),
        bound("v", [], { csi: undefined, nfs: {} }),
        pod({ name: "p", ...small, ...mounts("v") }),
      ],
      existing: { n: 1 },
      nodes: 0,
    },
  ]);
});

function csiNode(name: string, count: number): KubeObject {
  return thing("storage.k8s.io/v1", "CSINode", name, {
    spec: { drivers: [{ name: DRIVER, nodeID: name, allocatable: { count } }] },
  });
}
