import { byText } from "../../base/order.ts";
import type { Taint } from "../../model/core.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import { INITIALIZED_LABEL, NODE_POOL_LABEL, REGISTERED_LABEL } from "../../model/labels.ts";
import {
  intersectAll,
  labelRequirements,
  type Requirement,
  type Requirements,
  requirementsOf,
} from "../../model/requirements.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { parseResources, type Resources } from "../../model/resources.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { reservationsLeft } from "./shapes/reservations.ts";

/** A pool that nodes can be bought from, and what it makes of them. */
export type Pool = {
  name: string;
  object: NodePool;
  weight: number;
  taints: readonly Taint[];
  /** Of every node of the pool: its requirements, its template's labels, the pool's and the node class's own label. */
  requirements: Requirements;
  /** Labels of the template, the pool and the node class: they have one value whatever is bought. */
  labels: Readonly<Record<string, string>>;
  types: readonly InstanceType[];
  /** How many more types there are, above the bound of node size. */
  tooLarge: number;
  /** What the limits still allow; undefined without limits. `nodes` is one of them. */
  remaining: Resources | undefined;
  /** Places left per reservation, of all pools together. */
  reservations: ReadonlyMap<string, number>;
  /** Requirements with minValues, by key. */
  minValues: ReadonlyMap<string, number>;
};

/** Labels that daemons may ask for and that no node lacks once it is up. */
export const NODE_IS_UP: Readonly<Record<string, string>> = {
  [REGISTERED_LABEL]: "true",
  [INITIALIZED_LABEL]: "true",
};

/** Why a pool takes no part. */
export type IdlePool = { nodePool: string; reason: string };

/**
 * The pools that nodes may be bought from: heaviest first, then by name. Static pools, pools that are not ready or being
 * deleted, and pools without types are left out, each with the reason.
 */
export function poolsOf(snapshot: Snapshot): { pools: readonly Pool[]; idle: readonly IdlePool[] } {
  const pools: Pool[] = [];
  const idle: IdlePool[] = [];
  const used = usedByPool(snapshot);
  const reservations = reservationsLeft(snapshot);
  for (const name of [...snapshot.view.nodePools.keys()].sort(byText)) {
    const object = snapshot.view.nodePools.get(name);
    if (object === undefined) continue;
    const all = snapshot.instanceTypes.get(name) ?? [];
    const types = withinSize(all, snapshot.settings.nodeCpuMaxMilli);
    const reason = idleBecause(object, all, types);
    if (reason !== undefined) idle.push({ nodePool: name, reason });
    else pools.push({ ...poolOf(object, types, used.get(name)), reservations, tooLarge: all.length - types.length });
  }
  return { pools: pools.sort((a, b) => b.weight - a.weight || byText(a.name, b.name)), idle };
}

/** By list of types the last bound that was asked of it, and what that left. */
const bounded = new WeakMap<readonly InstanceType[], { cpuMaxMilli: number; types: readonly InstanceType[] }>();

/** The types up to the bound of node size; without a bound the very same list, with one the same as the last time. */
function withinSize(types: readonly InstanceType[], cpuMaxMilli = 0): readonly InstanceType[] {
  if (cpuMaxMilli === 0) return types;
  const known = bounded.get(types);
  if (known?.cpuMaxMilli === cpuMaxMilli) return known.types;
  const within = types.filter(({ capacity }) => (capacity["cpu"] ?? 0) <= cpuMaxMilli);
  bounded.set(types, { cpuMaxMilli, types: within });
  return within;
}

function idleBecause(pool: NodePool, all: readonly InstanceType[], types: readonly InstanceType[]): string | undefined {
  if (pool.spec.replicas !== undefined) return "has a fixed number of nodes (spec.replicas)";
  if (pool.metadata.deletionTimestamp !== undefined) return "is being deleted";
  const ready = (pool.status?.conditions ?? []).find(({ type }) => type === "Ready");
  if (ready?.status !== "True") {
    return `is not ready${ready === undefined || ready.message === "" ? "" : ` (${ready.message})`}`;
  }
  if (all.length > 0 && types.length === 0) return "has only instance types above the bound of node size";
  return types.length === 0 ? "has no instance types" : undefined;
}

function poolOf(
  object: NodePool,
  types: readonly InstanceType[],
  used: Resources | undefined,
): Omit<Pool, "reservations" | "tooLarge"> {
  const { template, limits, weight } = object.spec;
  const { nodeClassRef, requirements, taints } = template.spec;
  const labels: Record<string, string> = {
    ...template.metadata?.labels,
    [NODE_POOL_LABEL]: object.metadata.name,
    [`${nodeClassRef.group}/${nodeClassRef.kind.toLowerCase()}`]: nodeClassRef.name,
  };
  const own = requirementsOf(requirements ?? []);
  return {
    name: object.metadata.name,
    object,
    weight: weight ?? 0,
    taints: taints ?? [],
    requirements: intersectAll(own, labelRequirements(labels)),
    labels,
    types,
    remaining: limits === undefined ? undefined : remainingOf(parseResources(limits), used ?? {}),
    minValues: new Map([...own.values()].flatMap(minimum)),
  };
}

function minimum(r: Requirement): [string, number][] {
  return r.minValues === undefined ? [] : [[r.key, r.minValues]];
}

function remainingOf(limits: Resources, used: Resources): Resources {
  const remaining: Record<string, number> = {};
  for (const name of Object.keys(limits)) remaining[name] = Math.max(0, (limits[name] ?? 0) - (used[name] ?? 0));
  return remaining;
}

/**
 * What the nodes of pools with limits sum up to, as far as these limits ask, with `nodes` as their number. Nodes that are
 * going away do not count any more.
 */
function usedByPool({ view, stateNodes }: Snapshot): ReadonlyMap<string, Resources> {
  const used = new Map<string, { sum: Record<string, number>; names: readonly string[] }>();
  for (const [pool, { spec }] of view.nodePools) {
    if (spec.limits !== undefined) used.set(pool, { sum: { nodes: 0 }, names: Object.keys(spec.limits) });
  }
  if (used.size === 0) return new Map();
  for (const { nodePool, managed, markedForDeletion, capacity } of stateNodes) {
    if (nodePool === undefined || !managed || markedForDeletion) continue;
    const { sum, names } = used.get(nodePool) ?? {};
    if (sum === undefined || names === undefined) continue;
    sum["nodes"] = (sum["nodes"] ?? 0) + 1;
    for (const name of names) if (name !== "nodes") sum[name] = (sum[name] ?? 0) + (capacity[name] ?? 0);
  }
  return new Map([...used].map(([pool, { sum }]) => [pool, sum]));
}
