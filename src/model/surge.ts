import type { Deployment, Pod } from "./core.ts";
import { SURGE_ANNOTATION } from "./labels.ts";
import type { OwnerReference } from "./object.ts";
import { scaledValue } from "./percent.ts";
import { isActive } from "./pod-predicates.ts";
import type { NodePool } from "./resources/node-pool.ts";

/** Whether the pod's successor is to be brought up before the pod leaves its node: as the pod says, else as its NodePool. */
export function optsForSurge(pod: Pod, pool: NodePool | undefined): boolean {
  const wish = pod.metadata.annotations?.[SURGE_ANNOTATION] ?? pool?.metadata.annotations?.[SURGE_ANNOTATION];
  return wish === "true" && isActive(pod) && replicaSetOf(pod) !== undefined;
}

export function replicaSetOf({ metadata }: Pod): OwnerReference | undefined {
  return metadata.ownerReferences?.find(
    ({ apiVersion, kind, controller }) => apiVersion === "apps/v1" && kind === "ReplicaSet" && controller === true,
  );
}

/**
 * Why the Deployment cannot bring a successor up first, in words; undefined: it can. Its own rollout has to: a pod more
 * while it runs, and none fewer.
 */
export function surgeProblem({ spec, metadata }: Deployment): string | undefined {
  const name = `Deployment ${metadata.namespace}/${metadata.name}`;
  if (spec.paused === true) return `${name} is paused`;
  if (spec.strategy?.type === "Recreate") return `${name} has the strategy Recreate`;
  const { maxSurge = "25%", maxUnavailable = "25%" } = spec.strategy?.rollingUpdate ?? {};
  const replicas = spec.replicas ?? 1;
  if ((scaledValue(maxSurge, replicas, "up") ?? 0) < 1) return `${name} allows no pod more during a rollout (maxSurge)`;
  if ((scaledValue(maxUnavailable, replicas, "down") ?? 1) > 0) {
    return `${name} allows a pod fewer during a rollout (maxUnavailable)`;
  }
  return undefined;
}
