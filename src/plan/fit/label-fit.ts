import { allows, type Requirement, type Requirements } from "../../model/requirements.ts";

/** Whether a label may have this value under the requirement; undefined stands for "the node has no such label". */
export function labelFits(r: Requirement, value: string | undefined): boolean {
  return value === undefined ? mayBeAbsent(r) : allows(r, value);
}

/** NotIn and DoesNotExist are content with a node that lacks the label; a bound is not. */
export function mayBeAbsent(r: Requirement): boolean {
  if (r.gte !== undefined || r.lte !== undefined) return false;
  return r.complement ? r.values.size > 0 && r.mustExist === undefined : r.values.size === 0;
}

/** The first key (in the map's order) whose requirement a node with exactly these labels does not meet. */
export function labelMisfit(requirements: Requirements, labels: Readonly<Record<string, string>>): string | undefined {
  for (const [key, r] of requirements) if (!labelFits(r, labels[key])) return key;
  return undefined;
}
