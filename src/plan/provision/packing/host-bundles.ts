import { byText } from "../../../base/order.ts";
import type { Pod } from "../../../model/core.ts";
import type { HostUse } from "../../fit/host-rules.ts";
import { isPerHostRule } from "../../fit/topology-rules.ts";
import { type DealClass, onHosts, type Reach, Reaches } from "../dealing/deal-class.ts";
import type { ClusterFacts } from "../reduce.ts";
import { type NumberedClass, needOf, sharedStagesOf } from "../stages.ts";
import type { Reason } from "../words/refusals.ts";

/** Nodes of one rule that are tried for its pods. */
const ANCHORS_MAX = 2_000;

type Refused = { pods: readonly Pod[]; reason: Reason };
export type Bundled = { classes: readonly DealClass[]; refused: readonly Refused[] };

/**
 * The classes with affinity over hosts told as bundles: pods that must share a node are placed as one large pod, or go to
 * the nodes where those run that they must be near to.
 */
export function bundledClasses(facts: ClusterFacts): Bundled {
  const reaches = new Reaches(facts.placement);
  const perHost = facts.topology.rules.flatMap((rule, g) => (isPerHostRule(rule) ? [g] : []));
  if (perHost.length === 0)
    return { classes: facts.podClasses.map((one) => plain(one, one.pods, reaches)), refused: [] };
  const work = new Bundler(facts, reaches);
  for (const rule of inOrder(facts, perHost)) work.bundle(rule);
  return work.result();
}

function plain(one: NumberedClass, pods: readonly Pod[], reaches: Reaches): DealClass {
  return {
    one,
    pods,
    unit: 1,
    parts: [one],
    owns: one.topology?.owns ?? [],
    selected: new Map((one.topology?.selectedBy ?? []).map((rule) => [rule, 1])),
    selectedOwners: new Map(ownersAmong(one).map((rule) => [rule, 1])),
    reach: reaches.of(one),
  };
}

/** Rules that count the class and bind it. */
function ownersAmong({ topology }: NumberedClass): readonly number[] {
  const { owns = [], selectedBy = [] } = topology ?? {};
  return owns.flatMap(({ rule, isWish }) => (!isWish && selectedBy.includes(rule) ? [rule] : []));
}

/** Rules whose pods are sought by other rules' owners first. */
function inOrder({ podClasses }: ClusterFacts, rules: readonly number[]): readonly number[] {
  const owned = (rule: number) => podClasses.filter(({ topology }) => topology?.owns.some((own) => own.rule === rule));
  const waits = (rule: number, other: number): boolean =>
    rule !== other &&
    podClasses.some(
      ({ topology }) =>
        topology?.selectedBy.includes(rule) === true && owned(other).some((one) => one.topology === topology),
    );
  const done: number[] = [];
  const open = [...rules];
  while (open.length > 0) {
    const free = open.findIndex((rule) => !open.some((other) => waits(rule, other)));
    done.push(...open.splice(Math.max(free, 0), 1));
  }
  return done;
}

type Bundle = { members: Map<number, Pod[]> };

class Bundler {
  readonly #facts: ClusterFacts;
  readonly #reaches: Reaches;
  readonly #rest: Pod[][];
  readonly #bundles: Bundle[] = [];
  readonly #hosts = new Map<number, ReadonlySet<string>>();
  readonly #refused: Refused[] = [];

  constructor(facts: ClusterFacts, reaches: Reaches) {
    this.#facts = facts;
    this.#reaches = reaches;
    this.#rest = facts.podClasses.map(({ pods }) => [...pods]);
  }

