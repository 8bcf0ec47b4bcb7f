import { byText } from "../../base/order.ts";
import type { CapacityType, InstanceType, Offering } from "../../model/instance-type.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import {
  allows,
  intersects,
  type RequirementSpec,
  type Requirements,
  requirement,
  requirementsOf,
  withRequirement,
} from "../../model/requirements.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { PlannedClaim } from "../provision/provision-plan.ts";

/** USD per hour: smaller differences are those of adding up. */
const PRICE_STEP = 1e-9;

export type PricedReplacements =
  | { kind: "priced"; claims: PlannedClaim[]; price: number }
  | { kind: "refused"; code: "NotCheaper" | "MinValuesNotMet"; reason: string };

/**
 * The replacements, so narrowed that whatever is launched of each they cost less than `budget` together. A claim that could
 * be spot is spot only: were spot sold out, it would otherwise come as something dearer. Each claim may cost its share.
 * @source reference of disruption, section 5 (steps 4 to 7), there for one replacement
 */
export function underPrice(snapshot: Snapshot, planned: readonly PlannedClaim[], budget: number): PricedReplacements {
  const cheapest = planned.reduce((sum, { cheapestPrice }) => sum + cheapestPrice, 0);
  if (planned.length > 0 && cheapest > budget - PRICE_STEP) return tooDear(cheapest, budget);
  const claims: PlannedClaim[] = [];
  for (const claim of planned) {
    const cap = cheapest > 0 ? (claim.cheapestPrice * budget) / cheapest : budget / planned.length;
    const narrowed = narrow(snapshot, claim, cap);
    if (narrowed === undefined) return tooDear(cheapest, budget);
    const unmet = unmetMinValue(snapshot, narrowed);
    if (unmet !== undefined) {
      const reason = `the types that would be cheaper are too few for minValues of ${unmet} in NodePool ${claim.nodePool}`;
      return { kind: "refused", code: "MinValuesNotMet", reason };
    }
    claims.push(narrowed);
  }
  return { kind: "priced", claims, price: claims.reduce((sum, { cheapestPrice }) => sum + cheapestPrice, 0) };
}

function tooDear(cheapest: number, budget: number): PricedReplacements {
  const reason = `its pods would cost ${dollars(cheapest)} per hour elsewhere, and it costs ${dollars(budget)}`;
  return { kind: "refused", code: "NotCheaper", reason };
}

/** A way to launch a type, as far as the claim leaves it open. */
type Choice = { name: string; least: number; worst: number };

function narrow(snapshot: Snapshot, claim: PlannedClaim, cap: number): PlannedClaim | undefined {
  const all = requirementsOf(claim.requirements);
  const known = new Map((snapshot.instanceTypes.get(claim.nodePool) ?? []).map((type) => [type.name, type]));
  const types = claim.instanceTypes.flatMap((name) => known.get(name) ?? []);
  const first = cheapestOffering(types, all);
  if (first === undefined) return undefined;
  const asCapacity = withRequirement(all, requirement(CAPACITY_TYPE_LABEL, "In", [first.capacityType]));
  const open = cheaperTypes(types, asCapacity, cap);
  if (open.length > 0) return withChoices(claim, open, first.capacityType);
  // In some zones it is too dear: then only where it is cheapest.
  const there = withRequirement(asCapacity, requirement(ZONE_LABEL, "In", [first.zone]));
  const pinned = cheaperTypes(types, there, cap);
  return pinned.length > 0 ? withChoices(claim, pinned, first.capacityType, first.zone) : undefined;
}

function cheaperTypes(types: readonly InstanceType[], within: Requirements, cap: number): Choice[] {
  return types
    .flatMap((type): Choice[] => {
      const prices = openOfferings(type, within).map(({ priceUsdPerHour }) => priceUsdPerHour);
      if (prices.length === 0) return [];
      return [{ name: type.name, least: Math.min(...prices), worst: Math.max(...prices) }];
    })
    .filter(({ worst }) => worst < cap - PRICE_STEP)
    .sort((a, b) => a.least - b.least || byText(a.name, b.name));
}

function withChoices(
  claim: PlannedClaim,
  open: readonly Choice[],
  capacityType: CapacityType,
  zone?: string,
): PlannedClaim {
  const instanceTypes = open.map(({ name }) => name);
  const set: [string, string[]][] = [
    [INSTANCE_TYPE_LABEL, instanceTypes],
    [CAPACITY_TYPE_LABEL, [capacityType]],
  ];
  if (zone !== undefined) set.push([ZONE_LABEL, [zone]]);
  return {
    ...claim,
    instanceTypes,
    requirements: set.reduce((specs, [key, values]) => replaced(specs, key, values), claim.requirements),
    cheapestPrice: open[0]?.least ?? claim.cheapestPrice,
  };
}

/** With just these values for the key; minValues stay. */
function replaced(specs: readonly RequirementSpec[], key: string, values: string[]): RequirementSpec[] {
  const before = specs.find((spec) => spec.key === key);
  const minValues = before?.minValues === undefined ? {} : { minValues: before.minValues };
  const spec: RequirementSpec = { key, operator: "In", values: [...values].sort(byText), ...minValues };
  return [...specs.filter((one) => one.key !== key), spec].sort((a, b) => byText(a.key, b.key));
}

/** The cheapest way to launch any of the types that is to be had within the requirements. */
export function cheapestOffering(types: readonly InstanceType[], within: Requirements): Offering | undefined {
  let best: Offering | undefined;
  for (const type of types) {
    for (const offering of openOfferings(type, within)) {
      if (best === undefined || offering.priceUsdPerHour < best.priceUsdPerHour) best = offering;
    }
  }
  return best;
}

/** Those to be had, within the requirements. */
export function openOfferings({ offerings }: InstanceType, within: Requirements): Offering[] {
  return offerings.filter(({ available, requirements }) => available && intersects(within, requirements) === undefined);
}

/** The first key of the pool's minValues that the claim's types do not reach, whatever the policy for new nodes is. */
function unmetMinValue({ view, instanceTypes }: Snapshot, claim: PlannedClaim): string | undefined {
  const asked = view.nodePools.get(claim.nodePool)?.spec.template.spec.requirements ?? [];
  const within = requirementsOf(claim.requirements);
  const listed = new Set(claim.instanceTypes);
  const types = (instanceTypes.get(claim.nodePool) ?? []).filter(({ name }) => listed.has(name));
  for (const { key, minValues } of asked) {
    if (minValues === undefined) continue;
    const found = new Set<string>();
    const allowed = within.get(key);
    for (const { requirements } of types) {
      for (const value of requirements.get(key)?.values ?? [])
        if (allowed === undefined || allows(allowed, value)) found.add(value);
    }
    if (found.size < minValues) return key;
  }
  return undefined;
}

export function dollars(amount: number): string {
  return `$${amount.toFixed(4)}`;
}
