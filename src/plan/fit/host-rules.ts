import { byText } from "../../base/order.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type { Pod, PodAffinityTerm, PodSpec, TopologySpreadConstraint } from "../../model/core.ts";
import { formatSelector, matchesSelector, type Selector, selectorOf } from "../../model/label-selector.ts";
import { HOSTNAME_LABEL, normalizedLabel } from "../../model/labels.ts";
import { EVERY_IP, type HostPort, hostPortsOf } from "./host-ports.ts";
import { namespacesOf, withOwnLabels } from "./repulsion.ts";

/**
 * Rules whose domain is the single host, told as amounts: each is a countable thing of which every node has a fixed number
 * and each pod takes some. So host ports, spread over hosts and anti-affinity over hosts need no machinery of their own.
 */
export type HostRules = {
  readonly groups: readonly HostGroup[];
  readonly ports: ReadonlyMap<string, readonly string[]>;
  /** False when no rule looks at a pod's labels. */
  readonly looksAtLabels: boolean;
  /** Which groups the pod belongs to, as text. */
  selectionKey(pod: Pod): string;
};

/** How much of each thing a pod takes. */
export type HostUse = ReadonlyMap<string, number>;

type HostGroup = {
  thing: string;
  /** How much every node has. */
  perNode: number;
  /** Zero when the group does not count the pod. */
  useOf(pod: Pod): number;
};

/** An owner of anti-affinity takes all there is of the thing; a pod it repels takes one. */
const WHOLE_HOST = 1_000_000;

/** The host rules of the pods to place. `others` are pods and templates whose host ports matter too. */
export function hostRulesOf(pods: readonly Pod[], others: readonly PodSpec[], view: ClusterView): HostRules {
  const groups = new Map<string, HostGroup>();
  const ports = new Map<string, Set<string>>();
  for (const pod of pods) {
    for (const port of hostPortsOf(pod.spec)) noteIp(ports, port, true);
    for (const group of groupsOf(pod, view)) if (!groups.has(group.thing)) groups.set(group.thing, group);
  }
  if (ports.size > 0) for (const spec of others) for (const port of hostPortsOf(spec)) noteIp(ports, port, false);
  const sorted = [...groups.keys()].sort(byText).flatMap((thing) => groups.get(thing) ?? []);
  return {
    groups: sorted,
    ports: new Map([...ports].map(([name, ips]) => [name, [...ips].sort(byText)])),
    looksAtLabels: sorted.length > 0,
    selectionKey: (pod) => sorted.map((group) => group.useOf(pod)).join(","),
  };
}

/** The groups that the pod's own rules make. */
function groupsOf(pod: Pod, view: ClusterView): readonly HostGroup[] {
  const spreads = (pod.spec.topologySpreadConstraints ?? []).filter((constraint) => coversSpread(constraint, pod));
  const aparts = antiTerms(pod.spec).filter((term) => coversAntiAffinity(term, pod, view));
  return [...spreads.map((one) => spreadGroup(one, pod)), ...aparts.map((one) => apartGroup(one, pod, view))];
}

export function hostUseOf(pod: Pod, rules: HostRules): HostUse {
  const use = new Map<string, number>();
  for (const group of rules.groups) {
    const amount = group.useOf(pod);
    if (amount > 0) use.set(group.thing, amount);
  }
  for (const [thing, amount] of portUseOf(pod.spec, rules)) use.set(thing, amount);
  return use;
}

/** What the host ports of a pod take. */
export function portUseOf(spec: PodSpec, rules: HostRules): HostUse {
  const use = new Map<string, number>();
  for (const port of hostPortsOf(spec)) {
    const ips = rules.ports.get(portName(port));
    if (ips === undefined) continue;
    if (port.ip === EVERY_IP) {
      use.set(portName(port), Math.max(ips.length, 1));
    } else {
      use.set(portName(port), Math.min((use.get(portName(port)) ?? 0) + 1, Math.max(ips.length, 1)));
      use.set(`${portName(port)} on ${port.ip}`, 1);
    }
  }
  return use;
}

/** What every empty node has of each thing. */
export function hostRoom(rules: HostRules): HostUse {
  const room = new Map(rules.groups.map(({ thing, perNode }) => [thing, perNode]));
  for (const [name, ips] of rules.ports) {
    room.set(name, Math.max(ips.length, 1));
    for (const ip of ips) room.set(`${name} on ${ip}`, 1);
  }
  return room;
}

