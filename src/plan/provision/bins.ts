import { byText } from "../../base/order.ts";
import { EKS_COMPUTE_TYPE_LABEL } from "../../model/labels.ts";
import { addResources, type Resources } from "../../model/resources.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import type { AmountRules } from "../fit/amount-rules.ts";
import { type Daemon, toleratesAll } from "../fit/daemons.ts";
import { type HostRules, hostRoom, hostUseOf, portUseOf } from "../fit/host-rules.ts";
import { labelMisfit } from "../fit/label-fit.ts";
import { nodeLoad } from "../fit/node-load.ts";
import { addAmounts, type Dimensions } from "./dimensions.ts";
import { type TermTable, termFits } from "./term-table.ts";

/** Nodes that pods may still go to, initialized ones first, then by name. Those of Fargate are for their own pods. */
export function openNodes(snapshot: Snapshot): readonly StateNode[] {
  return snapshot.stateNodes
    .filter((state) => !state.markedForDeletion && state.node?.metadata.deletionTimestamp === undefined)
    .filter(({ labels }) => labels[EKS_COMPUTE_TYPE_LABEL] !== "fargate")
    .sort((a, b) => Number(b.initialized) - Number(a.initialized) || byText(a.name, b.name));
}

/** What each node has left for pods, never below zero: nodes x dimensions. */
export function roomOfNodes(
  snapshot: Snapshot,
  nodes: readonly StateNode[],
  daemons: readonly Daemon[],
  { hostRules, amountRules }: { hostRules: HostRules; amountRules: AmountRules },
  dimensions: Dimensions,
): Float64Array {
  const rooms = new Float64Array(nodes.length * dimensions.names.length);
  const perHost = hostRoom(hostRules);
  const isHostRuled = hostRules.groups.length > 0 || hostRules.ports.size > 0;
  nodes.forEach((node, row) => {
    addAmounts(dimensions, rooms, row, node.allocatable);
    addAmounts(dimensions, rooms, row, perHost);
    addAmounts(dimensions, rooms, row, amountRules.roomOfNode(node));
    const load = nodeLoad(snapshot.view, node);
    addAmounts(dimensions, rooms, row, load.requests, -1);
    if (isHostRuled) for (const pod of load.pods) addAmounts(dimensions, rooms, row, hostUseOf(pod, hostRules), -1);
    const coming = daemons.filter((daemon) => runsOn(daemon, node));
    addAmounts(dimensions, rooms, row, stillToCome(coming, load.daemonRequests), -1);
    for (const { uid, spec } of coming) {
      if (!load.daemonOwners.has(uid)) addAmounts(dimensions, rooms, row, portUseOf(spec, hostRules), -1);
    }
  });
  for (let i = 0; i < rooms.length; i += 1) rooms[i] = Math.max(0, rooms[i] ?? 0);
  return rooms;
}

/** Per node and term: 1 when the node's labels meet it. Nodes that no term can tell apart are looked at once. */
export function metByNodes(nodes: readonly StateNode[], table: TermTable): readonly Uint8Array[] {
  const keys = table.keys();
  const known = new Map<string, Uint8Array>();
  return nodes.map(({ labels }) => {
    const text = keys.map((key) => table.atom(key, labels[key])).join();
    const before = known.get(text);
    if (before !== undefined) return before;
    const met = Uint8Array.from(table.terms, (term) => (termFits(term, (key) => labels[key]) ? 1 : 0));
    known.set(text, met);
    return met;
  });
}

/** What daemons will take that are not there yet. */
function stillToCome(daemons: readonly Daemon[], present: Resources): Resources {
  const wanted = addResources(...daemons.map((daemon) => daemon.requests));
  const rest: Record<string, number> = {};
  for (const name of Object.keys(wanted)) rest[name] = Math.max(0, (wanted[name] ?? 0) - (present[name] ?? 0));
  return rest;
}

function runsOn(daemon: Daemon, node: StateNode): boolean {
  return toleratesAll(daemon, node.taints) && daemon.terms.some((term) => labelMisfit(term, node.labels) === undefined);
}
