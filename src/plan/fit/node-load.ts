import type { ClusterView } from "../../model/cluster-view.ts";
import type { Pod, PodSpec } from "../../model/core.ts";
import { DO_NOT_DISRUPT_ANNOTATION } from "../../model/labels.ts";
import { isOwnedByDaemonSet, isReschedulable } from "../../model/pod-predicates.ts";
import { podRequests } from "../../model/pod-requests.ts";
import { addResources, type Resources } from "../../model/resources.ts";
import type { StateNode } from "../../snapshot/snapshot.ts";
import { type PodProfile, profileOf } from "./pod-profile.ts";

/** What the pods of a node come to. */
export type NodeLoad = {
  pods: readonly Pod[];
  /** Of all pods, with their number as "pods". */
  requests: Resources;
  /** Of the daemons among them, likewise. */
  daemonRequests: Resources;
  /** Uids of the daemons' owners. */
  daemonOwners: ReadonlySet<string>;
  /** Specs that ask for a port of the host. */
  withHostPorts: readonly PodSpec[];
  /** Pods that ask not to be disrupted, for good or for a time. */
  withDoNotDisrupt: readonly Pod[];
  /** Some of its pods come back elsewhere when the node goes. */
  isNeeded: boolean;
  /** How many pods of each profile there are. */
  profiles: ReadonlyMap<PodProfile, number>;
};

/**
 * Kept with the list of pods: what-ifs of one snapshot share it, and so do snapshots between which none of the node's pods
 * has changed. (See StateNode.podKeys.)
 */
const known = new WeakMap<readonly string[], NodeLoad>();

export function nodeLoad(view: ClusterView, { podKeys }: Pick<StateNode, "podKeys">): NodeLoad {
  const before = known.get(podKeys);
  if (before !== undefined) return before;
  const load = loadOf(podKeys.map((key) => view.pods.get(key)).filter((pod) => pod !== undefined));
  known.set(podKeys, load);
  return load;
}

function loadOf(pods: readonly Pod[]): NodeLoad {
  const daemons = pods.filter(isOwnedByDaemonSet);
  const profiles = new Map<PodProfile, number>();
  for (const pod of pods) {
    const profile = profileOf(pod);
    profiles.set(profile, (profiles.get(profile) ?? 0) + 1);
  }
  return {
    pods,
    requests: sumOf(pods),
    daemonRequests: sumOf(daemons),
    daemonOwners: new Set(daemons.flatMap(({ metadata }) => (metadata.ownerReferences ?? []).map(({ uid }) => uid))),
    withDoNotDisrupt: pods.filter(({ metadata }) => metadata.annotations?.[DO_NOT_DISRUPT_ANNOTATION] !== undefined),
    isNeeded: pods.some(isReschedulable),
    withHostPorts: pods.map(({ spec }) => spec).filter(mayUseHostPorts),
    profiles,
  };
}

function sumOf(pods: readonly Pod[]): Resources {
  return addResources({ pods: pods.length }, ...pods.map(podRequests));
}

function mayUseHostPorts({ containers, initContainers = [], hostNetwork }: PodSpec): boolean {
  if (hostNetwork === true) return true;
  return [...containers, ...initContainers].some(({ ports }) => ports?.some(({ hostPort }) => (hostPort ?? 0) > 0));
}
