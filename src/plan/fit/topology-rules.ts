import { byText } from "../../base/order.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type { Pod, PodAffinityTerm, PodSpec, TopologySpreadConstraint } from "../../model/core.ts";
import { formatSelector, matchesSelector, type Selector, selectorOf } from "../../model/label-selector.ts";
import { HOSTNAME_LABEL, normalizedLabel } from "../../model/labels.ts";
import { namespacesOf, withOwnLabels } from "./repulsion.ts";
import { placementKey } from "./spec-key.ts";

/**
 * A rule between pods: keep a balance over the values of a label, be where others are, or stay away from them. Pods with
 * the same rule (equal ids) share its counts.
 */
export type TopologyRule = {
  kind: "spread" | "near" | "apart";
  id: string;
  /** The label whose values are the domains. */
  key: string;
  namespaces: ReadonlySet<string>;
  /** Undefined selects nothing. */
  selector: Selector | undefined;
  /** For "spread"; 0 elsewhere. */
  maxSkew: number;
  /** Zero when not asked for. */
  minDomains: number;
  honorsAffinity: boolean;
  honorsTaints: boolean;
  /** A pod that has the rule: which nodes count is up to its own selectors and tolerations, the same for all that have it. */
  owner: Pod;
};

/** A rule as one pod has it. A wish may be left unfulfilled. */
export type OwnRule = { rule: TopologyRule; isWish: boolean; text: string };

/**
 * How rules are read: whether wishes count at all, and of which pods they have been given up. What it has read it keeps: a
 * reading lasts as long as its answers stay the same.
 */
export type RuleReading = { view: ClusterView; respectsWishes: boolean; hasGivenUp(pod: Pod): boolean };

/**
 * Hard rules first; then the wishes in the order in which they are given up. Pods with equal rules share one list, whatever
 * else they are.
 */
export function ownRulesOf(pod: Pod, reading: RuleReading): readonly OwnRule[] {
  const { topologySpreadConstraints = [], affinity } = pod.spec;
  if (topologySpreadConstraints.length === 0 && affinity === undefined) return NO_RULES;
  const known = readings.get(reading) ?? { ofPod: new WeakMap(), ofWorkload: new Map() };
  readings.set(reading, known);
  const ofPod = known.ofPod.get(pod);
  if (ofPod !== undefined) return ofPod;
  const workload = `${placementKey(pod)}${ownLabelsText(pod)}${reading.hasGivenUp(pod) ? "-" : ""}`;
  const rules = known.ofWorkload.get(workload) ?? readRules(pod, reading);
  known.ofWorkload.set(workload, rules);
  known.ofPod.set(pod, rules);
  return rules;
}

type KnownRules = { ofPod: WeakMap<Pod, readonly OwnRule[]>; ofWorkload: Map<string, readonly OwnRule[]> };
const readings = new WeakMap<RuleReading, KnownRules>();

/** The values of the pod's own labels that its rules are made of, as text. */
function ownLabelsText({ spec, metadata }: Pod): string {
  let text = "";
  for (const key of ownLabelKeys(spec)) text += `\t${metadata.labels?.[key] ?? "\n"}`;
  return text;
}

/** Labels of the pod itself that its rules are made of; mostly none. */
export function ownLabelKeys({ topologySpreadConstraints = [], affinity }: PodSpec): readonly string[] {
  const keys: string[] = [];
  for (const { matchLabelKeys } of topologySpreadConstraints)
    if (matchLabelKeys !== undefined) keys.push(...matchLabelKeys);
  for (const side of [affinity?.podAffinity, affinity?.podAntiAffinity]) {
    for (const { matchLabelKeys, mismatchLabelKeys } of termsOf(side)) {
      keys.push(...(matchLabelKeys ?? []), ...(mismatchLabelKeys ?? []));
    }
  }
  return keys;
}

function readRules(pod: Pod, reading: RuleReading): readonly OwnRule[] {
  const { topologySpreadConstraints = [], affinity } = pod.spec;
  const { view } = reading;
  const near = affinity?.podAffinity;
  const apart = affinity?.podAntiAffinity;
  const hard = [
    ...topologySpreadConstraints.filter((one) => !isSoft(one)).map((one) => spreadRule(one, pod)),
    ...(near?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => termRule("near", term, pod, view)),
    ...(apart?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => termRule("apart", term, pod, view)),
  ].map((rule) => ({ rule, isWish: false, text: textOf(rule) }));
  if (!reading.respectsWishes || reading.hasGivenUp(pod)) return hard;
  const wishes = [
    ...byWeight(near?.preferredDuringSchedulingIgnoredDuringExecution).map((term) => termRule("near", term, pod, view)),
    ...byWeight(apart?.preferredDuringSchedulingIgnoredDuringExecution).map((term) =>
      termRule("apart", term, pod, view),
    ),
    ...topologySpreadConstraints.filter(isSoft).map((one) => spreadRule(one, pod)),
  ].map((rule) => ({ rule, isWish: true, text: textOf(rule) }));
  return [...hard, ...wishes];
}

const NO_RULES: readonly OwnRule[] = [];

