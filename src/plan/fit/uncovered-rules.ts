import type { Pod } from "../../model/core.ts";
import { hasResourceClaims } from "../../model/pod-predicates.ts";

/** A rule that a pod uses and the planner does not know: the pod is refused by name rather than placed wrongly. */
export type Uncovered = { code: string; reason: string };

/** Rules that bind: a pod with one of them is refused. Undefined when the pod uses none. */
export function uncoveredRule(pod: Pod): Uncovered | undefined {
  if (!hasResourceClaims(pod)) return undefined;
  return {
    code: "ResourceClaimsNotPlanned",
    reason: "uses resource claims (dynamic resource allocation), which are not planned for",
  };
}
