import type { Taint } from "../core.ts";
import { CAPACITY_TYPE_LABEL, NODE_POOL_LABEL, normalizedLabel, WELL_KNOWN_LABELS } from "../labels.ts";
import { labelValueProblem, qualifiedNameProblem } from "../qualified-name.ts";
import type { RequirementSpec } from "../requirements.ts";
import { restrictedLabelProblem } from "../restricted-label.ts";
import type { NodePool } from "./node-pool.ts";

/** Which labels users may ask for, beside the rules that hold for all providers. */
export type LabelLimits = {
  /** Labels that the provider's types define. */
  wellKnown?: readonly string[];
  /** Domains of which only well-known labels may be used. */
  restrictedDomains?: readonly string[];
};

/**
 * What is wrong with a pool that its schema cannot see, in the order of the manifest; empty when it may be used. The
 * pool's condition ValidationSucceeded shows it.
 * @source reference of the v1 API, section 1, runtime validation
 */
export function nodePoolProblems(pool: NodePool, limits: LabelLimits = {}): string[] {
  const { metadata, spec } = pool.spec.template;
  const known = new Set([...WELL_KNOWN_LABELS, ...(limits.wellKnown ?? [])]);
  const restricted = (key: string) => restrictedLabelProblem(key, known, limits.restrictedDomains);
  return [
    ...Object.entries(metadata?.labels ?? {}).flatMap(([key, value]) => labelProblems(key, value, restricted)),
    ...taintProblems("taints", spec.taints ?? []),
    ...taintProblems("startupTaints", spec.startupTaints ?? []),
    ...repeatedTaints([...(spec.taints ?? []), ...(spec.startupTaints ?? [])]),
    ...spec.requirements.flatMap((requirement) => requirementProblems(requirement, restricted)),
  ];
}

type Restricted = (key: string) => string | undefined;

function labelProblems(key: string, value: string, restricted: Restricted): string[] {
  const at = `label "${key}" of the template`;
  if (key === NODE_POOL_LABEL) return [`${at}: Karpenter sets it`];
  return [
    ...listed(at, qualifiedNameProblem(key)),
    ...listed(`${at}: value "${value}"`, labelValueProblem(value)),
    ...listed(at, restricted(key)),
  ];
}

const EFFECTS: ReadonlySet<string> = new Set(["NoSchedule", "PreferNoSchedule", "NoExecute", ""]);

function taintProblems(field: string, taints: readonly Taint[]): string[] {
  return taints.flatMap(({ key, value = "", effect }) => {
    const at = `${field}: taint "${key}"`;
    return [
      ...listed(at, qualifiedNameProblem(key)),
      ...(value === "" ? [] : listed(`${at}: value "${value}"`, qualifiedNameProblem(value))),
      ...(EFFECTS.has(effect) ? [] : [`${at}: there is no effect "${effect}"`]),
    ];
  });
}

function repeatedTaints(taints: readonly Taint[]): string[] {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { key, effect } of taints) {
    const pair = `${key}:${effect}`;
    if (seen.has(pair)) repeated.add(pair);
    seen.add(pair);
  }
  return [...repeated].map((pair) => `taint "${pair}" is there more than once in taints and startupTaints`);
}

const OPERATORS: ReadonlySet<string> = new Set(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"]);
const BOUNDS: ReadonlySet<string> = new Set(["Gt", "Lt", "Gte", "Lte"]);

function requirementProblems(requirement: RequirementSpec, restricted: Restricted): string[] {
  const { operator, values = [] } = requirement;
  const key = normalizedLabel(requirement.key);
  const at = `requirement "${key}"`;
  return [
    ...(key === NODE_POOL_LABEL ? [`${at}: Karpenter sets it`] : []),
    ...(OPERATORS.has(operator) ? [] : [`${at}: there is no operator "${operator}"`]),
    ...(key === NODE_POOL_LABEL ? [] : listed(at, restricted(key))),
    ...listed(at, qualifiedNameProblem(key)),
    ...values.flatMap((value) => listed(`${at}: value "${value}"`, labelValueProblem(value))),
    ...operandProblems(at, requirement),
    ...(key === CAPACITY_TYPE_LABEL && operator === "In" ? capacityTypeProblems(at, requirement) : []),
  ];
}

function operandProblems(at: string, { operator, values = [], minValues }: RequirementSpec): string[] {
  if (operator === "In" && values.length === 0) return [`${at}: operator In needs at least one value`];
  if (operator === "In" && minValues !== undefined && values.length < minValues) {
    return [`${at}: minValues is ${minValues}, but only ${values.length} values are listed`];
  }
  const isBound = BOUNDS.has(operator);
  if (isBound && !(values.length === 1 && /^\+?[0-9]+$/.test(values[0] ?? ""))) {
    return [`${at}: operator ${operator} needs one value, a whole number that is zero or more`];
  }
  return [];
}

const CAPACITY_TYPES: ReadonlySet<string> = new Set(["on-demand", "spot", "reserved"]);

/** A value nobody knows is let pass beside known ones: it may come with a newer provider. */
function capacityTypeProblems(at: string, { values = [], minValues = 0 }: RequirementSpec): string[] {
  if (values.length === 0) return [];
  const known = values.filter((value) => CAPACITY_TYPES.has(value));
  if (known.length === 0) return [`${at}: none of ${values.join(", ")} is one of ${[...CAPACITY_TYPES].join(", ")}`];
  return known.length < minValues
    ? [`${at}: minValues is ${minValues}, but only ${known.length} values are known`]
    : [];
}

function listed(at: string, problem: string | undefined): string[] {
  return problem === undefined ? [] : [`${at}: ${problem}`];
}
