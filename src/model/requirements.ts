import { byText } from "../base/order.ts";
import { normalizedLabel } from "./labels.ts";

/** The operators of NodePool and NodeClaim requirements and of node selectors. */
export type Operator = "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" | "Gte" | "Lte";

/** A requirement as manifests write it. */
export type RequirementSpec = { key: string; operator: Operator; values?: string[]; minValues?: number };

/**
 * What one label key may be: a set of values, or the complement of one, within optional whole-number bounds (both
 * included). Immutable.
 */
export type Requirement = {
  readonly key: string;
  /** True: every value but `values`. False: only `values` (empty: the label must not exist). */
  readonly complement: boolean;
  readonly values: ReadonlySet<string>;
  readonly gte?: number;
  readonly lte?: number;
  /** Of a complement with values that was met together with Exists: the label may not be absent. (Upstream loses that.) */
  readonly mustExist?: true;
  readonly minValues?: number;
};

/** One requirement per key. A missing key is unconstrained. Immutable. */
export type Requirements = ReadonlyMap<string, Requirement>;

/** Why a node side cannot meet a pod side. */
export type Incompatibility = {
  key: string;
  /** "undefined": the node side has no such label. "conflict": no value satisfies both. */
  kind: "undefined" | "conflict";
  /** A known label that was perhaps meant. */
  hint?: string;
};

export const NO_REQUIREMENTS: Requirements = new Map();

/**
 * One requirement of a key; old beta label names become the present ones.
 * Gt and Lt become inclusive bounds; a bound that is no whole number, or leaves nothing, allows nothing.
 * @source kubernetes-sigs/karpenter pkg/scheduling/requirement.go
 */
export function requirement(
  key: string,
  operator: Operator,
  values: readonly string[] = [],
  minValues?: number,
): Requirement {
  const base = { key: normalizedLabel(key), ...(minValues === undefined ? {} : { minValues }) };
  switch (operator) {
    case "In":
      return { ...base, complement: false, values: new Set(values) };
    case "NotIn":
      return { ...base, complement: true, values: new Set(values) };
    case "Exists":
      return { ...base, complement: true, values: NO_VALUES };
    case "DoesNotExist":
      return { ...base, complement: false, values: NO_VALUES };
    case "Gt":
    case "Lt":
    case "Gte":
    case "Lte":
      return bounded(base, operator, wholeNumber(values[0] ?? ""));
    default:
      // No API server takes such an operator, but files may hold one: no value meets it.
      return { ...base, complement: false, values: NO_VALUES };
  }
}

/** As a manifest writes it. */
export function requirementOf(spec: RequirementSpec): Requirement {
  return requirement(spec.key, spec.operator, spec.values ?? [], spec.minValues);
}

/** Several entries of one key are met together. */
export function requirementsOf(specs: readonly RequirementSpec[]): Requirements {
  const result = new Map<string, Requirement>();
  for (const spec of specs) addTo(result, requirementOf(spec));
  return result;
}

/** In exactly the label's value, for every label. */
export function labelRequirements(labels: Readonly<Record<string, string>>): Requirements {
  const result = new Map<string, Requirement>();
  for (const key of Object.keys(labels)) addTo(result, requirement(key, "In", [labels[key] ?? ""]));
  return result;
}

/** The plain operator that describes it; bounds do not show (a bounded one is Exists or NotIn). */
export function operatorOf(r: Requirement): "In" | "NotIn" | "Exists" | "DoesNotExist" {
  if (r.complement) return r.values.size > 0 ? "NotIn" : "Exists";
  return r.values.size > 0 ? "In" : "DoesNotExist";
}

/** True when the label may have this value. */
export function allows(r: Requirement, value: string): boolean {
  return r.values.has(value) !== r.complement && isWithin(value, r.gte, r.lte);
}

/** What both allow; DoesNotExist when that is nothing. The larger minValues is kept. */
export function intersection(a: Requirement, b: Requirement): Requirement {
  if (isUnconstrained(b) && b.minValues === undefined) return existing(a);
  if (isUnconstrained(a) && a.minValues === undefined) return existing(b.key === a.key ? b : { ...b, key: a.key });
  const gte = larger(a.gte, b.gte);
  const lte = smaller(a.lte, b.lte);
  const minValues = larger(a.minValues, b.minValues);
  const base = { key: a.key, ...(minValues === undefined ? {} : { minValues }) };
  if (crosses(gte, lte)) return { ...base, complement: false, values: NO_VALUES };
  const complement = a.complement && b.complement;
  const merged = mergedValues(a, b);
  const values = new Set([...merged].filter((value) => isWithin(value, gte, lte)));
  if (!complement) return { ...base, complement: false, values };
  if (excludesRange(values, gte, lte)) return { ...base, complement: false, values: NO_VALUES };
  return {
    ...base,
    complement: true,
    values,
    ...(gte === undefined ? {} : { gte }),
    ...(lte === undefined ? {} : { lte }),
    ...(values.size > 0 && (demandsLabel(a) || demandsLabel(b)) ? { mustExist: true } : {}),
  };
}

