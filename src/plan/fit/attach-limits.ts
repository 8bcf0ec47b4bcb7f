import { byText } from "../../base/order.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type { CsiNode, Pod } from "../../model/core.ts";
import { INSTANCE_TYPE_LABEL } from "../../model/labels.ts";
import type { StateNode } from "../../snapshot/snapshot.ts";
import type { HostUse } from "./host-rules.ts";
import type { PodVolumes } from "./pod-volumes.ts";

/**
 * How many volumes of a driver a node can have attached, told as amounts: each driver is a countable thing. A node says its
 * limit in its CSINode; a type that is yet to be bought has the least that nodes of its type say. Where nobody knows a
 * limit there is none. (Upstream knows limits of existing nodes only, and buys nodes on which pods then wait.)
 */
export type AttachLimits = {
  /** What a pod takes; shared claims that every node sets room aside for are not in it. */
  useOf(volumes: PodVolumes | undefined): HostUse;
  roomOfNode(node: StateNode): HostUse;
  roomOfType(name: string): HostUse;
  /** Claims of the pod that the node would have to attach beside its limit, as it has no room set aside for them. */
  isRefused(volumes: PodVolumes, node: StateNode): boolean;
  /** Claims of the pod that several pods use and that every node sets room aside for, sorted. */
  sharedOf(volumes: PodVolumes): readonly string[];
};

/** More than any node attaches. */
const UNLIMITED = 1_000_000;

/**
 * A claim used by several pods takes one place of a node however many of them run there. Amounts add up, so such claims are
 * not counted per pod: every node sets one place aside for each of them, as long as that leaves half of the limit to
 * claims of single pods, where there are such.
 * @param pods  the pods to place
 * @param nodes the nodes that pods may go to
 */
export function attachLimitsOf(
  pods: readonly Pod[],
  nodes: readonly StateNode[],
  view: ClusterView,
  volumesOf: VolumesOf,
): AttachLimits {
  const users = new Map<string, { driver: string; count: number }>();
  for (const pod of pods) {
    for (const { key, driver } of volumesOf(pod)?.attached ?? []) {
      users.set(key, { driver, count: (users.get(key)?.count ?? 0) + 1 });
    }
  }
  if (users.size === 0) return NO_LIMITS;
  const present = new Map(nodes.map((node) => [node.name, attachedOn(node, view, users, volumesOf)]));
  const limits = new Limits(view);
  const drivers = [...new Set([...users.values()].map(({ driver }) => driver))]
    .filter((driver) => limits.least(driver) !== undefined)
    .sort(byText);
  return limitsOf(drivers, limits, present, setAside(drivers, limits, present, users));
}

const NOTHING: HostUse = new Map();
const NO_LIMITS: AttachLimits = {
  useOf: () => NOTHING,
  roomOfNode: () => NOTHING,
  roomOfType: () => NOTHING,
  isRefused: () => false,
  sharedOf: () => [],
};

type VolumesOf = (pod: Pod) => PodVolumes | undefined;
type Present = { perDriver: ReadonlyMap<string, number>; claims: ReadonlySet<string> };
type Users = ReadonlyMap<string, { driver: string; count: number }>;

/** Distinct claims that a node has attached; of their names only those that a pod to place uses too. */
function attachedOn(node: StateNode, view: ClusterView, users: Users, volumesOf: VolumesOf): Present {
  const all = new Map<string, string>();
  for (const key of node.podKeys) {
    const pod = view.pods.get(key);
    if (pod === undefined) continue;
    for (const claim of volumesOf(pod)?.attached ?? []) all.set(claim.key, claim.driver);
  }
  const perDriver = new Map<string, number>();
  for (const driver of all.values()) perDriver.set(driver, (perDriver.get(driver) ?? 0) + 1);
  return { perDriver, claims: new Set([...all.keys()].filter((key) => users.has(key))) };
}

/** What nodes say of their drivers, by node and by type. */
class Limits {
  readonly #view: ClusterView;
  readonly #byType = new Map<string, Map<string, number>>();
  readonly #least = new Map<string, number>();

