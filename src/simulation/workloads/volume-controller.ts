import type { PersistentVolumeClaim, Pod, StorageClass } from "../../model/core.ts";
import {
  CSI_NODES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  STORAGE_CLASSES,
  VOLUME_ATTACHMENTS,
} from "../../model/kinds.ts";
import { ZONE_LABEL } from "../../model/labels.ts";
import { keyOf } from "../../model/object.ts";
import { isAlreadyExists, isNotFound } from "../../ports/kube-api.ts";
import { refOf } from "../cache/cluster-writer.ts";
import { claimNames, SELECTED_NODE_ANNOTATION } from "../scheduler/volumes.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { controllerReference, isFinished, shortHash } from "./pods.ts";

const DETACH_MS = 2_000;

/** Provisions volumes (at once, or where the first pod goes), and attaches them to the nodes that use them. */
export function startVolumeController(needs: ControllerNeeds): void {
  const { state, loop } = needs;
  const claims = state.of(PERSISTENT_VOLUME_CLAIMS);
  const enqueueClaim = loop.add("persistentvolume-binder", (key) => reconcileClaim(needs, key));
  const enqueueNode = loop.add("attachdetach", (name) => reconcileNode(needs, name));
  const enqueueEphemeral = loop.add("ephemeral-volume", (key) => createEphemeral(needs, key));
  const enqueueVolume = loop.add("pv-reclaim", (name) => reclaim(needs, name));
  claims.onChange((before, after) => {
    if (after !== undefined) enqueueClaim(keyOf(after));
    else if (before?.spec.volumeName !== undefined) enqueueVolume(before.spec.volumeName);
  });
  for (const claim of claims.values()) enqueueClaim(keyOf(claim));
  state.of(STORAGE_CLASSES).onChange(() => {
    for (const claim of claims.values()) if (claim.spec.volumeName === undefined) enqueueClaim(keyOf(claim));
  });
  state.of(PODS).onChange((before, after) => {
    const pod = (after ?? before) as Pod;
    if (pod.spec.volumes === undefined || claimNames(pod).length === 0) return;
    if (before === undefined) enqueueEphemeral(keyOf(pod));
    if (pod.spec.nodeName !== undefined) enqueueNode(pod.spec.nodeName);
  });
  state.of(NODES).onChange((before, after) => {
    if (before !== undefined && after === undefined) enqueueNode(before.metadata.name);
  });
}

function createEphemeral({ state, writer }: ControllerNeeds, key: string): undefined {
  const pod = state.of(PODS).get(key);
  for (const { name, ephemeral } of pod?.spec.volumes ?? []) {
    if (pod === undefined || ephemeral === undefined) continue;
    const namespace = pod.metadata.namespace ?? "default";
    const claim = `${pod.metadata.name}-${name}`;
    if (state.of(PERSISTENT_VOLUME_CLAIMS).get(`${namespace}/${claim}`) !== undefined) continue;
    writer.create(PERSISTENT_VOLUME_CLAIMS, {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: claim, namespace, ownerReferences: [controllerReference(pod)] },
      spec: ephemeral.volumeClaimTemplate.spec,
    });
  }
}

function reconcileClaim(needs: ControllerNeeds, key: string): undefined {
  const { state, writer } = needs;
  const claim = state.of(PERSISTENT_VOLUME_CLAIMS).get(key);
  if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return;
  if (claim.spec.volumeName !== undefined && claim.spec.volumeName !== "") {
    if (claim.status?.phase !== "Bound") bind(needs, claim, claim.spec.volumeName);
    return;
  }
  const storageClass = classOf(needs, claim);
  if (storageClass === undefined) return;
  const selected = claim.metadata.annotations?.[SELECTED_NODE_ANNOTATION];
  if (storageClass.volumeBindingMode === "WaitForFirstConsumer" && selected === undefined) return;
  const node = selected === undefined ? undefined : state.of(NODES).get(selected);
  if (selected !== undefined && node === undefined) {
    writer.patch(PERSISTENT_VOLUME_CLAIMS, refOf(claim), {
      metadata: { annotations: { [SELECTED_NODE_ANNOTATION]: null } },
    });
    return;
  }
  provision(needs, claim, storageClass, node?.metadata.labels?.[ZONE_LABEL]);
}

function classOf({ state }: ControllerNeeds, claim: PersistentVolumeClaim): StorageClass | undefined {
  const name = claim.spec.storageClassName;
  if (name !== undefined) return state.of(STORAGE_CLASSES).get(name);
  const isDefault = ({ metadata }: StorageClass): boolean =>
    metadata.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true";
  return [...state.of(STORAGE_CLASSES).values()].find(isDefault);
}

