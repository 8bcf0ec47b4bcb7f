import { byText } from "../../base/order.ts";
import { keyOf } from "../../model/object.ts";
import { isReschedulable } from "../../model/pod-predicates.ts";
import { podRequests } from "../../model/pod-requests.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { Consolidatee } from "./consolidate-candidates.ts";
import { type Move, type MoveRules, moveOf, type NoMove } from "./consolidate-move.ts";
import { rehome } from "./rehome.ts";
import { RehomingFloor } from "./rehoming-floor.ts";

/** Counts work, so that effort is bounded without a clock: a pod or a node looked at is a step. */
export type Effort = { left: number };

/** Room that the budgets leave, by pool. */
export type Room = ReadonlyMap<string, number>;

/** So many nodes go in one command at most: a larger one would be long under way, and fails as a whole. */
const MEMBERS_MAX = 100;
/** Effort of the search for new nodes while sets of nodes are compared; the one chosen gets the usual effort. */
const QUICK_STEPS = 20_000;
/** A what-if costs at least so much. */
const LOOK_STEPS = 200;
/** Up to so many nodes, every set of them is tried. */
const ALL_SETS_MAX = 4;
/** Beyond so many nodes the first set that pays is taken, and single nodes are not looked at. */
const THOROUGH_MAX = 200;
const FLIPS_MAX = 60;

export type Search = {
  rules: MoveRules;
  /** What the budgets leave, by pool. */
  room: Room;
  effort: Effort;
  /** Gets the last refusal of each node, by claim name. */
  why: Map<string, NoMove>;
};

/** What came of one look for a set of nodes to take away. */
export type Look = {
  /** Undefined: no set that was tried pays back. */
  best: Move | undefined;
  /** Those that were looked at. */
  seen: readonly Consolidatee[];
};

/**
 * The best set of nodes to take away at once among the first that the budgets allow. As many of the first as pay best;
 * then single nodes are added and left out as long as it gets better. In a large cluster, what comes after them is to go
 * as well, and takes none of their pods.
 * @param ranked see rankedByWaste
 */
export function bestMove(snapshot: Snapshot, ranked: readonly Consolidatee[], search: Search): Look {
  const open = withinRoom(ranked, search.room);
  const seen = open.slice(0, MEMBERS_MAX);
  const isLarge = ranked.length > THOROUGH_MAX;
  const trial = new Trial(snapshot, search, isLarge, isLarge ? open.slice(MEMBERS_MAX) : []);
  if (isLarge)
    for (let size = seen.length; size >= 1 && trial.best === undefined; size = Math.floor(size / 3))
      trial.of(seen.slice(0, size));
  else if (seen.length <= ALL_SETS_MAX) trial.all(setsOf(seen));
  else {
    trial.all(prefixesOf(seen));
    for (const one of seen.slice(0, ALL_SETS_MAX)) trial.of([one]);
    climb(trial, seen, ranked, search.room);
  }
  return { best: trial.best, seen };
}

/** Sets that were tried, and the best of them. */
class Trial {
  best: Move | undefined;
  readonly #tried = new Set<string>();
  readonly #snapshot: Snapshot;
  readonly #rules: MoveRules;
  readonly #effort: Effort;
  readonly #why: Map<string, NoMove>;
  readonly #leavingToo: readonly Consolidatee[];
  /** Sets are so many in small clusters only. */
  readonly #floor: RehomingFloor | undefined;

  constructor(
    snapshot: Snapshot,
    { rules, effort, why }: Search,
    isLarge: boolean,
    leavingToo: readonly Consolidatee[],
  ) {
    this.#snapshot = snapshot;
    this.#rules = rules;
    this.#effort = effort;
    this.#why = why;
    this.#leavingToo = leavingToo;
    this.#floor = isLarge ? undefined : new RehomingFloor(snapshot, rules.closed, rules.surchargePerNode);
  }

  get isOver(): boolean {
    return this.#effort.left <= 0;
  }

  all(sets: readonly (readonly Consolidatee[])[]): void {
    for (const members of sets) this.of(members);
  }

