import type { DaemonSet, Node, Pod, PodSpec, ResourceList, Taint } from "../../model/core.ts";
import type { CapacityType, InstanceType, Offering } from "../../model/instance-type.ts";
import {
  ARCH_LABEL,
  CAPACITY_TYPE_LABEL,
  INITIALIZED_LABEL,
  INSTANCE_TYPE_LABEL,
  NODE_POOL_LABEL,
  OS_LABEL,
  REGISTERED_LABEL,
  WELL_KNOWN_LABELS,
  ZONE_LABEL,
} from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import { type RequirementSpec, requirementsOf } from "../../model/requirements.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { parseResources, subtractResources } from "../../model/resources.ts";
import type { Memory, PlanSettings, Snapshot } from "../../snapshot/snapshot.ts";
import { takeSnapshot } from "../../snapshot/take-snapshot.ts";
import { viewOf } from "../../snapshot/view-of.ts";

/** Small clusters for tests: objects with what a test says and sensible values for the rest. */

export type OfferingSketch = {
  zone: string;
  capacityType?: CapacityType;
  price: number;
  available?: boolean;
  /** Id and places left. */
  reservation?: [string, number];
};
export const RESERVATION_LABEL = "karpenter.k8s.aws/capacity-reservation-id";
export type TypeSketch = {
  name: string;
  cpu: number;
  /** In GiB. */
  memory: number;
  /** Per hour in each of zones a and b, on demand; spot costs 60 % of it. Or what offerings say. */
  price?: number;
  offerings?: readonly OfferingSketch[];
  arch?: string;
  os?: readonly string[];
  more?: ResourceList;
  labels?: Record<string, string>;
};

/** A type that keeps 100m cpu for itself and nothing else. */
export function instanceType(sketch: TypeSketch): InstanceType {
  const { name, cpu, memory, arch = "amd64", os = ["linux"], labels = {}, more = {} } = sketch;
  const offerings = (sketch.offerings ?? standardOfferings(sketch.price ?? cpu * 0.03 + memory * 0.005)).map(offering);
  const capacity = parseResources({ cpu, memory: `${memory}Gi`, pods: "110", ...more });
  const overhead = { cpu: 100 };
  const specs: RequirementSpec[] = [
    { key: INSTANCE_TYPE_LABEL, operator: "In", values: [name] },
    { key: ARCH_LABEL, operator: "In", values: [arch] },
    { key: OS_LABEL, operator: "In", values: [...os] },
    { key: ZONE_LABEL, operator: "In", values: [...new Set(offerings.map(({ zone }) => zone))] },
    { key: CAPACITY_TYPE_LABEL, operator: "In", values: [...new Set(offerings.map((o) => o.capacityType))] },
    ...Object.entries(labels).map(([key, value]): RequirementSpec => ({ key, operator: "In", values: [value] })),
  ];
  return {
    name,
    requirements: requirementsOf(specs),
    offerings,
    capacity,
    overhead,
    allocatable: subtractResources(capacity, overhead),
  };
}

function standardOfferings(price: number): OfferingSketch[] {
  return ["zone-a", "zone-b"].flatMap((zone) => [
    { zone, capacityType: "on-demand" as const, price },
    { zone, capacityType: "spot" as const, price: Math.round(price * 0.6 * 1e6) / 1e6 },
  ]);
}

function offering(sketch: OfferingSketch): Offering {
  const { zone, capacityType = "on-demand", price, available = true, reservation } = sketch;
  const specs: RequirementSpec[] = [
    { key: ZONE_LABEL, operator: "In", values: [zone] },
    { key: CAPACITY_TYPE_LABEL, operator: "In", values: [capacityType] },
    reservation === undefined
      ? { key: RESERVATION_LABEL, operator: "DoesNotExist" }
      : { key: RESERVATION_LABEL, operator: "In", values: [reservation[0]] },
  ];
  return {
    requirements: requirementsOf(specs),
    zone,
    capacityType,
    priceUsdPerHour: price,
    available,
    ...(reservation === undefined ? {} : { reservationId: reservation[0], reservationCapacity: reservation[1] }),
  };
}

export type PoolSketch = {
  name?: string;
  requirements?: RequirementSpec[];
  taints?: Taint[];
  startupTaints?: Taint[];
  labels?: Record<string, string>;
  limits?: ResourceList;
  weight?: number;
  replicas?: number;
  ready?: boolean;
  deleting?: boolean;
};

export function nodePool(sketch: PoolSketch = {}): NodePool {
  const { name = "default", requirements = [], taints, startupTaints, labels, limits, weight, replicas } = sketch;
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { ...meta(name), ...(sketch.deleting === true ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}) },
    spec: {
      template: {
        metadata: labels === undefined ? {} : { labels },
        spec: {
          nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
          requirements,
          ...(taints === undefined ? {} : { taints }),
          ...(startupTaints === undefined ? {} : { startupTaints }),
          expireAfter: "720h",
        },
      },
      ...(limits === undefined ? {} : { limits }),
      ...(weight === undefined ? {} : { weight }),
      ...(replicas === undefined ? {} : { replicas }),
    },
    status: {
      conditions: [
        {
          type: "Ready",
          status: sketch.ready === false ? "False" : "True",
          reason: "Ready",
          message: sketch.ready === false ? "the class is not ready" : "",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ],
    },
  } as NodePool;
}

