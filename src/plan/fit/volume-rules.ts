import { byText } from "../../base/order.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type { Pod } from "../../model/core.ts";
import { formatRequirements } from "../../model/requirements.ts";
import type { StateNode } from "../../snapshot/snapshot.ts";
import type { AmountDemand, AmountRules } from "./amount-rules.ts";
import { attachLimitsOf } from "./attach-limits.ts";
import { type PodVolumes, podVolumesOf } from "./pod-volumes.ts";

const NO_DEMAND: AmountDemand = { places: undefined, use: new Map(), avoidedHosts: [] };

/**
 * What volumes ask of the nodes of the pods to place: places of the attach limits, and to be where the volumes are.
 * @param nodes those that pods may go to
 */
export function volumeRulesOf(pods: readonly Pod[], nodes: readonly StateNode[], view: ClusterView): AmountRules {
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
