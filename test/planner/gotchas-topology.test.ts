import { describe } from "node:test";
import { CAPACITY_TYPE_LABEL, HOSTNAME_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import { instanceType, node, nodePool, pod, pods } from "../../src/plan/provision/test-cluster.ts";
import { apart, checkGotchas, inNamespace, near, required, selecting, spreadOver, thing } from "./gotcha-table.ts";

const web = { cpu: "100m", labels: { app: "web" } };
const zoned = { topologySpreadConstraints: [spreadOver(ZONE_LABEL)] };
const zones = (...values: string[]) => ({ key: ZONE_LABEL, operator: "In" as const, values });
const there = (name: string, zone: string, more: object = {}) =>
  node({ name, cpu: 1, labels: { [ZONE_LABEL]: zone, [HOSTNAME_LABEL]: name }, ...more });
const full = (name: string, on: string, more: object = {}) =>
  pod({ name, node: on, cpu: 1, labels: { app: "web" }, ...more });

describe("topology spread, as others got it wrong", () => {
  checkGotchas([
    {
      line: "3 zones, 4 pods, skew 1: 2, 1, 1",
      objects: [nodePool(), pods(4, { name: "p", ...web, ...zoned })],
      nodes: 3,
      perNode: [1, 1, 2],
    },
    {
      line: "selector by matchExpressions is the same as matchLabels",
      objects: [
        nodePool(),
        pods(3, {
          name: "p",
          ...web,
          topologySpreadConstraints: [
            spreadOver(ZONE_LABEL, {
              labelSelector: { matchExpressions: [{ key: "app", operator: "In", values: ["web"] }] },
            }),
          ],
        }),
      ],
      zones: { "zone-a": 1, "zone-b": 1, "zone-c": 1 },
    },
    {
      line: "a pool of two zones spreads over two",
      objects: [nodePool({ requirements: [zones("zone-a", "zone-b")] }), pods(4, { name: "p", ...web, ...zoned })],
      zones: { "zone-a": 2, "zone-b": 2 },
    },
    {
      line: "zones of two pools together",
      objects: [
        nodePool({ name: "a", requirements: [zones("zone-a")] }),
        nodePool({ name: "b", requirements: [zones("zone-b")] }),
        pods(4, { name: "p", ...web, ...zoned }),
      ],
      zones: { "zone-a": 2, "zone-b": 2 },
    },
    {
      line: "existing 1, 0, 0, the pod's own selector pins the zone that holds 1: placed",
      objects: [
        nodePool(),
        there("n", "zone-a"),
        full("r", "n"),
        pod({ name: "p", ...web, ...zoned, nodeSelector: { [ZONE_LABEL]: "zone-a" } }),
      ],
      zones: { "zone-a": 1 },
    },
    {
      line: "existing 1, 0, 0, only the first zone can be had, others stand empty: left",
      objects: [
        nodePool({ requirements: [zones("zone-a")] }),
        there("n", "zone-a"),
        full("r", "n"),
        there("m", "zone-b"),
        full("other", "m", { labels: {} }),
        pod({ name: "p", ...web, ...zoned }),
      ],
      left: 1,
    },
    {
      line: "5, 1, 1 already: the next go to the emptier",
      objects: [
        nodePool(),
        ...["zone-a", "zone-b", "zone-c"].flatMap((zone, i) => [
          there(`n-${i}`, zone),
          ...(i === 0 ? [1, 2, 3, 4, 5] : [1]).map((k) => full(`r-${i}-${k}`, `n-${i}`, { cpu: "200m" })),
        ]),
        ...["zone-b", "zone-c"].map((_, i) => full(`fill-${i}`, `n-${i + 1}`, { labels: {}, cpu: "800m" })),
        pods(2, { name: "p", ...web, ...zoned }),
      ],
      zones: { "zone-b": 1, "zone-c": 1 },
    },
    {
      line: "one in each of two zones, only the third can be had, skew 5: 6 of 10",
      objects: [
        nodePool({ requirements: [zones("zone-c")] }),
        there("a", "zone-a"),
        full("ra", "a"),
        there("b", "zone-b"),
        full("rb", "b"),
        pods(10, { name: "p", ...web, topologySpreadConstraints: [spreadOver(ZONE_LABEL, { maxSkew: 5 })] }),
      ],
      left: 4,
      zones: { "zone-c": 6 },
    },
    {
      line: "one in one zone, only the two others can be had, skew 1: 2 and 2",
      objects: [
        nodePool({ requirements: [zones("zone-b", "zone-c")] }),
        there("a", "zone-a"),
        full("ra", "a"),
        pods(10, { name: "p", ...web, ...zoned }),
      ],
      left: 6,
      zones: { "zone-b": 2, "zone-c": 2 },
    },
    {
      line: "an unknown label: left",
      objects: [nodePool(), pods(2, { name: "p", ...web, topologySpreadConstraints: [spreadOver("rack")] })],
      left: 2,
    },
    {
      line: "an unknown label that is only a wish: placed",
      objects: [
        nodePool(),
        pods(2, {
          name: "p",
          ...web,
          topologySpreadConstraints: [spreadOver("rack", { whenUnsatisfiable: "ScheduleAnyway" })],
        }),
      ],
      left: 0,
    },
    {
      line: "no selector: nothing is spread",
      objects: [
        nodePool(),
        pods(3, {
          name: "p",
          ...web,
          topologySpreadConstraints: [{ topologyKey: HOSTNAME_LABEL, maxSkew: 1, whenUnsatisfiable: "DoNotSchedule" }],
        }),
      ],
      nodes: 1,
    },
    {
      line: "ended and ending pods are not counted",
      objects: [
        nodePool({ requirements: [zones("zone-a", "zone-b")] }),
        there("n", "zone-a"),
        { ...full("done", "n"), status: { phase: "Succeeded" } },
        full("fill", "n", { labels: {} }),
        pods(2, { name: "p", ...web, ...zoned }),
      ],
      zones: { "zone-a": 1, "zone-b": 1 },
    },
    {
      line: "pods of other namespaces are not counted",
      objects: [
        nodePool({ requirements: [zones("zone-a", "zone-b")] }),
        there("n", "zone-a"),
        inNamespace(full("r", "n"), "other"),
        pods(2, { name: "p", ...web, ...zoned }),
      ],
      zones: { "zone-a": 1, "zone-b": 1 },
    },
    {
      line: "minDomains 3 of 2: as many as the skew in each, the rest is left",
      objects: [
        nodePool({ requirements: [zones("zone-a", "zone-b")] }),
        pods(4, { name: "p", ...web, topologySpreadConstraints: [spreadOver(ZONE_LABEL, { minDomains: 3 })] }),
      ],
      left: 2,
      zones: { "zone-a": 1, "zone-b": 1 },
    },
    {
      line: "minDomains 3 of 3: as without",
      objects: [
        nodePool(),
        pods(6, { name: "p", ...web, topologySpreadConstraints: [spreadOver(ZONE_LABEL, { minDomains: 3 })] }),
      ],
      zones: { "zone-a": 2, "zone-b": 2, "zone-c": 2 },
    },
    {
      line: "hosts, skew 1, 4 pods: 4 nodes",
      objects: [nodePool(), pods(4, { name: "p", ...web, topologySpreadConstraints: [spreadOver(HOSTNAME_LABEL)] })],
      nodes: 4,
    },
    {
      line: "hosts, skew 4, 4 pods: 1 node",
      objects: [
        nodePool(),
        pods(4, { name: "p", ...web, topologySpreadConstraints: [spreadOver(HOSTNAME_LABEL, { maxSkew: 4 })] }),
      ],
      nodes: 1,
    },
    {
      line: "two workloads, each spread over hosts, share nodes",
      objects: [
        nodePool(),
        pods(2, { name: "p", ...web, topologySpreadConstraints: [spreadOver(HOSTNAME_LABEL)] }),
        pods(2, {
          name: "q",
          cpu: "100m",
          labels: { app: "db" },
          topologySpreadConstraints: [spreadOver(HOSTNAME_LABEL, { labelSelector: selecting("db") })],
        }),
      ],
      perNode: [2, 2],
    },
    {
      line: "capacity types in balance",
      objects: [
        nodePool(),
        pods(4, { name: "p", ...web, topologySpreadConstraints: [spreadOver(CAPACITY_TYPE_LABEL)] }),
      ],
      types: [instanceType({ name: "t", cpu: 2, memory: 8, price: 0.1 })],
      perNode: [2, 2],
    },
    {
      line: "a label of the pool, several values",
      objects: [
        nodePool({ requirements: [{ key: "team", operator: "In", values: ["red", "blue"] }] }),
        pods(4, { name: "p", ...web, topologySpreadConstraints: [spreadOver("team")] }),
      ],
      perNode: [2, 2],
    },
    {
      line: "zone and host together",
      objects: [
        nodePool(),
        pods(6, { name: "p", ...web, topologySpreadConstraints: [spreadOver(ZONE_LABEL), spreadOver(HOSTNAME_LABEL)] }),
      ],
      nodes: 6,
      zones: { "zone-a": 2, "zone-b": 2, "zone-c": 2 },
    },
    {
      line: "a node selector's zones only",
      objects: [
        nodePool(),
        pods(4, {
          name: "p",
          ...web,
          ...zoned,
          ...required([{ key: ZONE_LABEL, operator: "In", values: ["zone-a", "zone-b"] }]),
        }),
      ],
      zones: { "zone-a": 2, "zone-b": 2 },
    },
    {
      line: "matchLabelKeys: revisions for themselves",
      objects: [
        nodePool({ requirements: [zones("zone-a", "zone-b")] }),
        ...["v1", "v2"].map((version) =>
          pods(2, {
            name: version,
            cpu: "100m",
            labels: { app: "web", version },
            topologySpreadConstraints: [spreadOver(ZONE_LABEL, { matchLabelKeys: ["version"] })],
          }),
        ),
      ],
      zones: { "zone-a": 2, "zone-b": 2 },
    },
    {
      line: "matchLabelKeys of a label that the pod has not",
      objects: [
        nodePool({ requirements: [zones("zone-a", "zone-b")] }),
        pods(2, {
          name: "p",
          ...web,
          topologySpreadConstraints: [spreadOver(ZONE_LABEL, { matchLabelKeys: ["none"] })],
        }),
      ],
      zones: { "zone-a": 1, "zone-b": 1 },
    },
    {
      line: "nodeTaintsPolicy Ignore: the zone of a tainted node counts",
      objects: [
        nodePool({ requirements: [zones("zone-a")] }),
        there("n", "zone-b", { taints: [{ key: "x", effect: "NoSchedule" }] }),
        pods(2, { name: "p", ...web, ...zoned }),
      ],
      left: 1,
    },
    {
      line: "nodeTaintsPolicy Honor: it does not",
      objects: [
        nodePool({ requirements: [zones("zone-a")] }),
        there("n", "zone-b", { taints: [{ key: "x", effect: "NoSchedule" }] }),
        pods(2, {
          name: "p",
          ...web,
          topologySpreadConstraints: [spreadOver(ZONE_LABEL, { nodeTaintsPolicy: "Honor" })],
        }),
      ],
      left: 0,
    },
    {
      line: "nodeAffinityPolicy Ignore: zones outside the selector count",
      objects: [
        nodePool(),
        there("n", "zone-b"),
        full("fill", "n", { labels: {} }),
        pods(2, {
          name: "p",
          ...web,
          nodeSelector: { [ZONE_LABEL]: "zone-a" },
          topologySpreadConstraints: [spreadOver(ZONE_LABEL, { nodeAffinityPolicy: "Ignore" })],
        }),
      ],
      left: 1,
    },
    {
      line: "pods of a node that goes are counted once",
      objects: [
        nodePool({ requirements: [zones("zone-a", "zone-b")] }),
        there("n", "zone-a", { pool: "default", deleting: true }),
        pods(2, { name: "r", node: "n", cpu: "100m", labels: { app: "web" }, ...zoned }),
      ],
      zones: { "zone-a": 1, "zone-b": 1 },
    },
    {
      line: "A is spread by B's label: its own number does not matter",
      objects: [
        nodePool(),
        pods(3, {
          name: "p",
          cpu: "100m",
          labels: { app: "a" },
          topologySpreadConstraints: [spreadOver(HOSTNAME_LABEL, { labelSelector: selecting("b") })],
        }),
      ],
      nodes: 1,
    },
  ]);
});

describe("pod affinity, as others got it wrong", () => {
  checkGotchas([
    {
      line: "empty affinity",
      objects: [nodePool(), pod({ name: "p", affinity: { podAffinity: {}, podAntiAffinity: {} } })],
      nodes: 1,
    },
    {
      line: "near a running pod, by host",
      objects: [
        nodePool(),
        node({ name: "n", cpu: 4, labels: { [HOSTNAME_LABEL]: "n" } }),
        full("r", "n"),
        pod({ name: "p", cpu: "100m", ...near("web", HOSTNAME_LABEL) }),
      ],
      existing: { n: 1 },
      nodes: 0,
    },
    {
      line: "near itself by host: one node until it is full, the rest is left",
      objects: [nodePool(), pods(10, { name: "p", cpu: 3, labels: { app: "web" }, ...near("web", HOSTNAME_LABEL) })],
      nodes: 1,
      left: 5,
    },
    {
      line: "near itself by zone: one zone",
      objects: [nodePool(), pods(10, { name: "p", cpu: 3, labels: { app: "web" }, ...near("web", ZONE_LABEL) })],
      left: 0,
      more: oneZone,
    },
    {
      line: "near itself by zone, one of them pinned: the others follow",
      objects: [
        nodePool(),
        pod({ name: "first", ...web, nodeSelector: { [ZONE_LABEL]: "zone-c" }, ...near("web", ZONE_LABEL) }),
        pods(3, { name: "p", ...web, ...near("web", ZONE_LABEL) }),
      ],
      zones: { "zone-c": 4 },
    },
    {
      line: "near nobody, not near itself: left",
      objects: [nodePool(), pod({ name: "p", ...near("ghost", ZONE_LABEL) })],
      left: 1,
    },
    {
      line: "a chain in one batch",
      objects: [
        nodePool(),
        pod({ name: "a", cpu: 1, labels: { app: "a" }, ...near("b", HOSTNAME_LABEL) }),
        pod({ name: "b", cpu: 1, labels: { app: "b" }, ...near("c", HOSTNAME_LABEL) }),
        pod({ name: "c", cpu: 1, labels: { app: "c" } }),
      ],
      nodes: 1,
      perNode: [3],
    },
    {
      line: "a chain whose end is missing: all left",
      objects: [
        nodePool(),
        pod({ name: "a", labels: { app: "a" }, ...near("b", HOSTNAME_LABEL) }),
        pod({ name: "b", labels: { app: "b" }, ...near("c", HOSTNAME_LABEL) }),
      ],
      leftNames: ["a", "b"],
    },
    {
      line: "apart by host, 3 pods: 3 nodes",
      objects: [nodePool(), pods(3, { name: "p", ...web, ...apart("web", HOSTNAME_LABEL) })],
      nodes: 3,
    },
    {
      line: "apart by zone, 3 pods, 3 zones",
      objects: [nodePool(), pods(3, { name: "p", ...web, ...apart("web", ZONE_LABEL) })],
      left: 0,
      zones: { "zone-a": 1, "zone-b": 1, "zone-c": 1 },
    },
    {
      line: "apart by zone, pinned: all in one batch",
      objects: [
        nodePool(),
        ...["zone-a", "zone-b", "zone-c"].map((zone) =>
          pod({ name: zone, ...web, nodeSelector: { [ZONE_LABEL]: zone }, ...apart("web", ZONE_LABEL) }),
        ),
      ],
      zones: { "zone-a": 1, "zone-b": 1, "zone-c": 1 },
    },
    {
      line: "one that wants to be alone, and a plain one it means",
      objects: [
        nodePool(),
        pod({ name: "alone", cpu: "100m", ...apart("web", ZONE_LABEL) }),
        pod({ name: "plain", ...web }),
      ],
      nodes: 2,
      left: 0,
    },
    {
      line: "a running pod keeps what it means out of its zone",
      objects: [
        nodePool({ requirements: [zones("zone-a", "zone-b")] }),
        node({ name: "n", labels: { [ZONE_LABEL]: "zone-a" } }),
        pod({ name: "r", node: "n", ...apart("web", ZONE_LABEL) }),
        pod({ name: "p", ...web }),
      ],
      zones: { "zone-b": 1 },
      existing: {},
    },
    {
      line: "a plain pod runs, one that wants it away comes: another zone",
      objects: [
        nodePool({ requirements: [zones("zone-a", "zone-b")] }),
        node({ name: "n", labels: { [ZONE_LABEL]: "zone-a" } }),
        pod({ name: "r", node: "n", ...web }),
        pod({ name: "p", ...apart("web", ZONE_LABEL) }),
      ],
      zones: { "zone-b": 1 },
      existing: {},
    },
    {
      line: "a running pod that would only rather be alone keeps nobody out",
      objects: [
        nodePool(),
        node({ name: "n", labels: { [ZONE_LABEL]: "zone-a" } }),
        pod({
          name: "r",
          node: "n",
          affinity: {
            podAntiAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                { weight: 1, podAffinityTerm: { topologyKey: ZONE_LABEL, labelSelector: selecting("web") } },
              ],
            },
          },
        }),
        pod({ name: "p", ...web, nodeSelector: { [ZONE_LABEL]: "zone-a" } }),
      ],
      left: 0,
    },
    {
      line: "other namespaces are not meant without being named",
      objects: [
        nodePool(),
        inNamespace(pod({ name: "o", ...web }), "other"),
        pod({ name: "p", cpu: "100m", ...apart("web", HOSTNAME_LABEL) }),
      ],
      nodes: 1,
    },
    {
      line: "named namespaces are meant",
      objects: [
        nodePool(),
        inNamespace(pod({ name: "o", ...web }), "other"),
        pod({ name: "p", cpu: "100m", ...apart("web", HOSTNAME_LABEL, { namespaces: ["other"] }) }),
      ],
      nodes: 2,
    },
    {
      line: "an empty namespaceSelector means all",
      objects: [
        thing("v1", "Namespace", "other", {}),
        thing("v1", "Namespace", "default", {}),
        nodePool(),
        inNamespace(pod({ name: "o", ...web }), "other"),
        pod({ name: "p", cpu: "100m", ...apart("web", HOSTNAME_LABEL, { namespaceSelector: {} }) }),
      ],
      nodes: 2,
    },
    {
      line: "a preferred affinity that cannot be is dropped",
      objects: [
        nodePool(),
        pod({
          name: "p",
          affinity: {
            podAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                { weight: 1, podAffinityTerm: { topologyKey: ZONE_LABEL, labelSelector: selecting("ghost") } },
              ],
            },
          },
        }),
      ],
      nodes: 1,
    },
  ]);
});

function oneZone(plan: { newNodeClaims: { requirements: { key: string; values?: string[] }[] }[] }): void {
  const found = new Set(
    plan.newNodeClaims.map(({ requirements }) => requirements.find(({ key }) => key === ZONE_LABEL)?.values?.join()),
  );
  if (found.size !== 1) throw new RangeError(`zones ${[...found]}`);
}