  /** Brings the pods that own the rule together with those that it is about. */
  bundle(rule: number): void {
    const owners = this.#classes((one) => one.topology?.owns.some((own) => own.rule === rule) === true);
    const isWish = (c: number): boolean =>
      this.#class(c).topology?.owns.find((own) => own.rule === rule)?.isWish === true;
    const standing = this.#facts.topology.hosts[rule] ?? new Set<string>();
    if (standing.size > 0) {
      for (const c of owners) if (!isWish(c)) this.#restrict(c, standing);
      return;
    }
    for (const anchor of this.#anchors(rule, owners)) {
      this.#gather(anchor, owners, rule);
      if (anchor.members.size > 0 && !this.#bundles.includes(anchor)) this.#bundles.push(anchor);
      if (owners.every((c) => (this.#rest[c]?.length ?? 0) === 0)) break;
    }
    for (const c of owners) if (!isWish(c)) this.#refuseRest(c, rule);
  }

  /** Brings the owners to the anchor. A group of their own can only be founded by one that the rule is about. */
  #gather(anchor: Bundle, owners: readonly number[], rule: number): void {
    const founders = anchor.members.size > 0 ? [] : owners.filter((c) => this.#selects(rule, c));
    for (const c of founders) this.#join(anchor, c);
    if (anchor.members.size > 0) for (const c of owners) this.#join(anchor, c);
  }

  #refuseRest(c: number, rule: number): void {
    const left = this.#rest[c] ?? [];
    if (left.length === 0) return;
    this.#refused.push({ pods: left, reason: this.#whyLeft(c, rule) });
    this.#rest[c] = [];
  }

  #whyLeft(c: number, rule: number): Reason {
    const text = this.#class(c).topology?.owns.find((own) => own.rule === rule)?.text ?? "";
    const held = this.#bundles.some(({ members }) => [...members.keys()].some((member) => this.#selects(rule, member)));
    const why = held ? "no node with such a pod has room for one more" : "no such pod is anywhere, or will be";
    return { code: "PodAffinityUnsatisfiable", reason: `${text}: ${why}` };
  }

  #classes(isWanted: (one: NumberedClass) => boolean): number[] {
    return this.#facts.podClasses.flatMap((one, c) => (isWanted(one) ? [c] : []));
  }

  #class(c: number): NumberedClass {
    return this.#facts.podClasses[c] as NumberedClass;
  }

