import type { Pod, PodTemplate } from "../../model/core.ts";
import { PERSISTENT_VOLUME_CLAIMS, PODS } from "../../model/kinds.ts";
import { keyOf } from "../../model/object.ts";
import { refOf } from "../cache/cluster-writer.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { STATEFUL_SETS, type StatefulSet } from "./kinds.ts";
import { availability, isFinished, isReady, isSame, podFromTemplate, shortHash } from "./pods.ts";

const HASH_LABEL = "controller-revision-hash";

/** Pods with stable names and volumes, started and replaced in order (or all at once with podManagementPolicy Parallel). */
export function startStatefulSetController(needs: ControllerNeeds): void {
  const { state, loop } = needs;
  const sets = state.of(STATEFUL_SETS);
  const enqueue = loop.add("statefulset", (key) => reconcile(needs, key));
  sets.onChange((_, after) => {
    if (after !== undefined) enqueue(keyOf(after));
  });
  for (const set of sets.values()) enqueue(keyOf(set));
  state.of(PODS).onChange((before, after) => {
    const pod = (after ?? before) as Pod;
    const owner = pod.metadata.ownerReferences?.find(({ kind, controller }) => kind === "StatefulSet" && controller);
    if (owner !== undefined) enqueue(`${pod.metadata.namespace}/${owner.name}`);
  });
}

function reconcile(needs: ControllerNeeds, key: string): number | undefined {
  const set = needs.state.of(STATEFUL_SETS).get(key);
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return undefined;
  const hash = shortHash(set.spec.template);
  const byOrdinal = new Map(
    needs.state
      .of(PODS)
      .controlledBy(set.metadata.uid)
      .map((pod) => [ordinalOf(pod), pod]),
  );
  if (startMissing(needs, set, hash, byOrdinal) && removeSurplus(needs, set, byOrdinal))
    update(needs, set, hash, byOrdinal);
  return writeStatus(needs, set, hash);
}

const ordinalOf = (pod: Pod): number => Number(pod.metadata.name.slice(pod.metadata.name.lastIndexOf("-") + 1));

/** @returns whether all wanted pods are there and ready, as far as order asks for it */
function startMissing(
  needs: ControllerNeeds,
  set: StatefulSet,
  hash: string,
  byOrdinal: ReadonlyMap<number, Pod>,
): boolean {
  const isParallel = set.spec.podManagementPolicy === "Parallel";
  for (let ordinal = 0; ordinal < (set.spec.replicas ?? 1); ordinal += 1) {
    const pod = byOrdinal.get(ordinal);
    if (pod !== undefined && isFinished(pod) && pod.metadata.deletionTimestamp === undefined) {
      needs.writer.delete(PODS, refOf(pod));
    }
    if (pod === undefined) createPod(needs, set, hash, ordinal);
    const isSettled = pod !== undefined && isReady(pod) && pod.metadata.deletionTimestamp === undefined;
    if (!isSettled && !isParallel) return false;
  }
  return true;
}

function createPod(
  { state, writer, recorder }: ControllerNeeds,
  set: StatefulSet,
  hash: string,
  ordinal: number,
): void {
  const name = `${set.metadata.name}-${ordinal}`;
  const namespace = set.metadata.namespace ?? "default";
  for (const template of set.spec.volumeClaimTemplates ?? []) {
    const claim = `${template.metadata.name}-${name}`;
    if (state.of(PERSISTENT_VOLUME_CLAIMS).get(`${namespace}/${claim}`) !== undefined) continue;
    const { labels, annotations } = template.metadata;
    writer.create(PERSISTENT_VOLUME_CLAIMS, {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name: claim,
        namespace,
        labels: { ...labels, ...set.spec.selector.matchLabels },
        ...(annotations === undefined ? {} : { annotations }),
      },
      spec: template.spec,
    });
  }
  writer.create(PODS, podFromTemplate(set, withIdentity(set, hash, name, ordinal), { name }));
  recorder("statefulset-controller")(
    set,
    "Normal",
    "SuccessfulCreate",
    `create Pod ${name} in StatefulSet ${set.metadata.name} successful`,
  );
}