/** True when some value satisfies both, without building the intersection. */
export function hasIntersection(a: Requirement, b: Requirement): boolean {
  const gte = larger(a.gte, b.gte);
  const lte = smaller(a.lte, b.lte);
  if (crosses(gte, lte)) return false;
  if (a.complement && b.complement) {
    if (gte === undefined || lte === undefined) return true;
    return !excludesRange(mergedValues(a, b), gte, lte);
  }
  const [finite, other] = a.complement ? [b, a] : [a, b];
  for (const value of finite.values) {
    if (other.values.has(value) !== other.complement && isWithin(value, gte, lte)) return true;
  }
  return false;
}

/** The set with one more requirement: intersected with what the key has. */
export function withRequirement(requirements: Requirements, r: Requirement): Requirements {
  const result = new Map(requirements);
  addTo(result, r);
  return result;
}

/** All of both sets, shared keys intersected. */
export function intersectAll(a: Requirements, b: Requirements): Requirements {
  if (b.size === 0) return a;
  const result = new Map(a);
  for (const r of b.values()) addTo(result, r);
  return result;
}

/** The key's requirement; a missing one is Exists (anything). */
export function requirementFor(requirements: Requirements, key: string): Requirement {
  return requirements.get(key) ?? requirement(key, "Exists");
}

/**
 * The smallest shared key on which the two cannot agree, or undefined. Two sides that both only rule out (NotIn,
 * DoesNotExist) always agree: the label is then simply absent. Keys on one side only do not count.
 */
export function intersects(a: Requirements, b: Requirements): string | undefined {
  const [small, large] = a.size <= b.size ? [a, b] : [b, a];
  let conflict: string | undefined;
  for (const [key, r] of small) {
    const other = large.get(key);
    if (other === undefined || hasIntersection(r, other) || (rulesOut(r) && rulesOut(other))) continue;
    if (conflict === undefined || key < conflict) conflict = key;
  }
  return conflict;
}

/**
 * Whether a node side (node, claim, pool) can meet a pod side (pod, offering): undefined when it can.
 * @param allowUndefined keys that the node side may lack, as a provider fills them in: the well-known ones for nodes
 *   yet to come, none for nodes that exist
 * @returns the smallest offending key; keys that the node side does not know come first
 */
export function incompatibility(
  nodeSide: Requirements,
  podSide: Requirements,
  allowUndefined: ReadonlySet<string> = NO_VALUES,
): Incompatibility | undefined {
  let missing: string | undefined;
  for (const [key, r] of podSide) {
    if (nodeSide.has(key) || allowUndefined.has(key) || rulesOut(r)) continue;
    if (missing === undefined || key < missing) missing = key;
  }
  if (missing !== undefined) {
    const hint = similarLabel(missing, [...allowUndefined, ...nodeSide.keys()]);
    return hint === undefined ? { key: missing, kind: "undefined" } : { key: missing, kind: "undefined", hint };
  }
  const conflict = intersects(nodeSide, podSide);
  return conflict === undefined ? undefined : { key: conflict, kind: "conflict" };
}

/**
 * A value that the requirement allows, always the same one: the smallest of a set, else the smallest whole number that
 * is neither out of bounds nor excluded; "" when nothing is allowed. (Upstream draws one, and may draw an excluded one.)
 */
export function anyValue(r: Requirement): string {
  if (!r.complement) return [...r.values].sort(byText)[0] ?? "";
  let candidate = Math.max(r.gte ?? 0, 0);
  while (r.values.has(String(candidate))) candidate += 1;
  return candidate <= (r.lte ?? Number.MAX_SAFE_INTEGER) ? String(candidate) : "";
}

/**
 * As entries of a manifest, sorted by key, values sorted. A bounded requirement becomes Gte and Lte entries; what it
 * excludes besides is kept as a NotIn entry (upstream loses that).
 */
export function toSpecs(requirements: Requirements): RequirementSpec[] {
  return [...requirements.keys()].sort(byText).flatMap((key) => specsOf(requirementFor(requirements, key)));
}

/** "zone In [a b]", for messages. */
export function formatRequirement(r: Requirement): string {
  return specsOf(r)
    .map(({ key, operator, values }) => `${key} ${operator}${values === undefined ? "" : ` [${values.join(" ")}]`}`)
    .join(", ");
}

