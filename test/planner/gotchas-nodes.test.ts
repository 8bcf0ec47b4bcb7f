import { describe } from "node:test";
import {
  ARCH_LABEL,
  CAPACITY_TYPE_LABEL,
  HOSTNAME_LABEL,
  INITIALIZED_LABEL,
  INSTANCE_TYPE_LABEL,
  NODE_POOL_LABEL,
  OS_LABEL,
  REGISTERED_LABEL,
  ZONE_LABEL,
} from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import type { RequirementSpec } from "../../src/model/requirements.ts";
import { daemonSet, instanceType, node, nodePool, pod, pods } from "../../src/plan/provision/test-cluster.ts";
import { apart, checkGotchas, required, thing } from "./gotcha-table.ts";

const X = { key: "x", effect: "NoSchedule" as const };
const notReady = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" as const };
const here = (name: string, more: object = {}) => node({ name, labels: { [HOSTNAME_LABEL]: name }, ...more });
const atLeast = (minValues: number): RequirementSpec => ({ key: INSTANCE_TYPE_LABEL, operator: "Exists", minValues });
const status = (one: KubeObject, more: object): KubeObject => ({ ...one, status: more }) as KubeObject;
const owned = (one: KubeObject, kind: string): KubeObject => ({
  ...one,
  metadata: {
    ...one.metadata,
    ownerReferences: [{ apiVersion: kind === "Node" ? "v1" : "apps/v1", kind, name: "o", uid: "u" }],
  },
});
const waits = { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] };

describe("which pods count, as others got it wrong", () => {
  checkGotchas([
    {
      line: "no PodScheduled condition: not ours",
      objects: [nodePool(), status(pod({ name: "p" }), { phase: "Pending" })],
      nodes: 0,
    },
    {
      line: "gated: not ours",
      objects: [
        nodePool(),
        status(pod({ name: "p" }), {
          phase: "Pending",
          conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }],
        }),
      ],
      nodes: 0,
    },
    {
      line: "nominated by the scheduler: not ours",
      objects: [nodePool(), status(pod({ name: "p" }), { ...waits, nominatedNodeName: "n" })],
      nodes: 0,
    },
    { line: "of a DaemonSet: not ours", objects: [nodePool(), owned(pod({ name: "p" }), "DaemonSet")], nodes: 0 },
    { line: "a mirror of a static pod: not ours", objects: [nodePool(), owned(pod({ name: "p" }), "Node")], nodes: 0 },
    {
      line: "another scheduler: ours all the same",
      objects: [nodePool(), pod({ name: "p", schedulerName: "mine" })],
      nodes: 1,
    },
    {
      line: "the Fargate scheduler: not ours",
      objects: [nodePool(), pod({ name: "p", schedulerName: "fargate-scheduler" })],
      nodes: 0,
    },
    {
      line: "keeps off pools: ignored",
      objects: [nodePool(), pod({ name: "p", ...required([{ key: NODE_POOL_LABEL, operator: "DoesNotExist" }]) })],
      nodes: 0,
    },
    {
      line: "keeps off pools only in its second alternative: ours",
      objects: [
        nodePool(),
        pod({
          name: "p",
          ...required([{ key: ZONE_LABEL, operator: "Exists" }], [{ key: NODE_POOL_LABEL, operator: "DoesNotExist" }]),
        }),
      ],
      nodes: 1,
    },
    {
      line: "a node that goes: its daemons get no other",
      objects: [
        nodePool(),
        here("n", { pool: "default", deleting: true }),
        pod({ name: "d", node: "n", daemonOf: "agent" }),
        pod({ name: "p", node: "n" }),
      ],
      nodes: 1,
    },
    {
      line: "a node that goes: a protected pod is not provided for",
      objects: [
        nodePool(),
        here("n", { pool: "default", deleting: true }),
        {
          ...pod({ name: "p", node: "n" }),
          metadata: { ...pod({ name: "p" }).metadata, annotations: { "karpenter.sh/do-not-disrupt": "true" } },
        },
      ],
      nodes: 0,
    },
  ]);
});