export type PodSketch = Partial<PodSpec> & {
  name: string;
  cpu?: number | string;
  memory?: string;
  more?: ResourceList;
  labels?: Record<string, string>;
  node?: string;
  daemonOf?: string;
  created?: string;
  hostPort?: number;
};

/** Waits for a node, unless it names one. */
export function pod(sketch: PodSketch): Pod {
  const { name, cpu = 1, memory = "1Gi", more = {}, labels, node, daemonOf, created, hostPort, ...spec } = sketch;
  const ports = hostPort === undefined ? {} : { ports: [{ containerPort: hostPort, hostPort }] };
  const owner = { apiVersion: "apps/v1", kind: "DaemonSet", name: daemonOf ?? "", uid: `uid-${daemonOf}` };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...meta(name),
      namespace: "default",
      ...(created === undefined ? {} : { creationTimestamp: created }),
      ...(labels === undefined ? {} : { labels }),
      ...(daemonOf === undefined ? {} : { ownerReferences: [owner] }),
    },
    spec: {
      containers: [{ name: "app", resources: { requests: { cpu, memory, ...more } }, ...ports }],
      ...(node === undefined ? {} : { nodeName: node }),
      ...spec,
    },
    status:
      node === undefined
        ? { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] }
        : { phase: "Running" },
  };
}

export function pods(count: number, sketch: PodSketch): Pod[] {
  return Array.from({ length: count }, (_, i) => pod({ ...sketch, name: `${sketch.name}-${i + 1}` }));
}

export function daemonSet(name: string, cpu: number | string, spec: Partial<PodSpec> = {}): DaemonSet {
  const containers = [{ name: "agent", resources: { requests: { cpu, memory: "100Mi" } } }];
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { ...meta(name), namespace: "kube-system" },
    spec: { selector: {}, template: { spec: { containers, ...spec } } },
  };
}

export type NodeSketch = {
  name: string;
  cpu?: number;
  memory?: string;
  pool?: string;
  labels?: Record<string, string>;
  taints?: Taint[];
  startupTaints?: Taint[];
  /** Default true. */
  initialized?: boolean;
  /** False: a claim whose node has not come yet. */
  joined?: boolean;
  deleting?: boolean;
};

/** A node of a pool with its claim; without `pool` a node that is not Karpenter's. */
export function node(sketch: NodeSketch): KubeObject[] {
  const {
    name,
    cpu = 4,
    memory = "8Gi",
    pool,
    taints = [],
    startupTaints = [],
    initialized = true,
    joined = true,
  } = sketch;
  const amounts = { cpu, memory, pods: 110 };
  const labels: Record<string, string> = {
    [ZONE_LABEL]: "zone-a",
    [ARCH_LABEL]: "amd64",
    [OS_LABEL]: "linux",
    [INSTANCE_TYPE_LABEL]: "there",
    [CAPACITY_TYPE_LABEL]: "on-demand",
    ...(pool === undefined ? {} : { [NODE_POOL_LABEL]: pool, [REGISTERED_LABEL]: "true" }),
    ...(pool === undefined || !initialized ? {} : { [INITIALIZED_LABEL]: "true" }),
    ...sketch.labels,
  };
  const providerID = `test://${name}`;
  const machine: Node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { ...meta(name), labels },
    spec: { providerID, taints },
    status: { capacity: amounts, allocatable: amounts },
  };
  const claim = {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: {
      ...meta(`claim-${name}`),
      labels,
      ...(sketch.deleting === true ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: { nodeClassRef: { group: "g", kind: "K", name: "default" }, requirements: [], taints, startupTaints },
    status: { providerID, capacity: amounts, allocatable: amounts, conditions: [] },
  } as unknown as NodeClaim;
  return [...(joined ? [machine] : []), ...(pool === undefined ? [] : [claim])];
}

export type ClusterSketch = {
  types?: readonly InstanceType[];
  objects: readonly (KubeObject | readonly KubeObject[])[];
  settings?: Partial<PlanSettings>;
  memory?: Memory;
};

/** Four types of one family, each twice the one before, at twice the price. */
export const FAMILY: readonly InstanceType[] = [
  instanceType({ name: "m.large", cpu: 2, memory: 8, price: 0.1 }),
  instanceType({ name: "m.xlarge", cpu: 4, memory: 16, price: 0.2 }),
  instanceType({ name: "m.2xlarge", cpu: 8, memory: 32, price: 0.4 }),
  instanceType({ name: "m.4xlarge", cpu: 16, memory: 64, price: 0.8 }),
];

export function clusterOf({ types = FAMILY, objects, settings, memory }: ClusterSketch): Snapshot {
  const view = viewOf(objects.flat());
  return takeSnapshot(view, {
    nowMs: 0,
    instanceTypes: new Map([...view.nodePools.keys()].map((name) => [name, types])),
    wellKnownLabels: new Set([...WELL_KNOWN_LABELS, RESERVATION_LABEL]),
    settings: { searchSteps: 300_000, ...settings },
    ...(memory === undefined ? {} : { memory }),
  });
}

function meta(name: string) {
  return { name, uid: `uid-${name}`, resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };
}
