import { isUnbeatable } from "../packing/lower-bound.ts";
import { type FilledNode, type Packing, priceOf, shapeCosts } from "../packing/packing-problem.ts";
import { type SearchOptions, searchPacking } from "../packing/packing-search.ts";
import { type ClusterFacts, type Reduction, reduce } from "../reduce.ts";
import { type Deal, type DealVariant, dealDomains, type Lessons } from "./deal-domains.ts";
import { seesKind } from "./domain-tally.ts";

export type DealtPacking = { deal: Deal; reduction: Reduction; packing: Packing };

const FIRST: DealVariant = { order: "cost", isEven: false, seed: 1 };
/** Other ways to deal, for plans that are small enough to try some. */
const OTHERS: readonly DealVariant[] = [
  { order: "bins", isEven: false, seed: 1 },
  { order: "cost", isEven: true, seed: 1 },
  { order: "lot", isEven: false, seed: 2 },
  { order: "lot", isEven: false, seed: 3 },
  { order: "lot", isEven: true, seed: 4 },
  { order: "lot", isEven: false, seed: 5 },
  { order: "bins", isEven: true, seed: 6 },
];
const SMALL_PODS = 300;
const MEDIUM_PODS = 700;
/** Share of the effort that each deal gets before the best is known. */
const TRIAL_SHARE = 1 / 16;
/** Decisions of the best deal that are made otherwise, one at a time, and the share of the effort for each. */
const TURNS_MAX = 24;
const TURN_SHARE = 1 / 64;
/** Most lead to a deal that was there before; looking for one that did not comes to an end, too. */
const TURN_DEALS_MAX = 120;
/** How often a deal is corrected by what found no room. */
const CORRECTIONS_MAX = 4;

/** Deals the pods to domains in some ways and packs each; the one that leaves the fewest pods, then the cheapest, wins. */
export function bestDeal(facts: ClusterFacts, options: SearchOptions): DealtPacking {
  const isCoupled = facts.topology.rules.length > 0;
  const pods = facts.podClasses.reduce((sum, one) => sum + one.pods.length, 0);
  const others =
    !isCoupled || facts.topology.keys.length === 0
      ? 0
      : pods <= SMALL_PODS
        ? OTHERS.length
        : pods <= MEDIUM_PODS
          ? 2
          : 0;
  if (others === 0) return packed(facts, FIRST, options);
  const trials = new Trials(facts, options);
  for (const variant of [FIRST, ...OTHERS.slice(0, others)]) {
    trials.tryOut(variant, TRIAL_SHARE);
    if (trials.isOver()) return trials.result();
  }
  if (pods <= SMALL_PODS) trials.turnDecisions();
  return trials.result();
}

/** Deals that are tried one after the other; the best is kept. */
class Trials {
  readonly #facts: ClusterFacts;
  readonly #options: SearchOptions;
  readonly #seen = new Set<string>();
  #best: { made: DealtPacking; variant: DealVariant; isUnbeatable: boolean } | undefined;

  constructor(facts: ClusterFacts, options: SearchOptions) {
    this.#facts = facts;
    this.#options = options;
  }

