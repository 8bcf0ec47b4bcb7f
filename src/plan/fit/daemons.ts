import { byText } from "../../base/order.ts";
import { PartedMap } from "../../base/parted-map.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type { DaemonSet, Pod, PodSpec, Taint, Toleration } from "../../model/core.ts";
import { keyOf } from "../../model/object.ts";
import { hasResourceClaims, isOwnedByDaemonSet } from "../../model/pod-predicates.ts";
import { podRequests, templateRequests } from "../../model/pod-requests.ts";
import type { Requirements } from "../../model/requirements.ts";
import type { Resources } from "../../model/resources.ts";
import { untoleratedHardTaint } from "../../model/taints.ts";
import { requiredTerms } from "./levels.ts";
import { specKey } from "./spec-key.ts";

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
 * As long as nothing of that changes the list is the same object, also for later views.
 */
export function daemonsOf(view: ClusterView): readonly Daemon[] {
  const before = known.get(view);
  if (before !== undefined) return before;
  const newest = view.daemonSets.size === 0 ? new Map<string, Pod>() : newestPods(view.pods);
  const daemons = [...view.daemonSets.values()]
    .filter(({ spec }) => !hasResourceClaims({ spec: spec.template.spec }))
    .map((set) => daemonOf(set, newest.get(set.metadata.uid)))
    .sort((a, b) => byText(a.key, b.key));
  const list = sameList(daemons);
  known.set(view, list);
  return list;
}

/** Views never change: the what-ifs of one share this. */
const known = new WeakMap<ClusterView, readonly Daemon[]>();

const NO_DAEMONS: readonly Daemon[] = [];
/** By its first daemon the list that was made last. */
const lists = new WeakMap<Daemon, readonly Daemon[]>();

function sameList(daemons: readonly Daemon[]): readonly Daemon[] {
  const [first] = daemons;
  if (first === undefined) return NO_DAEMONS;
  const before = lists.get(first);
  if (before?.length === daemons.length && daemons.every((one, i) => one === before[i])) return before;
  lists.set(first, daemons);
  return daemons;
}

/** By DaemonSet what was made of it last, and of which pod. */
const made = new WeakMap<DaemonSet, { pod: string; daemon: Daemon }>();

/** Pods of a DaemonSet come with every node, and are mostly the same as the one before. */
function daemonOf(set: DaemonSet, newest: Pod | undefined): Daemon {
  const pod = newest === undefined ? "" : specKey(newest);
  const before = made.get(set);
  if (before?.pod === pod) return before.daemon;
  const daemon = makeDaemon(set, newest);
  made.set(set, { pod, daemon });
  return daemon;
}

/** Soft taints do not keep a DaemonSet away. */
export function toleratesAll(daemon: Daemon, taints: readonly Taint[]): boolean {
  return untoleratedHardTaint(taints, daemon.tolerations) === undefined;
}

function makeDaemon(set: DaemonSet, newest: Pod | undefined): Daemon {
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

/** By uid of their DaemonSet. */
type NewestPods = ReadonlyMap<string, Pod>;

/** Of each mirror the pods of the last view, with the newest of each DaemonSet. */
const last = new WeakMap<object, { pods: PartedMap<Pod>; newest: NewestPods }>();

/** Most pods are the same as in the view before: only those that came are compared with the newest. */
function newestPods(pods: ReadonlyMap<string, Pod>): NewestPods {
  if (!(pods instanceof PartedMap)) return newestIn(pods.values());
  const before = last.get(pods.original);
  const isOutdated = before === undefined || [...before.newest.values()].some((pod) => pods.get(keyOf(pod)) !== pod);
  const others = isOutdated ? pods.values() : come(pods, before.pods);
  const newest = newestIn(isOutdated ? others : [...before.newest.values(), ...others]);
  last.set(pods.original, { pods, newest });
  return newest;
}

function come(pods: PartedMap<Pod>, before: PartedMap<Pod>): Pod[] {
  return pods.changedKeys(before).flatMap((key) => pods.get(key) ?? []);
}

function newestIn(pods: Iterable<Pod>): NewestPods {
  const newest = new Map<string, Pod>();
  for (const pod of pods) {
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
