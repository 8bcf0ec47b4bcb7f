import { formatTime, parseTime } from "../../base/time.ts";
import { refOf } from "../cache/cluster-writer.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { replicasOf, rolloutBounds, type Sets } from "./deployment-rollout.ts";
import { DEPLOYMENTS, type Deployment, type ReplicaSet, type WorkloadCondition } from "./kinds.ts";
import { isSame } from "./pods.ts";

type Status = NonNullable<Deployment["status"]>;

/** Writes what kubectl rollout status and wait look at. @returns when the deadline has to be looked at again */
export function writeDeploymentStatus(needs: ControllerNeeds, deployment: Deployment, sets: Sets): number | undefined {
  const nowMs = needs.clock.nowMs();
  const counts = countsOf(deployment, sets);
  const progressing = progressingCondition(deployment, sets, counts, nowMs);
  const conditions = [availableCondition(deployment, counts, nowMs), progressing, ...failuresOf(sets)].filter(
    (condition) => condition !== undefined,
  );
  const status: Status = {
    ...(deployment.status?.collisionCount === undefined ? {} : { collisionCount: deployment.status.collisionCount }),
    ...counts,
    conditions,
  };
  if (!isSame(status, deployment.status)) needs.writer.patchStatus(DEPLOYMENTS, refOf(deployment), status);
  if (progressing?.status !== "True" || progressing.reason === "NewReplicaSetAvailable") return undefined;
  const dueMs = (parseTime(progressing.lastUpdateTime ?? "") ?? nowMs) + deadlineMs(deployment);
  return Math.max(1_000, dueMs - nowMs + 1_000);
}

function countsOf(deployment: Deployment, { current, old }: Sets): Omit<Status, "conditions"> {
  const all = current === undefined ? old : [current, ...old];
  const sum = (count: (set: ReplicaSet) => number | undefined): number =>
    all.reduce((n, set) => n + (count(set) ?? 0), 0);
  const replicas = sum((set) => set.status?.replicas);
  const availableReplicas = sum((set) => set.status?.availableReplicas);
  return {
    observedGeneration: deployment.metadata.generation ?? 1,
    replicas,
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: sum((set) => set.status?.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, all.reduce((n, set) => n + replicasOf(set), 0) - availableReplicas),
  };
}

function availableCondition(
  deployment: Deployment,
  counts: Omit<Status, "conditions">,
  nowMs: number,
): WorkloadCondition {
  const { replicas, maxUnavailable } = rolloutBounds(deployment);
  const isAvailable = (counts.availableReplicas ?? 0) >= replicas - maxUnavailable;
  const next = isAvailable
    ? {
        status: "True" as const,
        reason: "MinimumReplicasAvailable",
        message: "Deployment has minimum availability.",
      }
    : {
        status: "False" as const,
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      };
  return transition(deployment, { type: "Available", ...next }, nowMs);
}

function progressingCondition(
  deployment: Deployment,
  { current }: Sets,
  counts: Omit<Status, "conditions">,
  nowMs: number,
): WorkloadCondition | undefined {
  const old = deployment.status?.conditions?.find(({ type }) => type === "Progressing");
  if (deployment.spec.paused === true) {
    const message = "Deployment is paused";
    return transition(
      deployment,
      { type: "Progressing", status: "Unknown", reason: "DeploymentPaused", message },
      nowMs,
    );
  }
  const wanted = deployment.spec.replicas ?? 1;
  const isComplete =
    counts.updatedReplicas === wanted && counts.replicas === wanted && counts.availableReplicas === wanted;
  const subject =
    current === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${current.metadata.name}"`;
  if (isComplete) {
    const message = `${subject} has successfully progressed.`;
    return transition(
      deployment,
      { type: "Progressing", status: "True", reason: "NewReplicaSetAvailable", message },
      nowMs,
    );
  }
  if (hasProgressed(deployment, counts) || old === undefined || old.reason === "DeploymentPaused") {
    const reason = old === undefined ? "NewReplicaSetCreated" : "ReplicaSetUpdated";
    const message =
      old === undefined ? `Created new replica set "${current?.metadata.name}"` : `${subject} is progressing.`;
    const condition = transition(deployment, { type: "Progressing", status: "True", reason, message }, nowMs);
    return { ...condition, lastUpdateTime: formatTime(nowMs) };
  }
  const sinceMs = parseTime(old.lastUpdateTime ?? old.lastTransitionTime) ?? nowMs;
  if (old.reason === "ProgressDeadlineExceeded" || nowMs - sinceMs < deadlineMs(deployment)) return old;
  if (old.reason === "NewReplicaSetAvailable") return old;
  const message = `${subject} has timed out progressing.`;
  return transition(
    deployment,
    { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message },
    nowMs,
  );
}

function hasProgressed({ status, metadata }: Deployment, counts: Omit<Status, "conditions">): boolean {
  return (
    status?.observedGeneration !== metadata.generation ||
    (counts.updatedReplicas ?? 0) > (status?.updatedReplicas ?? 0) ||
    (counts.readyReplicas ?? 0) > (status?.readyReplicas ?? 0) ||
    (counts.availableReplicas ?? 0) > (status?.availableReplicas ?? 0) ||
    (counts.replicas ?? 0) - (counts.updatedReplicas ?? 0) < (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0)
  );
}

function deadlineMs(deployment: Deployment): number {
  return (deployment.spec.progressDeadlineSeconds ?? 600) * 1_000;
}

function failuresOf({ current }: Sets): WorkloadCondition[] {
  return (current?.status?.conditions ?? []).filter(({ type }) => type === "ReplicaFailure");
}

function transition(
  deployment: Deployment,
  next: Omit<WorkloadCondition, "lastTransitionTime" | "lastUpdateTime">,
  nowMs: number,
): WorkloadCondition {
  const old = deployment.status?.conditions?.find(({ type }) => type === next.type);
  if (old !== undefined && old.status === next.status && old.reason === next.reason && old.message === next.message)
    return old;
  const now = formatTime(nowMs);
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : now;
  return { ...next, lastUpdateTime: now, lastTransitionTime };
}
