import type { ClusterView } from "../../model/cluster-view.ts";
import type { Pod, PodSpec } from "../../model/core.ts";
import { coversAntiAffinity, coversSpread } from "./host-rules.ts";

/** A rule that a pod uses and the planner does not know: the pod is refused by name rather than placed wrongly. */
export type Uncovered = { code: string; reason: string };

/** Rules that bind: a pod with one of them is refused. Undefined when the pod uses none. */
export function uncoveredRule(pod: Pod, view: ClusterView): Uncovered | undefined {
  const { spec } = pod;
  if (usesResourceClaims(spec)) {
    return {
      code: "ResourceClaimsNotPlanned",
      reason: "uses resource claims (dynamic resource allocation), which are not planned for",
    };
  }
  return uncoveredTopology(pod, view);
}

/** Wishes that are left out at once, each in words; no node is bought for their sake. */
export function uncoveredWishes(spec: PodSpec): readonly string[] {
  const wishes: string[] = [];
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  if ((spec.topologySpreadConstraints ?? []).some((c) => c.whenUnsatisfiable === "ScheduleAnyway")) {
    wishes.push("topology spread with ScheduleAnyway");
  }
  if ((podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).length > 0) {
    wishes.push("preferred pod affinity");
  }
  if ((podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).length > 0) {
    wishes.push("preferred pod anti-affinity");
  }
  return wishes;
}

function uncoveredTopology(pod: Pod, view: ClusterView): Uncovered | undefined {
  const { topologySpreadConstraints = [], affinity } = pod.spec;
  const spread = topologySpreadConstraints.find(
    (c) => c.whenUnsatisfiable !== "ScheduleAnyway" && !coversSpread(c, pod),
  );
  if (spread !== undefined) {
    return {
      code: "TopologySpreadNotPlanned",
      reason: `must be spread over ${spread.topologyKey}, which is not planned for`,
    };
  }
  const near = affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.[0];
  if (near !== undefined) {
    return {
      code: "PodAffinityNotPlanned",
      reason: `must run near other pods (pod affinity over ${near.topologyKey}), which is not planned for`,
    };
  }
  const apart = (affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).find(
    (term) => !coversAntiAffinity(term, pod, view),
  );
  if (apart !== undefined) {
    return {
      code: "PodAntiAffinityNotPlanned",
      reason: `must run apart from other pods (pod anti-affinity over ${apart.topologyKey}), which is not planned for`,
    };
  }
  return undefined;
}

function usesResourceClaims(spec: PodSpec): boolean {
  if ((spec.resourceClaims ?? []).length > 0) return true;
  return [...spec.containers, ...(spec.initContainers ?? [])].some((c) => (c.resources?.claims ?? []).length > 0);
}
