import type {
  CsiNode,
  DaemonSet,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  PodSpec,
  StorageClass,
  Taint,
} from "../../src/model/core.ts";
import type { InstanceType } from "../../src/model/instance-type.ts";
import {
  HOSTNAME_LABEL,
  INITIALIZED_LABEL,
  NODE_POOL_LABEL,
  normalizedLabel,
  REGISTERED_LABEL,
} from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { podRequests, templateRequests } from "../../src/model/pod-requests.ts";
import {
  allows,
  intersection,
  type Requirement,
  type RequirementSpec,
  type Requirements,
  requirement,
  requirementsOf,
} from "../../src/model/requirements.ts";
import type { NodeClaim } from "../../src/model/resources/node-claim.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";
import { addResources, parseResources, type Resources } from "../../src/model/resources.ts";
import {
  isFineWithout,
  isImpossible,
  isTolerated,
  isWithin,
  type Launch,
  launchesOf,
  launchMeets,
  nodeTermsOf,
  type ValueSets,
  valueSetsOf,
} from "./judge-labels.ts";

export type JudgedClaim = {
  nodePool: string;
  pods: readonly string[];
  instanceTypes: readonly string[];
  /** Of how many types the list shows the first ones. */
  instanceTypeCount?: number;
  requirements?: readonly RequirementSpec[];
  cheapestPrice?: number;
};

/** The objects of a cluster by kind, and what can be bought. */
export type JudgedWorld = {
  pods: ReadonlyMap<string, Pod>;
  nodes: ReadonlyMap<string, Node>;
  claims: ReadonlyMap<string, NodeClaim>;
  pools: ReadonlyMap<string, NodePool>;
  daemonSets: ReadonlyMap<string, DaemonSet>;
  budgets: ReadonlyMap<string, PodDisruptionBudget>;
  namespaces: ReadonlyMap<string, Namespace>;
  volumeClaims: ReadonlyMap<string, PersistentVolumeClaim>;
  volumes: ReadonlyMap<string, PersistentVolume>;
  storageClasses: ReadonlyMap<string, StorageClass>;
  csiNodes: ReadonlyMap<string, CsiNode>;
  types: ReadonlyMap<string, InstanceType>;
};

export type HostPort = { ip: string; port: number; protocol: string };

/** A node that exists, or one to buy, with the pods on it. */
export type Place = {
  name: string;
  pool: string | undefined;
  managed: boolean;
  /** Labels of the cheapest type's launches: where one value is left it is known. */
  sets: ValueSets;
  /** The same over every listed type. */
  topology: ValueSets;
  /** Labels that neither type nor offering decides. */
  open: Requirements;
  taints: readonly Taint[];
  allocatable: Resources;
  capacity: Resources;
  /** For daemons that are to come. */
  reserved: Resources;
  daemonPorts: readonly HostPort[];
  running: readonly Pod[];
  placed: Pod[];
  volumeLimits: ReadonlyMap<string, number>;
  /** Of a node to buy. */
  purchase: Purchase | undefined;
};
export type Purchase = {
  pool: NodePool;
  price: number;
  /** The cheapest listed type, whose labels and resources the place has. */
  best: InstanceType;
  /** Per listed type, the launches that the claim's requirements leave. */
  launches: ReadonlyMap<string, readonly Launch[]>;
  isListCut: boolean;
  /** The labels that the pool gives every node. */
  labels: Readonly<Record<string, string>>;
};

export function worldOf(objects: readonly KubeObject[], types: readonly InstanceType[]): JudgedWorld {
  const of = <T extends KubeObject>(kind: string, isNamespaced = false): ReadonlyMap<string, T> =>
    new Map(
      objects
        .filter((object) => object.kind === kind)
        .map(({ ...object }) => {
          const { namespace = "default", name } = object.metadata;
          return [isNamespaced ? `${namespace}/${name}` : name, object as T];
        }),
    );
  return {
    pods: of("Pod", true),
    nodes: of("Node"),
    claims: of("NodeClaim"),
    pools: of("NodePool"),
    daemonSets: of("DaemonSet", true),
    budgets: of("PodDisruptionBudget", true),
    namespaces: of("Namespace"),
    volumeClaims: of("PersistentVolumeClaim", true),
    volumes: of("PersistentVolume"),
    storageClasses: of("StorageClass"),
    csiNodes: of("CSINode"),
    types: new Map(types.map((type) => [type.name, type])),
  };
}

/** What the place does not satisfy: undefined when it does in every launch (or, `some`, in one). */
export function unmetKey(
  place: Place,
  requirements: Iterable<readonly [string, Requirement]>,
  mode: "every" | "some" = "every",
): string | undefined {
  return unmet(place.sets, place.open, requirements, mode);
}

