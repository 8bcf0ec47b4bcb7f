import { refOf } from "../cache/cluster-writer.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { type Deployment, REPLICA_SETS, type ReplicaSet } from "./kinds.ts";
import { intOrPercent } from "./pods.ts";

export type Sets = { current: ReplicaSet | undefined; old: ReplicaSet[] };
type Bounds = { replicas: number; maxSurge: number; maxUnavailable: number };

export const replicasOf = (set: ReplicaSet): number => set.spec.replicas ?? 1;
const totalOf = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, set) => sum + replicasOf(set), 0);
const availableOf = (sets: readonly ReplicaSet[]): number =>
  sets.reduce((sum, set) => sum + (set.status?.availableReplicas ?? 0), 0);

/** How many pods a rolling update may have beyond, and miss below, the wanted number. */
export function rolloutBounds(deployment: Deployment): Bounds {
  const replicas = deployment.spec.replicas ?? 1;
  const { maxSurge = "25%", maxUnavailable = "25%" } = deployment.spec.strategy?.rollingUpdate ?? {};
  const surge = intOrPercent(maxSurge, replicas, "up");
  const unavailable = Math.min(replicas, intOrPercent(maxUnavailable, replicas, "down"));
  // Both zero would never move.
  return { replicas, maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** One step from the old ReplicaSets to the current one: up before down, never below the available that are promised. */
export function rollingStep(needs: ControllerNeeds, deployment: Deployment, { current, old }: Sets): void {
  if (current === undefined) return;
  const bounds = rolloutBounds(deployment);
  const wanted = currentSize(bounds, current, old);
  if (wanted !== replicasOf(current)) {
    scaleSet(needs, deployment, current, wanted);
    return;
  }
  if (totalOf(old) > 0) shrinkOld(needs, deployment, bounds, { current, old });
}

function currentSize({ replicas, maxSurge }: Bounds, current: ReplicaSet, old: readonly ReplicaSet[]): number {
  if (replicasOf(current) >= replicas) return replicas;
  const room = replicas + maxSurge - totalOf([current, ...old]);
  return room <= 0 ? replicasOf(current) : Math.min(replicas, replicasOf(current) + room);
}

function shrinkOld(
  needs: ControllerNeeds,
  deployment: Deployment,
  { replicas, maxUnavailable }: Bounds,
  { current, old }: { current: ReplicaSet; old: ReplicaSet[] },
): void {
  const promised = replicas - maxUnavailable;
  const currentUnavailable = replicasOf(current) - (current.status?.availableReplicas ?? 0);
  let spare = totalOf([current, ...old]) - promised - currentUnavailable;
  if (spare <= 0) return;
  const sizes = new Map(old.map((set) => [set, replicasOf(set)]));
  // Those that never became available are no loss.
  for (const set of old) {
    const unhealthy = Math.min(spare, Math.max(0, replicasOf(set) - (set.status?.availableReplicas ?? 0)));
    sizes.set(set, replicasOf(set) - unhealthy);
    spare -= unhealthy;
  }
  let surplus = Math.min(spare, availableOf([current, ...old]) - promised);
  for (const set of old) {
    if (surplus <= 0) break;
    const size = sizes.get(set) ?? 0;
    const less = Math.min(size, surplus);
    sizes.set(set, size - less);
    surplus -= less;
  }
  for (const [set, size] of sizes) if (size !== replicasOf(set)) scaleSet(needs, deployment, set, size);
}

/** All old pods go before the first new one comes. */
export function recreateStep(
  needs: ControllerNeeds,
  deployment: Deployment,
  { current, old }: Sets,
  oldPods: number,
): void {
  for (const set of old) if (replicasOf(set) > 0) scaleSet(needs, deployment, set, 0);
  const replicas = deployment.spec.replicas ?? 1;
  if (oldPods === 0 && current !== undefined && replicasOf(current) !== replicas) {
    scaleSet(needs, deployment, current, replicas);
  }
}

export function scaleSet(needs: ControllerNeeds, deployment: Deployment, set: ReplicaSet, replicas: number): void {
  const from = replicasOf(set);
  needs.writer.patch(REPLICA_SETS, refOf(set), {
    metadata: { annotations: sizeAnnotations(deployment) },
    spec: { replicas },
  });
  const verb = replicas > from ? "up" : "down";
  const message = `Scaled ${verb} replica set ${set.metadata.name} from ${from} to ${replicas}`;
  needs.recorder("deployment-controller")(deployment, "Normal", "ScalingReplicaSet", message);
}

export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const { replicas, maxSurge } = rolloutBounds(deployment);
  const surge = deployment.spec.strategy?.type === "Recreate" ? 0 : maxSurge;
  return {
    "deployment.kubernetes.io/desired-replicas": String(replicas),
    "deployment.kubernetes.io/max-replicas": String(replicas + surge),
  };
}
