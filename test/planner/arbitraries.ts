import fc from "fast-check";
import type {
  Affinity,
  DaemonSet,
  NodeSelectorRequirement,
  PodAffinityTerm,
  PodSpec,
  Taint,
  TopologySpreadConstraint,
} from "../../src/model/core.ts";
import type { InstanceType } from "../../src/model/instance-type.ts";
import { ARCH_LABEL, CAPACITY_TYPE_LABEL, HOSTNAME_LABEL, OS_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import type { RequirementSpec } from "../../src/model/requirements.ts";
import { instanceType, node, nodePool, pod } from "../../src/plan/provision/test-cluster.ts";

/** Random small clusters that use every rule of scheduling; each rule alone often enough to be met by chance. */
export type RandomCluster = { types: InstanceType[]; objects: KubeObject[] };

export const ZONES = ["zone-a", "zone-b", "zone-c"];
export const SIZE_LABEL = "example.com/size";
const TEAMS = ["red", "blue"];
const APPS = ["web", "db", "job"];
const DEDICATED: Taint = { key: "dedicated", value: "x", effect: "NoSchedule" };
const SOFT: Taint = { key: "soft", effect: "PreferNoSchedule" };
const STARTUP: Taint = { key: "warming", effect: "NoExecute" };
const GPU = "example.com/gpu";
const DRIVER = "disk.example.com";

/** Nothing, but for one time in so many. */
function oneIn<T>(times: number, some: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: times - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: some });
}

/** Mostly nothing, else one of the values. */
function seldom<T>(...values: T[]): fc.Arbitrary<T | undefined> {
  return oneIn(4, fc.constantFrom(...values));
}

// ---------------------------------------------------------------- what can be bought

const TYPE = fc
  .record({
    cpu: fc.constantFrom(1, 2, 4, 8),
    memory: fc.constantFrom(2, 4, 16),
    arch: fc.constantFrom("amd64", "amd64", "arm64"),
    os: fc.constantFrom(["linux"], ["linux"], ["linux", "windows"]),
    pods: fc.constantFrom(110, 110, 4),
    gpu: fc.constantFrom(0, 0, 0, 2),
    offerings: fc.uniqueArray(
      fc.record({
        zone: fc.constantFrom(...ZONES),
        capacityType: fc.constantFrom("on-demand" as const, "spot" as const),
        price: fc.integer({ min: 1, max: 60 }).map((n) => n / 100),
        available: fc.constantFrom(true, true, true, false),
      }),
      { minLength: 1, maxLength: 6, selector: ({ zone, capacityType }) => `${zone} ${capacityType}` },
    ),
  })
  .map(({ gpu, pods, ...sketch }) => ({
    ...sketch,
    more: { pods, ...(gpu > 0 ? { [GPU]: gpu } : {}) },
    labels: { [SIZE_LABEL]: String(sketch.cpu) },
  }));

/** One more type, for clusters that have theirs already. */
export const EXTRA_TYPE = TYPE.map((sketch) => instanceType({ ...sketch, name: "type-extra" }));

const POOL = fc.record({
  requirements: fc.subarray<RequirementSpec>(
    [
      { key: ZONE_LABEL, operator: "In", values: ["zone-a", "zone-b"] },
      { key: CAPACITY_TYPE_LABEL, operator: "NotIn", values: ["spot"] },
      { key: ARCH_LABEL, operator: "In", values: ["amd64"] },
      { key: SIZE_LABEL, operator: "Gte", values: ["2"] },
      { key: "team", operator: "In", values: TEAMS },
      { key: "node.kubernetes.io/instance-type", operator: "Exists", minValues: 2 },
    ],
    { maxLength: 2 },
  ),
  labels: seldom<Record<string, string>>({ tier: "gold" }, { tier: "tin" }),
  taints: seldom<Taint[]>([DEDICATED], [SOFT]),
  startupTaints: seldom<Taint[]>([STARTUP]),
  weight: seldom(10, 50),
  limits: seldom<Record<string, string | number>>({ cpu: 10 }, { nodes: 2 }, { memory: "24Gi" }, { [GPU]: 0 }),
});