  /** @returns whether it is the best so far */
  of(members: readonly Consolidatee[]): boolean {
    const id = members
      .map(({ claimName }) => claimName)
      .sort(byText)
      .join();
    if (members.length === 0 || this.isOver || this.#tried.has(id)) return false;
    spend(this.#effort, this.#snapshot, members);
    const move = moveOf(this.#snapshot, members, this.#rules, {
      steps: quickSteps(this.#snapshot),
      leavingToo: this.#leavingToo,
      ...(this.#floor === undefined ? {} : { floor: this.#floor }),
      gainToBeat: this.best?.gain,
    });
    this.#tried.add(id);
    if (move.kind === "none") {
      if (move.code === "NotTried") return false;
      for (const { claimName } of members)
        if (members.length === 1 || !this.#why.has(claimName)) this.#why.set(claimName, move);
      return false;
    }
    if (this.best !== undefined && move.gain <= this.best.gain + 1e-9) return false;
    this.best = move;
    return true;
  }
}

function quickSteps({ settings }: Snapshot): number {
  return Math.min(QUICK_STEPS, settings.searchSteps ?? QUICK_STEPS);
}

export function spend(effort: Effort, { stateNodes }: Snapshot, members: readonly Consolidatee[]): void {
  effort.left -=
    LOOK_STEPS + stateNodes.length + members.reduce((sum, { candidate }) => sum + candidate.pods.length, 0);
}

/** Adds, leaves out or exchanges single nodes while that is better. */
function climb(trial: Trial, open: readonly Consolidatee[], ranked: readonly Consolidatee[], room: Room): void {
  let flips = FLIPS_MAX;
  for (let isBetter = true; isBetter && flips > 0 && !trial.isOver; ) {
    isBetter = false;
    const present: readonly Consolidatee[] = trial.best?.members ?? [];
    const inside = new Set(present);
    // What is worth least inside and what is worth most outside comes first.
    const outside = ranked.filter((one) => !inside.has(one)).slice(0, FLIPS_MAX / 2);
    const least = open.filter((one) => inside.has(one)).reverse();
    const sets = [
      ...least.map((one) => present.filter((other) => other !== one)),
      ...outside.map((one) => [...present, one]).filter((set) => isWithin(set, room) && set.length <= MEMBERS_MAX),
    ];
    for (const set of sets) {
      if (flips <= 0) break;
      flips -= 1;
      if (!trial.of(set)) continue;
      isBetter = true;
      break;
    }
  }
}

function isWithin(set: readonly Consolidatee[], room: Room): boolean {
  return withinRoom(set, room).length === set.length;
}

/** In order, as many of each pool as its budgets allow. */
export function withinRoom(ranked: readonly Consolidatee[], room: Room): Consolidatee[] {
  const left = new Map(room);
  return ranked.filter(({ poolName }) => {
    const rest = left.get(poolName) ?? 0;
    left.set(poolName, rest - 1);
    return rest > 0;
  });
}

function setsOf(open: readonly Consolidatee[]): Consolidatee[][] {
  const sets: Consolidatee[][] = [];
  for (let bits = 2 ** open.length - 1; bits > 0; bits -= 1) sets.push(open.filter((_, i) => (bits & (1 << i)) !== 0));
  return sets;
}

/** The first 1, 2, 3, 4, 6, 9, ... and all of them. */
function prefixesOf(open: readonly Consolidatee[]): Consolidatee[][] {
  const sizes = new Set([open.length]);
  for (let size = 1; size < open.length; size = Math.max(size + 1, Math.floor(size * 1.5))) sizes.add(size);
  return [...sizes].sort((a, b) => b - a).map((size) => open.slice(0, size));
}

/**
 * By what a node costs more than its pods would in a cluster planned anew, for each part of the trouble. Nodes whose
 * pods have no other place are left out.
 */
export function rankedByWaste(
  snapshot: Snapshot,
  able: readonly Consolidatee[],
  { rules, effort, why }: Omit<Search, "room">,
): Consolidatee[] {
  const { fair, homeless, reason } = fairCosts(snapshot, able, rules, effort);
  const scored = able
    .filter((one) => !homeless.has(one))
    .map((one) => {
      const worth = one.candidate.pods.reduce((sum, pod) => sum + (fair.get(keyOf(pod)) ?? 0), 0);
      return { one, score: (one.price + rules.surchargePerNode - worth) / one.disruptionCost };
    });
  for (const { claimName } of homeless) why.set(claimName, { kind: "none", code: "NoOtherPlace", reason });
  return scored.sort((a, b) => b.score - a.score || byText(a.one.claimName, b.one.claimName)).map(({ one }) => one);
}

/** What each pod would pay if the cluster were planned anew: its share of a new node; nothing on one that is there. */
function fairCosts(
  snapshot: Snapshot,
  able: readonly Consolidatee[],
  rules: MoveRules,
  effort: Effort,
): { fair: Map<string, number>; homeless: Set<Consolidatee>; reason: string } {
  spend(effort, snapshot, able);
  const settings = { ...snapshot.settings, searchSteps: quickSteps(snapshot) };
  const leaving = new Set(able.map(({ claimName }) => claimName));
  const { replacements, moves, problem } = rehome({ ...snapshot, settings }, { leaving, avoid: rules.closed });
  const fair = new Map<string, number>();
  for (const { pods, cheapestPrice } of replacements) {
    const sizes = pods.map((key) => sizeOf(snapshot, key));
    const [cpu, memory] = [sum(sizes.map((size) => size.cpu)), sum(sizes.map((size) => size.memory))];
    pods.forEach((key, i) => {
      const size = sizes[i] ?? { cpu: 0, memory: 0 };
      const share = (size.cpu / Math.max(cpu, 1) + size.memory / Math.max(memory, 1)) / 2;
      fair.set(key, (cheapestPrice + rules.surchargePerNode) * share);
    });
  }
  const homeless = problem === undefined ? [] : able.filter(({ candidate }) => isHomeless(candidate, moves));
  // A problem that is nobody's says nothing about single nodes.
  return { fair, homeless: new Set(homeless.length < able.length ? homeless : []), reason: problem ?? "" };
}

function isHomeless({ pods }: Consolidatee["candidate"], moves: ReadonlyMap<string, string>): boolean {
  return pods.some((pod) => isReschedulable(pod) && !moves.has(keyOf(pod)));
}

function sizeOf({ view }: Snapshot, key: string): { cpu: number; memory: number } {
  const pod = view.pods.get(key);
  const requests = pod === undefined ? {} : podRequests(pod);
  return { cpu: requests["cpu"] ?? 0, memory: requests["memory"] ?? 0 };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
