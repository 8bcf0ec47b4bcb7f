import type { Pod } from "../../model/core.ts";
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES } from "../../model/kinds.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import { matchesAnyTerm } from "../cache/selectors.ts";
import type { NodeCheck } from "./pod-topology.ts";

/** Annotation by which the scheduler tells the provisioner where a volume is wanted. */
export const SELECTED_NODE_ANNOTATION = "volume.kubernetes.io/selected-node";

export type VolumePlan =
  | { kind: "none" }
  /** No node will do until this has changed. */
  | { kind: "missing"; reason: string }
  /** Claims that are still without a volume are provisioned for the chosen node first. */
  | { kind: "checks"; checks: NodeCheck[]; unboundClaims: string[] };

/** What a pod's volumes ask of a node. */
export function volumePlan(pod: Pod, state: ClusterState): VolumePlan {
  const names = claimNames(pod);
  if (names.length === 0) return { kind: "none" };
  const checks: NodeCheck[] = [];
  const unboundClaims: string[] = [];
  for (const name of names) {
    const key = `${pod.metadata.namespace}/${name}`;
    const claim = state.of(PERSISTENT_VOLUME_CLAIMS).get(key);
    if (claim === undefined) return { kind: "missing", reason: `persistentvolumeclaim "${name}" not found` };
    const volumeName = claim.spec.volumeName ?? "";
    if (volumeName !== "") {
      const volume = state.of(PERSISTENT_VOLUMES).get(volumeName);
      const terms = volume?.spec.nodeAffinity?.required?.nodeSelectorTerms;
      if (terms !== undefined) checks.push(termsCheck(terms, "node(s) had volume node affinity conflict"));
      continue;
    }
    const storageClass = state.of(STORAGE_CLASSES).get(claim.spec.storageClassName ?? "");
    if (storageClass?.volumeBindingMode !== "WaitForFirstConsumer") {
      return { kind: "missing", reason: "pod has unbound immediate PersistentVolumeClaims" };
    }
    unboundClaims.push(key);
    const topologies = storageClass.allowedTopologies ?? [];
    if (topologies.length === 0) continue;
    const allowed = topologies.map(({ matchLabelExpressions = [] }) => ({
      matchExpressions: matchLabelExpressions.map((expression) => ({ ...expression, operator: "In" })),
    }));
    checks.push(termsCheck(allowed, "node(s) did not have enough free storage"));
  }
  return { kind: "checks", checks, unboundClaims };
}

function termsCheck(terms: Parameters<typeof matchesAnyTerm>[0], reason: string): NodeCheck {
  return ({ node, name }) => (matchesAnyTerm(terms, node.metadata.labels, name) ? undefined : reason);
}

/** Names of the claims that a pod uses, those of its ephemeral volumes too. */
export function claimNames(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${pod.metadata.name}-${name}`];
  });
}