describe("labels and taints, as others got them wrong", () => {
  checkGotchas([
    {
      line: "exists, and is not red: a node without the label will not do",
      objects: [
        nodePool(),
        here("n"),
        pod({
          name: "p",
          ...required([
            { key: "team", operator: "Exists" },
            { key: "team", operator: "NotIn", values: ["red"] },
          ]),
        }),
      ],
      left: 1,
    },
    {
      line: "exists, and is not red, of a pool that offers both",
      objects: [
        nodePool({ requirements: [{ key: "team", operator: "In", values: ["red", "blue"] }] }),
        pod({
          name: "p",
          ...required([
            { key: "team", operator: "Exists" },
            { key: "team", operator: "NotIn", values: ["red"] },
          ]),
        }),
      ],
      nodes: 1,
    },
    {
      line: "a custom label that a node has not, though its pool gives it: a new node",
      objects: [
        nodePool({ labels: { tier: "gold" } }),
        here("n", { pool: "default" }),
        pod({ name: "p", nodeSelector: { tier: "gold" } }),
      ],
      nodes: 1,
      existing: {},
    },
    {
      line: "In with no values: left",
      objects: [nodePool(), pod({ name: "p", ...required([{ key: ZONE_LABEL, operator: "In", values: [] }]) })],
      left: 1,
    },
    {
      line: "Gt with two values: left",
      objects: [nodePool(), pod({ name: "p", ...required([{ key: "size", operator: "Gt", values: ["1", "2"] }]) })],
      left: 1,
    },
    {
      line: "Gt with a word: left",
      objects: [nodePool(), pod({ name: "p", ...required([{ key: "size", operator: "Gt", values: ["abc"] }]) })],
      left: 1,
    },
    {
      line: "a restricted label: left",
      objects: [nodePool(), pod({ name: "p", nodeSelector: { "karpenter.sh/whatever": "x" } })],
      left: 1,
    },
    {
      line: "a subdomain of kubernetes.io that the pool defines",
      objects: [
        nodePool({ labels: { "sub.kubernetes.io/x": "y" } }),
        pod({ name: "p", nodeSelector: { "sub.kubernetes.io/x": "y" } }),
      ],
      nodes: 1,
    },
    {
      line: "the pool asks for more than 8, the pod for less than 4: left",
      objects: [
        nodePool({ requirements: [{ key: "size", operator: "Gt", values: ["8"] }] }),
        pod({ name: "p", ...required([{ key: "size", operator: "Lt", values: ["4"] }]) }),
      ],
      left: 1,
    },
    {
      line: "Gt holds from the next number on",
      objects: [
        nodePool({ labels: { size: "5" } }),
        pod({ name: "p", ...required([{ key: "size", operator: "Gt", values: ["4"] }]) }),
        pod({ name: "q", ...required([{ key: "size", operator: "Gt", values: ["5"] }]) }),
      ],
      leftNames: ["q"],
    },
    {
      line: "pool and pod agree on one value",
      objects: [
        nodePool({ requirements: [{ key: "team", operator: "In", values: ["a", "b"] }] }),
        pod({ name: "p", ...required([{ key: "team", operator: "In", values: ["b", "c"] }]) }),
      ],
      nodes: 1,
    },
    {
      line: "incompatible selectors: two nodes",
      objects: [
        nodePool(),
        pod({ name: "p", nodeSelector: { [ZONE_LABEL]: "zone-a" } }),
        pod({ name: "q", nodeSelector: { [ZONE_LABEL]: "zone-b" } }),
      ],
      nodes: 2,
    },
    {
      line: "the first alternative cannot be: the second",
      objects: [
        nodePool(),
        pod({
          name: "p",
          ...required([{ key: "none", operator: "Exists" }], [{ key: ZONE_LABEL, operator: "In", values: ["zone-c"] }]),
        }),
      ],
      zones: { "zone-c": 1 },
    },
    {
      line: "an alternative that costs less",
      objects: [
        nodePool(),
        pod({
          name: "p",
          cpu: 1,
          ...required(
            [{ key: INSTANCE_TYPE_LABEL, operator: "In", values: ["m.16"] }],
            [{ key: INSTANCE_TYPE_LABEL, operator: "In", values: ["m.2"] }],
          ),
        }),
      ],
      types1: ["m.2"],
    },
    { line: "only a startup taint: placed", objects: [nodePool({ startupTaints: [X] }), pod({ name: "p" })], nodes: 1 },
    {
      line: "NoExecute is as hard as NoSchedule",
      objects: [nodePool({ taints: [{ key: "x", effect: "NoExecute" }] }), pod({ name: "p" })],
      left: 1,
    },
    {
      line: "a toleration of another value: left",
      objects: [
        nodePool({ taints: [{ ...X, value: "a" }] }),
        pod({ name: "p", tolerations: [{ key: "x", operator: "Equal", value: "b" }] }),
      ],
      left: 1,
    },
    {
      line: "a toleration of another effect: left",
      objects: [
        nodePool({ taints: [X] }),
        pod({ name: "p", tolerations: [{ key: "x", operator: "Exists", effect: "NoExecute" }] }),
      ],
      left: 1,
    },
    {
      line: "a wish that cannot be on the only, softly tainted pool",
      objects: [
        nodePool({ taints: [{ key: "x", effect: "PreferNoSchedule" }] }),
        pod({
          name: "p",
          affinity: {
            nodeAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                { weight: 1, preference: { matchExpressions: [{ key: "none", operator: "Exists" }] } },
              ],
            },
          },
        }),
      ],
      nodes: 1,
    },
    {
      line: "a wish against a requirement: the requirement",
      objects: [
        nodePool(),
        pod({
          name: "p",
          nodeSelector: { [ZONE_LABEL]: "zone-a" },
          affinity: {
            nodeAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                {
                  weight: 1,
                  preference: { matchExpressions: [{ key: ZONE_LABEL, operator: "In", values: ["zone-b"] }] },
                },
              ],
            },
          },
        }),
      ],
      zones: { "zone-a": 1 },
    },
  ]);
});

