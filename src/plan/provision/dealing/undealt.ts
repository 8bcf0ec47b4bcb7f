import type { ClusterFacts } from "../reduce.ts";
import { type ExplainHopeless, explainLeft, type Reason } from "../words/refusals.ts";
import type { Choice, DealClass } from "./deal-class.ts";
import type { DomainTally } from "./domain-tally.ts";

const CODES = {
  spread: "TopologySpreadUnsatisfiable",
  near: "PodAffinityUnsatisfiable",
  apart: "PodAntiAffinityUnsatisfiable",
} as const;
const DOMAINS_NAMED_MAX = 6;

/** A rule, or the rules of others, with the places that it rules out. */
type Cause = { code: string; text: string; state: string; keys: readonly number[]; closed: readonly Choice[] };

/** Why no domain is left for the pods: the rule, how full its domains are, and which come nearest. */
export function whyUndealt(
  facts: ClusterFacts,
  tally: DomainTally,
  one: DealClass,
  choices: readonly Choice[],
  hopeless: ExplainHopeless,
): Reason {
  const causes = causesOf(facts, tally, one, choices);
  const closed = new Set(causes.flatMap((cause) => cause.closed));
  // Where the rules leave a place, there is no room in it.
  if (closed.size < choices.length) return explainLeft(one.one, facts, hopeless);
  const [first, ...others] = causes;
  if (first === undefined) return explainLeft(one.one, facts, hopeless);
  const isEnough = others.length === 0 || first.closed.length === choices.length;
  if (isEnough) return { code: first.code, reason: `${first.text}${first.state}` };
  const texts = causes.map((cause) => `${cause.text} rules out ${namesOf(facts, cause)}`);
  return { code: first.code, reason: texts.join("; ") };
}

/** Those that rule out most places come first. */
function causesOf(facts: ClusterFacts, tally: DomainTally, one: DealClass, choices: readonly Choice[]): Cause[] {
  const { rules, keyOf, keys } = facts.topology;
  const isOverDomains = (rule: number): boolean => (keyOf[rule] ?? -1) >= 0;
  const causes = one.owns
    .filter(({ rule, isWish }) => !isWish && isOverDomains(rule))
    .map(({ rule, text }): Cause => {
      const closed = choices.filter(({ place }) => !tally.allowsOwn(one, rule, place));
      const code = CODES[rules[rule]?.kind ?? "spread"];
      return { code, text, state: `: ${state(facts, tally, one, rule, choices)}`, keys: [keyOf[rule] ?? -1], closed };
    });
  const apart = [...one.selected.keys()].filter((rule) => rules[rule]?.kind === "apart" && isOverDomains(rule));
  causes.push({
    code: CODES.apart,
    text: `other pods' anti-affinity over ${[...new Set(apart.map((rule) => keys[keyOf[rule] ?? -1]))].join(", ")}`,
    state: " keeps it out of every domain where it could run",
    keys: apart.map((rule) => keyOf[rule] ?? -1),
    closed: choices.filter(({ place }) => !tally.isWelcome(one, place)),
  });
  return causes.filter(({ closed }) => closed.length > 0).sort((a, b) => b.closed.length - a.closed.length);
}

function namesOf({ topology }: ClusterFacts, { closed, keys }: Cause): string {
  const all = closed.map(({ place }) =>
    [...place]
      .filter(([key]) => keys.includes(key))
      .map(([key, value]) => topology.values[key]?.[value] ?? "nodes without the label")
      .join("/"),
  );
  const names = [...new Set(all)];
  const more = names.length > DOMAINS_NAMED_MAX ? ` and ${names.length - DOMAINS_NAMED_MAX} more` : "";
  return `${names.slice(0, DOMAINS_NAMED_MAX).join(", ")}${more}`;
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