export function unmet(
  sets: ValueSets,
  open: Requirements,
  requirements: Iterable<readonly [string, Requirement]>,
  mode: "every" | "some",
): string | undefined {
  for (const [key, r] of requirements) if (!isMet(sets.get(key), open.get(key), r, mode)) return key;
  return undefined;
}

function isMet(
  values: ReadonlySet<string> | undefined,
  left: Requirement | undefined,
  r: Requirement,
  mode: "every" | "some",
): boolean {
  if (values !== undefined) {
    const list = [...values];
    return mode === "every" ? list.every((value) => allows(r, value)) : list.some((value) => allows(r, value));
  }
  if (left === undefined) return isFineWithout(r);
  return mode === "every" ? isWithin(left, r) : !isContradiction(left, r);
}

function isContradiction(a: Requirement, b: Requirement): boolean {
  return isImpossible(intersection(a, b)) && !(isFineWithout(a) && isFineWithout(b));
}

/** The domains of a topology in which the place may be; empty: it has no such label. */
export function domainsOf(place: Place, key: string): ReadonlySet<string> {
  const known = place.topology.get(key) ?? place.sets.get(key);
  if (known !== undefined) return known;
  const left = place.open.get(key);
  return left !== undefined && !left.complement ? left.values : new Set();
}

// ---------------------------------------------------------------- nodes that exist

const EPHEMERAL: ReadonlySet<string> = new Set([
  "node.kubernetes.io/not-ready NoSchedule",
  "node.kubernetes.io/not-ready NoExecute",
  "node.kubernetes.io/unreachable NoSchedule",
  "node.cloudprovider.kubernetes.io/uninitialized NoSchedule",
  "karpenter.sh/unregistered NoExecute",
]);

/** The nodes that stay, and the pods of those that go. */
export function existingPlaces(world: JudgedWorld): { staying: Place[]; leaving: Place[] } {
  const claimOf = new Map([...world.claims.values()].map((claim) => [claim.status?.providerID, claim]));
  const podsOn = new Map<string, Pod[]>();
  for (const pod of world.pods.values()) {
    const { nodeName = "" } = pod.spec;
    if (nodeName === "" || ["Failed", "Succeeded"].includes(pod.status?.phase ?? "")) continue;
    podsOn.set(nodeName, [...(podsOn.get(nodeName) ?? []), pod]);
  }
  const pairs: [Node | undefined, NodeClaim | undefined][] = [];
  const matched = new Set<NodeClaim>();
  for (const node of world.nodes.values()) {
    const claim = node.spec.providerID === undefined ? undefined : claimOf.get(node.spec.providerID);
    if (claim !== undefined) matched.add(claim);
    pairs.push([node, claim]);
  }
  for (const claim of world.claims.values()) {
    if (!matched.has(claim) && claim.status?.providerID !== undefined) pairs.push([undefined, claim]);
  }
  const staying: Place[] = [];
  const leaving: Place[] = [];
  for (const [node, claim] of pairs) {
    const place = existingPlace(world, node, claim, podsOn.get(node?.metadata.name ?? "") ?? []);
    (isLeaving(node, claim) ? leaving : staying).push(place);
  }
  return { staying, leaving };
}

function isLeaving(node: Node | undefined, claim: NodeClaim | undefined): boolean {
  if (claim === undefined) return node?.metadata.deletionTimestamp !== undefined;
  const isEnding = (claim.status?.conditions ?? []).some(
    ({ type, status }) => type === "InstanceTerminating" && status === "True",
  );
  return claim.metadata.deletionTimestamp !== undefined || isEnding;
}

