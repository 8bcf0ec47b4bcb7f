import type { LabelSelector } from "./core.ts";
import { labelValueProblem, qualifiedNameProblem } from "./qualified-name.ts";

/** One condition on a label. "Gt" and "Lt" exist in the query grammar only. */
export type LabelRequirement = {
  key: string;
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  values: readonly string[];
};

/** All must hold; none at all selects everything. */
export type Selector = readonly LabelRequirement[];

export type ParsedSelector = { selector: Selector } | { error: string };

/**
 * The selector of an object's labelSelector field; undefined where it selects nothing: an absent one, and one that the
 * API would have refused. An empty one selects everything.
 */
export function selectorOf(labelSelector: LabelSelector | undefined | null): Selector | undefined {
  if (labelSelector === undefined || labelSelector === null) return undefined;
  const known = selectorCache.get(labelSelector);
  if (known !== undefined) return known.selector;
  const selector = convert(labelSelector);
  selectorCache.set(labelSelector, { selector });
  return selector;
}

/** True when the labels meet every condition. */
export function matchesSelector(selector: Selector, labels: Readonly<Record<string, string>> | undefined): boolean {
  return selector.every((requirement) => matchesLabel(requirement, labels?.[requirement.key]));
}

/** Shorthand for an object's labelSelector field. */
export function matchesLabelSelector(
  labelSelector: LabelSelector | undefined | null,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  const selector = selectorOf(labelSelector);
  return selector !== undefined && matchesSelector(selector, labels);
}

/**
 * Reads the query grammar: `a=b,c==d,e!=f,g in (x,y),h notin (z),i,!j,k>1,k<5`. Empty text selects everything.
 * @source k8s.io/apimachinery pkg/labels, Parse
 */
export function parseLabelSelector(text: string): ParsedSelector {
  const tokens = tokenize(text);
  const selector: LabelRequirement[] = [];
  let at = 0;
  while (at < tokens.length) {
    const end = endOfRequirement(tokens, at);
    const parsed = parseRequirement(tokens.slice(at, end));
    if (typeof parsed === "string") return { error: `unable to parse requirement: ${parsed}` };
    selector.push(parsed);
    if (end === tokens.length) break;
    at = end + 1;
    if (at === tokens.length) return { error: "unable to parse requirement: found '', expected: identifier after ','" };
  }
  return { selector };
}

/** The query text of a selector; parseLabelSelector reads it back. */
export function formatSelector(selector: Selector): string {
  return selector.map(formatRequirement).join(",");
}

const selectorCache = new WeakMap<LabelSelector, { selector: Selector | undefined }>();

function convert(labelSelector: LabelSelector): Selector | undefined {
  const selector: LabelRequirement[] = Object.entries(labelSelector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: "In",
    values: [value],
  }));
  for (const { key, operator, values = [] } of labelSelector.matchExpressions ?? []) {
    switch (operator) {
      case "In":
      case "NotIn":
        if (values.length === 0) return undefined;
        selector.push({ key, operator, values });
        break;
      case "Exists":
      case "DoesNotExist":
        if (values.length > 0) return undefined;
        selector.push({ key, operator, values });
        break;
      default:
        return undefined;
    }
  }
  return selector;
}

function matchesLabel({ operator, values }: LabelRequirement, label: string | undefined): boolean {
  switch (operator) {
    case "In":
      return label !== undefined && values.includes(label);
    case "NotIn":
      return label === undefined || !values.includes(label);
    case "Exists":
      return label !== undefined;
    case "DoesNotExist":
      return label === undefined;
    case "Gt":
      return isWhole(label) && Number(label) > Number(values[0]);
    case "Lt":
      return isWhole(label) && Number(label) < Number(values[0]);
  }
}

function isWhole(text: string | undefined): boolean {
  return text !== undefined && /^[+-]?[0-9]+$/.test(text);
}

function tokenize(text: string): string[] {
  return text.match(/!=|==|[=!<>(),]|[^\s=!<>(),]+/g) ?? [];
}

