import { byText } from "../../../base/order.ts";
import { Random } from "../../../base/random.ts";
import type { Pod } from "../../../model/core.ts";
import { isPerHostRule } from "../../fit/topology-rules.ts";
import { bundledClasses } from "../packing/host-bundles.ts";
import { type AvoidedDomains, packedClasses } from "../packing/pack-dealt.ts";
import type { PackedClass } from "../packing/packed-class.ts";
import type { ClusterFacts } from "../reduce.ts";
import type { ExplainHopeless, Reason } from "../words/refusals.ts";
import { withoutCircles } from "./affinity-circles.ts";
import { type Choice, capOf, type DealClass, type Dealt, type Place } from "./deal-class.ts";
import { DomainTally } from "./domain-tally.ts";
import { whyUndealt } from "./undealt.ts";

/** One way to deal: which domains are tried first, and who chooses first. */
export type DealVariant = {
  /** "cost": the cheapest domain; "bins": where nodes stand; else by lot. */
  order: "cost" | "bins" | "lot";
  /** True: always the emptiest domain of a spread rule; false: the first that the rule allows. */
  isEven: boolean;
  seed: number;
  /** Per class (its key) the id of a place that it tries before all others of its rank. */
  ahead?: ReadonlyMap<string, string>;
};

export type Deal = {
  classes: readonly PackedClass[];
  /** Pods that no rule-abiding domain was left for. */
  undealt: readonly { pods: readonly Pod[]; why(hopeless: ExplainHopeless): Reason }[];
  /** Classes of which no pod fits anywhere, rules or none. */
  hopeless: readonly PackedClass[];
  /** Per packed class (its key) the names of the caps that bind it. */
  placesOf: ReadonlyMap<string, readonly string[]>;
  /** What the deal counted with. */
  tally: DomainTally;
  /** What could have been decided otherwise, the dearest classes first. */
  otherwise(): readonly { key: string; place: string }[];
  /** Wishes that were given up. */
  dropped: readonly { text: string; pods: readonly Pod[] }[];
};

/** How many pods at most a class may send to a place: what an earlier packing found room for. */
export type Caps = ReadonlyMap<string, number>;

/** What earlier packings taught. */
export type Lessons = { caps: Caps; avoided: AvoidedDomains };

/** Rounds in which pods that found no domain try again, as others may have opened one. */
const ROUNDS_MAX = 6;

/**
 * Decides the domain of every pod that a rule between pods binds; the packing then knows no such rule. Classes on which
 * others wait go first. Within a class each pod takes the best place that all its rules allow; where there is none, wishes
 * are given up one after the other.
 */
export function dealDomains(all: ClusterFacts, variant: DealVariant, { caps, avoided }: Lessons): Deal {
  const free = withoutCircles(all);
  const facts = { ...all, podClasses: free.classes };
  const { classes, refused } = bundledClasses(facts);
  const table = new Dealer(facts, classes, variant, caps);
  const order = inOrder(facts, table.seats);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    let hasProgress = false;
    for (const seat of order) if (seat.next < seat.units && table.serve(seat)) hasProgress = true;
    if (order.every(({ next, units }) => next >= units) || (!hasProgress && table.isLenient)) break;
    if (hasProgress) continue;
    // Those that are waited for do not come any more; then rules are read by what they are for.
    if (table.isLate) table.isLenient = true;
    else table.isLate = true;
  }
  const hopeful = table.seats.filter(({ one }) => one.reach.stages.length > 0);
  const { classes: made, placesOf } = packedClasses(facts, table.dealt, avoided);
  return {
    classes: made,
    placesOf,
    tally: table.tally,
    undealt: [
      ...[...free.refused, ...refused].map(({ pods, reason }) => ({ pods, why: () => reason })),
      ...hopeful.flatMap((seat) => {
        const pods = seat.one.pods.slice(seat.next * seat.one.unit);
        return pods.length === 0
          ? []
          : [
              {
                pods,
                why: (hopeless: ExplainHopeless) => whyUndealt(facts, table.tally, seat.one, seat.places, hopeless),
              },
            ];
      }),
    ],
    hopeless: table.seats.flatMap(({ one }) => (one.reach.stages.length > 0 ? [] : [asPacked(one)])),
    otherwise: () => otherwiseOf(table.seats),
    dropped: table.dropped,
  };
}

