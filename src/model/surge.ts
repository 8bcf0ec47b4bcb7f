import type { Deployment, Pod, StatefulSet } from "./core.ts";
import { SURGE_ANNOTATION } from "./labels.ts";
import type { OwnerReference } from "./object.ts";
import { scaledValue } from "./percent.ts";
import { isActive } from "./pod-predicates.ts";
import type { NodePool } from "./resources/node-pool.ts";

/** Whether the pod is to be moved by its owner's rollout instead of an eviction: as the pod says, else as its NodePool. */
export function optsForSurge(pod: Pod, pool: NodePool | undefined): boolean {
  const wish = pod.metadata.annotations?.[SURGE_ANNOTATION] ?? pool?.metadata.annotations?.[SURGE_ANNOTATION];
  return wish === "true" && isActive(pod) && rolledOwnerOf(pod) !== undefined;
}

/** The ReplicaSet or StatefulSet that the pod belongs to. */
export function rolledOwnerOf({ metadata }: Pod): OwnerReference | undefined {
  const kinds = ["ReplicaSet", "StatefulSet"];
  return metadata.ownerReferences?.find(
    ({ apiVersion, kind, controller }) => apiVersion === "apps/v1" && kinds.includes(kind) && controller === true,
  );
}

/**
 * Why the StatefulSet cannot move its pods by a rollout, in words; undefined: it can. Its pods have names and volumes of
 * their own, so that each ends before its successor begins.
 */
export function restartProblem({ spec, metadata }: StatefulSet): string | undefined {
  const name = `StatefulSet ${metadata.namespace}/${metadata.name}`;
  if (spec.updateStrategy?.type === "OnDelete") return `${name} has the update strategy OnDelete`;
  if ((spec.updateStrategy?.rollingUpdate?.partition ?? 0) > 0) return `${name} rolls out in part only (partition)`;
  return undefined;
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
