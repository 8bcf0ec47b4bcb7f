import { byText } from "../../../base/order.ts";
import type { CapacityType, InstanceType, Offering } from "../../../model/instance-type.ts";
import { CAPACITY_TYPE_LABEL } from "../../../model/labels.ts";
import {
  allows,
  formatRequirements,
  intersects,
  type Requirements,
  requirementFor,
  requirementsOf,
} from "../../../model/requirements.ts";
import type { NodeClaim } from "../../../model/resources/node-claim.ts";
import { fits, parseResources } from "../../../model/resources.ts";
import type { ClassView, StatusAmi, StatusReservation } from "./class-view.ts";
import { amiFor } from "./compatibility.ts";
import type { NodeShape } from "./instance-type.ts";
import type { Kubelet } from "./kubelet.ts";
import { EFA_RESOURCE, TENANCY_LABEL } from "./labels.ts";

/** A type with those of its offerings that would do. */
export type Candidate = { type: InstanceType; offerings: readonly Offering[] };

/** What one launch template can stand for: machines that differ in nothing but type and zone. */
export type LaunchGroup = {
  ami: StatusAmi;
  maxPods: number;
  efaInterfaces: number;
  reservation: StatusReservation | undefined;
  kubelet: Kubelet;
  candidates: readonly Candidate[];
};
export type LaunchPlan = {
  /** How the machine is bought. */
  capacityType: CapacityType;
  /** What the node is labelled with: differs where a pool that knows nothing of reservations uses one. */
  labelledAs: CapacityType;
  tenancy: "default" | "dedicated";
  groups: readonly LaunchGroup[];
};

/** More types make a request slow, and hardly more likely to be met. */
const TYPES_MAX = 60;

/**
 * What to ask EC2 for, or why nothing will do.
 * @param types what the class offers, with what can be bought now
 * @source reference of the AWS provider, section 7
 */
export function planLaunch(
  claim: NodeClaim,
  types: readonly InstanceType[],
  view: ClassView,
  { reservedCapacity, minValuesBestEffort }: { reservedCapacity: boolean; minValuesBestEffort: boolean },
): LaunchPlan | { problem: string } {
  const requirements = requirementsOf(claim.spec.requirements);
  const all = candidatesFor(claim, requirements, types);
  const hidden = reservedCapacity ? hiddenReservations(claim, requirements, types) : [];
  if (all.length === 0 && hidden.length === 0) {
    return { problem: `nothing is available for ${formatRequirements(requirements)}` };
  }
  const hasMinValues = claim.spec.requirements.some(({ minValues }) => minValues !== undefined);
  const useHidden = hidden.length > 0;
  let kept = useHidden ? hidden : oneReservationType(all);
  kept = oneCapacityBlock(kept);
  kept = largestReservations(kept);
  if (!hasMinValues) kept = withoutDearSpot(withoutExotic(kept), requirements);
  kept = kept.sort(byPrice).slice(0, TYPES_MAX);
  const lacking = minValuesBestEffort || useHidden ? undefined : lackingValues(claim, kept);
  if (lacking !== undefined) return { problem: lacking };
  const capacityType = useHidden ? "reserved" : chosenCapacityType(kept);
  const bought = ofCapacityType(kept, capacityType);
  const groups = groupsOf(claim, bought, view);
  if (groups.length === 0)
    return { problem: `the class has no image for ${kept.map(({ type }) => type.name).join(", ")}` };
  return {
    capacityType,
    labelledAs: useHidden ? "on-demand" : capacityType,
    tenancy: tenancyOf(requirements),
    groups,
  };
}

function candidatesFor(claim: NodeClaim, requirements: Requirements, types: readonly InstanceType[]): Candidate[] {
  const requests = parseResources(claim.spec.resources?.requests);
  return types.flatMap((type) => {
    if (intersects(type.requirements, requirements) !== undefined || !fits(requests, type.allocatable)) return [];
    const offerings = type.offerings.filter(
      (offering) => offering.available && intersects(offering.requirements, requirements) === undefined,
    );
    return offerings.length === 0 ? [] : [{ type, offerings }];
  });
}