/** Every other place, as good by its wishes, of the classes that rules bind to a place. */
function otherwiseOf(seats: readonly Seat[]): ReturnType<Deal["otherwise"]> {
  const cost = ({ units, places }: Seat): number => units * (places[0]?.cost ?? 0);
  return seats
    .filter(({ keys, places }) => keys.length > 0 && places.length > 1)
    .sort((a, b) => cost(b) - cost(a) || byText(a.one.one.key, b.one.one.key))
    .flatMap(({ one, places }) =>
      places.filter(({ rank }) => rank === places[0]?.rank).map(({ id }) => ({ key: one.one.key, place: id })),
    );
}

function asPacked({ one, pods, unit, parts }: DealClass): PackedClass {
  return { ...one, pods, unit, parts, pinned: [], stages: [], openStages: [] };
}

/** A class at the table: where it may go, best first, and how far it has come. */
export type Seat = {
  one: DealClass;
  keys: readonly number[];
  places: readonly Choice[];
  /** One of the places, to be tried before all others. */
  ahead: Choice | undefined;
  units: number;
  next: number;
  /** Wishes given up so far. */
  dropped: number;
};

type BinPlaces = { placeOf: Int32Array; values: readonly (readonly number[])[] };

class Dealer {
  readonly #facts: ClusterFacts;
  readonly #caps: Map<string, number>;
  readonly #variant: DealVariant;
  readonly #random: Random;
  readonly #binRoom: Float64Array;
  readonly #choices = new Map<string, readonly Choice[]>();
  /** By the labels (their numbers) that places are told by. */
  readonly #binPlaces = new Map<string, BinPlaces>();
  readonly #ownersOf = new Map<number, Seat[]>();
  /** Per rule the classes that it counts and that do not have it themselves. */
  readonly #othersOf = new Map<number, Seat[]>();
  readonly #followersOf = new Map<number, Float64Array>();
  /** Places that got pods, by the labels they are told by. */
  readonly #opened = new Set<string>();
  /** True when waiting for others has come to nothing. */
  isLate = false;
  /** True when spreads are in the way of pods that would not upset them among the nodes that there will be. */
  isLenient = false;
  readonly tally: DomainTally;
  readonly seats: readonly Seat[];
  readonly dealt: Dealt[] = [];
  readonly dropped: { text: string; pods: Pod[] }[] = [];

