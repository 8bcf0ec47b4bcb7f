import { byText } from "../base/order.ts";
import type { ClusterView } from "../model/cluster-view.ts";
import type { Node, ResourceList, Taint } from "../model/core.ts";
import {
  HOSTNAME_LABEL,
  INITIALIZED_LABEL,
  INSTANCE_TYPE_LABEL,
  NODE_POOL_LABEL,
  REGISTERED_LABEL,
} from "../model/labels.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import { parseResources, type Resources } from "../model/resources.ts";
import { isEphemeralTaint, isSameTaint, mergeTaints } from "../model/taints.ts";
import type { StateNode } from "./snapshot.ts";

/** The claim with the node's provider id. */
export function claimOf(view: ClusterView, node: Node): NodeClaim | undefined {
  const name = node.spec.providerID === undefined ? undefined : view.claimByProviderId.get(node.spec.providerID);
  return name === undefined ? undefined : view.nodeClaims.get(name);
}

/** A node of ours that does not yet say what it is tells nothing: its claim speaks for it until then. */
export function isKnown(node: Node, claim: NodeClaim | undefined): boolean {
  const labels = node.metadata.labels ?? {};
  if ((node.spec.providerID ?? "") === "") return labels[NODE_POOL_LABEL] === undefined;
  const isInitialized = labels[INITIALIZED_LABEL] === "true";
  return claim === undefined || isInitialized || labels[INSTANCE_TYPE_LABEL] !== undefined;
}

/** A Node, its claim, or both merged. @param podKeys of the pods on the node, as `podsOn` gives them */
export function mergedNode(
  node: Node | undefined,
  claim: NodeClaim | undefined,
  podKeys: readonly string[] = NO_PODS,
): StateNode {
  return { ...ownParts(node, claim), podKeys };
}

const NO_PODS: readonly string[] = [];

type OwnParts = Omit<StateNode, "podKeys">;
/** By Node, or by claim where there is none yet: objects of a view are never changed in place. */
const knownParts = new WeakMap<Node | NodeClaim, { claim: NodeClaim | undefined; parts: OwnParts }>();

/** What follows from the two objects alone. Most are the same from one snapshot to the next. */
function ownParts(node: Node | undefined, claim: NodeClaim | undefined): OwnParts {
  const object = node ?? claim;
  const known = object === undefined ? undefined : knownParts.get(object);
  if (known !== undefined && known.claim === claim) return known.parts;
  const parts = makeOwnParts(node, claim);
  if (object !== undefined) knownParts.set(object, { claim, parts });
  return parts;
}

function makeOwnParts(node: Node | undefined, claim: NodeClaim | undefined): OwnParts {
  const managed = claim !== undefined;
  const nodeLabels = node?.metadata.labels ?? {};
  const registered = node !== undefined && (!managed || nodeLabels[REGISTERED_LABEL] === "true");
  const initialized = node !== undefined && (!managed || nodeLabels[INITIALIZED_LABEL] === "true");
  const speaker = registered ? node : (claim ?? node);
  const name = speaker?.metadata.name ?? "";
  const labels = { ...speaker?.metadata.labels };
  const hostname = labels[HOSTNAME_LABEL] ?? name;
  return {
    name,
    providerId: node?.spec.providerID ?? claim?.status?.providerID,
    node,
    claim,
    nodePool: labels[NODE_POOL_LABEL],
    labels: { ...labels, [HOSTNAME_LABEL]: hostname },
    annotations: speaker?.metadata.annotations ?? {},
    taints: taintsOf(node, claim, registered, initialized),
    capacity: amounts(node?.status?.capacity, claim?.status?.capacity, initialized),
    allocatable: amounts(node?.status?.allocatable, claim?.status?.allocatable, initialized),
    hostname,
    registered,
    initialized,
    managed,
    markedForDeletion: isGoing(node, claim),
  };
}

const CORDONED: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

function taintsOf(
  node: Node | undefined,
  claim: NodeClaim | undefined,
  registered: boolean,
  initialized: boolean,
): readonly Taint[] {
  const taints = registered || claim === undefined ? (node?.spec.taints ?? []) : (claim.spec.taints ?? []);
  const all = node?.spec.unschedulable === true ? mergeTaints(taints, [CORDONED]) : taints;
  if (claim === undefined || initialized) return all;
  const startup = claim.spec.startupTaints ?? [];
  return all.filter((taint) => !isEphemeralTaint(taint) && !startup.some((other) => isSameTaint(other, taint)));
}

/** A starting node reports zeros for what its device plugins have not announced yet: the claim knows better. */
function amounts(ofNode: ResourceList | undefined, ofClaim: ResourceList | undefined, initialized: boolean): Resources {
  const reported = parseResources(ofNode);
  if (initialized) return reported;
  const filled: Record<string, number> = { ...reported };
  const expected = parseResources(ofClaim);
  for (const name of Object.keys(expected)) {
    if ((filled[name] ?? 0) === 0) filled[name] = expected[name] ?? 0;
  }
  return filled;
}

function isGoing(node: Node | undefined, claim: NodeClaim | undefined): boolean {
  if (claim === undefined) return node?.metadata.deletionTimestamp !== undefined;
  if (claim.metadata.deletionTimestamp !== undefined) return true;
  return (claim.status?.conditions ?? []).some((c) => c.type === "InstanceTerminating" && c.status === "True");
}

/** Keys of the pods bound to the node that have not ended, sorted. */
export function podsOn(view: ClusterView, nodeName: string): readonly string[] {
  const keys: string[] = [];
  for (const key of view.podsByNode.get(nodeName) ?? []) {
    const phase = view.pods.get(key)?.status?.phase;
    if (phase !== "Failed" && phase !== "Succeeded") keys.push(key);
  }
  return keys.sort(byText);
}
