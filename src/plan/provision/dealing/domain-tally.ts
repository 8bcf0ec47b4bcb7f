import { fits } from "../../../model/resources.ts";
import { untoleratedHardTaint } from "../../../model/taints.ts";
import { requiredTerms } from "../../fit/levels.ts";
import type { TopologyRule } from "../../fit/topology-rules.ts";
import type { ClusterFacts } from "../reduce.ts";
import type { DealClass, Place, Reach } from "./deal-class.ts";
import { seesAll, seesNode } from "./topology.ts";

/**
 * What stands where while pods are dealt to domains: per rule and value the pods that count, and those that want nobody
 * near. Everything is a counter, so a question costs a few numbers whatever is placed.
 */
export class DomainTally {
  readonly #facts: ClusterFacts;
  readonly #counts: readonly Float64Array[];
  readonly #totals: number[];
  /** Per rule of anti-affinity and value: pods dealt that own it. */
  readonly #owners: readonly Float64Array[];
  /** Per rule the classes of pods dealt that it counts and that do not have it themselves, and where they are for sure. */
  readonly #others: readonly { one: DealClass; at: number; pods: number }[][];
  /** Per rule and reach the domains that count. */
  readonly #eligible: readonly Map<Reach, Int32Array>[];
  /** Per label the values for which pods were dealt. */
  readonly #opened: readonly Set<number>[];
  /** Per rule of spread, reach and value: whether pods there may be on nodes that the rule counts. */
  readonly #isSeen = new Map<string, boolean>();
  /** Rules that were read leniently. */
  readonly #lenient = new Set<number>();

  constructor(facts: ClusterFacts) {
    this.#facts = facts;
    this.#counts = facts.topology.counts.map((list) => Float64Array.from(list));
    this.#totals = [...facts.topology.totals];
    this.#owners = facts.topology.counts.map((list) => new Float64Array(list.length));
    this.#others = facts.topology.rules.map(() => []);
    this.#eligible = facts.topology.rules.map(() => new Map());
    this.#opened = facts.topology.keys.map(() => new Set());
  }

  countsOf(rule: number): Float64Array {
    return this.#counts[rule] ?? new Float64Array();
  }

  totalOf(rule: number): number {
    return this.#totals[rule] ?? 0;
  }

  /** True when the class's own rule lets a pod into the place. */
  allowsOwn(one: DealClass, rule: number, place: Place): boolean {
    const { rules, keyOf } = this.#facts.topology;
    const about = rules[rule];
    const at = place.get(keyOf[rule] ?? -1) ?? -1;
    if (about === undefined || at < 0) return about?.kind === "apart";
    const count = this.#counts[rule]?.[at] ?? 0;
    if (about.kind === "apart") return count === 0;
    const own = one.selected.get(rule) ?? 0;
    if (about.kind === "near") return count > 0 || (own > 0 && this.totalOf(rule) === 0);
    // Pods of a unit are bound one after the other: the last one finds the others counted.
    return count + own - this.leastOf(one, rule, { at, pods: Math.max(0, own - 1) }) <= about.maxSkew;
  }