/**
 * A pool that allows on-demand capacity only, of a class that selects reservations: its nodes may well be in them.
 * Upstream leaves such reservations empty.
 */
function hiddenReservations(claim: NodeClaim, requirements: Requirements, types: readonly InstanceType[]): Candidate[] {
  const wanted = requirementFor(requirements, CAPACITY_TYPE_LABEL);
  if (!allows(wanted, "on-demand") || allows(wanted, "reserved") || allows(wanted, "spot")) return [];
  const others = new Map(requirements);
  others.delete(CAPACITY_TYPE_LABEL);
  return candidatesFor(claim, others, types).flatMap(({ type, offerings }) => {
    const reserved = offerings.filter(({ capacityType }) => capacityType === "reserved");
    return reserved.length === 0 ? [] : [{ type, offerings: reserved }];
  });
}

const isReserved = ({ capacityType }: Offering): boolean => capacityType === "reserved";

function only(
  candidates: readonly Candidate[],
  keep: (offering: Offering, type: InstanceType) => boolean,
): Candidate[] {
  return candidates.flatMap(({ type, offerings }) => {
    const kept = offerings.filter((offering) => keep(offering, type));
    return kept.length === 0 ? [] : [{ type, offerings: kept }];
  });
}

/** Plain reservations, then capacity blocks, then interruptible ones: one request can only want one kind. */
function oneReservationType(candidates: readonly Candidate[]): Candidate[] {
  const ranked: { kind: string; price: number }[] = [];
  for (const kind of ["default", "capacity-block", "interruptible"]) {
    const prices = candidates.flatMap(({ offerings }) =>
      offerings.filter((one) => isReserved(one) && reservationKind(one) === kind).map((one) => one.priceUsdPerHour),
    );
    if (prices.length > 0) ranked.push({ kind, price: Math.min(...prices) });
  }
  const [first, ...rest] = ranked;
  if (first === undefined) return [...candidates];
  const best = rest.reduce((a, b) => (b.price < a.price ? b : a), first);
  return only(candidates, (one) => isReserved(one) && reservationKind(one) === best.kind);
}

function reservationKind({ requirements }: Offering): string {
  const has = (suffix: string, value: string) =>
    requirements.get(`karpenter.k8s.aws/capacity-reservation-${suffix}`)?.values.has(value) === true;
  if (has("type", "capacity-block")) return "capacity-block";
  return has("interruptible", "true") ? "interruptible" : "default";
}

/** A request for a capacity block names exactly one. */
function oneCapacityBlock(candidates: readonly Candidate[]): Candidate[] {
  const isBlock = (one: Offering) => isReserved(one) && reservationKind(one) === "capacity-block";
  if (!candidates.some(({ offerings }) => offerings.some(isBlock))) return [...candidates];
  const [cheapest] = candidates.toSorted(byPrice);
  if (cheapest === undefined) return [];
  const [offering] = cheapest.offerings.toSorted((a, b) => a.priceUsdPerHour - b.priceUsdPerHour);
  return offering === undefined ? [] : [{ type: cheapest.type, offerings: [offering] }];
}

/** Of several reservations of a type in one zone: the one with the most room. */
function largestReservations(candidates: readonly Candidate[]): Candidate[] {
  return candidates.map(({ type, offerings }) => {
    const best = new Map<string, Offering>();
    for (const one of offerings.filter(isReserved)) {
      const other = best.get(one.zone);
      if (other === undefined || (one.reservationCapacity ?? 0) > (other.reservationCapacity ?? 0))
        best.set(one.zone, one);
    }
    return { type, offerings: offerings.filter((one) => !isReserved(one) || best.get(one.zone) === one) };
  });
}

const DEVICES = ["nvidia.com/gpu", "amd.com/gpu", "habana.ai/gaudi", "aws.amazon.com/neuron"];

/** Bare metal and accelerators only where nothing else would do. */
function withoutExotic(candidates: readonly Candidate[]): Candidate[] {
  const plain = candidates.filter(
    ({ type }) => !type.name.includes("metal") && DEVICES.every((name) => (type.capacity[name] ?? 0) === 0),
  );
  return plain.length > 0 ? plain : [...candidates];
}

