import type { LabelSelector, Pod, PodAffinityTerm, TopologySpreadConstraint } from "../../model/core.ts";
import { selects } from "../cache/selectors.ts";
import { isTolerated, matchesNodeAffinity } from "./filters.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodNeeds } from "./pod-needs.ts";

type Labels = Readonly<Record<string, string>>;
export type NamespaceLabels = (namespace: string) => Labels | undefined;
/** A reason against the node, or undefined. */
export type NodeCheck = (info: NodeInfo) => string | undefined;

/** The rules that depend on other pods: spread, affinity, anti-affinity both ways. One pass over the pods, then O(1) a node. */
export function podTopologyChecks(
  needs: PodNeeds,
  nodes: readonly NodeInfo[],
  othersRepel: ReadonlyMap<string, { needs: PodNeeds; info: NodeInfo }>,
  namespaceLabels: NamespaceLabels,
): NodeCheck[] {
  const checks: NodeCheck[] = [];
  for (const constraint of needs.pod.spec.topologySpreadConstraints ?? []) {
    if (constraint.whenUnsatisfiable === "DoNotSchedule") checks.push(spreadCheck(needs, constraint, nodes));
  }
  const { podAffinity, podAntiAffinity } = needs.pod.spec.affinity ?? {};
  const wanted = podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  if (wanted.length > 0) checks.push(affinityCheck(needs.pod, wanted, nodes, namespaceLabels));
  for (const term of podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    const taken = domainsWith(needs.pod, term, nodes, namespaceLabels);
    checks.push((info) =>
      taken.has(domainOf(info, term)) ? "node(s) didn't match pod anti-affinity rules" : undefined,
    );
  }
  const repelled = repelledDomains(needs.pod, othersRepel, namespaceLabels);
  if (repelled.size > 0) {
    checks.push((info) => {
      const labels = Object.entries(info.node.metadata.labels ?? {});
      const isRepelled = labels.some(([key, value]) => repelled.has(`${key}=${value}`));
      return isRepelled ? "node(s) didn't satisfy existing pods anti-affinity rules" : undefined;
    });
  }
  return checks;
}

function spreadCheck(needs: PodNeeds, constraint: TopologySpreadConstraint, nodes: readonly NodeInfo[]): NodeCheck {
  const { topologyKey, maxSkew, minDomains } = constraint;
  const counts = spreadCounts(needs, constraint, nodes);
  const selector = withLabelKeys(constraint, needs.pod);
  const self = selects(selector, needs.pod.metadata.labels) ? 1 : 0;
  const isShort = minDomains !== undefined && counts.size < minDomains;
  const least = isShort || counts.size === 0 ? 0 : Math.min(...counts.values());
  return (info) => {
    const domain = info.node.metadata.labels?.[topologyKey];
    if (domain === undefined) return "node(s) didn't match pod topology spread constraints (missing required label)";
    const after = (counts.get(domain) ?? 0) + self - least;
    return after > maxSkew ? "node(s) didn't match pod topology spread constraints" : undefined;
  };
}

/** Matching pods per domain, over the nodes that count for the pod. */
export function spreadCounts(
  needs: PodNeeds,
  constraint: TopologySpreadConstraint,
  nodes: readonly NodeInfo[],
): Map<string, number> {
  const selector = withLabelKeys(constraint, needs.pod);
  const counts = new Map<string, number>();
  for (const info of nodes) {
    const domain = info.node.metadata.labels?.[constraint.topologyKey];
    if (domain === undefined || !countsForSpread(needs, constraint, info)) continue;
    let matching = 0;
    for (const { pod } of info.pods.values()) {
      if (pod.metadata.namespace !== needs.pod.metadata.namespace) continue;
      if (pod.metadata.deletionTimestamp === undefined && selects(selector, pod.metadata.labels)) matching += 1;
    }
    counts.set(domain, (counts.get(domain) ?? 0) + matching);
  }
  return counts;
}

function countsForSpread(needs: PodNeeds, constraint: TopologySpreadConstraint, info: NodeInfo): boolean {
  if (constraint.nodeAffinityPolicy !== "Ignore" && !matchesNodeAffinity(needs, info.node)) return false;
  if (constraint.nodeTaintsPolicy !== "Honor") return true;
  const hard = (info.node.spec.taints ?? []).filter((taint) => taint.effect !== "PreferNoSchedule");
  return hard.every((taint) => isTolerated(taint, needs.pod.spec.tolerations));
}

