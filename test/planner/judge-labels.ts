import type { LabelSelector, PodSpec, Toleration } from "../../src/model/core.ts";
import type { InstanceType } from "../../src/model/instance-type.ts";
import { CAPACITY_TYPE_LABEL, OS_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import {
  allows,
  labelRequirements,
  type Operator,
  type Requirement,
  type Requirements,
  requirementOf,
} from "../../src/model/requirements.ts";
import { tolerates } from "../../src/model/taints.ts";

/** Labels, terms and launches, as far as the judge of plans looks at them. */

export type Labels = Readonly<Record<string, string>>;
/** Per label the values that a node may have; one value where it is known. */
export type ValueSets = ReadonlyMap<string, ReadonlySet<string>>;

/** One way in which a type may come up: every label that type and offering decide. */
export type Launch = { type: InstanceType; labels: Labels; priceUsdPerHour: number };

/** A label that is not there meets it. */
export function isFineWithout(r: Requirement): boolean {
  if (!r.complement) return r.values.size === 0;
  return r.values.size > 0 && r.gte === undefined && r.lte === undefined;
}

/** No value at all meets it, and neither does a missing label that it would have to be. */
export function isImpossible(r: Requirement): boolean {
  return !r.complement && r.values.size === 0;
}

/** Every value that the first allows is allowed by the second. */
export function isWithin(inner: Requirement, outer: Requirement): boolean {
  if (!inner.complement) {
    return inner.values.size === 0 ? isFineWithout(outer) : [...inner.values].every((value) => allows(outer, value));
  }
  if (!outer.complement) return false;
  const bounds = { ...outer, complement: true, values: new Set<string>() };
  const isLowEnough = outer.gte === undefined || (inner.gte !== undefined && inner.gte >= outer.gte);
  const isHighEnough = outer.lte === undefined || (inner.lte !== undefined && inner.lte <= outer.lte);
  const excludesAll = [...outer.values].every((value) => inner.values.has(value) || !allows(bounds, value));
  return isLowEnough && isHighEnough && excludesAll;
}

/** Conditions that hold together; a label may have several, which are judged one by one as the scheduler does it. */
export type Term = readonly (readonly [key: string, r: Requirement])[];

/** The alternatives of a pod's node selector and required node affinity; none of them: it can run nowhere. */
export function nodeTermsOf(spec: PodSpec): readonly Term[] {
  const known = termCache.get(spec);
  if (known !== undefined) return known;
  const base: Term = [...labelRequirements(spec.nodeSelector ?? {})];
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms =
    required === undefined
      ? [base]
      : required.nodeSelectorTerms.flatMap(({ matchExpressions = [], matchFields = [] }) => {
          // The API's rule: a term that says nothing matches nothing. Names of nodes to come are not known.
          if (matchExpressions.length === 0 || matchFields.length > 0) return [];
          return [[...base, ...matchExpressions.map(conditionOf)]];
        });
  termCache.set(spec, terms);
  return terms;
}

/** Not met together with others of its key: "exists" and "is not red" would become "is not red", which absence meets. */
export function conditionOf(e: { key: string; operator: string; values?: string[] }): readonly [string, Requirement] {
  const r = requirementOf({ ...e, operator: e.operator as Operator });
  return [r.key, r];
}

const termCache = new WeakMap<PodSpec, readonly Term[]>();

/** Every available way to launch the type. */
export function launchesOf(type: InstanceType): readonly Launch[] {
  const known = launchCache.get(type);
  if (known !== undefined) return known;
  const fixed: Record<string, string> = {};
  const oses = [...(type.requirements.get(OS_LABEL)?.values ?? ["linux"])];
  for (const [key, { complement, values }] of type.requirements) {
    if (key !== ZONE_LABEL && key !== CAPACITY_TYPE_LABEL && !complement && values.size === 1) {
      fixed[key] = [...values][0] ?? "";
    }
  }
  const launches = type.offerings
    .filter((offering) => offering.available)
    .flatMap(({ requirements, priceUsdPerHour }) => {
      const own: Record<string, string> = {};
      for (const [key, { complement, values }] of requirements) {
        if (!complement && values.size === 1) own[key] = [...values][0] ?? "";
      }
      return oses.map((os) => ({ type, labels: { ...fixed, [OS_LABEL]: os, ...own }, priceUsdPerHour }));
    });
  launchCache.set(type, launches);
  return launches;
}
const launchCache = new WeakMap<InstanceType, readonly Launch[]>();

/** The requirements hold for the labels that the launch decides; others are left open. */
export function launchMeets({ labels }: Launch, requirements: Requirements): boolean {
  for (const [key, r] of requirements) {
    const value = labels[key];
    if (value !== undefined && !allows(r, value)) return false;
  }
  return true;
}

export function valueSetsOf(launches: readonly Launch[]): Map<string, Set<string>> {
  const sets = new Map<string, Set<string>>();
  for (const { labels } of launches) {
    for (const key of Object.keys(labels)) {
      const present = sets.get(key);
      if (present === undefined) sets.set(key, new Set([labels[key] ?? ""]));
      else present.add(labels[key] ?? "");
    }
  }
  return sets;
}

/** As the scheduler filters: PreferNoSchedule keeps nobody away. */
export function isTolerated(
  taints: readonly { key: string; value?: string; effect: string }[],
  tolerations: readonly Toleration[] | undefined,
): boolean {
  return taints.every(
    (taint) =>
      taint.effect === "PreferNoSchedule" ||
      (tolerations ?? []).some((toleration) => tolerates(toleration, taint as Parameters<typeof tolerates>[1])),
  );
}

/** An absent selector selects nothing, an empty one everything. */
export function selects(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  if (selector === undefined) return false;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels?.[key] !== value) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels?.[key];
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      default:
        return value === undefined;
    }
  });
}

/** The selector with what matchLabelKeys and mismatchLabelKeys add to it for a pod with these labels. */
export function withLabelKeys(
  rule: { labelSelector?: LabelSelector; matchLabelKeys?: string[]; mismatchLabelKeys?: string[] },
  labels: Labels | undefined,
): LabelSelector | undefined {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = rule;
  if (labelSelector === undefined || matchLabelKeys.length + mismatchLabelKeys.length === 0) return labelSelector;
  const added = (keys: readonly string[], operator: string) =>
    keys.flatMap((key) => (labels?.[key] === undefined ? [] : [{ key, operator, values: [labels[key]] }]));
  return {
    ...labelSelector,
    matchExpressions: [
      ...(labelSelector.matchExpressions ?? []),
      ...added(matchLabelKeys, "In"),
      ...added(mismatchLabelKeys, "NotIn"),
    ],
  };
}