// ---------------------------------------------------------------- pods and their rules

const SELECTOR = seldom<Record<string, string>>(
  { [ZONE_LABEL]: "zone-a" },
  { [ZONE_LABEL]: "zone-b" },
  { "failure-domain.beta.kubernetes.io/zone": "zone-c" },
  { [ARCH_LABEL]: "arm64" },
  { [OS_LABEL]: "windows" },
  { team: "red" },
  { tier: "gold" },
  { [CAPACITY_TYPE_LABEL]: "spot" },
);

const EXPRESSION = fc.constantFrom<NodeSelectorRequirement[]>(
  { key: ZONE_LABEL, operator: "In", values: ["zone-b", "zone-c"] },
  { key: ZONE_LABEL, operator: "NotIn", values: ["zone-a"] },
  { key: SIZE_LABEL, operator: "Gt", values: ["1"] },
  { key: SIZE_LABEL, operator: "Lt", values: ["8"] },
  { key: "team", operator: "NotIn", values: ["red"] },
  { key: "team", operator: "Exists" },
  { key: "tier", operator: "DoesNotExist" },
  { key: ARCH_LABEL, operator: "NotIn", values: ["arm64"] },
);

const TERMS = oneIn(
  3,
  fc.array(
    fc.array(EXPRESSION, { minLength: 1, maxLength: 2 }).map((matchExpressions) => ({ matchExpressions })),
    { minLength: 1, maxLength: 2 },
  ),
);

const APP = fc.constantFrom(...APPS);
const SPREAD = oneIn(
  2,
  fc.record({
    key: fc.constantFrom(ZONE_LABEL, ZONE_LABEL, HOSTNAME_LABEL, CAPACITY_TYPE_LABEL, ARCH_LABEL, "team"),
    maxSkew: fc.constantFrom(1, 1, 2),
    app: oneIn(3, APP),
    isWish: fc.constantFrom(false, false, false, true),
    minDomains: seldom(2, 3),
    nodeAffinityPolicy: seldom("Ignore", "Honor"),
    nodeTaintsPolicy: seldom("Ignore", "Honor"),
    matchLabelKeys: seldom<string[]>(["version"]),
  }),
);

const NEAR = fc.record({
  key: fc.constantFrom(ZONE_LABEL, HOSTNAME_LABEL, CAPACITY_TYPE_LABEL),
  app: oneIn(2, APP),
  namespaces: seldom<Pick<PodAffinityTerm, "namespaces" | "namespaceSelector">>(
    { namespaces: ["other"] },
    { namespaceSelector: {} },
    { namespaceSelector: { matchLabels: { kind: "second" } } },
  ),
});

const WORKLOAD = fc.record({
  app: APP,
  namespace: fc.constantFrom("default", "default", "other"),
  cpu: fc.constantFrom("100m", "200m", "500m", "500m", "1", "1500m", "3", "20"),
  memory: fc.constantFrom("100Mi", "1Gi", "3Gi"),
  gpu: fc.constantFrom(0, 0, 0, 0, 1),
  initCpu: seldom("2"),
  version: fc.constantFrom("v1", "v2"),
  selector: SELECTOR,
  terms: TERMS,
  spread: SPREAD,
  near: oneIn(4, NEAR),
  apart: oneIn(4, NEAR),
  tolerates: fc.boolean(),
  port: oneIn(
    6,
    fc.constantFrom({ hostPort: 80 }, { hostPort: 80, hostIP: "10.0.0.1" }, { hostPort: 80, protocol: "UDP" }),
  ),
  volume: oneIn(6, fc.constantFrom("pv-a", "pv-ab", "wffc", "wffc-b", "ephemeral", "absent")),
  copies: fc.integer({ min: 1, max: 4 }),
});
type Workload = typeof WORKLOAD extends fc.Arbitrary<infer T> ? T : never;

