import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeAffinity, PersistentVolume } from "../../model/core.ts";
import { HOSTNAME_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import { planProvisioning } from "./plan-provisioning.ts";
import {
  type ClusterSketch,
  clusterOf,
  instanceType,
  node,
  nodePool,
  type PodSketch,
  pod,
  pods,
} from "./test-cluster.ts";
import { planInWords, valuesBought } from "./words/plan-in-words.ts";

const EBS = "ebs.csi.aws.com";

function meta(name: string, namespace?: string) {
  const base = { name, uid: `uid-${name}`, resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };
  return namespace === undefined ? base : { ...base, namespace };
}

type ClassSketch = { zones?: string[][]; provisioner?: string; zoneKey?: string };

function storageClass(name: string, { zones = [], provisioner = EBS, zoneKey = ZONE_LABEL }: ClassSketch = {}) {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: meta(name),
    provisioner,
    volumeBindingMode: "WaitForFirstConsumer",
    allowedTopologies: zones.map((values) => ({ matchLabelExpressions: [{ key: zoneKey, values }] })),
  } as KubeObject;
}

/** A claim that waits for its pod; with `volume` one that is bound. */
function claim(name: string, about: { storageClass?: string; volume?: string }): KubeObject {
  const annotations = about.volume === undefined ? {} : { "pv.kubernetes.io/bind-completed": "yes" };
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { ...meta(name, "default"), annotations },
    spec: {
      ...(about.storageClass === undefined ? {} : { storageClassName: about.storageClass }),
      ...(about.volume === undefined ? {} : { volumeName: about.volume }),
    },
    status: { phase: about.volume === undefined ? "Pending" : "Bound" },
  } as KubeObject;
}

type VolumeSketch = { terms?: [key: string, ...values: string[]][]; labels?: Record<string, string> };

/** A volume with one alternative per term. */
function volume(name: string, { terms = [], labels }: VolumeSketch, more: Partial<PersistentVolume["spec"]> = {}) {
  const nodeSelectorTerms = terms.map(([key, ...values]) => ({ matchExpressions: [{ key, operator: "In", values }] }));
  const nodeAffinity = terms.length === 0 ? {} : { nodeAffinity: { required: { nodeSelectorTerms } } };
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { ...meta(name), ...(labels === undefined ? {} : { labels }) },
    spec: { csi: { driver: EBS }, ...nodeAffinity, ...more },
  } as KubeObject;
}

function mounts(...claims: string[]): Pick<PodSketch, "volumes"> {
  return { volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) };
}

function inZones(...zones: string[]): { affinity: { nodeAffinity: NodeAffinity } } {
  const nodeSelectorTerms = zones.map((zone) => ({
    matchExpressions: [{ key: ZONE_LABEL, operator: "In", values: [zone] }],
  }));
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } };
}

function csiNode(name: string, count: number | undefined, driver = EBS): KubeObject {
  const allocatable = count === undefined ? {} : { allocatable: { count } };
  const spec = { drivers: [{ name: driver, nodeID: name, ...allocatable }] };
  return { apiVersion: "storage.k8s.io/v1", kind: "CSINode", metadata: meta(name), spec } as KubeObject;
}

const ONE = [instanceType({ name: "m.large", cpu: 2, memory: 8, price: 0.1 })];