function withIdentity(set: StatefulSet, hash: string, name: string, ordinal: number): PodTemplate {
  const { template, volumeClaimTemplates = [], serviceName } = set.spec;
  const own = volumeClaimTemplates.map(({ metadata }) => ({
    name: metadata.name,
    persistentVolumeClaim: { claimName: `${metadata.name}-${name}` },
  }));
  const labels = {
    ...template.metadata?.labels,
    [HASH_LABEL]: hash,
    "statefulset.kubernetes.io/pod-name": name,
    "apps.kubernetes.io/pod-index": String(ordinal),
  };
  const names = new Set(own.map((volume) => volume.name));
  const volumes = [...(template.spec.volumes ?? []).filter((volume) => !names.has(volume.name)), ...own];
  const identity = { hostname: name, ...(serviceName === undefined ? {} : { subdomain: serviceName }) };
  return { metadata: { ...template.metadata, labels }, spec: { ...template.spec, ...identity, volumes } };
}

/** The highest ordinal first. @returns whether nothing was left to remove */
function removeSurplus(
  { writer, recorder }: ControllerNeeds,
  set: StatefulSet,
  byOrdinal: ReadonlyMap<number, Pod>,
): boolean {
  const surplus = [...byOrdinal].filter(([ordinal]) => ordinal >= (set.spec.replicas ?? 1)).sort(([a], [b]) => b - a);
  const isParallel = set.spec.podManagementPolicy === "Parallel";
  for (const [, pod] of isParallel ? surplus : surplus.slice(0, 1)) {
    if (pod.metadata.deletionTimestamp !== undefined) continue;
    writer.delete(PODS, refOf(pod));
    const message = `delete Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} successful`;
    recorder("statefulset-controller")(set, "Normal", "SuccessfulDelete", message);
  }
  return surplus.length === 0;
}

/** Replaces pods of an older template from the highest ordinal down to the partition, one at a time. */
function update(
  { writer }: ControllerNeeds,
  set: StatefulSet,
  hash: string,
  byOrdinal: ReadonlyMap<number, Pod>,
): void {
  if (set.spec.updateStrategy?.type === "OnDelete") return;
  const partition = set.spec.updateStrategy?.rollingUpdate?.partition ?? 0;
  for (let ordinal = (set.spec.replicas ?? 1) - 1; ordinal >= partition; ordinal -= 1) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return;
    if (pod.metadata.labels?.[HASH_LABEL] !== hash) {
      writer.delete(PODS, refOf(pod));
      return;
    }
    if (!isReady(pod)) return;
  }
}

function writeStatus({ state, writer, clock }: ControllerNeeds, set: StatefulSet, hash: string): number | undefined {
  const pods = state
    .of(PODS)
    .controlledBy(set.metadata.uid)
    .filter((pod) => !isFinished(pod));
  const updated = pods.filter((pod) => pod.metadata.labels?.[HASH_LABEL] === hash);
  const revision = `${set.metadata.name}-${hash}`;
  const { available, nextMs } = availability(pods, set.spec.minReadySeconds ?? 0, clock.nowMs());
  const isUpdated = updated.length === pods.length;
  const status = {
    observedGeneration: set.metadata.generation ?? 1,
    replicas: pods.length,
    readyReplicas: pods.filter(isReady).length,
    availableReplicas: available,
    currentReplicas: isUpdated ? pods.length : pods.length - updated.length,
    updatedReplicas: updated.length,
    updateRevision: revision,
    currentRevision: isUpdated ? revision : (set.status?.["currentRevision"] ?? revision),
    collisionCount: 0,
  };
  if (!isSame(status, set.status)) writer.patchStatus(STATEFUL_SETS, refOf(set), status);
  return nextMs;
}
