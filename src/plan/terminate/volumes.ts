import { byText } from "../../base/order.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type { Pod, VolumeAttachment } from "../../model/core.ts";
import { isDrainable } from "./drain.ts";

/**
 * Attachments of a drained node that must be undone before its instance goes, so that the volumes can be attached
 * elsewhere without the cloud's long time-out. Volumes of pods that stay on the node do not count.
 */
export function blockingAttachments(
  view: ClusterView,
  nodeName: string,
  pods: readonly Pod[],
  nowMs: number,
): VolumeAttachment[] {
  const staying = new Set(pods.filter((pod) => !isDrainable(pod, nowMs)).flatMap((pod) => volumesOf(view, pod)));
  return [...view.volumeAttachments.values()]
    .filter(({ spec }) => {
      const volume = spec.source.persistentVolumeName;
      return spec.nodeName === nodeName && volume !== undefined && !staying.has(volume);
    })
    .sort((a, b) => byText(a.metadata.name, b.metadata.name));
}

/** Names of the PersistentVolumes behind a pod's claims. */
function volumesOf(view: ClusterView, pod: Pod): string[] {
  const namespace = pod.metadata.namespace ?? "";
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    const claimName =
      volume.persistentVolumeClaim?.claimName ??
      (volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`);
    const claim = claimName === undefined ? undefined : view.persistentVolumeClaims.get(`${namespace}/${claimName}`);
    return claim?.spec.volumeName === undefined ? [] : [claim.spec.volumeName];
  });
}
