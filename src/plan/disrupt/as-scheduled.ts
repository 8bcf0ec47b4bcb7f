import { present } from "../../base/assert.ts";
import type { Pod, Taint } from "../../model/core.ts";
import { keyOf } from "../../model/object.ts";
import { bySize, podRequests } from "../../model/pod-requests.ts";
import { fits, type Resources, subtractResources } from "../../model/resources.ts";
import { untoleratedHardTaint } from "../../model/taints.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { labelMisfit } from "../fit/label-fit.ts";
import { requiredTerms } from "../fit/levels.ts";
import { nodeLoad } from "../fit/node-load.ts";
import type { PlannedClaim } from "../provision/provision-plan.ts";
import { cheapestTypeOf, labelsToCome } from "./after-command.ts";
import type { DisruptionCommand } from "./command.ts";

/** A node as the scheduler sees it while the pods of a command look for a place. */
type Place = {
  name: string;
  labels: Readonly<Record<string, string>>;
  taints: readonly Taint[];
  allocatable: Resources;
  free: Record<string, number>;
};

/** Where the scheduler is likely to put each pod of a command: key to node name; pods that find no room are missing. */
export type Placement = ReadonlyMap<string, string>;

/**
 * The scheduler knows nothing of plans: it puts one pod after the other where most room is left, also on nodes that a plan
 * spares, and a plan that fills nodes to the brim falls apart. This follows it: pods in the order in which a drain lets
 * them go, largest first. Pods with rules about their neighbours, ports or volumes are taken to go where they were planned.
 * @source kube-scheduler, NodeResourcesFit with the default strategy LeastAllocated for cpu and memory
 */
export function asScheduled(snapshot: Snapshot, { candidates, replacements, moves }: DisruptionCommand): Placement {
  const pods = candidates.flatMap((candidate) => candidate.pods).filter((pod) => moves.has(keyOf(pod)));
  const places = placesFor(snapshot, replacements, pods);
  const byName = new Map(places.map((place) => [place.name, place]));
  const placement = new Map<string, string>();
  const put = (pod: Pod, place: Place): void => {
    placement.set(keyOf(pod), place.name);
    for (const [name, amount] of Object.entries(needOf(pod))) place.free[name] = (place.free[name] ?? 0) - amount;
  };
  const planned = (pod: Pod): Place | undefined => byName.get(moves.get(keyOf(pod)) ?? "");
  const bound = pods.filter((pod) => planned(pod) !== undefined && isBoundByRules(pod));
  for (const pod of bound) put(pod, present(planned(pod), "it is among those with a place"));
  const open = new Map<string, readonly Place[]>();
  for (const pod of pods.filter((one) => !placement.has(keyOf(one))).sort(bySize)) {
    const own = planned(pod);
    const place = emptiest([...openFor(pod, places, open), ...(own === undefined ? [] : [own])], needOf(pod));
    if (place !== undefined) put(pod, place);
  }
  return placement;
}

const needs = new WeakMap<Pod, Resources>();

function needOf(pod: Pod): Resources {
  const known = needs.get(pod) ?? { ...podRequests(pod), pods: 1 };
  needs.set(pod, known);
  return known;
}

/** All nodes that take pods and have room for the smallest of these, and what is bought. */
function placesFor(snapshot: Snapshot, replacements: readonly PlannedClaim[], pods: readonly Pod[]): Place[] {
  const leastCpu = Math.min(...pods.map((pod) => needOf(pod)["cpu"] ?? 0));
  const existing = snapshot.stateNodes
    .filter(isOpen)
    .map((state) => placeOf(snapshot, state))
    .filter(({ free }) => (free["cpu"] ?? 0) >= leastCpu && (free["pods"] ?? 0) >= 1);
  return [...existing, ...replacements.map((claim) => placeToCome(snapshot, claim))];
}

function isOpen({ node, initialized, managed, markedForDeletion }: StateNode): boolean {
  if (node === undefined || markedForDeletion || node.metadata.deletionTimestamp !== undefined) return false;
  return (initialized || !managed) && node.spec.unschedulable !== true;
}

function placeOf({ view }: Snapshot, state: StateNode): Place {
  const { name, labels, taints, allocatable } = state;
  return { name, labels, taints, allocatable, free: subtractResources(allocatable, nodeLoad(view, state).requests) };
}

function placeToCome(snapshot: Snapshot, claim: PlannedClaim): Place {
  const { name, nodePool, requests } = claim;
  const type = cheapestTypeOf(snapshot, claim);
  const taints = snapshot.view.nodePools.get(nodePool)?.spec.template.spec.taints ?? [];
  const allocatable = type?.allocatable ?? requests;
  const own = claim.pods.flatMap((key) => snapshot.view.pods.get(key) ?? []).map(needOf);
  const daemons = own.reduce((rest, need) => subtractResources(rest, need), requests);
  return {
    name,
    labels: labelsToCome(claim, type),
    taints,
    allocatable,
    free: { ...subtractResources(allocatable, daemons) },
  };
}

function openFor(pod: Pod, places: readonly Place[], known: Map<string, readonly Place[]>): readonly Place[] {
  const { nodeSelector, affinity, tolerations } = pod.spec;
  const key = JSON.stringify([nodeSelector, affinity?.nodeAffinity, tolerations]);
  const before = known.get(key);
  if (before !== undefined) return before;
  const terms = requiredTerms(pod.spec);
  const open = places.filter(
    ({ labels, taints }) =>
      untoleratedHardTaint(taints, tolerations) === undefined &&
      terms.some((term) => labelMisfit(term, labels) === undefined),
  );
  known.set(key, open);
  return open;
}

function emptiest(places: readonly Place[], need: Resources): Place | undefined {
  let best: Place | undefined;
  let most = Number.NEGATIVE_INFINITY;
  for (const place of places) {
    if (!fits(need, place.free)) continue;
    const score = emptiness(place, need);
    if (score < most || (score === most && best !== undefined && best.name < place.name)) continue;
    best = place;
    most = score;
  }
  return best;
}

/** 0 to 100, whole as the scheduler's: what is left of cpu and memory once the pod is there. */
function emptiness({ free, allocatable }: Place, need: Resources): number {
  let share = 0;
  for (const name of ["cpu", "memory"]) {
    const size = allocatable[name] ?? 0;
    if (size > 0) share += Math.max(0, (free[name] ?? 0) - (need[name] ?? 0)) / size / 2;
  }
  return Math.floor(100 * share);
}

function isBoundByRules({ spec }: Pod): boolean {
  const { affinity, topologySpreadConstraints, volumes, hostNetwork, containers } = spec;
  return (
    affinity?.podAffinity !== undefined ||
    affinity?.podAntiAffinity !== undefined ||
    topologySpreadConstraints !== undefined ||
    hostNetwork === true ||
    volumes?.some(({ persistentVolumeClaim, ephemeral }) => (persistentVolumeClaim ?? ephemeral) !== undefined) ===
      true ||
    containers.some(({ ports }) => ports?.some(({ hostPort }) => (hostPort ?? 0) > 0) === true)
  );
}