/** All of them in one line, sorted by key. */
export function formatRequirements(requirements: Requirements): string {
  return [...requirements.keys()]
    .sort(byText)
    .map((key) => formatRequirement(requirementFor(requirements, key)))
    .join(", ");
}

const NO_VALUES: ReadonlySet<string> = new Set();

function bounded(
  base: { key: string; minValues?: number },
  operator: "Gt" | "Lt" | "Gte" | "Lte",
  bound: number | undefined,
): Requirement {
  const nothing: Requirement = { ...base, complement: false, values: NO_VALUES };
  if (bound === undefined) return nothing;
  const all = { ...base, complement: true, values: NO_VALUES };
  switch (operator) {
    case "Gt":
      return bound >= Number.MAX_SAFE_INTEGER ? nothing : { ...all, gte: bound + 1 };
    case "Gte":
      return { ...all, gte: bound };
    case "Lt":
      return bound <= Number.MIN_SAFE_INTEGER ? nothing : { ...all, lte: bound - 1 };
    case "Lte":
      return { ...all, lte: bound };
  }
}

function addTo(target: Map<string, Requirement>, r: Requirement): void {
  const present = target.get(r.key);
  target.set(r.key, present === undefined ? r : intersection(present, r));
}

/** As Go's Atoi: an optional sign and digits; undefined for all else. */
function wholeNumber(text: string): number | undefined {
  return /^[+-]?[0-9]+$/.test(text) ? Number(text) : undefined;
}

function isWithin(value: string, gte: number | undefined, lte: number | undefined): boolean {
  if (gte === undefined && lte === undefined) return true;
  const number = wholeNumber(value);
  return number !== undefined && (gte === undefined || number >= gte) && (lte === undefined || number <= lte);
}

function isUnconstrained(r: Requirement): boolean {
  return r.complement && r.values.size === 0 && r.gte === undefined && r.lte === undefined;
}

/** Content with a label that is absent. */
function rulesOut(r: Requirement): boolean {
  return r.complement ? r.values.size > 0 && r.mustExist === undefined : r.values.size === 0;
}

/** Exists, a bound, or what was met together with one: a complement that an absent label does not satisfy. */
function demandsLabel(r: Requirement): boolean {
  return r.mustExist === true || (r.complement && (r.values.size === 0 || r.gte !== undefined || r.lte !== undefined));
}

/** The requirement, met together with Exists. */
function existing(r: Requirement): Requirement {
  return r.complement && r.values.size > 0 && r.mustExist === undefined ? { ...r, mustExist: true } : r;
}

function crosses(gte: number | undefined, lte: number | undefined): boolean {
  return gte !== undefined && lte !== undefined && gte > lte;
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.max(a, b);
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}

function mergedValues(a: Requirement, b: Requirement): ReadonlySet<string> {
  if (a.complement && b.complement) return a.values.size === 0 ? b.values : new Set([...a.values, ...b.values]);
  if (a.complement) return new Set([...b.values].filter((value) => !a.values.has(value)));
  if (b.complement) return new Set([...a.values].filter((value) => !b.values.has(value)));
  return new Set([...a.values].filter((value) => b.values.has(value)));
}

/** True when every whole number of a finite range is excluded. (Upstream overlooks this, and invents a label.) */
function excludesRange(excluded: ReadonlySet<string>, gte: number | undefined, lte: number | undefined): boolean {
  if (gte === undefined || lte === undefined || lte - gte >= excluded.size) return false;
  for (let n = gte; n <= lte; n += 1) if (!excluded.has(String(n))) return false;
  return true;
}

function similarLabel(key: string, known: readonly string[]): string | undefined {
  const suffix = key.slice(key.indexOf("/") + 1);
  return [...known].sort(byText).find((name) => name.includes(key) || name.slice(name.indexOf("/") + 1) === suffix);
}

function specsOf(r: Requirement): RequirementSpec[] {
  const min = r.minValues === undefined ? {} : { minValues: r.minValues };
  const specs: RequirementSpec[] = [];
  if (r.gte !== undefined) specs.push({ key: r.key, operator: "Gte", values: [String(r.gte)], ...min });
  if (r.lte !== undefined) specs.push({ key: r.key, operator: "Lte", values: [String(r.lte)], ...min });
  if (r.mustExist === true && specs.length === 0) specs.push({ key: r.key, operator: "Exists", ...min });
  if (r.values.size > 0) {
    specs.push({ key: r.key, operator: r.complement ? "NotIn" : "In", values: [...r.values].sort(byText), ...min });
  } else if (specs.length === 0) {
    specs.push({ key: r.key, operator: operatorOf(r), ...min });
  }
  return specs;
}
