import { byText } from "../../base/order.ts";
import type { Pod } from "../../model/core.ts";
import { keyOf } from "../../model/object.ts";
import { podRequests } from "../../model/pod-requests.ts";
import {
  formatRequirements,
  intersectAll,
  intersects,
  type Requirements,
  requirement,
  withRequirement,
} from "../../model/requirements.ts";
import type { Resources } from "../../model/resources.ts";
import type { PlanSettings } from "../../snapshot/snapshot.ts";
import type { AmountRules } from "./amount-rules.ts";
import { groupUseOf, type HostRules, type HostUse, overfullHosts, portUseOf } from "./host-rules.ts";
import { type Level, levelsOf } from "./levels.ts";
import type { NodeTable } from "./node-table.ts";
import type { PodGroup } from "./pod-groups.ts";
import { isPerHost, type Repulsion } from "./repulsion.ts";
import { amountsKey } from "./spec-key.ts";
import type { ClassTopology, TopologyRules } from "./topology-classes.ts";
import { type OwnRule, ownRulesOf, type RuleReading } from "./topology-rules.ts";

/** Pods that are the same to the planner: where one may go, all may, and each takes as much. */
export type PodClass = {
  /** Equal for equal classes of any two snapshots; classes are sorted by it. */
  key: string;
  /** Oldest first, then by key: the order in which they get what there is. */
  pods: readonly Pod[];
  /** Stands for all of them. */
  sample: Pod;
  /** Of one pod, with `pods: 1`. */
  requests: Resources;
  levels: readonly Level[];
  /** Hosts whose pods repel these. */
  avoidedHosts: ReadonlySet<string>;
  /** Wider domains whose pods repel these: their levels leave them out. */
  avoidedDomains: readonly { key: string; domains: readonly string[] }[];
  hostUse: HostUse;
  /** Rules about domains that concern these pods. */
  topology: ClassTopology | undefined;
  /** The key without the topology: classes with equal ones take as much and may go to the same nodes. */
  baseKey: string;
};

export type ClassRules = {
  settings: PlanSettings;
  /** Some pool or node has a PreferNoSchedule taint. */
  hasSoftTaints: boolean;
  repulsions: readonly Repulsion[];
  hostRules: HostRules;
  /** With the pods that run. */
  nodes: NodeTable;
  amountRules: AmountRules;
  topology: TopologyRules;
  reading: RuleReading;
};

/** What rules between pods make of a pod: the same for pods with equal rules and labels, whatever they take. */
type RuleView = {
  topology: ClassTopology | undefined;
  /** Of things that every host has so much of. */
  hostUse: HostUse;
  overfullHosts: readonly string[];
  /** Equal for equal topology and host use. */
  text: string;
};

/**
 * Sorts pods into classes. Work is per group, and then per class.
 * @param groups pods that look the same to all rules, but for those about amounts
 */
export function podClassesOf(groups: readonly PodGroup[], rules: ClassRules): readonly PodClass[] {
  const merged = new Map<string, PodClass & { pods: Pod[] }>();
  const amounts = new Map<string, Amounts>();
  for (const group of selectedAlike(groups, rules)) {
    const { pods } = group;
    const made = podClass(group, amountsOf(group.sample, amounts), rules);
    const known = merged.get(made.key);
    if (known === undefined) merged.set(made.key, { ...made, pods: [...pods] });
    else addAll(known.pods, pods);
  }
  // Without a function to compare, text is sorted by code units: the order of byText, and several times as fast.
  const classes = [...merged.keys()].sort().flatMap((key) => merged.get(key) ?? []);
  for (const { pods: members } of classes) members.sort(byAge);
  return classes;
}

export function byAge(a: Pod, b: Pod): number {
  const byTime = byText(a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? "");
  if (byTime !== 0) return byTime;
  // Keys are text to be put together, and this is asked for often: within a namespace names will do.
  if (a.metadata.namespace === b.metadata.namespace) return byText(a.metadata.name, b.metadata.name);
  return byText(keyOf(a), keyOf(b));
}

/** What a pod takes, and the same as text. */
type Amounts = { requests: Resources; key: string };

/** Pods take one of few amounts: each is read once. */
function amountsOf(pod: Pod, known: Map<string, Amounts>): Amounts {
  const text = amountsKey(pod);
  const before = known.get(text);
  if (before !== undefined) return before;
  const requests = { ...podRequests(pod), pods: 1 };
  const made = { requests, key: amountsText(Object.entries(requests)) };
  known.set(text, made);
  return made;
}

function podClass({ sample, pods, view }: ViewedGroup, { requests, key: text }: Amounts, rules: ClassRules): PodClass {
  const repelling = rules.repulsions.filter((repulsion) => repulsion.selects(sample));
  const amounts = rules.amountRules.of(sample);
  const wished = levelsOf(sample.spec, rules.settings.preferencePolicy, rules.hasSoftTaints);
  const levels = away(nearVolumes(wished, amounts.places), repelling);
  const repellingHosts = repelling.filter(isPerHost).flatMap(({ domains }) => domains);
  const avoidedHosts = new Set([...repellingHosts, ...amounts.avoidedHosts, ...view.overfullHosts].sort(byText));
  const hostUse = new Map([...view.hostUse, ...portUseOf(sample.spec, rules.hostRules), ...amounts.use]);
  const { topology } = view;
  const avoided = avoidedHosts.size === 0 ? "" : JSON.stringify([...avoidedHosts]);
  const baseKey = `${text} ${levelsKey(levels)} ${tolerationKey(sample)}${avoided} ${amountsText([...hostUse])}`;
  const key = topology === undefined ? baseKey : `${baseKey} ${topology.text}`;
  const avoidedDomains = repelling.filter((repulsion) => !isPerHost(repulsion));
  return { key, baseKey, pods, sample, requests, levels, avoidedHosts, avoidedDomains, hostUse, topology };
}

