import { byText } from "../../base/order.ts";
import type { InstanceType, Offering } from "../../model/instance-type.ts";
import { intersects, type Requirements } from "../../model/requirements.ts";
import { fits, type Resources } from "../../model/resources.ts";

export type Choice = { type: InstanceType; offering: Offering };

/**
 * The cheapest offering that is available and not used up, that the requirements allow, and whose type has room for the requests. Of
 * equal prices the smallest type, zone and capacity type by name, so that a repeated launch chooses the same.
 */
export function cheapestOffering(
  types: readonly InstanceType[],
  requirements: Requirements,
  requests: Resources,
): Choice | undefined {
  let best: Choice | undefined;
  for (const type of types) {
    if (intersects(type.requirements, requirements) !== undefined || !fits(requests, type.allocatable)) continue;
    for (const offering of type.offerings) {
      const choice = { type, offering };
      if (best !== undefined && compare(choice, best) >= 0) continue;
      if (!offering.available || offering.reservationCapacity === 0) continue;
      if (intersects(offering.requirements, requirements) === undefined) best = choice;
    }
  }
  return best;
}

function compare(a: Choice, b: Choice): number {
  return (
    a.offering.priceUsdPerHour - b.offering.priceUsdPerHour ||
    byText(a.type.name, b.type.name) ||
    byText(a.offering.zone, b.offering.zone) ||
    byText(a.offering.capacityType, b.offering.capacityType)
  );
}