function podAffinityTerm(near: NonNullable<Workload["near"]>, app: string): PodAffinityTerm {
  return { topologyKey: near.key, labelSelector: { matchLabels: { app: near.app ?? app } }, ...near.namespaces };
}

function spreadOf({ spread, app }: Workload): Partial<PodSpec> {
  if (spread === undefined) return {};
  const { key, maxSkew, isWish, minDomains, nodeAffinityPolicy, nodeTaintsPolicy, matchLabelKeys } = spread;
  const constraint: TopologySpreadConstraint = {
    topologyKey: key,
    maxSkew,
    whenUnsatisfiable: isWish ? "ScheduleAnyway" : "DoNotSchedule",
    labelSelector: { matchLabels: { app: spread.app ?? app } },
    ...(minDomains === undefined || isWish ? {} : { minDomains }),
    ...(nodeAffinityPolicy === undefined ? {} : { nodeAffinityPolicy }),
    ...(nodeTaintsPolicy === undefined ? {} : { nodeTaintsPolicy }),
    ...(matchLabelKeys === undefined ? {} : { matchLabelKeys }),
  };
  return { topologySpreadConstraints: [constraint] };
}

function affinityOf({ terms, near, apart, app }: Workload): Partial<PodSpec> {
  if (terms === undefined && near === undefined && apart === undefined) return {};
  const required = "requiredDuringSchedulingIgnoredDuringExecution";
  const affinity: Affinity = {
    ...(terms === undefined ? {} : { nodeAffinity: { [required]: { nodeSelectorTerms: terms } } }),
    ...(near === undefined ? {} : { podAffinity: { [required]: [podAffinityTerm(near, app)] } }),
    ...(apart === undefined ? {} : { podAntiAffinity: { [required]: [podAffinityTerm(apart, app)] } }),
  };
  return { affinity };
}

const CLASS_OF: Readonly<Record<string, string>> = { wffc: "late", "wffc-b": "late-b", ephemeral: "late-b" };

function volumeOf(
  { volume }: Workload,
  namespace: string,
  name: string,
): { spec: Partial<PodSpec>; more: KubeObject[] } {
  if (volume === undefined) return { spec: {}, more: [] };
  if (volume === "ephemeral") {
    const template = { spec: { storageClassName: "late-b" } };
    const claim = volumeClaim(namespace, `${name}-data`, { storageClassName: "late-b" });
    return { spec: { volumes: [{ name: "data", ephemeral: { volumeClaimTemplate: template } }] }, more: [claim] };
  }
  const claimName = `claim-${name}`;
  const spec = { volumes: [{ name: "data", persistentVolumeClaim: { claimName } }] };
  if (volume === "absent") return { spec, more: [] };
  const storageClassName = CLASS_OF[volume];
  if (storageClassName !== undefined) return { spec, more: [volumeClaim(namespace, claimName, { storageClassName })] };
  const volumeName = `volume-${namespace}-${name}`;
  const claim = volumeClaim(namespace, claimName, { volumeName });
  const zones = volume === "pv-a" ? ["zone-a"] : ["zone-a", "zone-b"];
  return { spec, more: [claim, persistentVolume(volumeName, zones, claim)] };
}

const META = { uid: "", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };

function volumeClaim(namespace: string, name: string, spec: object): KubeObject {
  const annotations = "volumeName" in spec ? { "pv.kubernetes.io/bind-completed": "yes" } : {};
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { ...META, uid: `uid-${name}`, name, namespace, annotations },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...spec },
    status: { phase: "volumeName" in spec ? "Bound" : "Pending" },
  } as KubeObject;
}

