import type { Choice, DealClass } from "./deal-class.ts";
import type { DomainTally } from "./domain-tally.ts";
import type { ClusterFacts } from "./reduce.ts";
import type { Reason } from "./refusals.ts";

const CODES = {
  spread: "TopologySpreadUnsatisfiable",
  near: "PodAffinityUnsatisfiable",
  apart: "PodAntiAffinityUnsatisfiable",
} as const;
const DOMAINS_NAMED_MAX = 6;

/** Why no domain is left for the pods: the rule, how full its domains are, and which come nearest. */
export function whyUndealt(
  facts: ClusterFacts,
  tally: DomainTally,
  one: DealClass,
  choices: readonly Choice[],
): Reason {
  const { rules, keyOf, keys } = facts.topology;
  const hard = one.owns.filter(({ rule, isWish }) => !isWish && (keyOf[rule] ?? -1) >= 0);
  const allowed = hard.map(({ rule }) => choices.filter(({ place }) => tally.allowsOwn(one, rule, place)));
  const least = Math.min(...allowed.map((list) => list.length));
  const at = allowed.findIndex((list) => list.length === least);
  const own = hard[at];
  if (own !== undefined && least < choices.length) {
    const kind = rules[own.rule]?.kind ?? "spread";
    return { code: CODES[kind], reason: `${own.text}: ${state(facts, tally, one, own.rule, choices)}` };
  }
  if (choices.some(({ place }) => !tally.isWelcome(one, place))) {
    const text = [...one.selected.keys()].filter((rule) => rules[rule]?.kind === "apart" && (keyOf[rule] ?? -1) >= 0);
    const over = [...new Set(text.map((rule) => keys[keyOf[rule] ?? -1]))].join(", ");
    return {
      code: "PodAntiAffinityUnsatisfiable",
      reason: `other pods' anti-affinity over ${over} keeps it out of every domain where it could run`,
    };
  }
  return {
    code: "TopologyUnsatisfiable",
    reason: `the domains that its rules leave have no room (${hard.map(({ text }) => text).join("; ")})`,
  };
}

function state(
  facts: ClusterFacts,
  tally: DomainTally,
  one: DealClass,
  rule: number,
  choices: readonly Choice[],
): string {
  const { rules, keyOf, keys, values } = facts.topology;
  const key = keyOf[rule] ?? -1;
  const counts = tally.countsOf(rule);
  const reachable = [...new Set(choices.map(({ place }) => place.get(key) ?? -1))].filter((v) => v >= 0).sort();
  if (reachable.length === 0) return `no node that takes it has the label ${keys[key]}`;
  const named = (list: readonly number[]): string => {
    const texts = list.slice(0, DOMAINS_NAMED_MAX).map((v) => `${values[key]?.[v]} has ${counts[v] ?? 0}`);
    return list.length > DOMAINS_NAMED_MAX
      ? `${texts.join(", ")} and ${list.length - DOMAINS_NAMED_MAX} more`
      : texts.join(", ");
  };
  if (rules[rule]?.kind === "apart") return `every domain where it could run holds such a pod: ${named(reachable)}`;
  if (rules[rule]?.kind === "near") {
    const held = [...counts.keys()].filter((v) => (counts[v] ?? 0) > 0);
    return held.length === 0
      ? `no such pod is anywhere, or will be`
      : `such pods are where it cannot run: ${named(held)}; it could run in ${reachable
          .slice(0, DOMAINS_NAMED_MAX)
          .map((v) => values[key]?.[v])
          .join(", ")}`;
  }
  const domains = [...tally.domainsOf(one, rule)];
  const least = tally.leastOf(one, rule);
  const emptiest = domains.filter((v) => (counts[v] ?? 0) === least && !reachable.includes(v));
  const miss = emptiest.length === 0 ? "" : `; it cannot run in ${emptiest.map((v) => values[key]?.[v]).join(", ")}`;
  return `the least is ${least}, and where it could run ${named(reachable)}${miss}`;
}
