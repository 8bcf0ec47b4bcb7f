import type { Pod } from "../../model/core.ts";
import { budgetIndexOf } from "../../model/pod-disruption-budgets.ts";
import { podRequests } from "../../model/pod-requests.ts";
import { untoleratedHardTaint } from "../../model/taints.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { daemonsOf } from "../fit/daemons.ts";
import { labelMisfit } from "../fit/label-fit.ts";
import { requiredTerms } from "../fit/levels.ts";
import { nodeLoad } from "../fit/node-load.ts";
import { CORE, nodeTableOf } from "../fit/node-table.ts";
import { specKey } from "../fit/spec-key.ts";
import { openPlaces } from "../provision/packing/bins.ts";
import { type Pool, poolsOf } from "../provision/pools.ts";
import { columnsOf } from "../provision/shapes/columns.ts";
import type { Consolidatee } from "./consolidate-candidates.ts";
import { podsMovingFrom } from "./node-pods.ts";

/** Per dimension of CORE. */
type Amounts = Float64Array;
/** Something that can be bought. */
type Choice = { price: number; room: Amounts };
/** A node that takes pods. */
type OpenNode = { claim: string; free: Amounts; state: StateNode };
/** What a pod takes, and the nodes that have it for one such pod. */
type Wish = { need: Amounts; nodes: readonly OpenNode[] };
/** What finds no room on the other nodes: in sum, and how many pods of each sort have no room on any of them. */
type Lack = { total: Amounts; alone: ReadonlyMap<Wish, number> };

/** Unit prices tried: shares of cpu and memory in tenths, the rest is the number of pods. */
const GRID = 10;

/**
 * What new nodes for the pods of some nodes cost at the very least if these go, in a cluster that is looked at for many such
 * sets: quick, and never above what a plan comes to. Only cpu, memory and the number of pods count, with the labels and taints of the
 * nodes that are there; no other rule keeps a pod from any room, and none from any type that a pool may buy.
 */
export class RehomingFloor {
  readonly #snapshot: Snapshot;
  readonly #open: readonly OpenNode[];
  /** By spec. */
  readonly #wishes = new Map<string, Wish>();
  /** What can be bought, cheapest first: prices are with the surcharge. */
  readonly #choices = new Map<Snapshot["instanceTypes"], readonly Choice[]>();
  readonly #surcharge: number;

  /** @param closed names of claims whose nodes take no pods */
  constructor(snapshot: Snapshot, closed: ReadonlySet<string>, surchargePerNode: number) {
    this.#snapshot = snapshot;
    this.#open = openNodes(snapshot, closed);
    this.#surcharge = surchargePerNode;
  }

  /**
   * In USD per hour, with the surcharge of each new node.
   * @param offered the snapshot with the types that may be bought
   */
  of(members: readonly Consolidatee[], offered: Snapshot): number {
    const lack = this.#lackOf(members);
    if (lack === undefined) return 0;
    const choices = this.#choicesIn(offered);
    return Math.min(
      priceOfOne(choices, lack.total),
      Math.max(spreadPrice(choices, lack.total), severally(choices, lack)),
    );
  }

