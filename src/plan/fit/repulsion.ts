import { byText } from "../../base/order.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type { Pod, PodAffinityTerm } from "../../model/core.ts";
import { matchesSelector, type Selector, selectorOf } from "../../model/label-selector.ts";
import { HOSTNAME_LABEL, normalizedLabel } from "../../model/labels.ts";
import type { StateNode } from "../../snapshot/snapshot.ts";
import { nodeLoad } from "./node-load.ts";

/** Pods that a running pod does not want near: they must stay out of these domains. */
export type Repulsion = {
  key: string;
  /** Values of the label, sorted. For the hostname these are hostnames. */
  domains: readonly string[];
  selects(pod: Pod): boolean;
};

/**
 * The required anti-affinity of pods that run on nodes which stay, seen from the pods that are to be placed: it binds
 * these also when they have no affinity of their own.
 */
export function repulsionsOf(view: ClusterView, stateNodes: readonly StateNode[]): readonly Repulsion[] {
  const groups = new Map<string, { term: PodAffinityTerm; namespaces: ReadonlySet<string>; domains: Set<string> }>();
  for (const state of stateNodes) {
    if (state.markedForDeletion) continue;
    for (const pod of nodeLoad(view, state).repelling) {
      for (const term of pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
        const domain = state.labels[normalizedLabel(term.topologyKey)];
        if (domain === undefined) continue;
        const namespaces = namespacesOf(term, pod, view);
        const id = JSON.stringify([term.topologyKey, [...namespaces], effectiveSelector(term, pod)]);
        const group = groups.get(id) ?? { term: withOwnLabels(term, pod), namespaces, domains: new Set() };
        group.domains.add(domain);
        groups.set(id, group);
      }
    }
  }
  return [...groups.keys()].sort(byText).flatMap((id) => {
    const group = groups.get(id);
    return group === undefined ? [] : [repulsion(group.term, group.namespaces, group.domains)];
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

function repulsion(term: PodAffinityTerm, namespaces: ReadonlySet<string>, domains: ReadonlySet<string>): Repulsion {
  const selector: Selector | undefined = selectorOf(term.labelSelector);
  return {
    key: normalizedLabel(term.topologyKey),
    domains: [...domains].sort(byText),
    selects: (pod) =>
      selector !== undefined &&
      namespaces.has(pod.metadata.namespace ?? "default") &&
      matchesSelector(selector, pod.metadata.labels),
  };
}

/** Anti-affinity over hosts never rules out a node that is yet to come. */
export function isPerHost(repulsion: Repulsion): boolean {
  return repulsion.key === HOSTNAME_LABEL;
}
