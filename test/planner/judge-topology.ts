import type { LabelSelector, Pod, PodAffinityTerm, TopologySpreadConstraint } from "../../src/model/core.ts";
import { HOSTNAME_LABEL } from "../../src/model/labels.ts";
import {
  allows,
  intersection,
  type Requirement,
  type RequirementSpec,
  type Requirements,
  requirementsOf,
} from "../../src/model/requirements.ts";
import {
  isFineWithout,
  isImpossible,
  isTolerated,
  launchesOf,
  launchMeets,
  nodeTermsOf,
  selects,
  type Term,
  withLabelKeys,
} from "./judge-labels.ts";
import {
  domainsOf,
  isPoolReady,
  type JudgedWorld,
  type Place,
  podKey,
  poolLabels,
  requestsOf,
  unmetKey,
} from "./judge-places.ts";

type Say = (rule: string, about: string, message: string) => void;
type Remark = Say;

/** The rules that depend on other pods. */
export function judgeTopology(world: JudgedWorld, places: readonly Place[], say: Say, remark: Remark): void {
  judgeSpread(world, places, say, remark);
  const everyPod = places.flatMap((place) =>
    [...place.running, ...place.placed]
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map((pod): Located => ({ pod, place })),
  );
  judgeAffinity(world, places, everyPod, say);
  judgeAntiAffinity(world, places, everyPod, say);
}

const namespaceOf = (pod: Pod): string => pod.metadata.namespace ?? "default";
const only = (values: ReadonlySet<string>): string | undefined => (values.size === 1 ? [...values][0] : undefined);

// ---------------------------------------------------------------- spread

type SpreadGroup = {
  constraint: TopologySpreadConstraint;
  selector: LabelSelector | undefined;
  first: Pod;
  owners: Set<Pod>;
};

function judgeSpread(world: JudgedWorld, places: readonly Place[], say: Say, remark: Remark): void {
  const groups = new Map<string, SpreadGroup>();
  for (const { placed } of places) {
    for (const pod of placed) {
      for (const constraint of pod.spec.topologySpreadConstraints ?? []) {
        if (constraint.whenUnsatisfiable === "ScheduleAnyway") continue;
        const selector = withLabelKeys(constraint, pod.metadata.labels);
        const { nodeSelector, affinity, tolerations } = pod.spec;
        const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
        const { labelSelector: _, matchLabelKeys: __, ...rest } = constraint;
        const id = JSON.stringify([namespaceOf(pod), rest, selector, nodeSelector, required, tolerations]);
        const group = groups.get(id) ?? { constraint, selector, first: pod, owners: new Set() };
        groups.set(id, group);
        group.owners.add(pod);
      }
    }
  }
  const reach = new Reach(world);
  for (const group of groups.values()) judgeGroup(group, places, reach, say, remark);
}

type Counts = {
  all: Map<string, number>;
  ofOthers: Map<string, number>;
  owners: Map<string, Pod>;
  domains: Set<string>;
};

function judgeGroup(group: SpreadGroup, places: readonly Place[], reach: Reach, say: Say, remark: Remark): void {
  const { constraint, first } = group;
  const { topologyKey: key, maxSkew, minDomains = 0 } = constraint;
  const { all, ofOthers, owners, domains } = countGroup(group, places, say);
  const least = (of: Iterable<string>): number => {
    const counts = [...of].map((domain) => all.get(domain) ?? 0);
    return counts.length === 0 ? 0 : Math.min(...counts);
  };
  const withReach = new Set([...domains, ...reach.domains(first, key)]);
  // A new node is always possible: the emptiest host has no pod.
  const isFree = key === HOSTNAME_LABEL || withReach.size < minDomains;
  const low = isFree ? 0 : least(withReach);
  for (const [domain, pod] of owners) {
    // Pods that match without having the constraint may have come last: they are taken off.
    const count = (all.get(domain) ?? 0) - (ofOthers.get(domain) ?? 0);
    if (count - low <= maxSkew) continue;
    const message = `spread over ${key}: ${domain} has ${count}, the least is ${low}, maxSkew ${maxSkew}`;
    // Alternatives of node affinity: domains of another alternative, where no node stands yet, do not hold the pod back.
    const isLoose = nodeTermsOf(first.spec).length > 1 && key !== HOSTNAME_LABEL && count - least(domains) <= maxSkew;
    (isLoose ? remark : say)("spread", podKey(pod), message);
  }
}