function existingPlace(
  world: JudgedWorld,
  node: Node | undefined,
  claim: NodeClaim | undefined,
  running: readonly Pod[],
): Place {
  const nodeLabels = node?.metadata.labels ?? {};
  const isRegistered = node !== undefined && (claim === undefined || nodeLabels[REGISTERED_LABEL] === "true");
  const isInitialized = claim === undefined || nodeLabels[INITIALIZED_LABEL] === "true";
  const source = isRegistered ? node : claim;
  const name = source?.metadata.name ?? "";
  const labels: Record<string, string> = { [HOSTNAME_LABEL]: name, ...source?.metadata.labels };
  const startup = new Set((claim?.spec.startupTaints ?? []).map(({ key, effect }) => `${key} ${effect}`));
  const passing = ({ key, effect }: Taint): boolean =>
    !isInitialized &&
    (EPHEMERAL.has(`${key} ${effect}`) || startup.has(`${key} ${effect}`) || key.startsWith("readiness.k8s.io/"));
  const taints = ((source?.spec.taints ?? []) as Taint[]).filter((taint) => !passing(taint));
  // A kubelet that is starting reports zeros for what its device plugins have not told it yet.
  const filled = (field: "allocatable" | "capacity"): Resources => {
    const reported = parseResources(node?.status?.[field]);
    if (isInitialized) return reported;
    const expected = parseResources(claim?.status?.[field]);
    const missing = Object.entries(expected).filter(([key]) => (reported[key] ?? 0) === 0);
    return { ...reported, ...Object.fromEntries(missing) };
  };
  const place: Place = {
    name,
    pool: labels[NODE_POOL_LABEL],
    managed: claim !== undefined,
    sets: new Map(Object.entries(labels).map(([key, value]) => [key, new Set([value])])),
    topology: new Map(),
    open: new Map(),
    taints,
    allocatable: filled("allocatable"),
    capacity: filled("capacity"),
    reserved: {},
    daemonPorts: [],
    running,
    placed: [],
    volumeLimits: volumeLimits(world, node),
    purchase: undefined,
  };
  const daemons = daemonsOf(world, place.taints, place.sets, place.open);
  const wanted = daemons.map(({ spec }) => daemonRequests(spec));
  const names = new Set(running.flatMap(({ metadata }) => (metadata.ownerReferences ?? []).map((owner) => owner.name)));
  const daemonPorts = daemons.filter(({ name: daemon }) => !names.has(daemon)).flatMap(({ spec }) => hostPortsOf(spec));
  const here = running.filter((pod) => isOwnedBy(pod, "DaemonSet")).map(requestsOf);
  const sum = addResources(...wanted);
  const had = addResources(...here);
  const rest = Object.entries(sum).map(([key, amount]) => [key, Math.max(0, amount - (had[key] ?? 0))]);
  return { ...place, daemonPorts, reserved: Object.fromEntries(rest) };
}

function volumeLimits(world: JudgedWorld, node: Node | undefined): Map<string, number> {
  const drivers = world.csiNodes.get(node?.metadata.name ?? "")?.spec.drivers ?? [];
  return new Map(
    drivers.flatMap(({ name, allocatable }) =>
      allocatable?.count === undefined ? [] : [[name, allocatable.count] as const],
    ),
  );
}

// ---------------------------------------------------------------- nodes to buy

/** The node that a claim asks for, or what makes it impossible. `say` takes each mistake of the claim itself. */
export function claimPlace(
  world: JudgedWorld,
  claim: JudgedClaim,
  name: string,
  say: (rule: string, message: string) => void,
): Place | undefined {
  const pool = world.pools.get(claim.nodePool);
  if (pool === undefined) {
    say("pool", `NodePool ${claim.nodePool} does not exist`);
    return undefined;
  }
  if (!isPoolReady(pool)) say("pool", `NodePool ${claim.nodePool} is not ready`);
  const labels = poolLabels(pool);
  const own = requirementsOf(claim.requirements ?? []);
  const wanted = requirementsOf((pool.spec.template.spec.requirements ?? []) as RequirementSpec[]);
  const launches = openLaunches(world, claim.instanceTypes, own, say);
  const cheapest = cheapestOf(launches);
  if (cheapest === undefined) {
    say("offering", "no listed type has an available offering that meets its requirements");
    return undefined;
  }
  const best = launches.get(cheapest.type.name) ?? [];
  const price = cheapest.priceUsdPerHour;
  if (Math.abs(price - (claim.cheapestPrice ?? price)) > 1e-5) {
    say("price", `says ${claim.cheapestPrice}, but its cheapest offering costs ${price} (${cheapest.type.name})`);
  }
  const sets = valueSetsOf(best);
  judgePoolRequirements({ own, wanted, sets, labels, pool: claim.nodePool, type: cheapest.type.name }, say);
  const topology = valueSetsOf([...launches.values()].flat());
  for (const [key, value] of [...Object.entries(labels), [HOSTNAME_LABEL, name] as const]) {
    sets.set(key, new Set([value]));
    topology.set(key, new Set([value]));
  }
  const open = openLabels(own, wanted, sets);
  for (const key of [REGISTERED_LABEL, INITIALIZED_LABEL]) sets.set(key, new Set(["true"]));
  const taints = (pool.spec.template.spec.taints ?? []) as Taint[];
  const daemons = daemonsOf(world, taints, sets, open);
  return {
    name,
    pool: claim.nodePool,
    managed: true,
    sets,
    topology,
    open,
    taints,
    allocatable: cheapest.type.allocatable,
    capacity: cheapest.type.capacity,
    reserved: addResources(...daemons.map(({ spec }) => daemonRequests(spec))),
    daemonPorts: daemons.flatMap(({ spec }) => hostPortsOf(spec)),
    running: [],
    placed: [],
    volumeLimits: new Map(),
    purchase: {
      pool,
      price,
      best: cheapest.type,
      launches,
      isListCut: (claim.instanceTypeCount ?? 0) > claim.instanceTypes.length && claim.instanceTypes.length >= 60,
      labels,
    },
  };
}

