import type { NodeSelectorRequirement, NodeSelectorTerm, Pod } from "./core.ts";

/** What node selectors look at. */
export type NodeIdentity = { name: string; labels: Readonly<Record<string, string>> };

/** nodeSelector and required node affinity, as the scheduler filters. */
export function matchesNodeAffinity(pod: Pick<Pod, "spec">, node: NodeIdentity): boolean {
  const { nodeSelector = {}, affinity } = pod.spec;
  for (const key of Object.keys(nodeSelector)) if (node.labels[key] !== nodeSelector[key]) return false;
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms === undefined || matchesAnyTerm(terms, node);
}

/** Terms are alternatives; no terms match nothing. */
export function matchesAnyTerm(terms: readonly NodeSelectorTerm[], node: NodeIdentity): boolean {
  return terms.some((term) => matchesTerm(term, node));
}

/** All of a term's conditions; a term without any matches nothing. */
export function matchesTerm(term: NodeSelectorTerm, node: NodeIdentity): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((expression) => matchesExpression(expression, node.labels[expression.key])) &&
    matchFields.every((field) => field.key === "metadata.name" && matchesExpression(field, node.name))
  );
}

/** One condition on a label's value (undefined: the node has no such label). */
export function matchesExpression(expression: NodeSelectorRequirement, value: string | undefined): boolean {
  const { operator, values = [] } = expression;
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
  return text !== undefined && /^[+-]?[0-9]+$/.test(text);
}
