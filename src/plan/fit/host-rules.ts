import { byText } from "../../base/order.ts";
import type { Pod, PodSpec } from "../../model/core.ts";
import { formatSelector } from "../../model/label-selector.ts";
import { EVERY_IP, type HostPort, hostPortsOf } from "./host-ports.ts";
import type { NodeTable } from "./node-table.ts";
import {
  isPerHostRule,
  type OwnRule,
  ownRulesOf,
  type RuleReading,
  ruleSelects,
  type TopologyRule,
} from "./topology-rules.ts";

/**
 * Rules whose domain is the single host, told as amounts: each is a countable thing of which every node has a fixed number
 * and each pod takes some. So host ports, spread over hosts and anti-affinity over hosts need no machinery of their own.
 */
export type HostRules = {
  readonly groups: readonly HostGroup[];
  readonly ports: ReadonlyMap<string, readonly string[]>;
};

/** How much of each thing a pod takes. */
export type HostUse = ReadonlyMap<string, number>;

type HostGroup = {
  thing: string;
  /** How much every node has. */
  perNode: number;
  /** Zero when the group does not count the pod. */
  useOf(pod: Pod): number;
  /** True for a pod that is bound by the rule and not counted by it: a node with more pods than it allows is closed to it. */
  isBoundOnly(pod: Pod): boolean;
};

/** An owner of anti-affinity takes all there is of the thing; a pod it repels takes one. */
const WHOLE_HOST = 1_000_000;

/** The host rules of the pods to place; `pods` has one of each group that looks the same to all rules. `others` are pods and templates whose host ports matter too. */
export function hostRulesOf(pods: readonly Pod[], others: readonly PodSpec[], reading: RuleReading): HostRules {
  const groups = groupsOf(pods, reading);
  const ports = new Map<string, Set<string>>();
  for (const { spec } of pods) for (const port of hostPortsOf(spec)) noteIp(ports, port, true);
  if (ports.size > 0) for (const spec of others) for (const port of hostPortsOf(spec)) noteIp(ports, port, false);
  const sorted = [...groups.keys()].sort(byText).flatMap((thing) => groups.get(thing) ?? []);
  return {
    groups: sorted,
    ports: new Map([...ports].map(([name, ips]) => [name, [...ips].sort(byText)])),
  };
}

/** Every workload is looked at once. */
function groupsOf(pods: readonly Pod[], reading: RuleReading): ReadonlyMap<string, HostGroup> {
  const groups = new Map<string, HostGroup>();
  const seen = new Set<readonly OwnRule[]>();
  for (const pod of pods) {
    const own = ownRulesOf(pod, reading);
    if (own.length === 0 || seen.has(own)) continue;
    seen.add(own);
    for (const rule of perHostRules(pod, reading)) {
      const known = groups.get(thingOf(rule));
      if (known === undefined) groups.set(thingOf(rule), groupOf(rule, pods, reading));
    }
  }
  return groups;
}

function perHostRules(pod: Pod, reading: RuleReading): readonly TopologyRule[] {
  return ownRulesOf(pod, reading).flatMap(({ rule }) => (rule.kind !== "near" && isPerHostRule(rule) ? [rule] : []));
}

export function hostUseOf(pod: Pod, rules: HostRules): HostUse {
  return new Map([...groupUseOf(pod, rules), ...portUseOf(pod.spec, rules)]);
}

/** The same without host ports: it follows from the pod's rules, namespace and labels alone. */
export function groupUseOf(pod: Pod, { groups }: HostRules): HostUse {
  const use = new Map<string, number>();
  for (const group of groups) {
    const amount = group.useOf(pod);
    if (amount > 0) use.set(group.thing, amount);
  }
  return use;
}

/** Hosts with more pods than a rule allows that binds the pod without counting it. */
export function overfullHosts(pod: Pod, { groups }: HostRules, nodes: NodeTable): string[] {
  return groups.filter((group) => group.isBoundOnly(pod)).flatMap((group) => overfull(group, nodes));
}

function overfull({ useOf, perNode }: HostGroup, nodes: NodeTable): string[] {
  const used = new Map<number, number>();
  for (const profile of nodes.profiles()) {
    const use = useOf(profile.sample);
    if (use > 0) nodes.onNodes(profile, (place, pods) => used.set(place, (used.get(place) ?? 0) + use * pods));
  }
  return [...used].flatMap(([place, amount]) => (amount > perNode ? (nodes.nodes[place]?.hostname ?? []) : []));
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

/**
 * Spread: so many of the selected pods on each node. (A new node is always possible, so the emptiest host has none.) Of the
 * pods to place only those count that have the rule themselves: others may come when these are there.
 * Anti-affinity: one that owns it takes all there is of the thing, one that is only selected takes one of it.
 */
function groupOf(rule: TopologyRule, pods: readonly Pod[], reading: RuleReading): HostGroup {
  const thing = thingOf(rule);
  if (rule.kind === "spread") {
    const counts = (pod: Pod): boolean => pod.spec.nodeName !== undefined || ownsSpread(rule, pod, reading);
    return {
      thing,
      perNode: rule.maxSkew,
      useOf: (pod) => (ruleSelects(rule, pod) && counts(pod) ? 1 : 0),
      isBoundOnly: (pod) => !ruleSelects(rule, pod) && ownsSpread(rule, pod, reading),
    };
  }
  // Where all that are selected want to be alone, the other owners of the rule may still share a node among themselves.
  const areAlone = pods.every((pod) => !ruleSelects(rule, pod) || owns(rule, pod, reading));
  return {
    thing,
    perNode: WHOLE_HOST,
    useOf: (pod) => {
      if (areAlone && ruleSelects(rule, pod)) return WHOLE_HOST;
      if (owns(rule, pod, reading)) return areAlone ? 1 : WHOLE_HOST;
      return ruleSelects(rule, pod) ? 1 : 0;
    },
    isBoundOnly: () => false,
  };
}

const things = new WeakMap<TopologyRule, string>();

function thingOf(rule: TopologyRule): string {
  const known = things.get(rule);
  if (known !== undefined) return known;
  const thing = thingText(rule);
  things.set(rule, thing);
  return thing;
}

function thingText({ kind, namespaces, selector, maxSkew }: TopologyRule): string {
  const who = `pods of ${[...namespaces].join(" ")} with ${selector === undefined ? "nothing" : formatSelector(selector)}`;
  return `${who} (${kind === "spread" ? `at most ${maxSkew} to a host` : "apart on hosts"})`;
}

function ownsSpread(rule: TopologyRule, pod: Pod, reading: RuleReading): boolean {
  if (pod.spec.topologySpreadConstraints === undefined) return false;
  return perHostRules(pod, reading).some((own) => own.kind === "spread" && thingOf(own) === thingOf(rule));
}

/** A running pod's wish to be alone binds nobody. */
function owns(rule: TopologyRule, pod: Pod, reading: RuleReading): boolean {
  if (pod.spec.affinity?.podAntiAffinity === undefined) return false;
  return ownRulesOf(pod, reading).some(
    (own) => own.rule.id === rule.id && (!own.isWish || pod.spec.nodeName === undefined),
  );
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