function amountsText(amounts: [string, number][]): string {
  let text = "";
  for (const [name, amount] of amounts.sort(byName)) if (amount > 0) text += `${name}=${amount};`;
  return text;
}

function byName([a]: [string, number], [b]: [string, number]): number {
  return byText(a, b);
}

/** Levels are shared by most pods: their text is made once. */
const levelKeys = new WeakMap<readonly Level[], string>();

function levelsKey(levels: readonly Level[]): string {
  const known = levelKeys.get(levels);
  if (known !== undefined) return known;
  const key = JSON.stringify(
    levels.map(({ terms, toleratesSoftTaints }) => [terms.map(formatRequirements), toleratesSoftTaints]),
  );
  levelKeys.set(levels, key);
  return key;
}

/** Each level where the volumes can be. A wish that keeps the pod from its volumes is none; the last level stays. */
function nearVolumes(levels: readonly Level[], places: readonly Requirements[] | undefined): readonly Level[] {
  if (places === undefined) return levels;
  const near = levels.map((level) => ({ ...level, terms: level.terms.flatMap((term) => allowed(term, places)) }));
  const possible = near.filter(({ terms }) => terms.length > 0);
  return possible.length === 0 ? near.slice(-1) : possible;
}

function allowed(term: Requirements, places: readonly Requirements[]): Requirements[] {
  return places.flatMap((place) => (intersects(term, place) === undefined ? [intersectAll(term, place)] : []));
}

/** Domains of repelling pods are ruled out like values of a required NotIn. */
function away(levels: readonly Level[], repulsions: readonly Repulsion[]): readonly Level[] {
  const wider = repulsions.filter((repulsion) => !isPerHost(repulsion));
  if (wider.length === 0) return levels;
  return levels.map((level) => ({
    ...level,
    terms: level.terms.map((term) =>
      wider.reduce((sum, { key, domains }) => withRequirement(sum, requirement(key, "NotIn", domains)), term),
    ),
  }));
}

function tolerationKey(pod: Pod): string {
  if (pod.spec.tolerations === undefined || pod.spec.tolerations.length === 0) return "";
  const tolerations = pod.spec.tolerations.map(({ key = "", operator = "", value = "", effect = "" }) =>
    [key, operator === "" ? "Equal" : operator, value, effect].join("\t"),
  );
  return JSON.stringify([...new Set(tolerations)].sort(byText));
}

type ViewedGroup = Omit<PodGroup, "labels"> & { view: RuleView };

/** Groups of equal specs that the same rules select, as one; and those with unequal amounts apart. */
function selectedAlike(groups: readonly PodGroup[], rules: ClassRules): Iterable<ViewedGroup> {
  const { repulsions, amountRules } = rules;
  const views = new Map<readonly OwnRule[], Map<string, RuleView>>();
  const alike = new Map<string, ViewedGroup & { pods: Pod[] }>();
  for (const group of groups) {
    const { sample, pods, spec } = group;
    const view = viewOf(group, rules, views);
    let selected = `${spec}\n`;
    for (const repulsion of repulsions) selected += repulsion.selects(sample) ? "1" : "0";
    selected += view.text;
    for (const [amounts, own] of byAmounts(pods, amountRules)) {
      const key = `${selected}\n${amounts}`;
      const known = alike.get(key);
      if (known === undefined) alike.set(key, { sample: own[0] ?? sample, pods: [...own], spec, view });
      else addAll(known.pods, own);
    }
  }
  return alike.values();
}

function viewOf(
  { sample, labels }: PodGroup,
  { hostRules, topology, nodes, reading }: ClassRules,
  views: Map<readonly OwnRule[], Map<string, RuleView>>,
): RuleView {
  const own = ownRulesOf(sample, reading);
  const ofRules = views.get(own) ?? new Map<string, RuleView>();
  views.set(own, ofRules);
  const known = ofRules.get(labels);
  if (known !== undefined) return known;
  const hostUse = groupUseOf(sample, hostRules);
  const concerned = topology.of(sample);
  const made = {
    topology: concerned,
    hostUse,
    overfullHosts: overfullHosts(sample, hostRules, nodes),
    text: `${amountsText([...hostUse])}\n${concerned?.text ?? ""}`,
  };
  ofRules.set(labels, made);
  return made;
}

/** Most pods ask nothing beyond their requests. */
function byAmounts(
  pods: readonly Pod[],
  { keyOf: amountsOf }: AmountRules,
): Iterable<readonly [string, readonly Pod[]]> {
  const found = new Map<string, Pod[]>();
  for (const pod of pods) {
    const key = amountsOf(pod);
    const known = found.get(key);
    if (known === undefined) found.set(key, [pod]);
    else known.push(pod);
  }
  return found;
}

/** A call with a hundred thousand arguments would be too large. */
function addAll(to: Pod[], more: readonly Pod[]): void {
  for (const pod of more) to.push(pod);
}