  /** "known" when the deal was tried before, else whether it is the best so far. */
  tryOut(variant: DealVariant, share: number): "known" | "best" | "worse" {
    const deal = dealDomains(this.#facts, variant, NO_LESSONS);
    const text = textOf(deal);
    if (this.#seen.has(text)) return "known";
    this.#seen.add(text);
    const made = packed(this.#facts, variant, { ...this.#options, steps: this.#options.steps * share }, deal);
    if (this.#best !== undefined && !beats(made, this.#best.made, this.#options.surchargePerNode)) return "worse";
    this.#best = { made, variant, isUnbeatable: isBest(made, this.#options.surchargePerNode) };
    return "best";
  }

  /** True when no other deal could cost less. */
  isOver(): boolean {
    return this.#best?.isUnbeatable === true;
  }

  /** Decisions were made before prices were known: each is made otherwise, as long as that gains something. */
  turnDecisions(): void {
    let turns = TURNS_MAX;
    let deals = TURN_DEALS_MAX;
    for (let hasGained = true; hasGained; ) {
      hasGained = false;
      for (const { key, place } of this.#best?.made.deal.otherwise() ?? []) {
        if (turns === 0 || deals === 0 || this.#best === undefined || this.isOver()) return;
        deals -= 1;
        const { variant } = this.#best;
        const result = this.tryOut(
          { ...variant, ahead: new Map([...(variant.ahead ?? []), [key, place]]) },
          TURN_SHARE,
        );
        if (result !== "known") turns -= 1;
        if (result === "best") hasGained = true;
      }
    }
  }

  /** The best, with all the effort. */
  result(): DealtPacking {
    if (this.#best?.isUnbeatable === true) return this.#best.made;
    const whole = packed(this.#facts, this.#best?.variant ?? FIRST, this.#options);
    if (this.#best === undefined || !beats(this.#best.made, whole, this.#options.surchargePerNode)) return whole;
    return this.#best.made;
  }
}

const NO_LESSONS: Lessons = { caps: new Map(), avoided: new Set() };

/** Equal for deals that send as many pods of each class to each place. */
function textOf({ classes, undealt }: Deal): string {
  const refused = undealt.reduce((sum, { pods }) => sum + pods.length, 0);
  return `${classes.map(({ key, pods }) => `${pods.length} ${key}`).join("\n")}\n${refused}`;
}

/** Nothing is left, and no other deal could cost less. */
function isBest({ deal, reduction, packing }: DealtPacking, surcharge: number): boolean {
  const { boundProblem, problem } = reduction;
  if (deal.undealt.length > 0 || boundProblem.price !== problem.price) return false;
  return isUnbeatable(boundProblem, packing, shapeCosts(boundProblem, surcharge));
}

/** A packing's own cost may be told with another surcharge: here both are weighed with the same. */
function beats(a: DealtPacking, b: DealtPacking, surcharge: number): boolean {
  const [left, other] = [leftOf(a), leftOf(b)];
  return left < other || (left === other && costOf(a, surcharge) < costOf(b, surcharge) - 1e-9);
}

function costOf({ reduction, packing }: DealtPacking, surcharge: number): number {
  const bought = packing.nodes.filter(({ shape }) => shape >= 0).length;
  return priceOf(reduction.problem, packing.nodes) + surcharge * bought;
}

function leftOf({ deal, packing }: DealtPacking): number {
  return packing.leftTotal + deal.undealt.reduce((sum, { pods }) => sum + pods.length, 0);
}

/**
 * A deal and its packing. Where the packing found less room in a domain than the deal thought, or opened a domain that the
 * deal did not count on, the deal is made again with that in mind: what others do must not leave any rule out of balance.
 */
function packed(given: ClusterFacts, variant: DealVariant, options: SearchOptions, first?: Deal): DealtPacking {
  const lessons = { caps: new Map<string, number>(), avoided: new Set<string>() };
  const present = given.topology.present.map((list) => Uint8Array.from(list));
  const facts = { ...given, topology: { ...given.topology, present } };
  for (let correction = 0; ; correction += 1) {
    const deal = correction === 0 && first !== undefined ? first : dealDomains(facts, variant, lessons);
    const reduction = reduce(facts, deal.classes);
    const packing = searchPacking(reduction.problem, options);
    const isNew = [
      learnCaps(deal, packing, lessons.caps),
      learnDomains(reduction, deal, packing, present, lessons.avoided),
    ].includes(true);
    if (correction >= CORRECTIONS_MAX || !isNew) return { deal, reduction, packing };
  }
}

/**
 * Finds domains that bought nodes may come up in without any owner of a rule having counted on them, and that put the rule
 * out of balance: pods would be refused by the scheduler. The nodes of others are to stay out of such a domain; where they
 * cannot, it counts. True when something is news.
 */
function learnDomains(
  reduction: Reduction,
  deal: Deal,
  packing: Packing,
  present: readonly Uint8Array[],
  avoided: Set<string>,
): boolean {
  const { topology, kinds } = reduction;
  let isNew = false;
  for (const [rule, list] of present.entries()) {
    const key = topology.keyOf[rule] ?? -1;
    for (const kind of kinds.keys()) {
      const value = topology.kindValue[key]?.[kind] ?? -1;
      if (value < 0 || list[value] === 1 || !isUpset(reduction, deal, rule, value)) continue;
      if (!isSeen(reduction, rule, kind) || deal.tally.isCounted(rule, value)) continue;
      if (!packing.nodes.some((node) => mayBe(reduction, node, kind))) continue;
      const pair = `${key} ${value}`;
      if (avoided.has(pair)) list[value] = 1;
      avoided.add(pair);
      isNew = true;
    }
  }
  return isNew;
}

function isSeen(reduction: Reduction, rule: number, kind: number): boolean {
  const about = reduction.topology.rules[rule];
  return about?.kind === "spread" && seesKind(reduction, about, kind);
}

/** True when the fullest domain of the rule has too many pods for one more domain as empty as this. */
function isUpset({ topology }: Reduction, { tally }: Deal, rule: number, value: number): boolean {
  const about = topology.rules[rule];
  if (about?.kind !== "spread") return false;
  const counts = tally.countsOf(rule);
  return counts.some((count) => count - (counts[value] ?? 0) > about.maxSkew);
}

/** True when the claim that is made of the node may be launched as one of the kind. */
function mayBe(
  { problem, kinds, classes, topology }: Reduction,
  { shape, content }: FilledNode,
  kind: number,
): boolean {
  const planned = shape < 0 ? -1 : (problem.kindOf[shape] ?? -1);
  if (planned < 0 || kinds[planned]?.pool !== kinds[kind]?.pool) return false;
  return content.every(({ podClass }) => {
    const { stages = [], pinned = [] } = classes[podClass] ?? {};
    const isPinned = pinned.every((key) => topology.kindValue[key]?.[kind] === topology.kindValue[key]?.[planned]);
    return isPinned && stages.some(({ guest }) => guest[kind] === 1);
  });
}

/** Takes down how many pods each left-over class found room for; false when there is nothing new to learn. */
function learnCaps({ classes, placesOf }: Deal, packing: Packing, caps: Map<string, number>): boolean {
  let isNew = false;
  for (const [c, left] of packing.left.entries()) {
    const one = classes[c];
    if (left === 0 || one === undefined || one.pinned.length === 0) continue;
    for (const id of placesOf.get(one.key) ?? []) {
      const room = one.pods.length / one.unit - left;
      if ((caps.get(id) ?? Number.POSITIVE_INFINITY) <= room) continue;
      caps.set(id, room);
      isNew = true;
    }
  }
  return isNew;
}
