import { describe } from "node:test";
import { ARCH_LABEL, CAPACITY_TYPE_LABEL, HOSTNAME_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { instanceType, node, nodePool, pod, pods } from "../../src/plan/provision/test-cluster.ts";
import { apart, checkGotchas, required, spreadOver, thing } from "./gotcha-table.ts";

const web = { cpu: "100m", labels: { app: "web" } };
const over = (...keys: string[]) => ({ topologySpreadConstraints: keys.map((key) => spreadOver(key)) });
const zones = (...values: string[]) => ({ key: ZONE_LABEL, operator: "In" as const, values });
const there = (name: string, zone: string, more: object = {}) =>
  node({ name, cpu: 1, labels: { [ZONE_LABEL]: zone, [HOSTNAME_LABEL]: name }, ...more });
const full = (name: string, on: string, more: object = {}) =>
  pod({ name, node: on, cpu: 1, labels: { app: "web" }, ...more });
const TAINTS = ["a", "b"].map((key) => ({ key, effect: "NoSchedule" as const }));

describe("spread with other rules, as others got it wrong", () => {
  checkGotchas([
    {
      line: "a selector that cannot be read spreads nothing",
      objects: [
        nodePool(),
        pods(3, {
          name: "p",
          ...web,
          topologySpreadConstraints: [
            spreadOver(ZONE_LABEL, {
              labelSelector: { matchExpressions: [{ key: "app", operator: "Unheard" as "In", values: ["web"] }] },
            }),
          ],
        }),
      ],
      nodes: 1,
    },
    {
      line: "architectures in balance",
      objects: [nodePool(), pods(4, { name: "p", ...web, ...over(ARCH_LABEL) })],
      types: [
        instanceType({ name: "x", cpu: 2, memory: 8, price: 0.1 }),
        instanceType({ name: "arm", cpu: 2, memory: 8, price: 0.2, arch: "arm64" }),
      ],
      perNode: [2, 2],
    },
    {
      line: "zone, host and capacity type together",
      objects: [nodePool(), pods(4, { name: "p", ...web, ...over(ZONE_LABEL, HOSTNAME_LABEL, CAPACITY_TYPE_LABEL) })],
      types: [instanceType({ name: "m", cpu: 2, memory: 8, price: 0.1 })],
      perNode: [1, 1, 1, 1],
      zones: { "zone-a": 2, "zone-b": 2 },
    },
    {
      line: "zones of a required affinity only: the others do not count",
      objects: [
        nodePool(),
        pods(4, { name: "p", ...web, ...over(ZONE_LABEL), ...required([zones("zone-a", "zone-b")]) }),
      ],
      zones: { "zone-a": 2, "zone-b": 2 },
    },
    {
      line: "zones of a wish: all count, so that the wish gives way",
      objects: [
        nodePool(),
        pods(3, {
          name: "p",
          ...web,
          ...over(ZONE_LABEL),
          affinity: {
            nodeAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                { weight: 1, preference: { matchExpressions: [zones("zone-a")] } },
              ],
            },
          },
        }),
      ],
      zones: { "zone-a": 1, "zone-b": 1, "zone-c": 1 },
    },
    {
      line: "capacity types that cannot be in balance, as a wish: placed",
      objects: [
        nodePool({ requirements: [{ key: CAPACITY_TYPE_LABEL, operator: "In", values: ["on-demand"] }] }),
        pods(3, {
          name: "p",
          ...web,
          topologySpreadConstraints: [spreadOver(CAPACITY_TYPE_LABEL, { whenUnsatisfiable: "ScheduleAnyway" })],
        }),
      ],
      nodes: 1,
    },
    {
      line: "taints honoured, two pools: a zone counts that either tolerated pool reaches",
      objects: [
        nodePool({ name: "one", requirements: [zones("zone-a")], taints: TAINTS.slice(0, 1) }),
        nodePool({ name: "two", requirements: [zones("zone-a", "zone-b")], taints: TAINTS.slice(1) }),
        pods(2, {
          name: "p",
          ...web,
          tolerations: [{ key: "b", operator: "Exists" }],
          topologySpreadConstraints: [spreadOver(ZONE_LABEL, { nodeTaintsPolicy: "Honor" })],
        }),
      ],
      zones: { "zone-a": 1, "zone-b": 1 },
    },
    {
      line: "pods on nodes without the label do not count",
      objects: [
        nodePool(),
        node({ name: "n", cpu: 1, labels: { [HOSTNAME_LABEL]: "n", [ZONE_LABEL]: undefined as unknown as string } }),
        full("r", "n"),
        pods(3, { name: "p", ...web, ...over(ZONE_LABEL) }),
      ],
      zones: { "zone-a": 1, "zone-b": 1, "zone-c": 1 },
    },
    {
      line: "a volume's zone beside minDomains that are met",
      objects: [
        thing("storage.k8s.io/v1", "StorageClass", "in-b", {
          provisioner: "disk",
          volumeBindingMode: "WaitForFirstConsumer",
          allowedTopologies: [{ matchLabelExpressions: [{ key: ZONE_LABEL, values: ["zone-b"] }] }],
        }),
        thing(
          "v1",
          "PersistentVolumeClaim",
          "data",
          { spec: { storageClassName: "in-b", accessModes: ["ReadWriteOnce"] }, status: { phase: "Pending" } },
          { namespace: "default" },
        ),
        nodePool(),
        ...["a", "b", "c"].map((zone) => [...there(`n-${zone}`, `zone-${zone}`), full(`r-${zone}`, `n-${zone}`)]),
        pod({
          name: "p",
          ...web,
          volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
          topologySpreadConstraints: [spreadOver(ZONE_LABEL, { minDomains: 3 })],
        }),
      ],
      zones: { "zone-b": 1 },
    },
    {
      line: "anti-affinity of a pod that ends binds until it is gone, as the scheduler has it",
      objects: [
        nodePool(),
        there("n", "zone-a"),
        {
          ...full("r", "n", apart("web", ZONE_LABEL)),
          metadata: { ...full("r", "n").metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
        } as KubeObject,
        pod({ name: "p", ...web, nodeSelector: { [ZONE_LABEL]: "zone-a" } }),
      ],
      left: 1,
      code: /^PodAntiAffinityUnsatisfiable$/,
      reason:
        /^the anti-affinity of running pods keeps it out of topology.kubernetes.io\/zone zone-a, and it can run nowhere else$/,
    },
  ]);
});
