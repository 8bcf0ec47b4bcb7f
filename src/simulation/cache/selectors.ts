import type {
  LabelSelector,
  LabelSelectorRequirement,
  NodeSelectorRequirement,
  NodeSelectorTerm,
} from "../../model/core.ts";

/*
 * How the simulated cluster reads selectors. It is written apart from the planner's reading on purpose: two readings
 * that agree on every simulated day are worth more than one.
 */

type Labels = Readonly<Record<string, string>> | undefined;

/** Whether a label selector selects; an absent one selects nothing, an empty one everything. */
export function selects(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (selector === undefined) return false;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels?.[key] !== value) return false;
  return (selector.matchExpressions ?? []).every((expression) => meets(expression, labels?.[expression.key]));
}

/** Whether one of the terms matches the node; a term without anything in it matches none. */
export function matchesAnyTerm(terms: readonly NodeSelectorTerm[], labels: Labels, nodeName: string): boolean {
  return terms.some((term) => matchesTerm(term, labels, nodeName));
}

export function matchesTerm(term: NodeSelectorTerm, labels: Labels, nodeName: string): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  return (
    expressions.every((expression) => meets(expression, labels?.[expression.key])) &&
    fields.every((field) => field.key === "metadata.name" && meets(field, nodeName))
  );
}

function meets(
  { operator, values = [] }: LabelSelectorRequirement | NodeSelectorRequirement,
  value: string | undefined,
): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return isWhole(value) && isWhole(values[0]) && Number(value) > Number(values[0]);
    case "Lt":
      return isWhole(value) && isWhole(values[0]) && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

function isWhole(text: string | undefined): boolean {
  return text !== undefined && /^-?\d+$/.test(text);
}