  /**
   * True when a spread shuts the place by the letter only: without the pods dealt there that do not have the rule it has room;
   * and it is in balance among the domains that there are, at least while those of them are not bound yet that can wait. By the
   * letter everybody is there first, and domains count in which nobody buys a node.
   */
  allowsLeniently(one: DealClass, rule: number, place: Place): boolean {
    const { rules, keyOf } = this.#facts.topology;
    const about = rules[rule];
    const at = place.get(keyOf[rule] ?? -1) ?? -1;
    if (about?.kind !== "spread" || at < 0) return false;
    const own = one.selected.get(rule) ?? 0;
    const count = (this.#counts[rule]?.[at] ?? 0) + own;
    const more = { at, pods: Math.max(0, own - 1) };
    const others = (this.#others[rule] ?? []).filter((other) => other.at === at);
    const podsOf = (list: typeof others): number => list.reduce((sum, { pods }) => sum + pods, 0);
    const bound = count - podsOf(others) - own + (one.selectedOwners.get(rule) ?? 0);
    if (bound - this.leastOf(one, rule, more) > about.maxSkew) return false;
    const waiting = others.filter((other) => this.#canWaitFor(one, other.one));
    return count - podsOf(waiting) - this.#leastThere(rule, more) <= about.maxSkew;
  }

  /** True when the other may be bound after the one: no rule of its own counts the one, and the one does not need it there. */
  #canWaitFor(one: DealClass, other: DealClass): boolean {
    const { rules } = this.#facts.topology;
    const isBound = other.owns.some(({ rule, isWish }) => !isWish && one.selected.has(rule));
    const isNeeded = one.owns.some(
      ({ rule, isWish }) =>
        !isWish && rules[rule]?.kind === "near" && other.selected.has(rule) && !one.selected.has(rule),
    );
    return !isBound && !isNeeded;
  }

  /** Of the domains with nodes, and with pods that are dealt there, the least count. @param more pods that come to one */
  #leastThere(rule: number, more: { at: number; pods: number }): number {
    const counts = this.countsOf(rule);
    const { present, keyOf } = this.#facts.topology;
    const opened = this.#opened[keyOf[rule] ?? -1];
    let least = (counts[more.at] ?? 0) + more.pods;
    for (let v = 0; v < counts.length; v += 1) {
      if (v !== more.at && (present[rule]?.[v] === 1 || opened?.has(v) === true))
        least = Math.min(least, counts[v] ?? 0);
    }
    return least;
  }

  /** Takes down that a place was used which the rule allows leniently only. */
  noteLenient(rule: number): void {
    this.#lenient.add(rule);
  }

  /** True when no pod that owns the rule keeps the class out of the place. */
  isWelcome(one: DealClass, place: Place): boolean {
    const { rules, keyOf } = this.#facts.topology;
    for (const rule of one.selected.keys()) {
      if (rules[rule]?.kind !== "apart") continue;
      const at = place.get(keyOf[rule] ?? -1) ?? -1;
      if (at >= 0 && (this.#owners[rule]?.[at] ?? 0) > 0) return false;
    }
    return true;
  }

  /** The count of the emptiest domain, as the class sees it. @param more pods that come to one of the domains before */
  leastOf(one: DealClass, rule: number, more = NOBODY): number {
    const domains = this.domainsOf(one, rule);
    if (this.#facts.topology.isCut[this.#facts.topology.keyOf[rule] ?? -1] === true) return 0;
    if (domains.length < (this.#facts.topology.rules[rule]?.minDomains ?? 0)) return 0;
    let least = Number.POSITIVE_INFINITY;
    const counts = this.countsOf(rule);
    for (const v of domains) least = Math.min(least, (counts[v] ?? 0) + (v === more.at ? more.pods : 0));
    return least === Number.POSITIVE_INFINITY ? 0 : least;
  }

  /** Domains that count for the class: where nodes stand that do, and where one could be bought for it. */
  domainsOf(one: DealClass, rule: number): Int32Array {
    const known = this.#eligible[rule]?.get(one.reach);
    if (known !== undefined) return known;
    const { topology } = this.#facts;
    const present = topology.present[rule] ?? new Uint8Array();
    const found = new Set<number>();
    for (let v = 0; v < present.length; v += 1) if (present[v] === 1) found.add(v);
    for (const k of this.#kindsFor(one)) {
      const v = topology.kindValue[topology.keyOf[rule] ?? -1]?.[k] ?? -1;
      if (v >= 0) found.add(v);
    }
    const domains = Int32Array.from(found).sort();
    this.#eligible[rule]?.set(one.reach, domains);
    return domains;
  }

  /** True when every class that has the rule saw the domain as one that counts. */
  isCounted(rule: number, value: number): boolean {
    if (this.#lenient.has(rule)) return false;
    return [...(this.#eligible[rule]?.values() ?? [])].every((domains) => domains.includes(value));
  }

  /** Kinds of which some type would hold a pod: daemons, ports, limits and volumes aside, and whoever must share its host. */
  #kindsFor(one: DealClass): readonly number[] {
    const { kinds, kindTypes, pools, table } = this.#facts;
    return kinds.flatMap(({ pool, meets }, k) => {
      const { taints = [], types = [] } = pools[pool] ?? {};
      const isOpen = one.parts.every(({ sample }) => {
        if (untoleratedHardTaint(taints, sample.spec.tolerations) !== undefined) return false;
        return requiredTerms(sample.spec).some((term) => meets[table.add(term)] === 1);
      });
      if (!isOpen) return [];
      const isLarge = (type: number): boolean =>
        one.parts.some(({ requests }) => fits(requests, types[type]?.allocatable ?? {}));
      return (kindTypes[k] ?? []).some(({ type }) => isLarge(type)) ? [k] : [];
    });
  }

  /** False when every node that the pods may go to in the places is of no account to the rule's owners. */
  #maySee(rule: number, reach: Reach, places: readonly Place[]): boolean {
    const { topology, kinds, bins } = this.#facts;
    const about = topology.rules[rule];
    if (about === undefined || seesAll(about)) return true;
    const key = topology.keyOf[rule] ?? -1;
    return places.some((place) => {
      const value = place.get(key) ?? -1;
      const id = `${rule} ${value} ${reach.key}`;
      const known = this.#isSeen.get(id);
      if (known !== undefined) return known;
      const isAt = (values: Int32Array | undefined, ranks: Int32Array, at: number): boolean =>
        (ranks[at] ?? -1) >= 0 && values?.[at] === value;
      const isSeen =
        kinds.some((_, k) => isAt(topology.kindValue[key], reach.rankOfKind, k) && seesKind(this.#facts, about, k)) ||
        bins.some((bin, b) => isAt(topology.binValue[key], reach.rankOfBin, b) && seesNode(about, bin));
      this.#isSeen.set(id, isSeen);
      return isSeen;
    });
  }

  /** Takes down that units of the class are in any one of the places. */
  note(one: DealClass, places: readonly Place[], units: number): void {
    const { keyOf, rules } = this.#facts.topology;
    for (const [rule, pods] of one.selected) this.#count(rule, one, places, pods * units);
    if (places.length === 1) for (const [key, value] of places[0] ?? []) this.#opened[key]?.add(value);
    for (const { rule, isWish } of one.owns) {
      if (!isWish && rules[rule]?.kind === "apart") addAt(this.#owners[rule], places, keyOf[rule] ?? -1, units);
    }
  }

  /** Pods that the rule selects, in any one of the places. */
  #count(rule: number, one: DealClass, places: readonly Place[], pods: number): void {
    const { keyOf, rules } = this.#facts.topology;
    const key = keyOf[rule] ?? -1;
    const isSure = places.length === 1;
    this.#totals[rule] = this.totalOf(rule) + pods;
    if (rules[rule]?.kind !== "spread") {
      if (isSure || rules[rule]?.kind === "apart") addAt(this.#counts[rule], places, key, pods);
      return;
    }
    if (!isSure || !this.#maySee(rule, one.reach, places)) return;
    addAt(this.#counts[rule], places, key, pods);
    const isOwner = one.owns.some((own) => own.rule === rule && !own.isWish);
    if (!isOwner) this.#others[rule]?.push({ one, at: places[0]?.get(key) ?? -1, pods });
  }
}

const NOBODY = { at: -1, pods: 0 };

/** True when nodes of the kind count for the spread. */
export function seesKind({ kinds, pools, table }: ClusterFacts, rule: TopologyRule, kind: number): boolean {
  const { honorsAffinity, honorsTaints, owner } = rule;
  const { meets, pool = 0 } = kinds[kind] ?? {};
  if (honorsAffinity && !requiredTerms(owner.spec).some((term) => meets?.[table.add(term)] === 1)) return false;
  return !honorsTaints || untoleratedHardTaint(pools[pool]?.taints ?? [], owner.spec.tolerations) === undefined;
}

function addAt(list: Float64Array | undefined, places: readonly Place[], key: number, amount: number): void {
  if (list === undefined) return;
  for (const place of places) {
    const at = place.get(key) ?? -1;
    if (at >= 0) list[at] = (list[at] ?? 0) + amount;
  }
}