function countGroup({ constraint, selector, first, owners }: SpreadGroup, places: readonly Place[], say: Say): Counts {
  const { topologyKey: key } = constraint;
  const counts: Counts = { all: new Map(), ofOthers: new Map(), owners: new Map(), domains: new Set() };
  const add = (map: Map<string, number>, domain: string): void => void map.set(domain, (map.get(domain) ?? 0) + 1);
  for (const place of places) {
    const possible = domainsOf(place, key);
    const domain = only(possible);
    const own = place.placed.find((pod) => owners.has(pod));
    if (domain === undefined) {
      if (own !== undefined) {
        say("spread", podKey(own), `${place.name} has ${possible.size === 0 ? "no" : "more than one possible"} ${key}`);
      }
      continue;
    }
    if (!countsFor(constraint, first, place)) continue;
    counts.domains.add(domain);
    if (own !== undefined) counts.owners.set(domain, own);
    // A pod of a node that goes comes back as a new one: that the old is ending does not matter.
    const running = place.running.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const matching = [...running, ...place.placed].filter(
      (pod) => namespaceOf(pod) === namespaceOf(first) && selects(selector, pod.metadata.labels),
    );
    const placed = new Set(place.placed);
    for (const pod of matching) {
      add(counts.all, domain);
      if (placed.has(pod) && !owners.has(pod)) add(counts.ofOthers, domain);
    }
  }
  return counts;
}

function countsFor(constraint: TopologySpreadConstraint, pod: Pod, place: Place): boolean {
  const { nodeAffinityPolicy = "Honor", nodeTaintsPolicy = "Ignore" } = constraint;
  if (nodeAffinityPolicy === "Honor" && nodeTermsOf(pod.spec).every((t) => unmetKey(place, t, "some") !== undefined)) {
    return false;
  }
  return nodeTaintsPolicy !== "Honor" || isTolerated(place.taints, pod.spec.tolerations);
}

/** The domains in which some pool could launch a node for the pod: these are spread over, too. */
class Reach {
  readonly #world: JudgedWorld;
  readonly #known = new Map<string, ReadonlySet<string>>();

  constructor(world: JudgedWorld) {
    this.#world = world;
  }

  domains(pod: Pod, key: string): ReadonlySet<string> {
    if (key === HOSTNAME_LABEL) return new Set();
    const { nodeSelector, affinity, tolerations } = pod.spec;
    const id = JSON.stringify([key, nodeSelector, affinity?.nodeAffinity, tolerations, requestsOf(pod)]);
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const found = new Set<string>();
    for (const pool of this.#world.pools.values()) {
      const { taints = [] } = pool.spec.template.spec;
      if (isPoolReady(pool) && isTolerated(taints, pod.spec.tolerations)) this.#ofPool(pool, pod, key, found);
    }
    this.#known.set(id, found);
    return found;
  }

  #ofPool(pool: Parameters<typeof poolLabels>[0], pod: Pod, key: string, found: Set<string>): void {
    const labels = poolLabels(pool);
    const wanted = requirementsOf((pool.spec.template.spec.requirements ?? []) as RequirementSpec[]);
    const needed = Object.entries(requestsOf(pod));
    const types = [...this.#world.types.values()].filter(({ allocatable }) =>
      needed.every(([name, amount]) => amount <= (allocatable[name] ?? 0)),
    );
    const open = wanted.get(key);
    for (const launch of types.flatMap(launchesOf)) {
      const known = launch.labels[key] ?? labels[key];
      if ((known !== undefined && found.has(known)) || !launchMeets(launch, wanted)) continue;
      const all = { ...labels, ...launch.labels };
      for (const term of nodeTermsOf(pod.spec).filter((one) => couldMeet(all, wanted, one))) {
        for (const value of known === undefined ? openValues(open, key, term) : [known]) found.add(value);
      }
    }
  }
}

/** What a label that the pool leaves open may become for a pod. */
function openValues(open: Requirement | undefined, key: string, term: Term): string[] {
  if (open === undefined || open.complement) return [];
  return [...open.values].filter((value) => term.every(([other, r]) => other !== key || allows(r, value)));
}

function couldMeet(labels: Readonly<Record<string, string>>, open: Requirements, term: Term): boolean {
  for (const [key, r] of term) {
    const value = labels[key];
    const left = open.get(key);
    if (
      value !== undefined
        ? !allows(r, value)
        : left !== undefined
          ? isImpossible(intersection(left, r))
          : !isFineWithout(r)
    ) {
      return false;
    }
  }
  return true;
}

// ---------------------------------------------------------------- pod affinity

type Located = { pod: Pod; place: Place };
type Rule = { key: string; spaces: ReadonlySet<string>; selector: LabelSelector | undefined; id: string };

function ruleOf(world: JudgedWorld, pod: Pod, term: PodAffinityTerm): Rule {
  const { namespaces = [], namespaceSelector, topologyKey: key } = term;
  const spaces = new Set(namespaces);
  if (namespaceSelector !== undefined) {
    for (const [name, { metadata }] of world.namespaces)
      if (selects(namespaceSelector, metadata.labels)) spaces.add(name);
    // An empty selector means every namespace, also one that nobody has described.
    if (Object.values(namespaceSelector).flat().length === 0) {
      for (const other of world.pods.values()) spaces.add(namespaceOf(other));
    }
  } else if (namespaces.length === 0) spaces.add(namespaceOf(pod));
  const selector = withLabelKeys(term, pod.metadata.labels);
  return { key, spaces, selector, id: JSON.stringify([key, [...spaces].sort(), selector]) };
}

const isMeant = ({ spaces, selector }: Rule, pod: Pod): boolean =>
  spaces.has(namespaceOf(pod)) && selects(selector, pod.metadata.labels);