  constructor(facts: ClusterFacts, classes: readonly DealClass[], variant: DealVariant, caps: Caps) {
    this.#facts = facts;
    this.#caps = new Map(caps);
    this.#variant = variant;
    this.#random = new Random(variant.seed);
    this.#binRoom = Float64Array.from(facts.placement.binRoom);
    this.tally = new DomainTally(facts);
    this.seats = classes.map((one) => this.#seat(one));
    for (const seat of this.seats) {
      const owned = new Set(seat.one.owns.map(({ rule }) => rule));
      for (const rule of owned) addTo(this.#ownersOf, rule, seat);
      for (const rule of seat.one.selected.keys()) if (!owned.has(rule)) addTo(this.#othersOf, rule, seat);
    }
  }

  #seat(one: DealClass): Seat {
    const { keyOf, rules } = this.#facts.topology;
    const own = one.owns.map(({ rule }) => keyOf[rule] ?? -1);
    const counted = [...one.selected.keys()].filter(
      (rule) => rules[rule]?.kind !== "spread" || this.#isSettled(one, rule),
    );
    const keys = [...new Set([...own, ...counted.map((rule) => keyOf[rule] ?? -1)])].filter((key) => key >= 0);
    keys.sort((a, b) => a - b);
    const id = `${one.reach.key} ${keys.join()}`;
    const places = this.#choices.get(id) ?? this.#choicesOf(one, keys);
    this.#choices.set(id, places);
    const wanted = this.#variant.ahead?.get(one.one.key);
    const ahead = wanted === undefined ? undefined : places.find((choice) => choice.id === wanted);
    return { one, keys, places, ahead, units: one.pods.length / one.unit, next: 0, dropped: 0 };
  }

  /** A pod that can be in one domain only is counted by the rules of others as well. */
  #isSettled(one: DealClass, rule: number): boolean {
    const key = this.#facts.topology.keyOf[rule] ?? -1;
    if (key < 0) return false;
    const id = `${one.reach.key} ${key}`;
    const places = this.#choices.get(id) ?? this.#choicesOf(one, [key]);
    this.#choices.set(id, places);
    return places.length === 1;
  }

  #choicesOf({ reach }: DealClass, keys: readonly number[]): readonly Choice[] {
    const { kindValue } = this.#facts.topology;
    const found = new Map<string, Choice & { bins: number[] }>();
    const at = (values: readonly number[]): Choice & { bins: number[] } => {
      const id = values.join();
      const known = found.get(id);
      if (known !== undefined) return known;
      const place = new Map(keys.map((key, i) => [key, values[i] ?? -1]));
      const openedId = `${keys.join()} ${id}`;
      const made = { place, rank: 1e6, cost: Number.POSITIVE_INFINITY, bins: [], hasKinds: false, id, openedId };
      found.set(id, made);
      return made;
    };
    reach.rankOfKind.forEach((rank, k) => {
      if (rank < 0) return;
      const choice = at(keys.map((key) => kindValue[key]?.[k] ?? -1));
      choice.hasKinds = true;
      if (rank < choice.rank) choice.cost = Number.POSITIVE_INFINITY;
      choice.rank = Math.min(choice.rank, rank);
      if (rank === choice.rank) choice.cost = Math.min(choice.cost, reach.costOfKind[k] ?? 0);
    });
    const { placeOf, values } = this.#placesOfBins(keys);
    const known: (ReturnType<typeof at> | undefined)[] = [];
    for (let b = 0; b < reach.rankOfBin.length; b += 1) {
      const rank = reach.rankOfBin[b] ?? -1;
      if (rank < 0) continue;
      const place = placeOf[b] ?? 0;
      const choice = known[place] ?? at(values[place] ?? []);
      known[place] = choice;
      choice.bins.push(b);
      choice.rank = Math.min(choice.rank, rank);
      if (this.#variant.order === "bins") choice.cost = 0;
    }
    return this.#sorted([...found.values()]);
  }

  /** Bins with equal values of the labels have equal numbers. */
  #placesOfBins(keys: readonly number[]): BinPlaces {
    const known = this.#binPlaces.get(keys.join());
    if (known !== undefined) return known;
    const { binValue } = this.#facts.topology;
    const numbers = new Map<string, number>();
    const values: number[][] = [];
    const placeOf = Int32Array.from(this.#facts.bins, (_, b) => {
      const own = keys.map((key) => binValue[key]?.[b] ?? -1);
      const number = numbers.get(own.join()) ?? numbers.size;
      if (number === values.length) values.push(own);
      numbers.set(own.join(), number);
      return number;
    });
    const made = { placeOf, values };
    this.#binPlaces.set(keys.join(), made);
    return made;
  }

  #sorted(choices: readonly Choice[]): readonly Choice[] {
    const lots = new Map(
      choices.map((choice) => [choice, this.#variant.order === "lot" ? this.#random.fraction() : 0]),
    );
    const lot = (choice: Choice): number => lots.get(choice) ?? 0;
    return [...choices].sort(
      (a, b) => a.rank - b.rank || lot(a) - lot(b) || (a.cost === b.cost ? 0 : a.cost - b.cost) || byText(a.id, b.id),
    );
  }

  /** Deals out what can be dealt; true when that is anything. */
  serve(seat: Seat): boolean {
    if (seat.places.length === 0) return false;
    if (seat.keys.length === 0) {
      this.#give(seat, seat.units, []);
      return true;
    }
    if (this.#isOpen(seat)) return this.#serveOpen(seat);
    const before = seat.next;
    const counts = new Map<Choice, number>();
    for (let left = seat.units - seat.next; left > 0; left -= 1) {
      const choice = this.#best(seat);
      if (choice === undefined) break;
      counts.set(choice, (counts.get(choice) ?? 0) + 1);
      if (this.isLenient) this.#noteLenient(seat, choice);
      this.tally.note(seat.one, [choice.place], 1);
      this.#use(seat, choice);
      this.#opened.add(choice.openedId);
    }
    for (const [choice, count] of counts) this.#give(seat, count, [choice.place]);
    return seat.next > before;
  }

  #noteLenient({ one }: Seat, { place }: Choice): void {
    for (const { rule } of one.owns) if (!this.tally.allowsOwn(one, rule, place)) this.tally.noteLenient(rule);
  }

  #isOpen({ one, keys }: Seat): boolean {
    const { rules } = this.#facts.topology;
    const isSought = [...one.selected.keys()].some(
      (rule) => rules[rule]?.kind === "near" && !isPerHostRule(rules[rule]),
    );
    return one.owns.length === 0 && keys.length === 1 && !isSought;
  }

  /** Pods that only have to keep away from others may go to any domain that is left. */
  #serveOpen(seat: Seat): boolean {
    const places = seat.places.filter(({ place }) => this.tally.isWelcome(seat.one, place)).map(({ place }) => place);
    if (places.length === 0) return false;
    const units = seat.units - seat.next;
    this.tally.note(seat.one, places, units);
    this.#give(seat, units, places);
    return true;
  }

  #give(seat: Seat, units: number, places: readonly Place[]): void {
    const { unit, pods } = seat.one;
    const given = pods.slice(seat.next * unit, (seat.next + units) * unit);
    this.dealt.push({ one: seat.one, pods: given, keys: seat.keys, places });
    seat.next += units;
  }

  /** The best place that the rules allow now; gives up wishes where none is. */
  #best(seat: Seat): Choice | undefined {
    const wishes = seat.one.owns.filter(({ isWish }) => isWish);
    if (wishes.length === 0) return this.#bestUnder(seat, seat.one.owns);
    for (;;) {
      const kept = seat.one.owns.filter((own) => !own.isWish || wishes.indexOf(own) >= seat.dropped);
      const choice = this.#bestUnder(seat, kept);
      if (choice !== undefined || seat.dropped >= wishes.length) return choice;
      const given = wishes[seat.dropped];
      const pods = seat.one.pods.slice(seat.next * seat.one.unit);
      if (given !== undefined) this.dropped.push({ text: given.text, pods });
      seat.dropped += 1;
    }
  }

  #bestUnder(seat: Seat, owns: DealClass["owns"]): Choice | undefined {
    if (seat.ahead !== undefined && this.#isAllowed(seat, owns, seat.ahead)) return seat.ahead;
    const seeks = this.#soughtBy(seat, owns);
    const isPlain = seeks.length === 0 && !this.#variant.isEven;
    let best: Choice | undefined;
    let bestAppeal = Number.NEGATIVE_INFINITY;
    for (const choice of seat.places) {
      if (best !== undefined && choice.rank > best.rank && isPlain) break;
      if (!this.#isAllowed(seat, owns, choice)) continue;
      // Where pods of the kind go already, another one may share their node.
      const isOpened = this.#opened.has(choice.openedId);
      if (isPlain && isOpened) return choice;
      const appeal = isPlain ? 0 : this.#appeal(seeks, owns, choice) + (isOpened ? 0.5 : 0);
      if (appeal <= bestAppeal) continue;
      best = choice;
      bestAppeal = appeal;
    }
    return best;
  }

  #isAllowed(seat: Seat, owns: DealClass["owns"], choice: Choice): boolean {
    const { keyOf } = this.#facts.topology;
    if (!this.#hasRoom(seat, choice) || !this.tally.isWelcome(seat.one, choice.place)) return false;
    return owns.every(
      ({ rule }) => (keyOf[rule] ?? -1) < 0 || (this.#allowsOwn(seat, rule, choice) && !this.#mustWait(rule, owns)),
    );
  }

  #allowsOwn({ one }: Seat, rule: number, { place }: Choice): boolean {
    return this.tally.allowsOwn(one, rule, place) || (this.isLenient && this.tally.allowsLeniently(one, rule, place));
  }

  /**
   * Nobody founds a group of their own while others are to come that they would have to be near to; nor, ever, one that keeps
   * these away from itself.
   */
  #mustWait(rule: number, owns: DealClass["owns"]): boolean {
    const { rules, keyOf } = this.#facts.topology;
    if (rules[rule]?.kind !== "near" || this.tally.totalOf(rule) > 0) return false;
    const toCome = (this.#othersOf.get(rule) ?? []).filter(
      ({ next, units, places }) => next < units && places.length > 0,
    );
    if (!this.isLate) return toCome.length > 0;
    const isApart = (own: { rule: number }): boolean =>
      rules[own.rule]?.kind === "apart" && keyOf[own.rule] === keyOf[rule];
    return owns.some((own) => isApart(own) && toCome.some(({ one }) => one.selected.has(own.rule)));
  }

  /** More where more of the pods could follow that are to be near to each other, and in the emptiest domain of an even deal. */
  #appeal(seeks: readonly number[], owns: DealClass["owns"], { place }: Choice): number {
    const { rules, keyOf } = this.#facts.topology;
    const at = (rule: number): number => place.get(keyOf[rule] ?? -1) ?? -1;
    let appeal = 0;
    for (const rule of seeks) appeal += 1e6 * (this.#followers(rule)[at(rule)] ?? 0);
    if (!this.#variant.isEven) return appeal;
    for (const { rule } of owns) {
      if (rules[rule]?.kind === "spread") appeal -= this.tally.countsOf(rule)[at(rule)] ?? 0;
    }
    return appeal;
  }

  /** Rules of affinity that look for a first pod, which this one would be. */
  #soughtBy(seat: Seat, owns: DealClass["owns"]): readonly number[] {
    const { rules, keyOf } = this.#facts.topology;
    const sought: number[] = [];
    for (const rule of seat.one.selected.keys()) {
      if (rules[rule]?.kind === "near" && (keyOf[rule] ?? -1) >= 0 && this.tally.totalOf(rule) === 0) sought.push(rule);
    }
    for (const { rule } of owns) {
      // A place where several of the pods it has to be near to are does for all of them.
      if (rules[rule]?.kind === "near" && !sought.includes(rule) && (keyOf[rule] ?? -1) >= 0) sought.push(rule);
    }
    return sought;
  }

  /** Per value of the rule's label: how many pods that own the rule could be there. */
  #followers(rule: number): Float64Array {
    const known = this.#followersOf.get(rule);
    if (known !== undefined) return known;
    const key = this.#facts.topology.keyOf[rule] ?? -1;
    const followers = new Float64Array(this.#facts.topology.values[key]?.length ?? 0);
    for (const { places, units } of this.#ownersOf.get(rule) ?? []) {
      const values = new Set(places.map(({ place }) => place.get(key) ?? -1));
      for (const v of values) if (v >= 0) followers[v] = (followers[v] ?? 0) + units;
    }
    this.#followersOf.set(rule, followers);
    return followers;
  }

  #hasRoom(seat: Seat, choice: Choice): boolean {
    if (this.#caps.size > 0 && (this.#caps.get(capOf(seat.one, choice.place)) ?? 1) <= 0) return false;
    return choice.hasKinds || this.#binFor(seat, choice) >= 0;
  }

  /** Where nothing can be bought, the room on nodes is what there is. */
  #binFor({ one }: Seat, { bins }: Choice): number {
    const { need } = one.reach;
    return bins.find((b) => need.every((amount, d) => amount <= (this.#binRoom[b * need.length + d] ?? 0))) ?? -1;
  }

  #use(seat: Seat, choice: Choice): void {
    if (this.#caps.size > 0) {
      const id = capOf(seat.one, choice.place);
      const cap = this.#caps.get(id);
      if (cap !== undefined) this.#caps.set(id, cap - 1);
    }
    if (choice.hasKinds) return;
    const { need } = seat.one.reach;
    const bin = this.#binFor(seat, choice);
    for (let d = 0; d < need.length; d += 1) {
      const at = bin * need.length + d;
      this.#binRoom[at] = (this.#binRoom[at] ?? 0) - (need[d] ?? 0);
    }
  }
}

