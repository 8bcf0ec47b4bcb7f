import { byText } from "../../base/order.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type { Pod, PodAffinityTerm } from "../../model/core.ts";
import { matchesSelector, type Selector, selectorOf } from "../../model/label-selector.ts";
import { HOSTNAME_LABEL, normalizedLabel } from "../../model/labels.ts";
import { isTerminal } from "../../model/pod-predicates.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { nodeTableOf } from "./node-table.ts";
import { type PodProfile, profileOf } from "./pod-profile.ts";

/** Pods that a running pod does not want near: they must stay out of these domains. */
export type Repulsion = {
  key: string;
  /** Values of the label, sorted. For the hostname these are hostnames. */
  domains: readonly string[];
  selects(pod: Pod): boolean;
};

/**
 * The required anti-affinity of pods that run on nodes which stay, seen from the pods that are to be placed: it binds
 * these also when they have no affinity of their own. What repels none of them is left out.
 */
export function repulsionsOf(snapshot: Snapshot, pods: readonly Pod[]): readonly Repulsion[] {
  const { view, stateNodes } = snapshot;
  const table = nodeTableOf(snapshot);
  const groups = new Map<string, Group>();
  for (const profile of table.profiles()) {
    if (!isRepelling(profile)) continue;
    for (const group of groupsOf(profile, view, groups)) group.profiles.push(profile);
  }
  if (groups.size === 0) return [];
  const waiting = new Set(pods.map(profileOf));
  const found: Repulsion[] = [];
  for (const id of [...groups.keys()].sort(byText)) {
    const group = groups.get(id);
    if (group === undefined || !someSelected(group, waiting)) continue;
    const domains = new Set<string>();
    for (const profile of group.profiles) {
      table.onNodes(profile, (n) => {
        const state = stateNodes[n];
        const domain = state?.labels[group.key];
        if (state?.markedForDeletion === false && domain !== undefined) domains.add(domain);
      });
    }
    if (domains.size > 0) found.push({ key: group.key, domains: [...domains].sort(byText), selects: group.selects });
  }
  return found;
}

/** Pods with one and the same term. */
type Group = Pick<Repulsion, "key" | "selects"> & { profiles: PodProfile[] };

function isRepelling({ sample }: PodProfile): boolean {
  const terms = sample.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.length > 0 && !isTerminal(sample);
}

function someSelected({ selects }: Group, waiting: ReadonlySet<PodProfile>): boolean {
  for (const { sample } of waiting) if (selects(sample)) return true;
  return false;
}

function groupsOf({ sample: pod }: PodProfile, view: ClusterView, groups: Map<string, Group>): readonly Group[] {
  const terms = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.map((term) => {
    const namespaces = namespacesOf(term, pod, view);
    const id = JSON.stringify([term.topologyKey, [...namespaces], effectiveSelector(term, pod)]);
    const key = normalizedLabel(term.topologyKey);
    const group = groups.get(id) ?? { key, selects: selectsBy(withOwnLabels(term, pod), namespaces), profiles: [] };
    groups.set(id, group);
    return group;
  });
}

/** The namespaces that a pod affinity term looks at, sorted. */
export function namespacesOf(term: PodAffinityTerm, owner: Pod, view: ClusterView): ReadonlySet<string> {
  const listed = term.namespaces ?? [];
  if (listed.length === 0 && term.namespaceSelector === undefined) {
    return new Set([owner.metadata.namespace ?? "default"]);
  }
  const selector = selectorOf(term.namespaceSelector);
  const selected = [...view.namespaces.values()]
    .filter((namespace) => selector !== undefined && matchesSelector(selector, namespace.metadata.labels))
    .map((namespace) => namespace.metadata.name);
  return new Set([...listed, ...selected].sort(byText));
}

/** matchLabelKeys and mismatchLabelKeys, written out with the owner's own labels. */
export function withOwnLabels(term: PodAffinityTerm, owner: Pod): PodAffinityTerm {
  const { matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  if (matchLabelKeys.length === 0 && mismatchLabelKeys.length === 0) return term;
  return { ...term, labelSelector: effectiveSelector(term, owner) };
}

function effectiveSelector(
  { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] }: PodAffinityTerm,
  owner: Pod,
) {
  const labels = owner.metadata.labels ?? {};
  const own = (keys: readonly string[], operator: string) =>
    keys.flatMap((key) => (labels[key] === undefined ? [] : [{ key, operator, values: [labels[key]] }]));
  const more = [...own(matchLabelKeys, "In"), ...own(mismatchLabelKeys, "NotIn")];
  return { ...labelSelector, matchExpressions: [...(labelSelector?.matchExpressions ?? []), ...more] };
}

function selectsBy({ labelSelector }: PodAffinityTerm, namespaces: ReadonlySet<string>): Repulsion["selects"] {
  const selector: Selector | undefined = selectorOf(labelSelector);
  return (pod) =>
    selector !== undefined &&
    namespaces.has(pod.metadata.namespace ?? "default") &&
    matchesSelector(selector, pod.metadata.labels);
}

/** Anti-affinity over hosts never rules out a node that is yet to come. */
export function isPerHost(repulsion: Repulsion): boolean {
  return repulsion.key === HOSTNAME_LABEL;
}