describe("where volumes are, their pods go", () => {
  const p = { name: "p", ...mounts("data") };
  const cases: { given: string; objects: ClusterSketch["objects"]; zones?: string; words?: string }[] = [
    {
      given: "a volume in one zone",
      objects: [pod(p), claim("data", { volume: "v" }), volume("v", { terms: [[ZONE_LABEL, "zone-b"]] })],
      zones: "zone-b",
    },
    {
      given: "a volume under the old zone label",
      objects: [
        pod(p),
        claim("data", { volume: "v" }),
        volume("v", { terms: [["failure-domain.beta.kubernetes.io/zone", "zone-b"]] }),
      ],
      zones: "zone-b",
    },
    {
      given: "an old volume that says its zone by labels only",
      objects: [
        pod(p),
        claim("data", { volume: "v" }),
        volume("v", { labels: { "failure-domain.beta.kubernetes.io/zone": "zone-b" } }),
      ],
      zones: "zone-b",
    },
    {
      given: "a class for one zone, told by the driver's own label",
      objects: [
        pod(p),
        claim("data", { storageClass: "b" }),
        storageClass("b", { zones: [["zone-b"]], zoneKey: "topology.ebs.csi.aws.com/zone" }),
      ],
      zones: "zone-b",
    },
    {
      given: "a class for any zone",
      objects: [pod(p), claim("data", { storageClass: "any" }), storageClass("any")],
      zones: "any",
    },
    {
      given: "a volume that either zone reaches, and a cheaper one",
      objects: [
        pod(p),
        claim("data", { volume: "v" }),
        volume("v", {
          terms: [
            [ZONE_LABEL, "zone-a"],
            [ZONE_LABEL, "zone-b"],
          ],
        }),
      ],
      zones: "zone-a",
    },
    {
      given: "two volumes with one zone in common",
      objects: [
        pod({ name: "p", ...mounts("data", "log") }),
        claim("data", { volume: "v" }),
        claim("log", { volume: "w" }),
        volume("v", { terms: [[ZONE_LABEL, "zone-a", "zone-b"]] }),
        volume("w", { terms: [[ZONE_LABEL, "zone-b", "zone-c"]] }),
      ],
      zones: "zone-b",
    },
    {
      given: "two volumes that are apart",
      objects: [
        pod({ name: "p", ...mounts("data", "log") }),
        claim("data", { volume: "v" }),
        claim("log", { volume: "w" }),
        volume("v", { terms: [[ZONE_LABEL, "zone-a"]] }),
        volume("w", { terms: [[ZONE_LABEL, "zone-b"]] }),
      ],
      words: "left p: VolumesApart",
    },
    {
      given: "a volume away from where the pod must be",
      objects: [
        pod({ name: "p", ...mounts("data"), ...inZones("zone-a") }),
        claim("data", { volume: "v" }),
        volume("v", { terms: [[ZONE_LABEL, "zone-b"]] }),
      ],
      words: "left p: RequirementsNotMet",
    },
    {
      given: "alternatives of the pod, of which one suits the volume",
      objects: [
        pod({ name: "p", ...mounts("data"), ...inZones("zone-a", "zone-b") }),
        claim("data", { volume: "v" }),
        volume("v", { terms: [[ZONE_LABEL, "zone-b"]] }),
      ],
      zones: "zone-b",
    },
    {
      given: "a generic ephemeral volume whose claim is not made yet",
      objects: [
        pod({
          name: "p",
          volumes: [{ name: "s", ephemeral: { volumeClaimTemplate: { spec: { storageClassName: "b" } } } }],
        }),
        storageClass("b", { zones: [["zone-b"]] }),
      ],
      zones: "zone-b",
    },
    {
      given: "a generic ephemeral volume with its claim",
      objects: [
        pod({
          name: "p",
          volumes: [{ name: "s", ephemeral: { volumeClaimTemplate: { spec: { storageClassName: "b" } } } }],
        }),
        claim("p-s", { volume: "v" }),
        volume("v", { terms: [[ZONE_LABEL, "zone-b"]] }),
      ],
      zones: "zone-b",
    },
    {
      given: "a volume on the disk of a node that is gone",
      objects: [
        pod(p),
        claim("data", { volume: "v" }),
        volume("v", { terms: [[HOSTNAME_LABEL, "gone"]] }, { local: { path: "/mnt" } }),
      ],
      zones: "any",
    },
    {
      given: "a network volume that only another host reaches",
      objects: [pod(p), claim("data", { volume: "v" }), volume("v", { terms: [[HOSTNAME_LABEL, "gone"]] })],
      words: "left p: RequirementsNotMet",
    },
    {
      given: "a network volume of the host that is there",
      objects: [
        pod(p),
        ...node({ name: "there", pool: "default" }),
        claim("data", { volume: "v" }),
        volume("v", { terms: [[HOSTNAME_LABEL, "there"]] }),
      ],
      words: "on there: 1",
    },
    {
      given: "a wish for a zone without the volume",
      objects: [
        pod({
          name: "p",
          ...mounts("data"),
          affinity: {
            nodeAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                {
                  weight: 1,
                  preference: { matchExpressions: [{ key: ZONE_LABEL, operator: "In", values: ["zone-a"] }] },
                },
              ],
            },
          },
        }),
        claim("data", { volume: "v" }),
        volume("v", { terms: [[ZONE_LABEL, "zone-b"]] }),
      ],
      zones: "zone-b",
    },
  ];
  for (const { given, objects, zones, words } of cases) {
    it(given, () => {
      const types = [
        instanceType({
          name: "m.large",
          cpu: 2,
          memory: 8,
          offerings: [
            { zone: "zone-a", price: 0.1 },
            { zone: "zone-b", price: 0.2 },
          ],
        }),
      ];
      const plan = planProvisioning(clusterOf({ types, objects: [nodePool(), ...objects] }));
      if (words !== undefined) assert.equal(planInWords(plan), words);
      else assert.equal(valuesBought(plan, ZONE_LABEL), zones);
    });
  }
});

