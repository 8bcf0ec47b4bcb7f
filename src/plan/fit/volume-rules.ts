import { byText } from "../../base/order.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type { Pod } from "../../model/core.ts";
import { formatRequirements, type Requirements } from "../../model/requirements.ts";
import type { StateNode } from "../../snapshot/snapshot.ts";
import { attachLimitsOf } from "./attach-limits.ts";
import type { HostUse } from "./host-rules.ts";
import { type PodVolumes, podVolumesOf } from "./pod-volumes.ts";

/** What volumes ask of the nodes of the pods to place. */
export type VolumeRules = {
  /** Equal for pods whose volumes ask the same; "" for a pod without claims. */
  keyOf(pod: Pod): string;
  of(pod: Pod): VolumeDemand;
  roomOfNode(node: StateNode): HostUse;
  roomOfType(name: string): HostUse;
};

export type VolumeDemand = {
  /** The pod's node must be in one of them; undefined: anywhere. */
  places: readonly Requirements[] | undefined;
  /** What it takes of its node's attach limits. */
  use: HostUse;
  /** Hostnames of nodes that cannot attach its shared volumes. */
  avoidedHosts: readonly string[];
};

const NO_DEMAND: VolumeDemand = { places: undefined, use: new Map(), avoidedHosts: [] };

/** @param nodes those that pods may go to */
export function volumeRulesOf(pods: readonly Pod[], nodes: readonly StateNode[], view: ClusterView): VolumeRules {
  const known = new Map<Pod, PodVolumes | undefined>();
  const volumesOf = (pod: Pod): PodVolumes | undefined => {
    if (pod.spec.volumes === undefined) return undefined;
    if (!known.has(pod)) known.set(pod, podVolumesOf(pod, view));
    return known.get(pod);
  };
  const limits = attachLimitsOf(pods, nodes, view, volumesOf);
  return {
    keyOf(pod) {
      const volumes = volumesOf(pod);
      if (volumes === undefined) return "";
      const places = volumes.places.map(formatRequirements).sort(byText);
      return JSON.stringify([places, [...limits.useOf(volumes)], limits.sharedOf(volumes)]);
    },
    of(pod) {
      const volumes = volumesOf(pod);
      if (volumes === undefined) return NO_DEMAND;
      const isShared = limits.sharedOf(volumes).length > 0;
      const refusing = isShared ? nodes.filter((node) => limits.isRefused(volumes, node)) : [];
      return {
        places: volumes.places,
        use: limits.useOf(volumes),
        avoidedHosts: refusing.map(({ hostname }) => hostname),
      };
    },
    roomOfNode: limits.roomOfNode,
    roomOfType: limits.roomOfType,
  };
}
