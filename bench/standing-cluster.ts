import type { Random } from "../src/base/random.ts";
import type { Node, Pod, PodSpec } from "../src/model/core.ts";
import type { InstanceType, Offering } from "../src/model/instance-type.ts";
import {
  CAPACITY_TYPE_LABEL,
  HOSTNAME_LABEL,
  INITIALIZED_LABEL,
  INSTANCE_TYPE_LABEL,
  NODE_POOL_LABEL,
  REGISTERED_LABEL,
  ZONE_LABEL,
} from "../src/model/labels.ts";
import type { KubeObject } from "../src/model/object.ts";
import type { NodeClaim } from "../src/model/resources/node-claim.ts";
import { formatResources } from "../src/model/resources.ts";

/** A cluster that has been running for a while: managed, initialized nodes with their claims, and diverse pods on them. */
export type StandingCluster = {
  objects: KubeObject[];
  pods: Pod[];
  nodes: Node[];
};

export type StandingSizes = {
  /** With the daemons' pods. */
  pods: number;
  nodes: number;
  /** Pods of one workload. */
  workloadPods: number;
};

const USUAL_TYPES = "m5.2xlarge m6i.2xlarge m6i.4xlarge c6i.4xlarge r6i.2xlarge m7g.2xlarge c7g.4xlarge".split(" ");
const LARGER_TYPES = "m5.4xlarge m6i.4xlarge c6i.4xlarge r6i.4xlarge m7g.4xlarge c7g.4xlarge".split(" ");
/** With more pods to a node than this, nodes are larger. */
const USUAL_PODS_MAX = 12;
const CPUS_MILLI = [100, 250, 500, 1_000, 1_500];
const MEMORY_MIB = [100, 256, 512, 1_024, 2_048, 4_096];
const KINDS = ["plain", "zonal spread", "host spread", "zonal affinity", "host anti-affinity"] as const;
const DAEMONS = ["agent", "proxy"];
/** A fixed moment long before the one at which plans are made. */
const CREATED = "2026-01-01T00:00:00Z";
/** Of a node's cpu and memory this share is filled. */
const FILL_MAX = 0.85;

/** Pods of many workloads; in fifths: plain, spread over zones, over hosts, near their own by zone, apart by host. */
export function standingCluster(sizes: StandingSizes, types: readonly InstanceType[], random: Random): StandingCluster {
  const names = sizes.pods > USUAL_PODS_MAX * sizes.nodes ? LARGER_TYPES : USUAL_TYPES;
  const usual = types.filter(({ name }) => names.includes(name));
  const places = launchedNodes(sizes.nodes, usual.length > 0 ? usual : types, random);
  const apps = Math.max(0, sizes.pods - sizes.nodes * DAEMONS.length);
  const pods = [...daemonPods(places), ...appPods(apps, sizes.workloadPods, places, random)];
  const nodes = places.map(({ node }) => node);
  const objects: KubeObject[] = [nodePool(), ...DAEMONS.map(daemonSet), namespace()];
  for (const { node, claim } of places) objects.push(node as KubeObject, claim as KubeObject);
  objects.push(...(pods as KubeObject[]));
  return { objects, pods, nodes };
}

/** A node with what is left of it. */
type Place = { node: Node; claim: NodeClaim; zone: string; cpu: number; memoryMib: number; workloads: Set<number> };

function launchedNodes(count: number, types: readonly InstanceType[], random: Random): Place[] {
  return Array.from({ length: count }, (_, index) => {
    const type = random.pick(types);
    const offering = random.pick(type.offerings.filter(({ available }) => available));
    const { node, claim } = launchedNode(`node-${String(index).padStart(6, "0")}`, type, offering);
    const { cpu = 0, memory = 0 } = type.allocatable;
    const memoryMib = (memory / 2 ** 20) * FILL_MAX;
    return { node, claim, zone: offering.zone, cpu: cpu * FILL_MAX, memoryMib, workloads: new Set<number>() };
  });
}

/** An initialized node of the pool "default" with its claim. */
export function launchedNode(name: string, type: InstanceType, offering: Offering): { node: Node; claim: NodeClaim } {
  const providerID = `kwok://${name}`;
  const labels: Record<string, string> = {
    ...labelsOf(type, offering),
    [INSTANCE_TYPE_LABEL]: type.name,
    [ZONE_LABEL]: offering.zone,
    [CAPACITY_TYPE_LABEL]: offering.capacityType,
    [NODE_POOL_LABEL]: "default",
  };
  const capacity = formatResources(type.capacity);
  const allocatable = formatResources(type.allocatable);
  const nodeClassRef = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };
  const claim = {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: { ...meta(`claim-${name}`), labels },
    spec: { nodeClassRef, requirements: [], expireAfter: "720h" },
    status: {
      providerID,
      nodeName: name,
      capacity,
      allocatable,
      conditions: ["Launched", "Registered", "Initialized", "Consolidatable"].map(isTrue),
    },
  } as unknown as NodeClaim;
  const node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      ...meta(name),
      labels: { ...labels, [HOSTNAME_LABEL]: name, [REGISTERED_LABEL]: "true", [INITIALIZED_LABEL]: "true" },
    },
    spec: { providerID },
    status: { capacity, allocatable, conditions: [isTrue("Ready")] },
  } as unknown as Node;
  return { node, claim };
}

function labelsOf(type: InstanceType, offering: Offering): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const requirements of [type.requirements, offering.requirements]) {
    for (const [key, { complement, values }] of requirements) {
      const [only, ...others] = values;
      if (!complement && only !== undefined && others.length === 0) labels[key] = only;
    }
  }
  return labels;
}