function withLabelKeys(constraint: TopologySpreadConstraint, pod: Pod): LabelSelector | undefined {
  const { labelSelector, matchLabelKeys = [] } = constraint;
  if (labelSelector === undefined || matchLabelKeys.length === 0) return labelSelector;
  const added = matchLabelKeys.flatMap((key) => {
    const value = pod.metadata.labels?.[key];
    return value === undefined ? [] : [{ key, operator: "In", values: [value] }];
  });
  return { ...labelSelector, matchExpressions: [...(labelSelector.matchExpressions ?? []), ...added] };
}

function affinityCheck(
  pod: Pod,
  terms: readonly PodAffinityTerm[],
  nodes: readonly NodeInfo[],
  namespaceLabels: NamespaceLabels,
): NodeCheck {
  const domains = terms.map((term) => ({ term, found: domainsWith(pod, term, nodes, namespaceLabels) }));
  // The first pod of a group that wants to be together may start anywhere.
  const isFirst =
    domains.every(({ found }) => found.size === 0) &&
    terms.every((term) => matchesPod(term, pod, pod, namespaceLabels));
  return (info) => {
    for (const { term, found } of domains) {
      const domain = domainOf(info, term);
      if (domain === "" || !(isFirst || found.has(domain))) return "node(s) didn't match pod affinity rules";
    }
    return undefined;
  };
}

/** Where pods are that the term of `pod` means. */
export function domainsWith(
  pod: Pod,
  term: PodAffinityTerm,
  nodes: readonly NodeInfo[],
  namespaceLabels: NamespaceLabels,
): Set<string> {
  const found = new Set<string>();
  for (const info of nodes) {
    const domain = domainOf(info, term);
    if (domain === "" || found.has(domain)) continue;
    for (const other of info.pods.values()) {
      if (!matchesPod(term, pod, other.pod, namespaceLabels)) continue;
      found.add(domain);
      break;
    }
  }
  return found;
}

function repelledDomains(
  pod: Pod,
  others: ReadonlyMap<string, { needs: PodNeeds; info: NodeInfo }>,
  namespaceLabels: NamespaceLabels,
): Set<string> {
  const repelled = new Set<string>();
  for (const { needs, info } of others.values()) {
    const terms = needs.pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    for (const term of terms) {
      const domain = domainOf(info, term);
      if (domain !== "" && matchesPod(term, needs.pod, pod, namespaceLabels)) repelled.add(domain);
    }
  }
  return repelled;
}

/** "key=value", or "" on a node without the key. */
function domainOf(info: NodeInfo, { topologyKey }: PodAffinityTerm): string {
  const value = info.node.metadata.labels?.[topologyKey];
  return value === undefined ? "" : `${topologyKey}=${value}`;
}

/** Whether a term that `owner` carries means `other`. */
function matchesPod(term: PodAffinityTerm, owner: Pod, other: Pod, namespaceLabels: NamespaceLabels): boolean {
  if (other.metadata.deletionTimestamp !== undefined && other !== owner) return false;
  return (
    isInNamespaces(term, owner, other, namespaceLabels) && selects(affinitySelector(term, owner), other.metadata.labels)
  );
}

function isInNamespaces(term: PodAffinityTerm, owner: Pod, other: Pod, namespaceLabels: NamespaceLabels): boolean {
  const { namespaces = [], namespaceSelector } = term;
  const namespace = other.metadata.namespace ?? "";
  if (namespaces.includes(namespace)) return true;
  if (namespaceSelector !== undefined) return selects(namespaceSelector, namespaceLabels(namespace) ?? {});
  return namespaces.length === 0 && namespace === owner.metadata.namespace;
}

function affinitySelector(term: PodAffinityTerm, owner: Pod): LabelSelector | undefined {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  if (labelSelector === undefined) return undefined;
  const expressions = [...(labelSelector.matchExpressions ?? [])];
  for (const [keys, operator] of [
    [matchLabelKeys, "In"],
    [mismatchLabelKeys, "NotIn"],
  ] as const) {
    for (const key of keys) {
      const value = owner.metadata.labels?.[key];
      if (value !== undefined) expressions.push({ key, operator, values: [value] });
    }
  }
  return { ...labelSelector, matchExpressions: expressions };
}