describe("types, pools, limits, as others got them wrong", () => {
  const gpu = (name: string, key: string) => instanceType({ name, cpu: 4, memory: 16, price: 1, more: { [key]: 1 } });
  checkGotchas([
    {
      line: "two extended resources that no type joins: left",
      objects: [nodePool(), pod({ name: "p", more: { "a/x": 1, "b/x": 1 } })],
      types: [gpu("a", "a/x"), gpu("b", "b/x")],
      left: 1,
    },
    {
      line: "two pods, one extended resource each: two nodes",
      objects: [nodePool(), pod({ name: "p", more: { "a/x": 1 } }), pod({ name: "q", more: { "b/x": 1 } })],
      types: [gpu("a", "a/x"), gpu("b", "b/x")],
      nodes: 2,
      types1: ["a", "b"],
    },
    {
      line: "more pods than one node takes: another node",
      objects: [nodePool(), ...pods(111, { name: "p", cpu: "1m", memory: "1Mi" })],
      nodes: 2,
    },
    {
      line: "zero of a resource is no resource",
      objects: [nodePool(), pod({ name: "p", more: { "a/x": 0 } })],
      nodes: 1,
    },
    {
      line: "spot is cheaper, the pod wants on demand: by the price on demand",
      objects: [nodePool(), pod({ name: "p", nodeSelector: { [CAPACITY_TYPE_LABEL]: "on-demand" } })],
      types: [
        instanceType({
          name: "a",
          cpu: 2,
          memory: 8,
          offerings: [
            { zone: "z", price: 0.5 },
            { zone: "z", price: 0.01, capacityType: "spot" },
          ],
        }),
        instanceType({ name: "b", cpu: 2, memory: 8, offerings: [{ zone: "z", price: 0.1 }] }),
      ],
      types1: ["b"],
    },
    {
      line: "every offering sold out: left",
      objects: [nodePool(), pod({ name: "p" })],
      types: [instanceType({ name: "a", cpu: 2, memory: 8, offerings: [{ zone: "z", price: 0.5, available: false }] })],
      left: 1,
    },
    {
      line: "a zone that no offering has: left",
      objects: [nodePool(), pod({ name: "p", nodeSelector: { [ZONE_LABEL]: "zone-z" } })],
      left: 1,
    },
    {
      line: "two architectures: two nodes",
      objects: [
        nodePool(),
        pod({ name: "p", nodeSelector: { [ARCH_LABEL]: "arm64" } }),
        pod({ name: "q", nodeSelector: { [ARCH_LABEL]: "amd64" } }),
      ],
      types: [
        instanceType({ name: "a", cpu: 2, memory: 8 }),
        instanceType({ name: "b", cpu: 2, memory: 8, arch: "arm64" }),
      ],
      nodes: 2,
    },
    {
      line: "windows only on windows",
      objects: [nodePool(), pod({ name: "p", nodeSelector: { [OS_LABEL]: "windows" } })],
      types: [
        instanceType({ name: "a", cpu: 2, memory: 8 }),
        instanceType({ name: "b", cpu: 2, memory: 8, price: 3, os: ["windows"] }),
      ],
      types1: ["b"],
    },
    {
      line: "a sidecar before a big init container counts with it",
      objects: [
        nodePool(),
        pod({
          name: "p",
          cpu: "100m",
          initContainers: [
            { name: "s", restartPolicy: "Always", resources: { requests: { cpu: 1 } } },
            { name: "i", resources: { requests: { cpu: 3 } } },
          ],
        }),
      ],
      types1: ["m.8"],
    },
    {
      line: "a sidecar after it does not",
      objects: [
        nodePool(),
        pod({
          name: "p",
          cpu: "100m",
          initContainers: [
            { name: "i", resources: { requests: { cpu: 3 } } },
            { name: "s", restartPolicy: "Always", resources: { requests: { cpu: 1 } } },
          ],
        }),
      ],
      types1: ["m.4"],
    },
    {
      line: "pod-level requests replace the containers'",
      objects: [nodePool(), pod({ name: "p", cpu: 1, resources: { requests: { cpu: 3 } } })],
      types1: ["m.4"],
    },
    {
      line: "overhead comes on top",
      objects: [nodePool(), pod({ name: "p", cpu: "1500m", overhead: { cpu: 1 } })],
      types1: ["m.4"],
    },
    {
      line: "a limit of no GPUs leaves the others",
      objects: [nodePool({ limits: { "a/x": 0 } }), pod({ name: "p" })],
      types: [gpu("a", "a/x"), instanceType({ name: "b", cpu: 2, memory: 8, price: 9 })],
      types1: ["b"],
    },
    {
      line: "a limit that only small types keep",
      objects: [nodePool({ limits: { cpu: 4 } }), pod({ name: "p", cpu: 1 })],
      nodes: 1,
    },
    {
      line: "a batch larger than the limit: a part of it",
      objects: [nodePool({ limits: { cpu: 4 } }), pods(4, { name: "p", cpu: "1800m" })],
      left: 2,
    },
    {
      line: "a node that goes does not count to the limit",
      objects: [
        nodePool({ limits: { nodes: 1 } }),
        here("n", { pool: "default", deleting: true }),
        pod({ name: "p", node: "n" }),
      ],
      nodes: 1,
    },
    {
      line: "minValues that the heavier pool cannot meet: the lighter one",
      objects: [
        nodePool({ name: "heavy", weight: 10, requirements: [atLeast(5)] }),
        nodePool({ name: "light" }),
        pod({ name: "p" }),
      ],
      pools: ["light"],
    },
    {
      line: "minValues that a limit spoils: the lighter one",
      objects: [
        nodePool({ name: "heavy", weight: 10, requirements: [atLeast(2)], limits: { cpu: 2 } }),
        nodePool({ name: "light" }),
        pod({ name: "p" }),
      ],
      pools: ["light"],
    },
    {
      line: "BestEffort lowers minValues before it goes to the lighter pool",
      objects: [
        nodePool({ name: "heavy", weight: 10, requirements: [atLeast(5)] }),
        nodePool({ name: "light" }),
        pod({ name: "p" }),
      ],
      settings: { minValuesPolicy: "BestEffort" },
      pools: ["heavy"],
    },
    {
      line: "minValues of zones: more than there are",
      objects: [
        nodePool({ requirements: [{ key: ZONE_LABEL, operator: "Exists", minValues: 4 }] }),
        pod({ name: "p" }),
      ],
      left: 1,
    },
    {
      line: "minValues of zones: as many as there are",
      objects: [
        nodePool({ requirements: [{ key: ZONE_LABEL, operator: "Exists", minValues: 3 }] }),
        pod({ name: "p" }),
      ],
      nodes: 1,
    },
    {
      line: "a pool that is named beats a heavier one",
      objects: [
        nodePool({ name: "heavy", weight: 50 }),
        nodePool({ name: "light" }),
        pod({ name: "p", nodeSelector: { [NODE_POOL_LABEL]: "light" } }),
      ],
      pools: ["light"],
    },
    {
      line: "a pool whose requirements nothing meets: the next",
      objects: [
        nodePool({
          name: "heavy",
          weight: 50,
          requirements: [{ key: INSTANCE_TYPE_LABEL, operator: "In", values: ["none"] }],
        }),
        nodePool({ name: "light" }),
        pod({ name: "p" }),
      ],
      pools: ["light"],
    },
  ]);
});

