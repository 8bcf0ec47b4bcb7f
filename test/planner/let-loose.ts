import { Random } from "../../src/base/random.ts";
import { MINUTE_MS } from "../../src/base/time.ts";
import type { Pod, ResourceList } from "../../src/model/core.ts";
import {
  DAEMON_SETS,
  type Kind,
  NAMESPACES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  STORAGE_CLASSES,
} from "../../src/model/kinds.ts";
import { HOSTNAME_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { requirementsOf } from "../../src/model/requirements.ts";
import { formatAmount, type Resources } from "../../src/model/resources.ts";
import type { ProvisionPlan } from "../../src/plan/provision/provision-plan.ts";
import { createApiServer } from "../../src/simulation/api-server/api-server.ts";
import { ClusterWriter } from "../../src/simulation/cache/cluster-writer.ts";
import { VirtualClock } from "../../src/simulation/clock/virtual-clock.ts";
import { startCluster } from "../../src/simulation/world/cluster.ts";
import type { RandomCluster } from "./arbitraries.ts";
import { type Launch, launchesOf, launchMeets } from "./judge-labels.ts";
import { existingPlaces, isOwnedBy, type Place, poolLabels, worldOf } from "./judge-places.ts";

const PLACE = "place.test";
const FAKE = { "kwok.x-k8s.io/node": "fake" };
const START_MS = 1_767_571_200_000;

/** Longer than the scheduler waits before it tries a pod again that had no place. */
const TURN_MS = 15_000;
const TRIES_MAX = 60;

/** What goes wrong, by pod. */
export type Unbound = ReadonlyMap<string, string>;

/**
 * What goes wrong when the scheduler takes the pods in the order that the plan names them, and in the best order found. A
 * rule counts pods that do not have it themselves; where such pods come first, they may take the room from those that have
 * it, and no choice of nodes can prevent that. So there need only be an order in which all are bound: the scheduler's own
 * comes from the pods' priorities and ages.
 */
export async function letLoose(
  cluster: RandomCluster,
  plan: ProvisionPlan,
): Promise<{ atOnce: Unbound; best: Unbound }> {
  const atOnce = await bind(cluster, plan, undefined);
  const random = new Random(7);
  let order: readonly string[] = [...plan.newNodeClaims, ...plan.existingNodes].flatMap(({ pods }) => pods);
  let best = atOnce;
  for (let tries = 0; tries < TRIES_MAX && best.size > 0; tries += 1) {
    const next = earlier(order, [...best.keys()], random);
    const unbound = await bind(cluster, plan, next);
    if (unbound.size > best.size) continue;
    [order, best] = [next, unbound];
  }
  return { atOnce, best };
}

/** The same order, but for the pods named: each comes at some place before its own, and now and then another pod does. */
function earlier(order: readonly string[], stuck: readonly string[], random: Random): string[] {
  const next = [...order];
  for (const key of [...stuck, order[random.between(0, order.length - 1)] ?? ""]) {
    const from = next.indexOf(key);
    next.splice(from, 1);
    next.splice(random.between(0, from), 0, key);
  }
  return next;
}

/**
 * Buys the plan's nodes, each at its cheapest, in a simulated cluster with its own scheduler and daemons. Every pod may
 * only go where the plan has it: each place has an amount of its own that only its pods ask for, so that the scheduler
 * cannot fill nodes in another order than the plan did, while all its rules apply.
 * @param order the pods one after the other; undefined: all come at once
 */
async function bind(
  cluster: RandomCluster,
  plan: ProvisionPlan,
  order: readonly string[] | undefined,
): Promise<Unbound> {
  const clock = new VirtualClock(START_MS);
  const random = new Random(5);
  const server = createApiServer({ clock, random: random.fork("api") });
  const systemNodes = { count: 0 };
  const running = startCluster({ server, clock, random: random.fork("cluster"), systemNodes, events: false });
  try {
    const writer = new ClusterWriter(server, "test");
    const world = worldOf(cluster.objects, cluster.types);
    for (const [kind, name] of SUPPORTING)
      for (const object of ofKind(cluster.objects, name)) create(writer, kind, object);
    const { staying } = existingPlaces(world);
    for (const place of staying) addExisting(writer, world.nodes.get(place.name)?.metadata.labels ?? {}, place, plan);
    for (const claim of plan.newNodeClaims) {
      const pool = world.pools.get(claim.nodePool);
      if (pool === undefined) continue;
      const launch = cheapest(cluster, claim);
      const labels = { ...launch.labels, ...claim.labels, ...poolLabels(pool), ...FAKE, [HOSTNAME_LABEL]: claim.name };
      const taints = pool.spec.template.spec.taints ?? [];
      addNode(writer, { name: claim.name, labels, taints }, amountsOf(launch.type.allocatable, claim));
    }
    // Daemons are there first, as they are on a node that is slow to get its pods.
    await clock.runFor(MINUTE_MS);
    const places = [...plan.newNodeClaims, ...plan.existingNodes].flatMap(({ name, pods }) =>
      pods.map((key) => ({ key, name })),
    );
    const placeOf = new Map(places.map(({ key, name }) => [key, name]));
    for (const key of order ?? placeOf.keys()) {
      create(writer, PODS, waiting(world.pods.get(key), placeOf.get(key) ?? ""));
      if (order !== undefined) await clock.runFor(TURN_MS);
    }
    const isDone = (): boolean => places.every(({ key }) => nodeOf(key) !== "");
    await clock.runFor(10 * MINUTE_MS, isDone);
    function nodeOf(key: string): string {
      return running.state.of(PODS).get(key)?.spec.nodeName ?? "";
    }
    const unbound = places.filter(({ key, name }) => nodeOf(key) !== name);
    return new Map(
      unbound.map(({ key, name }) => {
        const conditions = running.state.of(PODS).get(key)?.status?.conditions ?? [];
        const why = conditions.find(({ type }) => type === "PodScheduled")?.message;
        return [key, `is not bound to ${name}: ${why ?? "nobody says why"}`];
      }),
    );
  } finally {
    running.stop();
    server.close();
  }
}

const SUPPORTING: readonly [Kind, string][] = [
  [NAMESPACES, "Namespace"],
  [STORAGE_CLASSES, "StorageClass"],
  [PERSISTENT_VOLUMES, "PersistentVolume"],
  [PERSISTENT_VOLUME_CLAIMS, "PersistentVolumeClaim"],
  [DAEMON_SETS, "DaemonSet"],
];

function ofKind(objects: readonly KubeObject[], kind: string): KubeObject[] {
  return objects.filter((object) => object.kind === kind);
}

/** Without what the server fills in; the name may be there already. */
function create(writer: ClusterWriter, kind: Kind, object: KubeObject | undefined): void {
  if (object === undefined || (object.kind === "Namespace" && object.metadata.name === "default")) return;
  const { uid: _, resourceVersion: __, creationTimestamp: ___, ...metadata } = object.metadata;
  writer.create(kind, { ...object, metadata } as KubeObject);
}

function addNode(
  writer: ClusterWriter,
  node: { name: string; labels: Record<string, string>; taints: unknown },
  amounts: ResourceList,
): void {
  const { name, taints } = node;
  // Nodes carry the old name of their zone too: selectors that use it have to be met.
  const labels = { ...node.labels, "failure-domain.beta.kubernetes.io/zone": node.labels[ZONE_LABEL] ?? "" };
  const metadata = { name, labels };
  writer.create(NODES, {
    apiVersion: "v1",
    kind: "Node",
    metadata,
    spec: { providerID: `t://${name}`, taints },
  } as never);
  writer.patchStatus(NODES, { name }, { capacity: amounts, allocatable: amounts });
}

function addExisting(writer: ClusterWriter, labels: Record<string, string>, place: Place, plan: ProvisionPlan): void {
  const { name, taints, allocatable, running } = place;
  const planned = plan.existingNodes.find((one) => one.name === name) ?? { name, pods: [] };
  addNode(writer, { name, labels: { ...labels, ...FAKE }, taints }, amountsOf(allocatable, planned));
  for (const pod of running) if (!isOwnedBy(pod, "DaemonSet")) create(writer, PODS, complete(pod));
}

/** With the amount that only the pods of this place ask for. */
function amountsOf(allocatable: Resources, place: { name: string; pods: readonly string[] }): ResourceList {
  const amounts = Object.entries(allocatable).map(([name, amount]) => [name, formatAmount(name, amount)]);
  return { ...Object.fromEntries(amounts), [`${PLACE}/${place.name}`]: String(place.pods.length) };
}

function cheapest(cluster: RandomCluster, claim: ProvisionPlan["newNodeClaims"][number]): Launch {
  const wanted = requirementsOf(claim.requirements);
  const launches = cluster.types
    .filter(({ name }) => claim.instanceTypes.includes(name))
    .flatMap(launchesOf)
    .filter((launch) => launchMeets(launch, wanted));
  return launches.reduce((best, one) => (one.priceUsdPerHour < best.priceUsdPerHour ? one : best));
}

function waiting(pod: Pod | undefined, place: string): Pod | undefined {
  if (pod === undefined) return undefined;
  const [first, ...others] = pod.spec.containers;
  if (first === undefined) return pod;
  const requests = { ...first.resources?.requests, [`${PLACE}/${place}`]: 1 };
  const { nodeName: _, ...spec } = complete(pod).spec;
  // Devices are never shared: the API wants limits where there are requests.
  const limits = Object.fromEntries(Object.entries(requests).filter(([name]) => name.includes("/")));
  const containers = [{ ...first, image: "app", resources: { requests, limits } }, ...others];
  return { ...pod, spec: { ...spec, containers }, status: {} };
}

/** With what the API wants of a pod beside what a plan looks at. */
function complete(pod: Pod): Pod {
  const containers = pod.spec.containers.map((container) => ({ ...container, image: "app" }));
  return { ...pod, spec: { ...pod.spec, containers }, status: {} };
}
