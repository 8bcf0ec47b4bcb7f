import { byText } from "../../base/order.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type { DaemonSet, Pod, PodSpec, Taint, Toleration } from "../../model/core.ts";
import { keyOf } from "../../model/object.ts";
import { hasResourceClaims, isOwnedByDaemonSet } from "../../model/pod-predicates.ts";
import { podRequests, templateRequests } from "../../model/pod-requests.ts";
import type { Requirements } from "../../model/requirements.ts";
import type { Resources } from "../../model/resources.ts";
import { untoleratedHardTaint } from "../../model/taints.ts";
import { requiredTerms } from "./levels.ts";

/** A DaemonSet as far as new nodes must have room for its pods. */
export type Daemon = {
  key: string;
  uid: string;
  spec: PodSpec;
  /** Of one pod, with `pods: 1`. */
  requests: Resources;
  /** Alternatives; preferences do not count. */
  terms: readonly Requirements[];
  tolerations: readonly Toleration[];
};

/**
 * The cluster's daemons, by key. The newest pod of a DaemonSet shows what admission made of the template; its node
 * affinity, which pins it to one node, is replaced by the template's. Without a pod the template counts. Daemons that ask for
 * devices through resource claims are left out, as pods that do are.
 */
export function daemonsOf(view: ClusterView): readonly Daemon[] {
  const before = known.get(view);
  if (before !== undefined) return before;
  const newest = newestPods(view);
  const daemons = [...view.daemonSets.values()]
    .filter(({ spec }) => !hasResourceClaims({ spec: spec.template.spec }))
    .map((set) => daemon(set, newest.get(set.metadata.uid)))
    .sort((a, b) => byText(a.key, b.key));
  known.set(view, daemons);
  return daemons;
}

/** Views never change: the what-ifs of one share this. */
const known = new WeakMap<ClusterView, readonly Daemon[]>();

/** Soft taints do not keep a DaemonSet away. */
export function toleratesAll(daemon: Daemon, taints: readonly Taint[]): boolean {
  return untoleratedHardTaint(taints, daemon.tolerations) === undefined;
}

function daemon(set: DaemonSet, newest: Pod | undefined): Daemon {
  const template = set.spec.template.spec;
  const requests = newest === undefined ? templateRequests(template) : podRequests(newest);
  return {
    key: keyOf(set),
    uid: set.metadata.uid,
    spec: template,
    requests: { ...requests, pods: 1 },
    terms: requiredTerms(template),
    tolerations: newest?.spec.tolerations ?? template.tolerations ?? [],
  };
}

function newestPods(view: ClusterView): ReadonlyMap<string, Pod> {
  const newest = new Map<string, Pod>();
  if (view.daemonSets.size === 0) return newest;
  for (const pod of view.pods.values()) {
    if (!isOwnedByDaemonSet(pod)) continue;
    for (const owner of pod.metadata.ownerReferences ?? []) {
      if (owner.kind !== "DaemonSet") continue;
      const known = newest.get(owner.uid);
      if (known === undefined || isNewer(pod, known)) newest.set(owner.uid, pod);
    }
  }
  return newest;
}

function isNewer(a: Pod, b: Pod): boolean {
  const byTime = byText(a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? "");
  return byTime > 0 || (byTime === 0 && byText(keyOf(a), keyOf(b)) > 0);
}
