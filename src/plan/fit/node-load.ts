import type { ClusterView } from "../../model/cluster-view.ts";
import type { Pod, PodSpec } from "../../model/core.ts";
import { isOwnedByDaemonSet, isTerminal } from "../../model/pod-predicates.ts";
import { podRequests } from "../../model/pod-requests.ts";
import { addResources, type Resources } from "../../model/resources.ts";
import type { StateNode } from "../../snapshot/snapshot.ts";

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
  /** Pods that must not be near others, and run. */
  repelling: readonly Pod[];
};

/**
 * Kept with the list of pods, which what-ifs of one snapshot share: a search looks at the same nodes hundreds of times.
 */
const known = new WeakMap<readonly string[], { view: ClusterView; load: NodeLoad }>();

export function nodeLoad(view: ClusterView, { podKeys }: Pick<StateNode, "podKeys">): NodeLoad {
  const before = known.get(podKeys);
  if (before?.view === view) return before.load;
  const load = loadOf(podKeys.map((key) => view.pods.get(key)).filter((pod) => pod !== undefined));
  known.set(podKeys, { view, load });
  return load;
}

function loadOf(pods: readonly Pod[]): NodeLoad {
  const daemons = pods.filter(isOwnedByDaemonSet);
  return {
    pods,
    requests: sumOf(pods),
    daemonRequests: sumOf(daemons),
    daemonOwners: new Set(daemons.flatMap(({ metadata }) => (metadata.ownerReferences ?? []).map(({ uid }) => uid))),
    withHostPorts: pods.map(({ spec }) => spec).filter(mayUseHostPorts),
    repelling: pods.filter((pod) => !isTerminal(pod) && isRepelling(pod)),
  };
}

function sumOf(pods: readonly Pod[]): Resources {
  return addResources({ pods: pods.length }, ...pods.map(podRequests));
}

function mayUseHostPorts({ containers, initContainers = [], hostNetwork }: PodSpec): boolean {
  if (hostNetwork === true) return true;
  return [...containers, ...initContainers].some(({ ports }) => ports?.some(({ hostPort }) => (hostPort ?? 0) > 0));
}

function isRepelling({ spec }: Pod): boolean {
  return (spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).length > 0;
}