function judgeAffinity(world: JudgedWorld, places: readonly Place[], everyPod: readonly Located[], say: Say): void {
  const meant = memo((rule: Rule) => everyPod.filter(({ pod }) => isMeant(rule, pod)));
  const waiting: { located: Located; rules: readonly Rule[] }[] = [];
  for (const place of places) {
    for (const pod of place.placed) {
      const terms = pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
      if (terms.length === 0) continue;
      const rules = terms.map((term) => ruleOf(world, pod, term));
      waiting.push({ located: { pod, place }, rules });
      for (const rule of rules) {
        const domains = domainsOf(place, rule.key);
        if (domains.size === 0) say("pod-affinity", podKey(pod), `${place.name} has no ${rule.key}`);
        else if (!hasCompany({ pod, place }, rule, meant(rule))) {
          say("pod-affinity", podKey(pod), `on ${place.name}: nobody it wants near is in ${[...domains]}`);
        }
      }
    }
  }
  judgeOrder(waiting, meant, say);
}

/** Somebody whom the pod wants near is on its node, or for sure in each domain it may be in; or it founds the group. */
function hasCompany({ pod, place }: Located, rule: Rule, meant: readonly Located[]): boolean {
  const others = meant.filter((other) => other.pod !== pod);
  if (others.some((other) => other.place === place)) return true;
  const settled = new Set(others.map((other) => only(domainsOf(other.place, rule.key))));
  if ([...domainsOf(place, rule.key)].every((domain) => settled.has(domain))) return true;
  return others.length === 0 && isMeant(rule, pod);
}

/** Pods come one after another: of those that wait for each other in a circle none can be the first. */
function judgeOrder(
  all: readonly { located: Located; rules: readonly Rule[] }[],
  meant: (rule: Rule) => readonly Located[],
  say: Say,
): void {
  let waiting = [...all];
  const unbound = new Set(waiting.map(({ located }) => located.pod));
  for (;;) {
    const still = waiting.filter(({ located, rules }) => {
      const bound = (rule: Rule): Located[] => meant(rule).filter(({ pod }) => !unbound.has(pod));
      const isFirst = rules.every((rule) => isMeant(rule, located.pod) && bound(rule).length === 0);
      const isMet = rules.every((rule) => {
        const domains = domainsOf(located.place, rule.key);
        return bound(rule).some(
          ({ place }) =>
            place === located.place || [...domainsOf(place, rule.key)].some((domain) => domains.has(domain)),
        );
      });
      if (isFirst || isMet) unbound.delete(located.pod);
      return !isFirst && !isMet;
    });
    if (still.length === waiting.length) break;
    waiting = still;
  }
  for (const { located } of waiting) {
    say("pod-affinity-order", podKey(located.pod), "waits for pods that wait for it: none can come first");
  }
}

function judgeAntiAffinity(world: JudgedWorld, places: readonly Place[], everyPod: readonly Located[], say: Say): void {
  const placed = new Set(places.flatMap((place) => place.placed));
  for (const { rule, owners } of repellingGroups(world, places)) {
    const perDomain = perDomainOf(rule, everyPod);
    for (const { pod, place } of owners) {
      for (const domain of domainsOf(place, rule.key)) {
        const other = perDomain.get(domain)?.find((one) => one.pod !== pod && (placed.has(pod) || placed.has(one.pod)));
        if (other === undefined) continue;
        const where = `both are or may be in ${domain} (${place.name}, ${other.place.name})`;
        say("pod-anti-affinity", podKey(pod), `keeps ${podKey(other.pod)} away over ${rule.key}, but ${where}`);
      }
    }
  }
}

/** The pods with equal anti-affinity, placed now or running: it holds against those that come later too. */
function repellingGroups(world: JudgedWorld, places: readonly Place[]): { rule: Rule; owners: Located[] }[] {
  const groups = new Map<string, { rule: Rule; owners: Located[] }>();
  for (const { pod, place } of places.flatMap((p) => [...p.running, ...p.placed].map((pod) => ({ pod, place: p })))) {
    for (const term of pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
      const rule = ruleOf(world, pod, term);
      const group = groups.get(rule.id) ?? { rule, owners: [] };
      groups.set(rule.id, group);
      group.owners.push({ pod, place });
    }
  }
  return [...groups.values()];
}

function perDomainOf(rule: Rule, everyPod: readonly Located[]): Map<string, Located[]> {
  const perDomain = new Map<string, Located[]>();
  for (const located of everyPod) {
    if (!isMeant(rule, located.pod)) continue;
    for (const domain of domainsOf(located.place, rule.key)) {
      const present = perDomain.get(domain);
      if (present === undefined) perDomain.set(domain, [located]);
      else present.push(located);
    }
  }
  return perDomain;
}

function memo<T>(compute: (rule: Rule) => T): (rule: Rule) => T {
  const known = new Map<string, T>();
  return (rule) => {
    const present = known.get(rule.id);
    if (present !== undefined) return present;
    const made = compute(rule);
    known.set(rule.id, made);
    return made;
  };
}