function appPods(count: number, perWorkload: number, places: readonly Place[], random: Random): Pod[] {
  const zones = [...new Set(places.map(({ zone }) => zone))].sort();
  const byZone = new Map(zones.map((zone) => [zone, places.filter((place) => place.zone === zone)]));
  return Array.from({ length: count }, (_, index) => {
    const workload = Math.floor(index / perWorkload);
    const size = sizeOf(workload);
    const zone = zoneFor(workload, index, zones);
    const open = (zone === undefined ? places : byZone.get(zone)) ?? places;
    const place = roomyPlace(open, workload, size, random);
    place.cpu -= size.cpu;
    place.memoryMib -= size.memoryMib;
    place.workloads.add(workload);
    return bound(workloadPod(workload, index), place.node.metadata.name);
  });
}

/** Spread over zones in turn; near their own: all in one. */
function zoneFor(workload: number, index: number, zones: readonly string[]): string | undefined {
  const kind = KINDS[workload % KINDS.length];
  if (kind === "zonal spread") return zones[index % zones.length];
  return kind === "zonal affinity" ? zones[workload % zones.length] : undefined;
}

/** Pods of a workload never share a node here: so the rules about hosts are kept. */
function roomyPlace(places: readonly Place[], workload: number, size: Size, random: Random): Place {
  for (let look = 0; look < 200; look += 1) {
    const place = random.pick(places);
    const isFree = place.cpu >= size.cpu && place.memoryMib >= size.memoryMib && !place.workloads.has(workload);
    if (isFree) return place;
  }
  const free = places.find((place) => place.cpu >= size.cpu && place.memoryMib >= size.memoryMib);
  if (free === undefined) throw new RangeError("the nodes are too few for the pods");
  return free;
}

type Size = { cpu: number; memoryMib: number };

function sizeOf(workload: number): Size {
  const cpu = CPUS_MILLI[(workload * 7) % CPUS_MILLI.length] ?? 100;
  return { cpu, memoryMib: MEMORY_MIB[(workload * 5) % MEMORY_MIB.length] ?? 100 };
}

/** A pod of the workload that waits for a node. Workloads follow each other in kind. */
export function workloadPod(workload: number, index: number, size: Size = sizeOf(workload)): Pod {
  const app = `app-${workload}`;
  const requests = { cpu: `${size.cpu}m`, memory: `${size.memoryMib}Mi` };
  const spec = { containers: [{ name: "app", image: "app", resources: { requests } }], ...rulesOf(workload, app) };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...meta(`${app}-${index}`), namespace: "default", labels: { app }, ownerReferences: [replicaSet(app)] },
    spec,
    status: { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] },
  } as unknown as Pod;
}

function rulesOf(workload: number, app: string): Partial<PodSpec> {
  const labelSelector = { matchLabels: { app } };
  const spread = (topologyKey: string) => ({
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey, whenUnsatisfiable: "DoNotSchedule", labelSelector }],
  });
  const term = (topologyKey: string) => ({
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector }],
  });
  switch (KINDS[workload % KINDS.length]) {
    case "zonal spread":
      return spread(ZONE_LABEL) as Partial<PodSpec>;
    case "host spread":
      return spread(HOSTNAME_LABEL) as Partial<PodSpec>;
    case "zonal affinity":
      return { affinity: { podAffinity: term(ZONE_LABEL) } };
    case "host anti-affinity":
      return { affinity: { podAntiAffinity: term(HOSTNAME_LABEL) } };
    default:
      return {};
  }
}

/** The pod as the scheduler leaves it, running. */
export function bound(pod: Pod, nodeName: string): Pod {
  const conditions = ["PodScheduled", "Ready"].map((type) => ({ type, status: "True" }));
  return { ...pod, spec: { ...pod.spec, nodeName }, status: { phase: "Running", conditions } } as Pod;
}

function daemonPods(places: readonly Place[]): Pod[] {
  return places.flatMap(({ node: { metadata } }) => DAEMONS.map((name) => daemonPod(name, metadata.name)));
}

function daemonPod(name: string, nodeName: string): Pod {
  const owner = { apiVersion: "apps/v1", kind: "DaemonSet", name, uid: `uid-${name}`, controller: true };
  return bound(
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        ...meta(`${name}-${nodeName}`),
        namespace: "default",
        labels: { daemon: name },
        ownerReferences: [owner],
      },
      spec: daemonSpec(),
    } as unknown as Pod,
    nodeName,
  );
}

function daemonSpec() {
  const requests = { cpu: "50m", memory: "64Mi" };
  return { containers: [{ name: "daemon", image: "daemon", resources: { requests } }] };
}

function daemonSet(name: string): KubeObject {
  const labels = { daemon: name };
  const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: daemonSpec() } };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { ...meta(name), namespace: "default" },
    spec,
  } as KubeObject;
}

function replicaSet(app: string) {
  return { apiVersion: "apps/v1", kind: "ReplicaSet", name: `${app}-rs`, uid: `uid-${app}-rs`, controller: true };
}

function namespace(): KubeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: meta("default") };
}

function nodePool(): KubeObject {
  const template = {
    spec: {
      nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
      requirements: [{ key: CAPACITY_TYPE_LABEL, operator: "In", values: ["on-demand", "spot"] }],
    },
  };
  const disruption = {
    consolidationPolicy: "WhenEmptyOrUnderutilized",
    consolidateAfter: "0s",
    budgets: [{ nodes: "10%" }],
  };
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { ...meta("default"), generation: 1 },
    spec: { template, disruption },
    status: { conditions: [isTrue("Ready")] },
  } as KubeObject;
}

function isTrue(type: string) {
  return { type, status: "True", reason: type, message: "", lastTransitionTime: CREATED };
}

function meta(name: string) {
  return { name, uid: `uid-${name}`, resourceVersion: "1", creationTimestamp: CREATED };
}
