import { matchesTerm } from "../cache/selectors.ts";
import { isTolerated } from "./filters.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodNeeds } from "./pod-needs.ts";
import { domainsWith, type NamespaceLabels, spreadCounts } from "./pod-topology.ts";

export type ScoringStrategy = "LeastAllocated" | "MostAllocated";
type Scoring = { strategy: ScoringStrategy; namespaceLabels: NamespaceLabels };

/** The best of the nodes that hold the pod; a tie goes to the smaller name. */
export function bestNode(
  needs: PodNeeds,
  fitting: readonly NodeInfo[],
  all: readonly NodeInfo[],
  { strategy, namespaceLabels }: Scoring,
): NodeInfo | undefined {
  if (fitting.length <= 1) return fitting[0];
  const preferences = preferenceScores(needs, fitting, all, namespaceLabels);
  let best: NodeInfo | undefined;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const [i, info] of fitting.entries()) {
    const score = fillScore(needs, info, strategy) + (preferences?.[i] ?? 0);
    const isBetter = score > bestScore || (score === bestScore && best !== undefined && info.name < best.name);
    if (!isBetter) continue;
    best = info;
    bestScore = score;
  }
  return best;
}

/** 0 to 100: how empty (or full) cpu and memory would be. */
function fillScore({ amounts }: PodNeeds, { used, allocatable }: NodeInfo, strategy: ScoringStrategy): number {
  let share = 0;
  for (const name of ["cpu", "memory"]) {
    const size = allocatable[name] ?? 0;
    if (size > 0) share += Math.min(1, ((used[name] ?? 0) + (amounts[name] ?? 0)) / size) / 2;
  }
  return Math.floor(100 * (strategy === "MostAllocated" ? share : 1 - share));
}

function preferenceScores(
  needs: PodNeeds,
  fitting: readonly NodeInfo[],
  all: readonly NodeInfo[],
  namespaceLabels: NamespaceLabels,
): number[] | undefined {
  const { affinity, topologySpreadConstraints = [], tolerations } = needs.pod.spec;
  const isTainted = fitting.some(({ node }) => node.spec.taints?.some((taint) => taint.effect === "PreferNoSchedule"));
  if (affinity === undefined && topologySpreadConstraints.length === 0 && !isTainted) return undefined;
  const scores = fitting.map(() => 0);
  const nodeTerms = affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  addNormalized(scores, 2, fitting, (info) =>
    nodeTerms
      .filter(({ preference }) => matchesTerm(preference, info.node.metadata.labels, info.name))
      .reduce((sum, { weight }) => sum + weight, 0),
  );
  addNormalized(scores, 3, fitting, ({ node }) => {
    const soft = (node.spec.taints ?? []).filter((taint) => taint.effect === "PreferNoSchedule");
    return -soft.filter((taint) => !isTolerated(taint, tolerations)).length;
  });
  addNormalized(scores, 2, fitting, podAffinityScore(needs, all, namespaceLabels));
  for (const constraint of topologySpreadConstraints) {
    if (constraint.whenUnsatisfiable !== "ScheduleAnyway") continue;
    const counts = spreadCounts(needs, constraint, all);
    addNormalized(
      scores,
      2,
      fitting,
      ({ node }) => -(counts.get(node.metadata.labels?.[constraint.topologyKey] ?? "") ?? 0),
    );
  }
  return scores;
}

function podAffinityScore(needs: PodNeeds, all: readonly NodeInfo[], namespaceLabels: NamespaceLabels) {
  const { podAffinity, podAntiAffinity } = needs.pod.spec.affinity ?? {};
  const terms = [
    ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => ({
      ...term,
      weight: -term.weight,
    })),
  ].map(({ weight, podAffinityTerm }) => ({
    weight,
    key: podAffinityTerm.topologyKey,
    found: domainsWith(needs.pod, podAffinityTerm, all, namespaceLabels),
  }));
  return ({ node }: NodeInfo): number => {
    let score = 0;
    for (const { weight, key, found } of terms) if (found.has(`${key}=${node.metadata.labels?.[key]}`)) score += weight;
    return score;
  };
}

/** Adds `weight` times the score stretched to 0 to 100 over the nodes; equal scores add nothing. */
function addNormalized(
  scores: number[],
  weight: number,
  infos: readonly NodeInfo[],
  score: (info: NodeInfo) => number,
): void {
  const raw = infos.map(score);
  const least = Math.min(...raw);
  const range = Math.max(...raw) - least;
  if (range === 0) return;
  for (let i = 0; i < raw.length; i += 1) {
    scores[i] = (scores[i] ?? 0) + (weight * 100 * ((raw[i] ?? 0) - least)) / range;
  }
}