function openLaunches(
  world: JudgedWorld,
  names: readonly string[],
  own: Requirements,
  say: (rule: string, message: string) => void,
): Map<string, readonly Launch[]> {
  const launches = new Map<string, readonly Launch[]>();
  for (const name of names) {
    const type = world.types.get(name);
    if (type === undefined) say("offering", `instance type ${name} is unknown`);
    else
      launches.set(
        name,
        launchesOf(type).filter((launch) => launchMeets(launch, own)),
      );
  }
  return launches;
}

/** The labels that neither type nor offering decides, with what claim and pool leave of them together. */
function openLabels(own: Requirements, wanted: Requirements, decided: ValueSets): Map<string, Requirement> {
  const open = new Map<string, Requirement>();
  for (const key of new Set([...own.keys(), ...wanted.keys()])) {
    if (decided.has(key) || key === HOSTNAME_LABEL) continue;
    const [a, b] = [own.get(key), wanted.get(key)];
    const left = a !== undefined && b !== undefined ? intersection(a, b) : (a ?? b);
    if (left !== undefined) open.set(key, left);
  }
  return open;
}

function cheapestOf(launches: ReadonlyMap<string, readonly Launch[]>): Launch | undefined {
  let best: Launch | undefined;
  for (const launch of [...launches.values()].flat()) {
    const isBetter =
      best === undefined ||
      launch.priceUsdPerHour < best.priceUsdPerHour ||
      (launch.priceUsdPerHour === best.priceUsdPerHour && launch.type.name < best.type.name);
    if (isBetter) best = launch;
  }
  return best;
}

function judgePoolRequirements(
  claim: {
    own: Requirements;
    wanted: Requirements;
    sets: ValueSets;
    labels: Readonly<Record<string, string>>;
    pool: string;
    type: string;
  },
  say: (rule: string, message: string) => void,
): void {
  const { own, wanted, sets, labels, pool, type } = claim;
  for (const [key, value] of Object.entries(labels)) {
    if (!allows(own.get(key) ?? requirement(key, "Exists"), value)) {
      say("pool", `its requirement on ${key} excludes the pool's label ${value}`);
    }
  }
  for (const [key, r] of wanted) {
    const values = sets.get(key);
    if (values !== undefined) {
      const forbidden = [...values].filter((value) => !allows(r, value));
      if (forbidden.length > 0)
        say("pool", `may launch ${type} with ${key}=${forbidden}, which NodePool ${pool} forbids`);
    } else if (labels[key] === undefined && isContradiction(own.get(key) ?? r, r)) {
      say("pool", `its requirement on ${key} contradicts NodePool ${pool}`);
    }
  }
}

export function isPoolReady(pool: NodePool): boolean {
  return (pool.status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True");
}

/** The labels that every node of the pool has. */
export function poolLabels(pool: NodePool): Record<string, string> {
  const { metadata, spec } = pool.spec.template;
  const { group, kind, name } = spec.nodeClassRef;
  const given = Object.entries(metadata?.labels ?? {}).map(([key, value]) => [normalizedLabel(key), value]);
  return {
    ...Object.fromEntries(given),
    [NODE_POOL_LABEL]: pool.metadata.name,
    [`${group}/${kind.toLowerCase()}`]: name,
  };
}

// ---------------------------------------------------------------- pods and daemons

/** The templates of the daemons that would run on a node with these taints and labels. */
export function daemonsOf(
  world: JudgedWorld,
  taints: readonly Taint[],
  sets: ValueSets,
  open: Requirements,
): { name: string; spec: PodSpec }[] {
  return [...world.daemonSets.values()]
    .map((daemon) => ({ name: daemon.metadata.name, spec: daemon.spec.template.spec }))
    .filter(
      ({ spec }) =>
        (spec.resourceClaims ?? []).length === 0 &&
        isTolerated(taints, spec.tolerations) &&
        nodeTermsOf(spec).some((term) => unmet(sets, open, term, "some") === undefined),
    );
}

export function daemonRequests(spec: PodSpec): Resources {
  return { ...templateRequests(spec), pods: 1 };
}

export function requestsOf(pod: Pod): Resources {
  return { ...podRequests(pod), pods: 1 };
}

export function isOwnedBy(pod: Pod, kind: string): boolean {
  return (pod.metadata.ownerReferences ?? []).some((owner) => owner.kind === kind);
}

export function podKey({ metadata }: Pod): string {
  return `${metadata.namespace ?? "default"}/${metadata.name}`;
}

export function hostPortsOf(spec: PodSpec): HostPort[] {
  return spec.containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, protocol }) =>
      hostPort === undefined || hostPort === 0
        ? []
        : [
            {
              ip: hostIP === undefined || hostIP === "" ? "0.0.0.0" : hostIP,
              port: hostPort,
              protocol: protocol ?? "TCP",
            },
          ],
    ),
  );
}
