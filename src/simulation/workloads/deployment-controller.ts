import { byText } from "../../base/order.ts";
import type { PodTemplate } from "../../model/core.ts";
import { PODS } from "../../model/kinds.ts";
import { keyOf } from "../../model/object.ts";
import { isAlreadyExists } from "../../ports/kube-api.ts";
import { refOf } from "../cache/cluster-writer.ts";
import { controllerUidOf } from "../cache/object-set.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import {
  recreateStep,
  replicasOf,
  rollingStep,
  rolloutBounds,
  type Sets,
  scaleSet,
  sizeAnnotations,
} from "./deployment-rollout.ts";
import { writeDeploymentStatus } from "./deployment-status.ts";
import { DEPLOYMENTS, type Deployment, REPLICA_SETS, type ReplicaSet } from "./kinds.ts";
import { controllerReference, isFinished, isSame, shortHash } from "./pods.ts";

const HASH_LABEL = "pod-template-hash";
const REVISION = "deployment.kubernetes.io/revision";
const NOT_COPIED = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  REVISION,
  "deployment.kubernetes.io/revision-history",
  "deployment.kubernetes.io/desired-replicas",
  "deployment.kubernetes.io/max-replicas",
]);

/** Rolls out and scales Deployments through ReplicaSets. */
export function startDeploymentController(needs: ControllerNeeds): void {
  const { state, loop } = needs;
  const deployments = state.of(DEPLOYMENTS);
  const enqueue = loop.add("deployment", (key) => reconcile(needs, key));
  deployments.onChange((_, after) => {
    if (after !== undefined) enqueue(keyOf(after));
  });
  for (const deployment of deployments.values()) enqueue(keyOf(deployment));
  state.of(REPLICA_SETS).onChange((before, after) => {
    const owner = (after ?? before)?.metadata.ownerReferences?.find(
      ({ kind, controller }) => kind === "Deployment" && controller,
    );
    if (owner !== undefined) enqueue(`${(after ?? before)?.metadata.namespace}/${owner.name}`);
  });
  // A Recreate rollout goes on when the last old pod has vanished, which no ReplicaSet shows.
  state.of(PODS).onChange((before, after) => {
    if (after !== undefined || before === undefined) return;
    const owner = before.metadata.ownerReferences?.find(({ kind, controller }) => kind === "ReplicaSet" && controller);
    if (owner === undefined) return;
    const set = state.of(REPLICA_SETS).get(`${before.metadata.namespace}/${owner.name}`);
    const deployment = set?.metadata.ownerReferences?.find(({ kind }) => kind === "Deployment");
    if (deployment !== undefined) enqueue(`${before.metadata.namespace}/${deployment.name}`);
  });
}

function reconcile(needs: ControllerNeeds, key: string): number | undefined {
  const deployment = needs.state.of(DEPLOYMENTS).get(key);
  if (deployment === undefined) return undefined;
  let sets = setsOf(needs, deployment);
  if (deployment.metadata.deletionTimestamp === undefined) {
    if (deployment.spec.paused === true) scalePaused(needs, deployment, sets);
    else {
      sets = withCurrent(needs, deployment, sets);
      step(needs, deployment, sets);
      forgetOldest(needs, deployment, sets.old);
    }
  }
  const now = needs.state.of(DEPLOYMENTS).get(key);
  return now === undefined ? undefined : writeDeploymentStatus(needs, now, setsOf(needs, now));
}

function step(needs: ControllerNeeds, deployment: Deployment, sets: Sets): void {
  if (deployment.spec.strategy?.type !== "Recreate") {
    rollingStep(needs, deployment, sets);
    return;
  }
  const pods = needs.state.of(PODS);
  const oldPods = sets.old.flatMap((set) => pods.controlledBy(set.metadata.uid)).filter((pod) => !isFinished(pod));
  recreateStep(needs, deployment, sets, oldPods.length);
}

/** The newest ReplicaSet follows the number of replicas even when nothing is rolled out. */
function scalePaused(needs: ControllerNeeds, deployment: Deployment, { current, old }: Sets): void {
  const active = [current, ...old].filter((set) => set !== undefined);
  const newest = current ?? active.findLast((set) => replicasOf(set) > 0);
  if (newest === undefined) return;
  const others = active.filter((set) => set !== newest).reduce((sum, set) => sum + replicasOf(set), 0);
  const wanted = Math.max(0, (deployment.spec.replicas ?? 1) - others);
  if (wanted !== replicasOf(newest)) scaleSet(needs, deployment, newest, wanted);
}