describe("nodes that exist, as others got them wrong", () => {
  checkGotchas([
    {
      line: "not registered, not ready yet: usable",
      objects: [nodePool(), here("n", { pool: "default", initialized: false, taints: [notReady] }), pod({ name: "p" })],
      existing: { n: 1 },
      nodes: 0,
    },
    {
      line: "initialized and not ready: not usable",
      objects: [nodePool(), here("n", { pool: "default", taints: [notReady] }), pod({ name: "p" })],
      existing: {},
      nodes: 1,
    },
    {
      line: "readiness gates of a node that starts: usable",
      objects: [
        nodePool(),
        here("n", {
          pool: "default",
          initialized: false,
          taints: [{ key: "readiness.k8s.io/x", effect: "NoSchedule" }],
        }),
        pod({ name: "p" }),
      ],
      existing: { n: 1 },
    },
    {
      line: "readiness gates of one that has started: not usable",
      objects: [
        nodePool(),
        here("n", { pool: "default", taints: [{ key: "readiness.k8s.io/x", effect: "NoSchedule" }] }),
        pod({ name: "p" }),
      ],
      existing: {},
      nodes: 1,
    },
    {
      line: "not of a pool and not ready: not usable",
      objects: [nodePool(), here("n", { taints: [notReady] }), pod({ name: "p" })],
      existing: {},
      nodes: 1,
    },
    {
      line: "its NodeClaim is going: not usable",
      objects: [nodePool(), here("n", { pool: "default", deleting: true }), pod({ name: "p" })],
      existing: {},
      nodes: 1,
    },
    {
      line: "a claim without a node is room that is known",
      objects: [
        nodePool(),
        here("n", {
          pool: "default",
          joined: false,
          labels: { [HOSTNAME_LABEL]: "n", [REGISTERED_LABEL]: "", [INITIALIZED_LABEL]: "" },
        }),
        pods(2, { name: "p" }),
      ],
      nodes: 0,
    },
    {
      line: "the same port of two addresses",
      objects: [
        nodePool(),
        ...["10.0.0.1", "10.0.0.2"].map((hostIP, i) =>
          pod({
            name: `p-${i}`,
            cpu: "100m",
            containers: [{ name: "c", ports: [{ containerPort: 80, hostPort: 80, hostIP }] }],
          }),
        ),
      ],
      nodes: 1,
    },
    {
      line: "the same port of one address and of all",
      objects: [
        nodePool(),
        ...["10.0.0.1", "0.0.0.0"].map((hostIP, i) =>
          pod({ name: `p-${i}`, containers: [{ name: "c", ports: [{ containerPort: 80, hostPort: 80, hostIP }] }] }),
        ),
      ],
      nodes: 2,
    },
    {
      line: "the same port of two protocols",
      objects: [
        nodePool(),
        ...["UDP", "TCP"].map((protocol, i) =>
          pod({ name: `p-${i}`, containers: [{ name: "c", ports: [{ containerPort: 80, hostPort: 80, protocol }] }] }),
        ),
      ],
      nodes: 1,
    },
    {
      line: "a daemon that is still to come has its port",
      objects: [
        nodePool(),
        here("n", { pool: "default" }),
        daemonSet("agent", "100m", { containers: [{ name: "a", ports: [{ containerPort: 80, hostPort: 80 }] }] }),
        pod({ name: "p", hostPort: 80 }),
      ],
      existing: {},
      left: 1,
    },
    {
      line: "a daemon too large for any type: left",
      objects: [nodePool(), daemonSet("agent", 100), pod({ name: "p" })],
      left: 1,
    },
    {
      line: "a daemon that does not tolerate a startup taint is counted",
      objects: [nodePool({ startupTaints: [X] }), daemonSet("agent", 1), pod({ name: "p", cpu: 1 })],
      types1: ["m.4"],
    },
    {
      line: "a daemon that does not tolerate a taint is not",
      objects: [
        nodePool({ taints: [X] }),
        daemonSet("agent", 1),
        pod({ name: "p", cpu: 1, tolerations: [{ operator: "Exists" }] }),
      ],
      types1: ["m.2"],
    },
    {
      line: "a daemon on a label that the pool gives is counted",
      objects: [
        nodePool({ labels: { tier: "gold" } }),
        daemonSet("agent", 1, { nodeSelector: { tier: "gold" } }),
        pod({ name: "p", cpu: 1 }),
      ],
      types1: ["m.4"],
    },
    {
      line: "a daemon on a label that nobody gives is not",
      objects: [nodePool(), daemonSet("agent", 1, { nodeSelector: { tier: "gold" } }), pod({ name: "p", cpu: 1 })],
      types1: ["m.2"],
    },
    {
      line: "a daemon that shuns a label that nobody gives is counted",
      objects: [
        nodePool(),
        daemonSet("agent", 1, required([{ key: "tier", operator: "NotIn", values: ["gold"] }])),
        pod({ name: "p", cpu: 1 }),
      ],
      types1: ["m.4"],
    },
    {
      line: "a daemon's second alternative",
      objects: [
        nodePool(),
        daemonSet(
          "agent",
          1,
          required([{ key: "tier", operator: "Exists" }], [{ key: ZONE_LABEL, operator: "Exists" }]),
        ),
        pod({ name: "p", cpu: 1 }),
      ],
      types1: ["m.4"],
    },
    {
      line: "a daemon on nodes that are up (registered=true) is counted",
      objects: [
        nodePool(),
        daemonSet("agent", 1, { nodeSelector: { [REGISTERED_LABEL]: "true" } }),
        pod({ name: "p", cpu: 1 }),
      ],
      types1: ["m.4"],
    },
    {
      line: "a daemon's wish that cannot be: counted",
      objects: [
        nodePool(),
        daemonSet("agent", 1, {
          affinity: {
            nodeAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                { weight: 1, preference: { matchExpressions: [{ key: "none", operator: "Exists" }] } },
              ],
            },
          },
        }),
        pod({ name: "p", cpu: 1 }),
      ],
      types1: ["m.4"],
    },
    {
      line: "a daemon with limits only: they are its requests",
      objects: [
        nodePool(),
        daemonSet("agent", 0, { containers: [{ name: "a", resources: { limits: { cpu: 1 } } }] }),
        pod({ name: "p", cpu: 1 }),
      ],
      types1: ["m.4"],
    },
    {
      line: "a foreign daemon's pod on the node frees no room",
      objects: [
        nodePool(),
        here("n", { cpu: 2 }),
        daemonSet("agent", "1500m"),
        pod({ name: "d", node: "n", cpu: "100m", daemonOf: "other" }),
        pod({ name: "p", cpu: 1 }),
      ],
      existing: {},
      nodes: 1,
    },
    {
      line: "a namespace of nobody's does not matter",
      objects: [
        thing("v1", "Namespace", "x", {}),
        nodePool(),
        pods(2, {
          name: "p",
          cpu: "100m",
          labels: { app: "web" },
          ...apart("web", HOSTNAME_LABEL, { namespaces: ["x"] }),
        }),
      ],
      nodes: 1,
    },
  ]);
});