/** True when the rule counts the pod. */
export function ruleSelects(rule: TopologyRule, pod: Pod): boolean {
  return (
    rule.selector !== undefined &&
    rule.namespaces.has(namespaceOf(pod)) &&
    matchesSelector(rule.selector, pod.metadata.labels)
  );
}

export function isPerHostRule({ key }: TopologyRule): boolean {
  return key === HOSTNAME_LABEL;
}

/** Labels whose values decide which rules select a pod, or what its own rules are. */
export function labelsLookedAt(pod: Pod): readonly string[] {
  const { topologySpreadConstraints = [], affinity } = pod.spec;
  const terms = [...termsOf(affinity?.podAffinity), ...termsOf(affinity?.podAntiAffinity)];
  return [
    ...topologySpreadConstraints.flatMap((one) => one.matchLabelKeys ?? []),
    ...terms.flatMap(({ matchLabelKeys = [], mismatchLabelKeys = [] }) => [...matchLabelKeys, ...mismatchLabelKeys]),
    ...[...topologySpreadConstraints, ...terms].flatMap(({ labelSelector }) => [
      ...Object.keys(labelSelector?.matchLabels ?? {}),
      ...(labelSelector?.matchExpressions ?? []).map(({ key }) => key),
    ]),
  ];
}

type Affinity = NonNullable<NonNullable<Pod["spec"]["affinity"]>["podAffinity"]>;
type Weighted = Affinity["preferredDuringSchedulingIgnoredDuringExecution"];

function termsOf(affinity: Affinity | undefined): readonly PodAffinityTerm[] {
  const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...preferred.map(({ podAffinityTerm }) => podAffinityTerm),
  ];
}

function byWeight(preferred: Weighted): readonly PodAffinityTerm[] {
  return [...(preferred ?? [])].sort((a, b) => b.weight - a.weight).map(({ podAffinityTerm }) => podAffinityTerm);
}

function isSoft({ whenUnsatisfiable }: TopologySpreadConstraint): boolean {
  return whenUnsatisfiable === "ScheduleAnyway";
}

function spreadRule(constraint: TopologySpreadConstraint, pod: Pod): TopologyRule {
  const { maxSkew, minDomains = 0, nodeAffinityPolicy, nodeTaintsPolicy } = constraint;
  const selector = spreadSelector(constraint, pod);
  const honorsAffinity = nodeAffinityPolicy !== "Ignore";
  const honorsTaints = nodeTaintsPolicy === "Honor";
  const { nodeSelector, affinity, tolerations } = pod.spec;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  // The nodes that count are part of what the rule is.
  const filter = [honorsAffinity ? [nodeSelector, required] : "all", honorsTaints ? tolerations : "all"];
  const key = normalizedLabel(constraint.topologyKey);
  const namespaces = new Set([namespaceOf(pod)]);
  const id = JSON.stringify(["spread", key, [...namespaces], selectorText(selector), maxSkew, minDomains, filter]);
  const about = { key, namespaces, selector, maxSkew, minDomains, honorsAffinity, honorsTaints };
  return { kind: "spread", id, ...about, owner: pod };
}

function spreadSelector(constraint: TopologySpreadConstraint, pod: Pod): Selector | undefined {
  const { labelSelector, matchLabelKeys = [] } = constraint;
  if (labelSelector === undefined) return undefined;
  const labels = pod.metadata.labels ?? {};
  const own = matchLabelKeys.flatMap((key) =>
    labels[key] === undefined ? [] : [{ key, operator: "In", values: [labels[key]] }],
  );
  if (own.length === 0) return selectorOf(labelSelector);
  return selectorOf({ ...labelSelector, matchExpressions: [...(labelSelector.matchExpressions ?? []), ...own] });
}

function termRule(kind: "near" | "apart", term: PodAffinityTerm, pod: Pod, view: ClusterView): TopologyRule {
  const selector = selectorOf(withOwnLabels(term, pod).labelSelector);
  const namespaces = new Set([...namespacesOf(term, pod, view)].sort(byText));
  const key = normalizedLabel(term.topologyKey);
  const id = JSON.stringify([kind, key, [...namespaces], selectorText(selector)]);
  const unused = { maxSkew: 0, minDomains: 0, honorsAffinity: false, honorsTaints: false };
  return { kind, id, key, namespaces, selector, ...unused, owner: pod };
}

function selectorText(selector: Selector | undefined): string {
  return selector === undefined ? "-" : formatSelector(selector);
}

function textOf({ kind, key, selector, namespaces, maxSkew, minDomains }: TopologyRule): string {
  const whom = `pods of ${[...namespaces].join(" ")} with ${selector === undefined ? "nothing" : formatSelector(selector)}`;
  if (kind === "near") return `pod affinity over ${key} to ${whom}`;
  if (kind === "apart") return `pod anti-affinity over ${key} to ${whom}`;
  const least = minDomains > 0 ? `, minDomains ${minDomains}` : "";
  return `topology spread over ${key} of ${whom} (maxSkew ${maxSkew}${least})`;
}

function namespaceOf(pod: Pod): string {
  return pod.metadata.namespace ?? "default";
}