/** The spread is over hosts and counts its own pods: then it is no more than "so many on each node". */
export function coversSpread(constraint: TopologySpreadConstraint, pod: Pod): boolean {
  if (constraint.whenUnsatisfiable === "ScheduleAnyway") return false;
  if (normalizedLabel(constraint.topologyKey) !== HOSTNAME_LABEL) return false;
  const selector = spreadSelector(constraint, pod);
  return selector !== undefined && matchesSelector(selector, pod.metadata.labels);
}

/** The anti-affinity is over hosts and the pod repels its own kind: then such pods are one to a node. */
export function coversAntiAffinity(term: PodAffinityTerm, pod: Pod, view: ClusterView): boolean {
  if (normalizedLabel(term.topologyKey) !== HOSTNAME_LABEL) return false;
  const selector = selectorOf(withOwnLabels(term, pod).labelSelector);
  return (
    selector !== undefined &&
    namespacesOf(term, pod, view).has(namespaceOf(pod)) &&
    matchesSelector(selector, pod.metadata.labels)
  );
}

function antiTerms(spec: PodSpec): readonly PodAffinityTerm[] {
  return spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

function spreadSelector(constraint: TopologySpreadConstraint, pod: Pod): Selector | undefined {
  const { labelSelector, matchLabelKeys = [] } = constraint;
  if (labelSelector === undefined) return undefined;
  const labels = pod.metadata.labels ?? {};
  const own = matchLabelKeys.flatMap((key) =>
    labels[key] === undefined ? [] : [{ key, operator: "In", values: [labels[key]] }],
  );
  if (own.length === 0) return selectorOf(labelSelector);
  return selectorOf({ ...labelSelector, matchExpressions: [...(labelSelector.matchExpressions ?? []), ...own] });
}

function spreadGroup(constraint: TopologySpreadConstraint, owner: Pod): HostGroup {
  const selector = spreadSelector(constraint, owner) ?? [];
  const namespace = namespaceOf(owner);
  return {
    thing: `pods of ${namespace} with ${formatSelector(selector)} (at most ${constraint.maxSkew} to a host)`,
    perNode: constraint.maxSkew,
    useOf: (pod) => (namespaceOf(pod) === namespace && matchesSelector(selector, pod.metadata.labels) ? 1 : 0),
  };
}

function apartGroup(term: PodAffinityTerm, owner: Pod, view: ClusterView): HostGroup {
  const selector = selectorOf(withOwnLabels(term, owner).labelSelector) ?? [];
  const namespaces = namespacesOf(term, owner, view);
  const thing = `pods of ${[...namespaces].join(" ")} with ${formatSelector(selector)} (apart on hosts)`;
  return {
    thing,
    perNode: WHOLE_HOST,
    useOf: (pod) => {
      if (!namespaces.has(namespaceOf(pod)) || !matchesSelector(selector, pod.metadata.labels)) return 0;
      return antiTerms(pod.spec).some((own) => isSameTerm(own, pod, selector, namespaces, view)) ? WHOLE_HOST : 1;
    },
  };
}

function isSameTerm(
  term: PodAffinityTerm,
  owner: Pod,
  selector: Selector,
  namespaces: ReadonlySet<string>,
  view: ClusterView,
): boolean {
  if (normalizedLabel(term.topologyKey) !== HOSTNAME_LABEL) return false;
  const own = selectorOf(withOwnLabels(term, owner).labelSelector);
  if (own === undefined || formatSelector(own) !== formatSelector(selector)) return false;
  const ownNamespaces = namespacesOf(term, owner, view);
  return ownNamespaces.size === namespaces.size && [...ownNamespaces].every((name) => namespaces.has(name));
}

function noteIp(ports: Map<string, Set<string>>, port: HostPort, isWanted: boolean): void {
  const name = portName(port);
  const ips = ports.get(name) ?? (isWanted ? new Set<string>() : undefined);
  if (ips === undefined) return;
  if (port.ip !== EVERY_IP) ips.add(port.ip);
  ports.set(name, ips);
}

function portName({ protocol, port }: HostPort): string {
  return `host port ${port}/${protocol}`;
}

function namespaceOf(pod: Pod): string {
  return pod.metadata.namespace ?? "default";
}