  constructor(view: ClusterView) {
    this.#view = view;
    for (const [name, csiNode] of view.csiNodes) {
      const type = view.nodes.get(name)?.metadata.labels?.[INSTANCE_TYPE_LABEL];
      for (const [driver, count] of countsOf(csiNode)) {
        keepLeast(this.#least, driver, count);
        if (type === undefined) continue;
        const known = this.#byType.get(type) ?? new Map<string, number>();
        keepLeast(known, driver, count);
        this.#byType.set(type, known);
      }
    }
  }

  least(driver: string): number | undefined {
    return this.#least.get(driver);
  }

  ofType(type: string, driver: string): number | undefined {
    return this.#byType.get(type)?.get(driver);
  }

  ofNode(node: StateNode, driver: string): number | undefined {
    const own = this.#view.csiNodes.get(node.node?.metadata.name ?? node.name);
    const said = own === undefined ? undefined : countsOf(own).find(([name]) => name === driver)?.[1];
    if (said !== undefined || node.initialized) return said;
    return this.ofType(node.labels[INSTANCE_TYPE_LABEL] ?? "", driver);
  }
}

function countsOf({ spec }: CsiNode): [string, number][] {
  return (spec.drivers ?? []).flatMap(({ name, allocatable }): [string, number][] =>
    allocatable?.count === undefined ? [] : [[name, allocatable.count]],
  );
}

function keepLeast(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, Math.min(count, counts.get(name) ?? count));
}

/** Per driver the shared claims that every node sets a place aside for. */
function setAside(
  drivers: readonly string[],
  limits: Limits,
  present: ReadonlyMap<string, Present>,
  users: Users,
): ReadonlyMap<string, readonly string[]> {
  const shared = new Map<string, string[]>(drivers.map((driver) => [driver, []]));
  const attached = new Set([...present.values()].flatMap(({ claims }) => [...claims]));
  const withOwn = new Set<string>();
  for (const [key, { driver, count }] of users) {
    if (count > 1 || attached.has(key)) shared.get(driver)?.push(key);
    else withOwn.add(driver);
  }
  const most = (driver: string): number => (limits.least(driver) ?? UNLIMITED) / (withOwn.has(driver) ? 2 : 1);
  const kept = [...shared].filter(([driver, keys]) => keys.length <= most(driver));
  return new Map(kept.map(([driver, keys]) => [driver, keys.sort(byText)]));
}

function limitsOf(
  drivers: readonly string[],
  limits: Limits,
  present: ReadonlyMap<string, Present>,
  aside: ReadonlyMap<string, readonly string[]>,
): AttachLimits {
  const isAside = (driver: string, key: string): boolean => aside.get(driver)?.includes(key) === true;
  const freeOn = (node: StateNode, driver: string): number => {
    const limit = limits.ofNode(node, driver);
    const attached = present.get(node.name)?.perDriver.get(driver) ?? 0;
    return limit === undefined ? UNLIMITED : Math.max(0, limit - attached);
  };
  const missingOn = (node: StateNode, driver: string): number =>
    (aside.get(driver) ?? []).filter((key) => present.get(node.name)?.claims.has(key) !== true).length;
  const setsAside = (node: StateNode, driver: string): boolean => missingOn(node, driver) <= freeOn(node, driver);
  return {
    useOf(volumes) {
      const use = new Map<string, number>();
      for (const { key, driver } of volumes?.attached ?? []) {
        if (drivers.includes(driver) && !isAside(driver, key))
          use.set(thing(driver), (use.get(thing(driver)) ?? 0) + 1);
      }
      return use;
    },
    roomOfNode: (node) =>
      new Map(
        drivers.map((driver) => {
          const free = freeOn(node, driver);
          return [thing(driver), setsAside(node, driver) ? free - missingOn(node, driver) : free];
        }),
      ),
    roomOfType: (name) =>
      new Map(
        drivers.map((driver) => {
          const limit = limits.ofType(name, driver);
          return [thing(driver), limit === undefined ? UNLIMITED : limit - (aside.get(driver) ?? []).length];
        }),
      ),
    isRefused: (volumes, node) =>
      volumes.attached.some(
        ({ key, driver }) =>
          isAside(driver, key) && present.get(node.name)?.claims.has(key) !== true && !setsAside(node, driver),
      ),
    sharedOf: (volumes) =>
      volumes.attached.flatMap(({ key, driver }) => (isAside(driver, key) ? [key] : [])).sort(byText),
  };
}

function thing(driver: string): string {
  return `attached volumes of ${driver}`;
}
