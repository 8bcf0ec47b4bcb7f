import { byText } from "../base/order.ts";
import type { InstanceType, Offering } from "../model/instance-type.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL } from "../model/labels.ts";
import {
  allows,
  anyValue,
  hasIntersection,
  intersection,
  operatorOf,
  type Requirement,
  type Requirements,
  requirementsOf,
} from "../model/requirements.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import { maxResources, parseResources, type Resources } from "../model/resources.ts";

export type ExpectedNode = {
  labels: Readonly<Record<string, string>>;
  /** The most that any type it may become has: what counts against limits. */
  capacity: Resources;
  /** What the smallest of these types offers: surely room for the pods it was bought for. */
  allocatable: Resources;
};

/**
 * What the node of a claim that is not launched yet will be, as far as one can tell: the pods it was bought for fit on it,
 * so nothing is bought for them again meanwhile. All values that its requirements allow suit those pods; one is taken.
 * @param types what the claim's pool can launch; without its types, room is what the claim asks for
 */
export function expectedNode(claim: NodeClaim, types: readonly InstanceType[]): ExpectedNode {
  const wanted = requirementsOf(claim.spec.requirements);
  const possible = types.filter((type) => isPossible(type, wanted)).sort(bySize);
  const requests = parseResources(claim.spec.resources?.requests);
  const [smallest] = possible;
  const labels: Record<string, string> = {};
  for (const [key, requirement] of wanted) {
    const narrowed = smallest === undefined ? requirement : narrow(requirement, smallest.requirements.get(key));
    const value = oneValue(narrowed);
    if (value !== undefined) labels[key] = value;
  }
  if (smallest === undefined) {
    return { labels: { ...labels, ...claim.metadata.labels }, capacity: requests, allocatable: requests };
  }
  return {
    labels: {
      ...labelsOfType(smallest, wanted),
      ...labels,
      ...offeringLabels(smallest, wanted),
      ...claim.metadata.labels,
    },
    capacity: maxResources(...possible.map(({ capacity }) => capacity)),
    allocatable: smallest.allocatable,
  };
}

function isPossible(type: InstanceType, wanted: Requirements): boolean {
  const ofName = wanted.get(INSTANCE_TYPE_LABEL);
  if (ofName !== undefined && !allows(ofName, type.name)) return false;
  return [...type.requirements].every(([key, has]) => {
    const requirement = wanted.get(key);
    return requirement === undefined || hasIntersection(has, requirement);
  });
}

function bySize(a: InstanceType, b: InstanceType): number {
  const size = (name: string): number => (a.allocatable[name] ?? 0) - (b.allocatable[name] ?? 0);
  return size("cpu") || size("memory") || byText(a.name, b.name);
}

/** What every node of the type has, whatever else is chosen. */
function labelsOfType(type: InstanceType, wanted: Requirements): Record<string, string> {
  const labels: Record<string, string> = { [INSTANCE_TYPE_LABEL]: type.name };
  for (const [key, requirement] of type.requirements) {
    if (wanted.has(key) || requirement.complement || requirement.values.size !== 1) continue;
    for (const value of requirement.values) labels[key] = value;
  }
  return labels;
}

/** Zone and capacity type belong together: those of the cheapest offering that will do. */
function offeringLabels(type: InstanceType, wanted: Requirements): Record<string, string> {
  const [zones, capacityTypes] = [wanted.get(ZONE_LABEL), wanted.get(CAPACITY_TYPE_LABEL)];
  const [cheapest] = type.offerings
    .filter(({ zone }) => zones === undefined || allows(zones, zone))
    .filter(({ capacityType }) => capacityTypes === undefined || allows(capacityTypes, capacityType))
    .sort(byPrice);
  if (cheapest === undefined) return {};
  return { [ZONE_LABEL]: cheapest.zone, [CAPACITY_TYPE_LABEL]: cheapest.capacityType };
}

function byPrice(a: Offering, b: Offering): number {
  return (
    Number(b.available) - Number(a.available) ||
    a.priceUsdPerHour - b.priceUsdPerHour ||
    byText(a.zone, b.zone) ||
    byText(a.capacityType, b.capacityType)
  );
}

function narrow(requirement: Requirement, other: Requirement | undefined): Requirement {
  return other === undefined ? requirement : intersection(requirement, other);
}

/** One value that meets the requirement; none where the label may as well be missing. */
function oneValue(requirement: Requirement): string | undefined {
  switch (operatorOf(requirement)) {
    case "In":
      return [...requirement.values].sort(byText)[0];
    case "Exists":
      return anyValue(requirement);
    case "NotIn":
    case "DoesNotExist":
      return undefined;
  }
}