function setsOf({ state }: ControllerNeeds, deployment: Deployment): Sets {
  const owned = state.of(REPLICA_SETS).controlledBy(deployment.metadata.uid);
  owned.sort(
    (a, b) =>
      byText(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
      revisionOf(a) - revisionOf(b) ||
      byText(a.metadata.name, b.metadata.name),
  );
  const current = owned.find((set) => isSameTemplate(set.spec.template, deployment.spec.template));
  return { current, old: owned.filter((set) => set !== current) };
}

/** Templates are never changed in place: every pair is compared once. */
const knownPairs = new WeakMap<PodTemplate, WeakMap<PodTemplate, boolean>>();

function isSameTemplate(ofSet: PodTemplate, wanted: PodTemplate): boolean {
  const pairs = knownPairs.get(ofSet) ?? new WeakMap<PodTemplate, boolean>();
  knownPairs.set(ofSet, pairs);
  const same = pairs.get(wanted) ?? isSame(withoutHash(ofSet), withoutHash(wanted));
  pairs.set(wanted, same);
  return same;
}

function withoutHash(template: PodTemplate): unknown {
  const { creationTimestamp: _created, labels, ...metadata } = template.metadata ?? {};
  const { [HASH_LABEL]: _hash, ...ownLabels } = labels ?? {};
  return { metadata: { ...metadata, labels: ownLabels }, spec: template.spec };
}

function withCurrent(needs: ControllerNeeds, deployment: Deployment, sets: Sets): Sets {
  const newestOld = Math.max(0, ...sets.old.map(revisionOf));
  const revision = Math.max(newestOld + 1, sets.current === undefined ? 0 : revisionOf(sets.current));
  const current = sets.current ?? createSet(needs, deployment, sets.old, revision);
  if (current !== undefined && revisionOf(current) !== revision) setRevision(needs, current, revision);
  if (deployment.metadata.annotations?.[REVISION] !== String(revision)) {
    needs.writer.patch(DEPLOYMENTS, refOf(deployment), { metadata: { annotations: { [REVISION]: String(revision) } } });
  }
  const fresh = current === undefined ? undefined : needs.state.of(REPLICA_SETS).get(keyOf(current));
  return { current: fresh, old: sets.old };
}

/** A rollback: an old template becomes the newest revision. */
function setRevision({ writer }: ControllerNeeds, set: ReplicaSet, revision: number): void {
  const before = set.metadata.annotations?.["deployment.kubernetes.io/revision-history"];
  const history = [before, String(revisionOf(set))].filter((text) => text !== undefined && text !== "").join(",");
  const annotations = { [REVISION]: String(revision), "deployment.kubernetes.io/revision-history": history };
  writer.patch(REPLICA_SETS, refOf(set), { metadata: { annotations } });
}

function createSet(
  { writer, recorder }: ControllerNeeds,
  deployment: Deployment,
  old: readonly ReplicaSet[],
  revision: number,
): ReplicaSet | undefined {
  const collisions = deployment.status?.collisionCount ?? 0;
  const hash = shortHash([withoutHash(deployment.spec.template), ...(collisions === 0 ? [] : [collisions])]);
  const { selector, template, minReadySeconds } = deployment.spec;
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
  const replicas = firstSize(deployment, old);
  try {
    const created = writer.create(REPLICA_SETS, {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: {
        name: `${deployment.metadata.name}-${hash}`,
        namespace: deployment.metadata.namespace ?? "default",
        labels,
        annotations: { ...copiedAnnotations(deployment), [REVISION]: String(revision), ...sizeAnnotations(deployment) },
        ownerReferences: [controllerReference(deployment)],
      },
      spec: {
        replicas,
        selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
        template: { ...template, metadata: { ...template.metadata, labels } },
        ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      },
    });
    if (replicas > 0) {
      const message = `Scaled up replica set ${created.metadata.name} from 0 to ${replicas}`;
      recorder("deployment-controller")(deployment, "Normal", "ScalingReplicaSet", message);
    }
    return created;
  } catch (e) {
    if (!isAlreadyExists(e)) throw e;
    writer.patchStatus(DEPLOYMENTS, refOf(deployment), { collisionCount: collisions + 1 });
    return undefined;
  }
}

function firstSize(deployment: Deployment, old: readonly ReplicaSet[]): number {
  const { replicas, maxSurge } = rolloutBounds(deployment);
  const existing = old.reduce((sum, set) => sum + replicasOf(set), 0);
  if (deployment.spec.strategy?.type === "Recreate") return existing > 0 ? 0 : replicas;
  return Math.max(0, Math.min(replicas, replicas + maxSurge - existing));
}

function copiedAnnotations(deployment: Deployment): Record<string, string> {
  const all = Object.entries(deployment.metadata.annotations ?? {});
  return Object.fromEntries(all.filter(([key]) => !NOT_COPIED.has(key)));
}

function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0);
}

function forgetOldest({ state, writer }: ControllerNeeds, deployment: Deployment, old: readonly ReplicaSet[]): void {
  const kept = deployment.spec.revisionHistoryLimit ?? 10;
  const idle = old.filter((set) => {
    const isIdle = replicasOf(set) === 0 && set.metadata.deletionTimestamp === undefined;
    return isIdle && (set.status?.replicas ?? 0) === 0 && controllerUidOf(set) === deployment.metadata.uid;
  });
  idle.sort((a, b) => revisionOf(a) - revisionOf(b));
  for (const set of idle.slice(0, Math.max(0, idle.length - kept))) {
    if (state.of(PODS).controlledBy(set.metadata.uid).length === 0) writer.delete(REPLICA_SETS, refOf(set));
  }
}