/** The comma that ends a requirement is one outside of parentheses. */
function endOfRequirement(tokens: readonly string[], start: number): number {
  let depth = 0;
  for (let at = start; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === "(") depth += 1;
    else if (token === ")") depth -= 1;
    else if (token === "," && depth <= 0) return at;
  }
  return tokens.length;
}

function parseRequirement(tokens: readonly string[]): LabelRequirement | string {
  const isNegated = tokens[0] === "!";
  const [key = "", operator, ...rest] = isNegated ? tokens.slice(1) : tokens;
  if (key === "" || isSymbol(key)) return `found '${key}', expected: !, identifier, or 'end of string'`;
  const problem = qualifiedNameProblem(key);
  if (problem !== undefined) return `key: Invalid value: "${key}": ${problem}`;
  if (isNegated) {
    return operator === undefined
      ? { key, operator: "DoesNotExist", values: [] }
      : `found '${operator}', expected: ','`;
  }
  switch (operator) {
    case undefined:
      return { key, operator: "Exists", values: [] };
    case "=":
    case "==":
      return withExactValue(key, "In", rest);
    case "!=":
      return withExactValue(key, "NotIn", rest);
    case "<":
    case ">":
      return withNumber(key, operator === "<" ? "Lt" : "Gt", rest);
    case "in":
    case "notin":
      return withSet(key, operator === "in" ? "In" : "NotIn", rest);
    default:
      return `found '${operator}', expected: in, notin, =, ==, !=, <, >`;
  }
}

function withExactValue(key: string, operator: "In" | "NotIn", rest: readonly string[]): LabelRequirement | string {
  const [value = "", surplus] = rest;
  if (isSymbol(value)) return `found '${value}', expected: identifier`;
  if (surplus !== undefined) return `found '${surplus}', expected: ','`;
  return checked({ key, operator, values: [value] });
}

function withNumber(key: string, operator: "Gt" | "Lt", rest: readonly string[]): LabelRequirement | string {
  const [value = "", surplus] = rest;
  if (surplus !== undefined) return `found '${surplus}', expected: ','`;
  if (!isWhole(value))
    return `values[0]: Invalid value: "${value}": for 'Gt', 'Lt' operators, the value must be an integer`;
  return { key, operator, values: [value] };
}

function withSet(key: string, operator: "In" | "NotIn", rest: readonly string[]): LabelRequirement | string {
  if (rest[0] !== "(") return `found '${rest[0] ?? ""}', expected: '('`;
  if (rest.at(-1) !== ")" || rest.length < 2) return `found '${rest.at(-1) ?? ""}', expected: ',', or ')'`;
  const inside = rest.slice(1, -1);
  const values: string[] = [];
  let expectsValue = true;
  for (const token of inside) {
    if (token === ",") {
      if (expectsValue) values.push("");
      expectsValue = true;
    } else if (isSymbol(token) || !expectsValue) {
      return `found '${token}', expected: ',', or ')'`;
    } else {
      values.push(token);
      expectsValue = false;
    }
  }
  if (expectsValue) values.push("");
  return checked({ key, operator, values: [...new Set(values)] });
}

function checked(requirement: LabelRequirement): LabelRequirement | string {
  for (const [index, value] of requirement.values.entries()) {
    const problem = labelValueProblem(value);
    if (problem !== undefined) return `values[${index}][${requirement.key}]: Invalid value: "${value}": ${problem}`;
  }
  return requirement;
}

function isSymbol(token: string): boolean {
  return /^[=!<>(),]/.test(token);
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
    case "Gt":
      return `${key}>${values[0] ?? ""}`;
    case "Lt":
      return `${key}<${values[0] ?? ""}`;
    case "In":
      return values.length === 1 ? `${key}=${values[0] ?? ""}` : `${key} in (${values.join(",")})`;
    case "NotIn":
      return values.length === 1 ? `${key}!=${values[0] ?? ""}` : `${key} notin (${values.join(",")})`;
  }
}
