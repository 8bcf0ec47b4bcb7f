import { byText } from "../../base/order.ts";
import type { NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from "../../model/core.ts";
import {
  formatRequirements,
  intersectAll,
  intersects,
  labelRequirements,
  NO_REQUIREMENTS,
  type Operator,
  type Requirements,
  requirementOf,
} from "../../model/requirements.ts";
import type { PlanSettings } from "../../snapshot/snapshot.ts";

/**
 * One way to place a pod, from the most wished for to the least: any one of the terms must hold. A pod moves to its next
 * level only when nothing takes it on the present one.
 */
export type Level = {
  terms: readonly Requirements[];
  /** PreferNoSchedule taints keep pods away until the last level. */
  toleratesSoftTaints: boolean;
};

/**
 * The levels of a pod: each preferred node affinity term by itself as if it were required, heaviest first; then none;
 * then, where some node or pool has a PreferNoSchedule taint, that taint is tolerated too.
 * Upstream drops alternatives of the required affinity before preferences and never comes back to them; here all
 * alternatives stay open on every level.
 */
export function levelsOf(
  spec: PodSpec,
  policy: PlanSettings["preferencePolicy"],
  hasSoftTaints: boolean,
): readonly Level[] {
  if (spec.nodeSelector === undefined && spec.affinity?.nodeAffinity === undefined) {
    return hasSoftTaints ? ANYWHERE_SOFT : ANYWHERE;
  }
  const required = requiredTerms(spec);
  const levels: Level[] = [];
  if (policy === "Respect") {
    for (const preference of preferences(spec)) {
      const terms = required.flatMap((term) => both(term, preference) ?? []);
      if (terms.length > 0) levels.push({ terms, toleratesSoftTaints: false });
    }
  }
  levels.push({ terms: required, toleratesSoftTaints: false });
  if (hasSoftTaints) levels.push({ terms: required, toleratesSoftTaints: true });
  return levels;
}

/** Of pods that ask nothing of their node. */
const ANYWHERE: readonly Level[] = [{ terms: [NO_REQUIREMENTS], toleratesSoftTaints: false }];
const ANYWHERE_SOFT: readonly Level[] = [...ANYWHERE, { terms: [NO_REQUIREMENTS], toleratesSoftTaints: true }];

/**
 * What a node must offer: nodeSelector together with any one term of the required node affinity. A term that contradicts
 * itself is left out; an empty list means that no node can ever do.
 */
export function requiredTerms(spec: PodSpec): readonly Requirements[] {
  const selector = labelRequirements(spec.nodeSelector ?? {});
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (required === undefined) return [selector];
  const terms = required.flatMap((term) => {
    const own = termRequirements(term);
    return own === undefined || own.size === 0 ? [] : (both(selector, own) ?? []);
  });
  const distinct = new Map(terms.map((term) => [formatRequirements(term), term]));
  return [...distinct.values()];
}

/** Each label's requirements of one term, met together; undefined when they contradict each other. */
function termRequirements(term: NodeSelectorTerm): Requirements | undefined {
  let all: Requirements | undefined = NO_REQUIREMENTS;
  for (const expression of term.matchExpressions ?? []) {
    const r = requirementOf(asSpec(expression));
    all = both(all, new Map([[r.key, r]]));
    if (all === undefined) return undefined;
  }
  return all;
}

function asSpec({ key, operator, values = [] }: NodeSelectorRequirement) {
  return { key, operator: operator as Operator, values };
}

function preferences(spec: PodSpec): readonly Requirements[] {
  const preferred = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const sorted = preferred
    .map(({ weight, preference }) => ({ weight, requirements: termRequirements(preference) }))
    .sort((a, b) => b.weight - a.weight || byText(text(a.requirements), text(b.requirements)));
  return sorted.flatMap(({ requirements }) =>
    requirements === undefined || requirements.size === 0 ? [] : [requirements],
  );
}

function text(requirements: Requirements | undefined): string {
  return requirements === undefined ? "" : formatRequirements(requirements);
}

/** Both at once, or undefined when no node can meet both. */
function both(a: Requirements, b: Requirements): Requirements | undefined {
  return intersects(a, b) === undefined ? intersectAll(a, b) : undefined;
}