function persistentVolume(name: string, zones: readonly string[], claim: KubeObject): KubeObject {
  // Each zone an alternative of its own.
  const nodeSelectorTerms = zones.map((zone) => ({
    matchExpressions: [{ key: ZONE_LABEL, operator: "In", values: [zone] }],
  }));
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { ...META, uid: `uid-${name}`, name },
    spec: {
      capacity: { storage: "1Gi" },
      accessModes: ["ReadWriteOnce"],
      csi: { driver: DRIVER, volumeHandle: name },
      nodeAffinity: { required: { nodeSelectorTerms } },
      claimRef: { name: claim.metadata.name, namespace: claim.metadata.namespace ?? "default" },
    },
    status: { phase: "Bound" },
  } as KubeObject;
}

function storageClass(name: string, zones: readonly string[]): KubeObject {
  const allowed =
    zones.length === 0 ? {} : { allowedTopologies: [{ matchLabelExpressions: [{ key: ZONE_LABEL, values: zones }] }] };
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { ...META, uid: `uid-${name}`, name },
    provisioner: DRIVER,
    volumeBindingMode: "WaitForFirstConsumer",
    ...allowed,
  } as unknown as KubeObject;
}

function podsOf(workload: Workload, index: number): KubeObject[] {
  const { app, namespace, version, gpu, port, tolerates, initCpu, selector } = workload;
  return Array.from({ length: workload.copies }, (_, copy) => `p-${index}-${copy}`).flatMap((name) => {
    const { spec, more } = volumeOf(workload, namespace, name);
    const one = pod({
      name,
      cpu: workload.cpu,
      memory: workload.memory,
      labels: { app, version },
      ...(gpu > 0 ? { more: { [GPU]: gpu } } : {}),
      ...(selector === undefined ? {} : { nodeSelector: selector }),
      ...(tolerates ? { tolerations: [{ key: "dedicated", operator: "Exists" }] } : {}),
      ...(initCpu === undefined
        ? {}
        : { initContainers: [{ name: "init", image: "init", resources: { requests: { cpu: initCpu } } }] }),
      ...affinityOf(workload),
      ...spreadOf(workload),
      ...spec,
    });
    const [container] = one.spec.containers;
    if (container !== undefined && port !== undefined) container.ports = [{ containerPort: 80, ...port }];
    return [{ ...one, metadata: { ...one.metadata, namespace } }, ...more];
  });
}

// ---------------------------------------------------------------- nodes and daemons

const MACHINE = fc.record({
  cpu: fc.constantFrom(2, 4, 8),
  zone: fc.constantFrom(...ZONES),
  tainted: fc.constantFrom(false, false, true),
  initialized: fc.constantFrom(true, true, false),
  managed: fc.constantFrom(true, true, false),
  deleting: fc.constantFrom(false, false, false, true),
  running: fc.array(
    fc.record({ app: APP, cpu: fc.constantFrom("100m", "1"), apart: fc.constantFrom(false, false, false, true) }),
    {
      maxLength: 2,
    },
  ),
});

function machineOf(sketch: typeof MACHINE extends fc.Arbitrary<infer T> ? T : never, index: number): KubeObject[] {
  const { cpu, zone, tainted, initialized, managed, deleting, running } = sketch;
  const name = `n-${index}`;
  return [
    ...node({
      name,
      ...(managed ? { pool: "pool-0" } : {}),
      cpu,
      initialized,
      labels: { [ZONE_LABEL]: zone, [HOSTNAME_LABEL]: name, [SIZE_LABEL]: String(cpu) },
      taints: tainted ? [DEDICATED] : [],
      deleting,
    }),
    ...running.map(({ app, cpu: needs, apart }, i) =>
      pod({
        name: `r-${index}-${i}`,
        node: name,
        cpu: needs,
        labels: { app, version: "v1" },
        ...(apart
          ? {
              affinity: {
                podAntiAffinity: {
                  requiredDuringSchedulingIgnoredDuringExecution: [
                    { topologyKey: ZONE_LABEL, labelSelector: { matchLabels: { app: "db" } } },
                  ],
                },
              },
            }
          : {}),
      }),
    ),
  ];
}