/** Spot capacity that costs more than on-demand capacity does. */
function withoutDearSpot(candidates: readonly Candidate[], requirements: Requirements): Candidate[] {
  const wanted = requirementFor(requirements, CAPACITY_TYPE_LABEL);
  if (!allows(wanted, "spot") || !allows(wanted, "on-demand")) return [...candidates];
  const onDemand = candidates.flatMap(({ offerings }) =>
    offerings.filter((one) => one.capacityType === "on-demand").map((one) => one.priceUsdPerHour),
  );
  if (onDemand.length === 0) return [...candidates];
  const most = Math.min(...onDemand);
  return only(candidates, (one) => one.capacityType !== "spot" || one.priceUsdPerHour <= most);
}

function cheapest({ offerings }: Candidate): number {
  return offerings.reduce((least, { priceUsdPerHour }) => Math.min(least, priceUsdPerHour), Number.POSITIVE_INFINITY);
}

function byPrice(a: Candidate, b: Candidate): number {
  return cheapest(a) - cheapest(b) || byText(a.type.name, b.type.name);
}

/** The first requirement whose minValues the types do not reach. */
function lackingValues({ spec }: NodeClaim, candidates: readonly Candidate[]): string | undefined {
  for (const { key, minValues } of spec.requirements) {
    if (minValues === undefined) continue;
    const values = new Set<string>();
    const wanted = requirementFor(requirementsOf(spec.requirements), key);
    for (const { type } of candidates) {
      for (const value of type.requirements.get(key)?.values ?? []) if (allows(wanted, value)) values.add(value);
    }
    if (values.size < minValues) return `minValues of ${key} is ${minValues}; the types left have ${values.size}`;
  }
  return undefined;
}

function chosenCapacityType(candidates: readonly Candidate[]): CapacityType {
  const has = (capacityType: CapacityType) =>
    candidates.some(({ offerings }) => offerings.some((one) => one.capacityType === capacityType));
  return has("reserved") ? "reserved" : has("spot") ? "spot" : "on-demand";
}

function ofCapacityType(candidates: readonly Candidate[], capacityType: CapacityType): Candidate[] {
  return only(candidates, (one) => one.capacityType === capacityType);
}

function tenancyOf(requirements: Requirements): "default" | "dedicated" {
  const wanted = requirementFor(requirements, TENANCY_LABEL);
  return allows(wanted, "default") ? "default" : "dedicated";
}

function groupsOf(claim: NodeClaim, candidates: readonly Candidate[], view: ClassView): LaunchGroup[] {
  const wantsEfa = parseResources(claim.spec.resources?.requests)[EFA_RESOURCE] !== undefined;
  const groups = new Map<string, LaunchGroup & { candidates: Candidate[] }>();
  for (const { type, offerings } of candidates) {
    const ami = amiFor(type.requirements, view.amis);
    if (ami === undefined) continue;
    const maxPods = type.capacity["pods"] ?? 0;
    const kubelet = (type as Partial<NodeShape>).kubelet ?? view.kubelet;
    const reserves = kubelet === view.kubelet ? "" : JSON.stringify([kubelet.kubeReserved, kubelet.systemReserved]);
    const efaInterfaces = wantsEfa ? (type.capacity[EFA_RESOURCE] ?? 0) : 0;
    for (const offering of offerings) {
      const reservation = view.reservations.find(({ id }) => id === offering.reservationId);
      const key = [ami.id, maxPods, efaInterfaces, reservation?.id ?? "", reserves].join(" ");
      const group = groups.get(key) ?? { ami, maxPods, efaInterfaces, reservation, kubelet, candidates: [] };
      groups.set(key, group);
      const last = group.candidates.at(-1);
      if (last?.type === type)
        group.candidates[group.candidates.length - 1] = { type, offerings: [...last.offerings, offering] };
      else group.candidates.push({ type, offerings: [offering] });
    }
  }
  return [...groups.values()];
}
