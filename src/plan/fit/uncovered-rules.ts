import type { Pod, PodSpec } from "../../model/core.ts";

/** A rule that a pod uses and the planner does not know: the pod is refused by name rather than placed wrongly. */
export type Uncovered = { code: string; reason: string };

/** Rules that bind: a pod with one of them is refused. Undefined when the pod uses none. */
export function uncoveredRule({ spec }: Pod): Uncovered | undefined {
  if (!usesResourceClaims(spec)) return undefined;
  return {
    code: "ResourceClaimsNotPlanned",
    reason: "uses resource claims (dynamic resource allocation), which are not planned for",
  };
}

function usesResourceClaims(spec: PodSpec): boolean {
  if ((spec.resourceClaims ?? []).length > 0) return true;
  return [...spec.containers, ...(spec.initContainers ?? [])].some((c) => (c.resources?.claims ?? []).length > 0);
}