  /** Undefined: all may have room. */
  #lackOf(members: readonly Consolidatee[]): Lack | undefined {
    const leaving = new Set(members.map(({ claimName }) => claimName));
    const { view, memory, nowMs } = this.#snapshot;
    const budgets = budgetIndexOf(view.podDisruptionBudgets, memory.surging);
    const alone = new Map<Wish, number>();
    const [total, rest] = [new Float64Array(CORE.length), new Float64Array(CORE.length)];
    const open = new Set<OpenNode>();
    for (const { candidate } of members) {
      for (const pod of podsMovingFrom(nodeLoad(view, candidate.state), budgets, nowMs)) {
        const wish = this.#wishOf(pod);
        const others = wish.nodes.filter(({ claim }) => !leaving.has(claim));
        for (const node of others) open.add(node);
        add(others.length > 0 ? rest : total, wish.need);
        if (others.length === 0) alone.set(wish, (alone.get(wish) ?? 0) + 1);
      }
    }
    for (const { free } of open) add(rest, free, -1);
    for (const [d, amount] of rest.entries()) total[d] = (total[d] ?? 0) + Math.max(0, amount);
    return total.some((amount) => amount > 0) ? { total, alone } : undefined;
  }

  #wishOf(pod: Pod): Wish {
    const key = specKey(pod);
    const known = this.#wishes.get(key) ?? wishOf(pod, this.#open);
    this.#wishes.set(key, known);
    return known;
  }

  #choicesIn(offered: Snapshot): readonly Choice[] {
    const known = this.#choices.get(offered.instanceTypes);
    if (known !== undefined) return known;
    const choices = poolsOf(offered)
      .pools.flatMap(choicesOf)
      .map(({ price, room }) => ({ price: price + this.#surcharge, room }))
      .sort((a, b) => a.price - b.price);
    this.#choices.set(offered.instanceTypes, choices);
    return choices;
  }
}

function openNodes(snapshot: Snapshot, closed: ReadonlySet<string>): OpenNode[] {
  const table = nodeTableOf(snapshot);
  const core = table.freeCore(daemonsOf(snapshot.view));
  return [...openPlaces(table, closed)].flatMap((place) => {
    const state = table.nodes[place];
    if (state === undefined) return [];
    const free = core.slice(place * CORE.length, (place + 1) * CORE.length).map((amount) => Math.max(0, amount));
    return [{ claim: state.claim?.metadata.name ?? "", free, state }];
  });
}

function wishOf(pod: Pod, open: readonly OpenNode[]): Wish {
  const need = needOf(podRequests(pod));
  const terms = requiredTerms(pod.spec);
  const nodes = open.filter(
    ({ free, state }) =>
      holds(free, need) &&
      untoleratedHardTaint(state.taints, pod.spec.tolerations) === undefined &&
      terms.some((term) => labelMisfit(term, state.labels) === undefined),
  );
  return { need, nodes };
}

function needOf(requests: Readonly<Record<string, number>>): Amounts {
  return Float64Array.from(CORE, (name) => (name === "pods" ? 1 : (requests[name] ?? 0)));
}

function holds(room: Amounts, need: Amounts): boolean {
  for (let d = 0; d < need.length; d += 1) if ((need[d] ?? 0) > (room[d] ?? 0)) return false;
  return true;
}

function add(sum: Amounts, more: Amounts, times = 1): void {
  for (let d = 0; d < sum.length; d += 1) sum[d] = (sum[d] ?? 0) + times * (more[d] ?? 0);
}

function priceOfOne(choices: readonly Choice[], need: Amounts): number {
  return choices.find(({ room }) => holds(room, need))?.price ?? Number.POSITIVE_INFINITY;
}

/**
 * What any number of nodes cost that hold so much together: for any unit prices of the dimensions a node is worth at most its
 * room at these, and what is needed costs at least its worth at the best price per worth.
 */
function spreadPrice(choices: readonly Choice[], need: Amounts): number {
  let best = 0;
  for (let cpu = 0; cpu <= GRID; cpu += 1) {
    for (let memory = 0; cpu + memory <= GRID; memory += 1) {
      const units = [cpu, memory, GRID - cpu - memory].map((share, d) => share / Math.max(need[d] ?? 0, 1));
      const worthOfNeed = worth(need, units);
      if (worthOfNeed > 0) best = Math.max(best, worthOfNeed * leastRate(choices, units));
    }
  }
  return best;
}

function leastRate(choices: readonly Choice[], units: readonly number[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (const { price, room } of choices) {
    const own = worth(room, units);
    if (own > 0) least = Math.min(least, price / own);
  }
  return least;
}

function worth(amounts: Amounts, units: readonly number[]): number {
  let sum = 0;
  for (let d = 0; d < units.length; d += 1) sum += (amounts[d] ?? 0) * (units[d] ?? 0);
  return sum;
}

/** The same for pods of one sort: a node holds whole ones only. Where there is more than one node, the others cost something too. */
function severally(choices: readonly Choice[], { alone }: Lack): number {
  let most = 0;
  for (const [{ need }, pods] of alone) {
    most = Math.max(most, pods * leastPerPod(choices, need), priceOfOne(choices, need) + (choices[0]?.price ?? 0));
  }
  return most;
}

function leastPerPod(choices: readonly Choice[], need: Amounts): number {
  let least = Number.POSITIVE_INFINITY;
  for (const { price, room } of choices) {
    const pods = Math.min(
      ...room.map((amount, d) => ((need[d] ?? 0) > 0 ? Math.floor(amount / (need[d] ?? 0)) : Number.POSITIVE_INFINITY)),
    );
    if (pods > 0) least = Math.min(least, price / pods);
  }
  return least;
}

/** By pool: as long as nothing about it is another, what can be bought stays the same. */
const known = new WeakMap<Pool["object"], { types: Pool["types"]; reservations: string; choices: readonly Choice[] }>();

function choicesOf(pool: Pool): readonly Choice[] {
  const reservations = JSON.stringify([...pool.reservations]);
  const before = known.get(pool.object);
  if (before?.types === pool.types && before.reservations === reservations) return before.choices;
  const choices = cheapestOf(pool);
  known.set(pool.object, { types: pool.types, reservations, choices });
  return choices;
}

/** Of each type the cheapest offering, those that hold no more than a cheaper one left out. */
function cheapestOf(pool: Pool): Choice[] {
  const columns = columnsOf(pool);
  const prices = new Map<number, number>();
  for (let column = 0; column < columns.count; column += 1) {
    const type = columns.typeOf[column] ?? 0;
    prices.set(type, Math.min(prices.get(type) ?? Number.POSITIVE_INFINITY, columns.priceOf[column] ?? 0));
  }
  const kept: Choice[] = [];
  for (const [type, price] of [...prices].sort(([, a], [, b]) => a - b)) {
    const { allocatable = {} } = pool.types[type] ?? {};
    const room = Float64Array.from(CORE, (name) => allocatable[name] ?? 0);
    if (!kept.some((other) => holds(other.room, room))) kept.push({ price, room });
  }
  return kept;
}
