import { byText } from "../base/order.ts";
import { PartedMap } from "../base/parted-map.ts";
import type { ClusterView } from "../model/cluster-view.ts";
import type { Node } from "../model/core.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import { claimOf, isKnown, mergedNode, podsOn } from "./merged-node.ts";
import type { StateNode } from "./snapshot.ts";

/** The nodes and claims of a view, merged, before anything is said of them that the cluster does not say. */
export type SeenNodes = {
  view: ClusterView;
  /** Sorted by name. */
  states: readonly StateNode[];
  /** Nodes with a provider id: more than there are ids when two nodes have the same one. */
  withId: number;
  /** Some claim has no node yet. */
  hasClaimsOnly: boolean;
};

/** Of each mirror the nodes of its last view. */
const last = new WeakMap<object, SeenNodes>();

/** Views of one mirror share what has not changed: only nodes that have are merged again. The result is that of a new look. */
export function seenNodes(view: ClusterView): SeenNodes {
  if (!(view.nodes instanceof PartedMap)) return allNodes(view);
  const mirror = view.nodes.original;
  // What goes on changing says nothing of what has changed.
  if (mirror === view.nodes) return allNodes(view);
  const before = last.get(mirror);
  if (before?.view === view) return before;
  const seen = (before === undefined ? undefined : changedNodes(before, view)) ?? allNodes(view);
  last.set(mirror, seen);
  return seen;
}

function allNodes(view: ClusterView): SeenNodes {
  const states: StateNode[] = [];
  const merged = new Set<NodeClaim>();
  let withId = 0;
  for (const node of view.nodes.values()) {
    if (hasId(node)) withId += 1;
    const state = stateOfNode(view, node);
    if (state === undefined) continue;
    if (state.claim !== undefined) merged.add(state.claim);
    states.push(state);
  }
  for (const claim of view.nodeClaims.values()) if (!merged.has(claim)) states.push(mergedNode(undefined, claim));
  return seenIn(view, states, withId);
}

function seenIn(view: ClusterView, states: StateNode[], withId: number): SeenNodes {
  return { view, states: states.sort(byName), withId, hasClaimsOnly: states.some(({ node }) => node === undefined) };
}

function byName(a: StateNode, b: StateNode): number {
  return (
    byText(a.name, b.name) ||
    byText(a.node?.metadata.name ?? "", b.node?.metadata.name ?? "") ||
    byText(a.claim?.metadata.name ?? "", b.claim?.metadata.name ?? "")
  );
}

function hasId(node: Node | undefined): boolean {
  return (node?.spec.providerID ?? "") !== "";
}

function stateOfNode(view: ClusterView, node: Node, podKeys?: readonly string[]): StateNode | undefined {
  const claim = claimOf(view, node);
  if (!isKnown(node, claim)) return undefined;
  return mergedNode(node, claim, podKeys ?? podsOn(view, node.metadata.name));
}

/** The nodes of the earlier view, those anew that may be others now; undefined where it takes a look at all of them. */
function changedNodes(before: SeenNodes, view: ClusterView): SeenNodes | undefined {
  const touched = touchedBetween(before.view, view);
  if (touched === undefined) return undefined;
  const { nodes, claims } = touched;
  if (nodes.size + claims.size === 0) return { ...before, view };
  let withId = before.withId;
  const known = new Map<string, readonly string[]>();
  const kept = before.states.filter(({ node, claim, podKeys }) => {
    if (node === undefined) return !claims.has(claim?.metadata.name ?? "");
    if (!nodes.has(node.metadata.name)) return true;
    known.set(node.metadata.name, podKeys);
    return false;
  });
  for (const name of nodes) {
    const node = view.nodes.get(name);
    withId += Number(hasId(node)) - Number(hasId(before.view.nodes.get(name)));
    const arePodsSame = view.podsByNode.get(name) === before.view.podsByNode.get(name);
    const state = node === undefined ? undefined : stateOfNode(view, node, arePodsSame ? known.get(name) : undefined);
    if (state !== undefined) kept.push(state);
  }
  if (hasTwins(before.view, before.withId) || hasTwins(view, withId)) return undefined;
  for (const name of claims) {
    const claim = view.nodeClaims.get(name);
    if (claim !== undefined && !isMerged(view, claim)) kept.push(mergedNode(undefined, claim));
  }
  return seenIn(view, kept, withId);
}

/** Two nodes with one provider id: the index of ids knows one of them only. */
function hasTwins(view: ClusterView, withId: number): boolean {
  return withId !== view.nodeByProviderId.size;
}

function isMerged(view: ClusterView, claim: NodeClaim): boolean {
  const node = view.nodes.get(view.nodeByProviderId.get(claim.status?.providerID ?? "") ?? "");
  return node !== undefined && claimOf(view, node) === claim && isKnown(node, claim);
}

type Touched = { nodes: ReadonlySet<string>; claims: ReadonlySet<string> };

/** Names of the nodes and claims of which something may be another between the two views. */
function touchedBetween(before: ClusterView, view: ClusterView): Touched | undefined {
  const [changedNodes, changedClaims] = [
    changes(before.nodes, view.nodes),
    changes(before.nodeClaims, view.nodeClaims),
  ];
  const changedPods = changes(before.podsByNode, view.podsByNode);
  const changedIds = changes(before.claimByProviderId, view.claimByProviderId);
  if (!(changedNodes && changedClaims && changedPods && changedIds)) return undefined;
  const nodes = new Set([...changedNodes, ...changedPods]);
  const claims = new Set(changedClaims);
  const ids = new Set(changedIds);
  for (const one of [before, view]) {
    for (const name of changedClaims) ids.add(one.nodeClaims.get(name)?.status?.providerID ?? "");
    for (const name of changedNodes) ids.add(one.nodes.get(name)?.spec.providerID ?? "");
  }
  ids.delete("");
  for (const one of [before, view]) {
    for (const id of ids) {
      const [node, claim] = [one.nodeByProviderId.get(id), one.claimByProviderId.get(id)];
      if (node !== undefined) nodes.add(node);
      if (claim !== undefined) claims.add(claim);
    }
  }
  return { nodes, claims };
}

function changes<V>(before: ReadonlyMap<string, V>, now: ReadonlyMap<string, V>): readonly string[] | undefined {
  return before instanceof PartedMap && now instanceof PartedMap ? now.changedKeys(before) : undefined;
}