function provision(
  needs: ControllerNeeds,
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  zone: string | undefined,
): void {
  const { writer } = needs;
  const name = `pvc-${claim.metadata.uid}`;
  const inZone = [{ matchExpressions: [{ key: ZONE_LABEL, operator: "In", values: [zone ?? ""] }] }];
  try {
    writer.create(PERSISTENT_VOLUMES, {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name, annotations: { "pv.kubernetes.io/provisioned-by": storageClass.provisioner } },
      spec: {
        capacity: claim.spec.resources?.requests ?? {},
        accessModes: claim.spec.accessModes ?? ["ReadWriteOnce"],
        persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? "Delete",
        storageClassName: storageClass.metadata.name,
        csi: { driver: storageClass.provisioner, volumeHandle: `vol-${shortHash(name)}` },
        claimRef: { name: claim.metadata.name, namespace: claim.metadata.namespace ?? "", uid: claim.metadata.uid },
        ...(zone === undefined ? {} : { nodeAffinity: { required: { nodeSelectorTerms: inZone } } }),
      },
    });
  } catch (e) {
    if (!isAlreadyExists(e)) throw e;
  }
  needs.recorder("persistentvolume-controller")(
    claim,
    "Normal",
    "ProvisioningSucceeded",
    `Successfully provisioned volume ${name}`,
  );
  writer.patch(PERSISTENT_VOLUME_CLAIMS, refOf(claim), {
    metadata: {
      annotations: { "pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes" },
    },
    spec: { volumeName: name, storageClassName: storageClass.metadata.name },
  });
}

function bind({ state, writer }: ControllerNeeds, claim: PersistentVolumeClaim, volumeName: string): void {
  const volume = state.of(PERSISTENT_VOLUMES).get(volumeName);
  if (volume === undefined) return;
  const { capacity, accessModes } = volume.spec;
  writer.patchStatus(PERSISTENT_VOLUME_CLAIMS, refOf(claim), { phase: "Bound", capacity, accessModes });
  writer.patchStatus(PERSISTENT_VOLUMES, { name: volumeName }, { phase: "Bound" });
}

function reclaim({ state, writer }: ControllerNeeds, name: string): undefined {
  const volume = state.of(PERSISTENT_VOLUMES).get(name);
  if (volume === undefined) return;
  if (volume.spec.persistentVolumeReclaimPolicy === "Delete") writer.delete(PERSISTENT_VOLUMES, { name });
  else writer.patchStatus(PERSISTENT_VOLUMES, { name }, { phase: "Released" });
}

/** One VolumeAttachment per node and volume in use; those of gone pods are detached a moment later. */
function reconcileNode(needs: ControllerNeeds, nodeName: string): number | undefined {
  const { state, writer } = needs;
  const wanted =
    state.of(NODES).get(nodeName) === undefined ? new Map<string, string>() : volumesInUse(needs, nodeName);
  const attachments = [...state.of(VOLUME_ATTACHMENTS).values()].filter(({ spec }) => spec.nodeName === nodeName);
  for (const [volume, driver] of wanted) {
    if (attachments.some(({ spec }) => spec.source.persistentVolumeName === volume)) continue;
    const name = `csi-${shortHash([nodeName, volume])}`;
    writer.create(VOLUME_ATTACHMENTS, {
      apiVersion: "storage.k8s.io/v1",
      kind: "VolumeAttachment",
      metadata: { name },
      spec: { attacher: driver, nodeName, source: { persistentVolumeName: volume } },
    });
    writer.patchStatus(VOLUME_ATTACHMENTS, { name }, { attached: true });
    knowDriver(needs, nodeName, driver);
  }
  const idle = attachments.filter(({ spec }) => !wanted.has(spec.source.persistentVolumeName ?? ""));
  let nextMs: number | undefined;
  for (const attachment of idle) {
    const sinceMs = idleSince.get(attachment) ?? needs.clock.nowMs();
    idleSince.set(attachment, sinceMs);
    const leftMs = sinceMs + DETACH_MS - needs.clock.nowMs();
    if (leftMs > 0) nextMs = Math.min(nextMs ?? leftMs, leftMs);
    else deleteIfThere(needs, refOf(attachment));
  }
  return nextMs;
}

const idleSince = new WeakMap<object, number>();

function deleteIfThere({ writer }: ControllerNeeds, ref: { name: string }): void {
  try {
    writer.delete(VOLUME_ATTACHMENTS, ref);
  } catch (e) {
    if (!isNotFound(e)) throw e;
  }
}

function volumesInUse({ state }: ControllerNeeds, nodeName: string): Map<string, string> {
  const used = new Map<string, string>();
  for (const pod of state.podsOn(nodeName)) {
    if (isFinished(pod)) continue;
    for (const name of claimNames(pod)) {
      const claim = state.of(PERSISTENT_VOLUME_CLAIMS).get(`${pod.metadata.namespace}/${name}`);
      const volume = state.of(PERSISTENT_VOLUMES).get(claim?.spec.volumeName ?? "");
      if (volume?.spec.csi !== undefined) used.set(volume.metadata.name, volume.spec.csi.driver);
    }
  }
  return used;
}

function knowDriver({ state, writer }: ControllerNeeds, nodeName: string, driver: string): void {
  const known = state.of(CSI_NODES).get(nodeName);
  if (known === undefined || known.spec.drivers.some(({ name }) => name === driver)) return;
  const drivers = [...known.spec.drivers, { name: driver, nodeID: nodeName, topologyKeys: [ZONE_LABEL] }];
  writer.patch(CSI_NODES, { name: nodeName }, { spec: { drivers } });
}
