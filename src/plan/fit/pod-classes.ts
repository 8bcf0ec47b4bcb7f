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
import { type HostRules, type HostUse, hostUseOf, overfullHosts } from "./host-rules.ts";
import { type Level, levelsOf } from "./levels.ts";
import type { NodeTable } from "./node-table.ts";
import type { PodGroup } from "./pod-groups.ts";
import { isPerHost, type Repulsion } from "./repulsion.ts";
import type { ClassTopology, TopologyRules } from "./topology-classes.ts";

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
};

/**
 * Sorts pods into classes. Work is per group, and then per class.
 * @param groups pods that look the same to all rules, but for those about amounts
 */
export function podClassesOf(groups: readonly PodGroup[], rules: ClassRules): readonly PodClass[] {
  const merged = new Map<string, PodClass & { pods: Pod[] }>();
  for (const { sample, pods } of selectedAlike(groups, rules)) {
    const made = podClass(sample, pods, rules);
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

function podClass(sample: Pod, pods: readonly Pod[], rules: ClassRules): PodClass {
  const requests = { ...podRequests(sample), pods: 1 };
  const repelling = rules.repulsions.filter((repulsion) => repulsion.selects(sample));
  const amounts = rules.amountRules.of(sample);
  const wished = levelsOf(sample.spec, rules.settings.preferencePolicy, rules.hasSoftTaints);
  const levels = away(nearVolumes(wished, amounts.places), repelling);
  const repellingHosts = repelling.filter(isPerHost).flatMap(({ domains }) => domains);
  const avoidedHosts = new Set(
    [...repellingHosts, ...amounts.avoidedHosts, ...overfullHosts(sample, rules.hostRules, rules.nodes)].sort(byText),
  );
  const hostUse = new Map([...hostUseOf(sample, rules.hostRules), ...amounts.use]);
  const topology = rules.topology.of(sample);
  const baseKey = [
    amountsKey(Object.entries(requests)),
    levelsKey(levels),
    JSON.stringify([tolerationKey(sample), [...avoidedHosts]]),
    amountsKey([...hostUse]),
  ].join(" ");
  const key = topology === undefined ? baseKey : `${baseKey} ${topology.text}`;
  const avoidedDomains = repelling.filter((repulsion) => !isPerHost(repulsion));
  return { key, baseKey, pods, sample, requests, levels, avoidedHosts, avoidedDomains, hostUse, topology };
}

function amountsKey(amounts: [string, number][]): string {
  const asked = amounts.filter(([, amount]) => amount > 0).sort(([a], [b]) => byText(a, b));
  return JSON.stringify(asked);
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

function tolerationKey(pod: Pod): readonly string[] {
  const tolerations = (pod.spec.tolerations ?? []).map(({ key = "", operator = "", value = "", effect = "" }) =>
    [key, operator === "" ? "Equal" : operator, value, effect].join("\t"),
  );
  return [...new Set(tolerations)].sort(byText);
}

/** Groups of equal specs that the same rules select, as one; and those with unequal amounts apart. */
function selectedAlike(groups: readonly PodGroup[], rules: ClassRules): Iterable<PodGroup> {
  const { repulsions, hostRules, topology, amountRules } = rules;
  const alike = new Map<string, PodGroup & { pods: Pod[] }>();
  for (const { sample, pods, spec } of groups) {
    let selected = `${spec}\n`;
    for (const repulsion of repulsions) selected += repulsion.selects(sample) ? "1" : "0";
    selected += `${hostRules.selectionKey(sample)}\n${topology.of(sample)?.text ?? ""}`;
    for (const [amounts, own] of byAmounts(pods, amountRules)) {
      const key = `${selected}\n${amounts}`;
      const known = alike.get(key);
      if (known === undefined) alike.set(key, { sample: own[0] ?? sample, pods: [...own], spec });
      else addAll(known.pods, own);
    }
  }
  return alike.values();
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