function addTo(map: Map<number, Seat[]>, rule: number, seat: Seat): void {
  const known = map.get(rule);
  if (known === undefined) map.set(rule, [seat]);
  else known.push(seat);
}

/**
 * Those go first on whom others wait: pods that others must be near to, owners of anti-affinity before those they repel.
 * Then those with the fewest places, and the largest.
 */
function inOrder(facts: ClusterFacts, seats: readonly Seat[]): readonly Seat[] {
  const turns = turnsOf(facts, seats);
  const size = ({ one }: Seat): number => one.reach.need[0] ?? 0;
  return seats
    .map((seat, at) => ({ seat, turn: turns[at] ?? 0, places: seat.places.length, size: size(seat) }))
    .sort(
      (a, b) =>
        a.turn - b.turn || a.places - b.places || b.size - a.size || byText(a.seat.one.one.key, b.seat.one.one.key),
    )
    .map(({ seat }) => seat);
}

/** Per seat how many others come before: each rule makes some of its pods wait for the others. Circles end after some rounds. */
function turnsOf({ topology }: ClusterFacts, seats: readonly Seat[]): Int32Array {
  const roles = seats.map(({ one }) => rolesOf(one, topology));
  const turns = new Int32Array(seats.length);
  const latest = new Int32Array(topology.rules.length);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    for (const [at, { goesBefore }] of roles.entries()) {
      for (const rule of goesBefore) latest[rule] = Math.max(latest[rule] ?? 0, (turns[at] ?? 0) + 1);
    }
    let isSettled = true;
    for (const [at, { waitsFor }] of roles.entries()) {
      const before = turns[at] ?? 0;
      for (const rule of waitsFor) turns[at] = Math.max(turns[at] ?? 0, latest[rule] ?? 0);
      isSettled &&= turns[at] === before;
    }
    if (isSettled) break;
  }
  return turns;
}

/** Rules for which the class goes before others, and rules that make it wait. */
type Roles = { goesBefore: readonly number[]; waitsFor: readonly number[] };

function rolesOf({ owns, selected }: DealClass, { rules }: ClusterFacts["topology"]): Roles {
  const goesBefore: number[] = [];
  const waitsFor: number[] = [];
  for (const { rule } of owns) {
    if (rules[rule]?.kind === "apart") goesBefore.push(rule);
    else if (!selected.has(rule)) waitsFor.push(rule);
  }
  for (const rule of selected.keys()) {
    if (owns.some((own) => own.rule === rule)) continue;
    if (rules[rule]?.kind === "apart") waitsFor.push(rule);
    else goesBefore.push(rule);
  }
  return { goesBefore, waitsFor };
}