const DAEMON = oneIn(
  2,
  fc.record({
    nodeSelector: seldom<Record<string, string>>(
      { [ZONE_LABEL]: "zone-a" },
      { [ARCH_LABEL]: "arm64" },
      { tier: "gold" },
    ),
    port: fc.constantFrom(0, 0, 80),
    tolerates: fc.boolean(),
  }),
);

function daemonOf(sketch: typeof DAEMON extends fc.Arbitrary<infer T> ? T : never): DaemonSet[] {
  if (sketch === undefined) return [];
  const { nodeSelector, port, tolerates } = sketch;
  const ports = port === 0 ? {} : { ports: [{ containerPort: port, hostPort: port }] };
  const labels = { app: "agent" };
  return [
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { ...META, uid: "uid-agent", name: "agent", namespace: "kube-system" },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            containers: [{ name: "agent", image: "agent", resources: { requests: { cpu: "200m" } }, ...ports }],
            ...(nodeSelector === undefined ? {} : { nodeSelector }),
            ...(tolerates ? { tolerations: [{ operator: "Exists" }] } : {}),
          },
        },
      },
    },
  ];
}

function namespace(name: string, labels: Record<string, string>): KubeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { ...META, uid: `uid-${name}`, name, labels } };
}

/** A cluster with up to six types, three pools, five workloads, two nodes. */
export function randomCluster(): fc.Arbitrary<RandomCluster> {
  return fc
    .record({
      types: fc.array(TYPE, { minLength: 1, maxLength: 6 }),
      pools: fc.array(POOL, { minLength: 1, maxLength: 3 }),
      workloads: fc.array(WORKLOAD, { minLength: 1, maxLength: 5 }),
      machines: fc.array(MACHINE, { maxLength: 2 }),
      daemon: DAEMON,
    })
    .map(({ types, pools, workloads, machines, daemon }) =>
      legible({
        types: types.map((sketch, i) => instanceType({ ...sketch, name: `type-${i}` })),
        objects: [
          namespace("default", {}),
          namespace("other", { kind: "second" }),
          storageClass("late", []),
          storageClass("late-b", ["zone-b"]),
          ...pools.map((sketch, i) => nodePool({ ...withoutUndefined(sketch), name: `pool-${i}` })),
          ...workloads.flatMap(podsOf),
          ...machines.flatMap(machineOf),
          ...daemonOf(daemon),
        ],
      }),
    );
}

/** Prints, when a property fails, what is worth reading of a cluster: one line an object. */
function legible(cluster: RandomCluster): RandomCluster {
  const typeLine = ({ name, requirements, allocatable, offerings }: InstanceType): string => {
    const sold = offerings.map(
      (o) => `${o.zone} ${o.capacityType} ${o.priceUsdPerHour}${o.available ? "" : " sold out"}`,
    );
    const labels = [ARCH_LABEL, OS_LABEL].map((key) => [...(requirements.get(key)?.values ?? [])].join());
    return `${name} ${labels.join(" ")} ${JSON.stringify(allocatable)}: ${sold.join("; ")}`;
  };
  const objectLine = (object: KubeObject): string => {
    const { kind, metadata, ...rest } = object as KubeObject & {
      apiVersion?: string;
      status?: unknown;
      spec?: unknown;
    };
    const { apiVersion: _, status: __, ...said } = rest;
    const { namespace: where, name, labels, deletionTimestamp } = metadata;
    return `${kind} ${where ?? ""}/${name} ${JSON.stringify(labels ?? {})}${deletionTimestamp ? " DELETING" : ""} ${JSON.stringify(said)}`;
  };
  const text = (): string => `\n${[...cluster.types.map(typeLine), ...cluster.objects.map(objectLine)].join("\n")}\n`;
  return Object.defineProperty(cluster, fc.toStringMethod, { value: text });
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