describe("how many volumes a node attaches", () => {
  const small = { cpu: "10m", memory: "10Mi" };
  const onClaims = (count: number, name = "p"): KubeObject[] =>
    pods(count, { name, ...small }).flatMap((one, i): KubeObject[] => {
      const claimName = `${name}-${i}`;
      const { volumes = [] } = mounts(claimName);
      return [{ ...one, spec: { ...one.spec, volumes } } as KubeObject, claim(claimName, { storageClass: "ebs" })];
    });
  const running = (count: number, on: string): KubeObject[] =>
    onClaims(count, "r").map((one) =>
      one.kind === "Pod"
        ? ({ ...one, ...pod({ name: one.metadata.name, node: on, ...small, ...volumesOf(one) }) } as KubeObject)
        : one,
    );
  const there = node({ name: "there", pool: "default", labels: { [INSTANCE_TYPE_LABEL]: "m.large" } });
  const cases: { given: string; objects: ClusterSketch["objects"]; want: string }[] = [
    {
      given: "a node with two places left",
      objects: [there, csiNode("there", 3), running(1, "there"), onClaims(2)],
      want: "on there: 2",
    },
    {
      given: "one pod too many: it gets a node, and the type's limit is known by then",
      objects: [there, csiNode("there", 3), running(1, "there"), onClaims(9)],
      want: "default: m.large x1, default: m.large x3, default: m.large x3, on there: 2",
    },
    {
      given: "a node that says no limit",
      objects: [there, csiNode("there", undefined), onClaims(9)],
      want: "on there: 9",
    },
    {
      given: "a limit of another driver",
      objects: [there, csiNode("there", 1, "other"), onClaims(9)],
      want: "on there: 9",
    },
    {
      given: "old in-tree volumes count under the driver that took over",
      objects: [
        there,
        csiNode("there", 2),
        ...["a", "b", "c"].flatMap((name) => [
          pod({ name, ...small, ...mounts(name) }),
          claim(name, { volume: `v-${name}` }),
          {
            ...volume(`v-${name}`, {}),
            spec: { awsElasticBlockStore: { volumeID: name } },
          } as unknown as KubeObject,
        ]),
      ],
      want: "default: m.large x1, on there: 2",
    },
    {
      given: "volumes that no driver attaches",
      objects: [
        there,
        csiNode("there", 1),
        ...["a", "b", "c"].flatMap((name) => [
          pod({ name, ...small, ...mounts(name) }),
          claim(name, { volume: `v-${name}` }),
          { ...volume(`v-${name}`, {}), spec: {} } as KubeObject,
        ]),
      ],
      want: "on there: 3",
    },
    {
      given: "many pods of one claim, which is attached already",
      objects: [
        there,
        csiNode("there", 1),
        claim("shared", { storageClass: "ebs" }),
        pod({ name: "r", node: "there", ...small, ...mounts("shared") }),
        ...pods(5, { name: "p", ...small, ...mounts("shared") }),
      ],
      want: "on there: 5",
    },
    {
      given: "many pods of one claim, which takes one place",
      objects: [
        there,
        csiNode("there", 2),
        claim("shared", { storageClass: "ebs" }),
        ...pods(5, { name: "p", ...small, ...mounts("shared") }),
        onClaims(1, "q"),
      ],
      want: "on there: 6",
    },
    {
      given: "many pods of one claim, and a full node",
      objects: [
        there,
        csiNode("there", 2),
        running(2, "there"),
        claim("shared", { storageClass: "ebs" }),
        ...pods(5, { name: "p", ...small, ...mounts("shared") }),
      ],
      want: "default: m.large x5",
    },
    {
      given: "a claim that was deleted under its pod",
      objects: [
        there,
        csiNode("there", 1),
        pod({ name: "r", node: "there", ...small, ...mounts("gone") }),
        onClaims(1),
      ],
      want: "on there: 1",
    },
  ];
  for (const { given, objects, want } of cases) {
    it(`${given}: ${want}`, () => {
      const all = [nodePool(), storageClass("ebs"), ...objects];
      assert.equal(planInWords(planProvisioning(clusterOf({ types: ONE, objects: all }))), want);
    });
  }
});

function volumesOf(one: KubeObject): Pick<PodSketch, "volumes"> {
  const { volumes } = (one as ReturnType<typeof pod>).spec;
  return volumes === undefined ? {} : { volumes };
}
