import { byText } from "../../base/order.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
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
  free: Resources;
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
    place.free = subtractResources(place.free, needOf(pod));
  };
  const planned = (pod: Pod): Place | undefined => byName.get(moves.get(keyOf(pod)) ?? "");
  const isFree = (pod: Pod): boolean => planned(pod) === undefined || !isBoundByRules(pod);
  for (const pod of pods) {
    const own = planned(pod);
    if (own !== undefined && !isFree(pod)) put(pod, own);
  }
  for (const alike of groupsOf(pods.filter(isFree))) {
    const open = new Ranking(places, alike);
    for (const pod of alike) {
      const place = open.best() ?? planned(pod);
      if (place === undefined || !fits(needOf(pod), place.free)) continue;
      put(pod, place);
      open.renew(place);
    }
  }
  return placement;
}

/** Places by how empty they would be with one more of some pods that are alike; in order of name where that is the same. */
class Ranking {
  readonly #places: readonly Place[];
  readonly #scores: Float64Array;
  readonly #need: Resources;

  constructor(places: readonly Place[], [sample]: readonly Pod[]) {
    this.#need = sample === undefined ? {} : needOf(sample);
    const terms = sample === undefined ? [] : requiredTerms(sample.spec);
    this.#places = places.filter(
      ({ labels, taints }) =>
        untoleratedHardTaint(taints, sample?.spec.tolerations) === undefined &&
        terms.some((term) => labelMisfit(term, labels) === undefined),
    );
    this.#scores = Float64Array.from(this.#places, (place) => emptiness(place, this.#need));
  }

  /** Undefined when none has room. */
  best(): Place | undefined {
    let best = -1;
    for (let i = 0; i < this.#scores.length; i += 1) {
      const score = this.#scores[i] ?? NO_ROOM;
      if (score > NO_ROOM && (best < 0 || score > (this.#scores[best] ?? NO_ROOM))) best = i;
    }
    return this.#places[best];
  }

  /** What is left there has changed. */
  renew(place: Place): void {
    const i = this.#places.indexOf(place);
    if (i >= 0) this.#scores[i] = emptiness(place, this.#need);
  }
}

const NO_ROOM = -1;

/** 0 to 100, whole as the scheduler's: what is left of cpu and memory once the pod is there. */
function emptiness({ free, allocatable }: Place, need: Resources): number {
  if (!fits(need, free)) return NO_ROOM;
  let share = 0;
  for (const name of ["cpu", "memory"]) {
    const size = allocatable[name] ?? 0;
    if (size > 0) share += ((free[name] ?? 0) - (need[name] ?? 0)) / size / 2;
  }
  return Math.floor(100 * share);
}

/** Largest first; pods that are alike to the scheduler together. */
function groupsOf(pods: readonly Pod[]): readonly (readonly Pod[])[] {
  const groups = new Map<string, Pod[]>();
  for (const pod of [...pods].sort(bySize)) {
    const { nodeSelector, affinity, tolerations } = pod.spec;
    const key = JSON.stringify([needOf(pod), nodeSelector, affinity?.nodeAffinity, tolerations]);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [pod]);
    else known.push(pod);
  }
  return [...groups.values()];
}

const needs = new WeakMap<Pod, Resources>();

function needOf(pod: Pod): Resources {
  const known = needs.get(pod) ?? { ...podRequests(pod), pods: 1 };
  needs.set(pod, known);
  return known;
}

/** All nodes that take pods and have room for the smallest of these, and what is bought; in order of name. */
function placesFor(snapshot: Snapshot, replacements: readonly PlannedClaim[], pods: readonly Pod[]): Place[] {
  const leastCpu = Math.min(...pods.map((pod) => needOf(pod)["cpu"] ?? 0));
  const existing = snapshot.stateNodes
    .filter(isOpen)
    .map((state) => ({ ...placeOf(snapshot, state) }))
    .filter(({ free }) => (free["cpu"] ?? 0) >= leastCpu && (free["pods"] ?? 0) >= 1);
  const coming = replacements.map((claim) => placeToCome(snapshot, claim));
  return [...existing, ...coming].sort((a, b) => byText(a.name, b.name));
}

function isOpen({ node, initialized, managed, markedForDeletion }: StateNode): boolean {
  if (node === undefined || markedForDeletion || node.metadata.deletionTimestamp !== undefined) return false;
  return (initialized || !managed) && node.spec.unschedulable !== true;
}

/** Kept with the node: the what-ifs of a search look at the same ones hundreds of times. */
const known = new WeakMap<StateNode, { view: ClusterView; place: Readonly<Place> }>();

function placeOf({ view }: Snapshot, state: StateNode): Readonly<Place> {
  const before = known.get(state);
  if (before?.view === view) return before.place;
  const { name, labels, taints, allocatable } = state;
  const free = subtractResources(allocatable, nodeLoad(view, state).requests);
  const place = { name, labels, taints, allocatable, free };
  known.set(state, { view, place });
  return place;
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
    free: subtractResources(allocatable, daemons),
  };
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
