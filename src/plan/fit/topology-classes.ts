import { byText } from "../../base/order.ts";
import type { Pod } from "../../model/core.ts";
import type { PodGroup } from "./pod-groups.ts";
import {
  isPerHostRule,
  labelsLookedAt,
  type OwnRule,
  ownLabelKeys,
  ownRulesOf,
  type RuleReading,
  ruleSelects,
  type TopologyRule,
} from "./topology-rules.ts";

/** The rules among the pods to place that are about domains, and which of them concern a pod. */
export type TopologyRules = {
  /** Sorted by id. Spread and anti-affinity over hosts are not here: they are told as amounts. */
  readonly rules: readonly TopologyRule[];
  /**
   * Labels that decide which rules concern a pod, those over hosts among them; equal values of these, an equal namespace and
   * an equal spec make equal rules. Undefined when there are no rules.
   */
  readonly labelKeys: readonly string[] | undefined;
  /** Undefined when no rule concerns the pod. */
  of(pod: Pod): ClassTopology | undefined;
};

/** Which rules concern the pods of a class. Numbers are places in the list of rules. */
export type ClassTopology = {
  /** Hard ones first, then wishes in the order in which they are given up. */
  readonly owns: readonly { rule: number; isWish: boolean; text: string }[];
  /** Rules that count such a pod. */
  readonly selectedBy: readonly number[];
  /** Equal for equal lists. */
  readonly text: string;
};

/** @param groups pods by spec: each is read once, however many pods it has */
export function topologyRulesOf(groups: readonly PodGroup[], reading: RuleReading): TopologyRules {
  const found = new Map<string, TopologyRule>();
  const labelKeys = new Set<string>();
  const seen = new Set<readonly OwnRule[]>();
  for (const pod of groups.flatMap(ruleSamples)) {
    const own = ownRulesOf(pod, reading);
    if (own.length === 0 || seen.has(own)) continue;
    seen.add(own);
    for (const key of labelsLookedAt(pod)) labelKeys.add(key);
    for (const { rule } of domainRules(pod, reading)) found.set(rule.id, rule);
  }
  const rules = [...found.keys()].sort(byText).flatMap((id) => found.get(id) ?? []);
  const index = new Map(rules.map(({ id }, at) => [id, at]));
  return {
    rules,
    labelKeys: seen.size === 0 ? undefined : [...labelKeys].sort(byText),
    of: (pod) => (rules.length === 0 ? undefined : topologyOf(pod, rules, index, reading)),
  };
}

/** Pods of the group that may differ in their rules. */
function ruleSamples({ sample, pods }: PodGroup): readonly Pod[] {
  return ownLabelKeys(sample.spec).length === 0 ? [sample] : pods;
}

function topologyOf(
  pod: Pod,
  rules: readonly TopologyRule[],
  index: ReadonlyMap<string, number>,
  reading: RuleReading,
): ClassTopology | undefined {
  const owns = domainRules(pod, reading).map(({ rule, isWish, text }) => ({
    rule: index.get(rule.id) ?? 0,
    isWish,
    text,
  }));
  const selectedBy = rules.flatMap((rule, at) => (ruleSelects(rule, pod) ? [at] : []));
  if (owns.length === 0 && selectedBy.length === 0) return undefined;
  const text = `${owns.map(({ rule, isWish }) => `${rule}${isWish ? "?" : ""}`).join()}|${selectedBy.join()}`;
  return { owns, selectedBy, text };
}

/** All but those that are told as amounts of a host. */
function domainRules(pod: Pod, reading: RuleReading): readonly OwnRule[] {
  return ownRulesOf(pod, reading).filter(({ rule }) => rule.kind === "near" || !isPerHostRule(rule));
}