  #selects(rule: number, c: number): boolean {
    return this.#class(c).topology?.selectedBy.includes(rule) === true;
  }

  #restrict(c: number, hosts: ReadonlySet<string>): void {
    const before = this.#hosts.get(c);
    this.#hosts.set(c, before === undefined ? hosts : new Set([...before].filter((host) => hosts.has(host))));
  }

  /** What the owners may join: bundles with a pod that the rule is about, single such pods, or one of themselves. */
  *#anchors(rule: number, owners: readonly number[]): Generator<Bundle> {
    let count = 0;
    const isFit = ({ members }: Bundle): boolean => [...members.keys()].some((c) => this.#selects(rule, c));
    for (const bundle of this.#bundles.filter(isFit)) yield bundle;
    for (const c of this.#classes(() => true)) {
      if (!this.#selects(rule, c) || owners.includes(c)) continue;
      // One that fits nowhere is nobody to wait for.
      if (this.#reaches.of(this.#class(c)).stages.length === 0) continue;
      while ((this.#rest[c]?.length ?? 0) > 0 && count < ANCHORS_MAX) {
        count += 1;
        const pod = this.#rest[c]?.shift();
        if (pod === undefined) break;
        const anchor: Bundle = { members: new Map([[c, [pod]]]) };
        yield anchor;
        if (anchor.members.size > 1) continue;
        this.#rest[c]?.unshift(pod);
        this.#drop(anchor);
        break;
      }
    }
    const isFounded = count > 0 || this.#bundles.some(isFit);
    if (isFounded || !owners.some((c) => this.#selects(rule, c))) return;
    yield { members: new Map() };
  }

  #drop(anchor: Bundle): void {
    const at = this.#bundles.indexOf(anchor);
    if (at >= 0) this.#bundles.splice(at, 1);
  }

  /** As many pods of the class as one node takes beside what is in the bundle. */
  #join(bundle: Bundle, c: number): void {
    const rest = this.#rest[c] ?? [];
    if (rest.length === 0) return;
    let fits = 0;
    let fails = rest.length + 1;
    while (fails - fits > 1) {
      const middle = fits === 0 && fails === rest.length + 1 ? rest.length : Math.floor((fits + fails) / 2);
      if (this.#holds(bundle, c, middle)) fits = middle;
      else fails = middle;
    }
    if (fits === 0) return;
    bundle.members.set(c, [...(bundle.members.get(c) ?? []), ...rest.splice(0, fits)]);
  }

  #holds({ members }: Bundle, c: number, more: number): boolean {
    const counts = new Map([...members].map(([member, pods]) => [member, pods.length]));
    counts.set(c, (counts.get(c) ?? 0) + more);
    return this.#isPeaceful(counts) && this.#reach(counts).stages.length > 0;
  }

  /** On one node pods share every domain: none may keep another away. */
  #isPeaceful(counts: ReadonlyMap<number, number>): boolean {
    const { rules } = this.#facts.topology;
    return [...counts.keys()].every((owner) =>
      (this.#class(owner).topology?.owns ?? []).every(({ rule, isWish }) => {
        if (isWish || rules[rule]?.kind !== "apart") return true;
        return [...counts].every(([c, pods]) => !this.#selects(rule, c) || (c === owner && pods === 1));
      }),
    );
  }

  #reach(counts: ReadonlyMap<number, number>): Reach {
    const dims = this.#facts.dimensions;
    const need = new Float64Array(dims.names.length);
    for (const [c, count] of counts) {
      needOf(this.#class(c), dims).forEach((amount, d) => {
        need[d] = (need[d] ?? 0) + count * amount;
      });
    }
    const members = [...counts.keys()].map((c) => this.#class(c));
    const key = `bundle ${[...counts]
      .map(([c, count]) => `${count} x ${this.#class(c).key}`)
      .sort(byText)
      .join("; ")}`;
    return this.#reaches.make(key, need, sharedStagesOf(members, need, this.#facts.placement));
  }

  result(): Bundled {
    const classes: DealClass[] = this.#facts.podClasses.flatMap((one, c) => {
      const pods = this.#rest[c] ?? [];
      if (pods.length === 0) return [];
      const made = plain(one, pods, this.#reaches);
      const hosts = this.#hosts.get(c);
      return [hosts === undefined ? made : { ...made, reach: onHosts(made.reach, hosts, this.#facts.placement) }];
    });
    const equal = new Map<string, DealClass & { pods: Pod[] }>();
    for (const { members } of this.#bundles) {
      const counts = new Map([...members].map(([c, pods]) => [c, pods.length]));
      const made = this.#dealClass(
        counts,
        [...members].sort(([a], [b]) => a - b).flatMap(([, pods]) => pods),
      );
      const known = equal.get(made.reach.key);
      if (known === undefined) equal.set(made.reach.key, made);
      else known.pods.push(...made.pods);
    }
    return { classes: [...classes, ...equal.values()], refused: this.#refused };
  }

  #dealClass(counts: ReadonlyMap<number, number>, pods: Pod[]): DealClass & { pods: Pod[] } {
    const parts = [...counts.keys()].map((c) => this.#class(c));
    const [first] = parts as [NumberedClass];
    const reach = this.#reach(counts);
    const requests: Record<string, number> = {};
    const hostUse = new Map<string, number>();
    const selected = new Map<number, number>();
    const selectedOwners = new Map<number, number>();
    const owns = new Map<number, DealClass["owns"][number]>();
    for (const [c, count] of counts) {
      const one = this.#class(c);
      for (const name of Object.keys(one.requests)) {
        requests[name] = (requests[name] ?? 0) + count * (one.requests[name] ?? 0);
      }
      addUse(hostUse, one.hostUse, count);
      for (const rule of one.topology?.selectedBy ?? []) selected.set(rule, (selected.get(rule) ?? 0) + count);
      for (const rule of ownersAmong(one)) selectedOwners.set(rule, (selectedOwners.get(rule) ?? 0) + count);
      for (const own of one.topology?.owns ?? []) {
        const known = owns.get(own.rule);
        if (known === undefined || known.isWish) owns.set(own.rule, own);
      }
    }
    const one = { ...first, key: reach.key, baseKey: reach.key, requests, hostUse };
    const sorted = [...owns.values()].sort((a, b) => Number(a.isWish) - Number(b.isWish));
    return { one, pods, unit: pods.length, parts, owns: sorted, selected, selectedOwners, reach };
  }
}

function addUse(sum: Map<string, number>, use: HostUse, count: number): void {
  for (const [thing, amount] of use) sum.set(thing, (sum.get(thing) ?? 0) + count * amount);
}
