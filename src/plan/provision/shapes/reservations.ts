import { byText } from "../../../base/order.ts";
import type { InstanceType, Offering } from "../../../model/instance-type.ts";
import type { NodeClaim } from "../../../model/resources/node-claim.ts";
import type { Snapshot } from "../../../snapshot/snapshot.ts";

/**
 * Per reservation, how many nodes may still be bought in it, whatever the pool. Where offerings disagree the smallest
 * number counts. Nodes on their way that the provider does not know of yet are taken off.
 */
export function reservationsLeft(snapshot: Snapshot): ReadonlyMap<string, number> {
  const left = new Map<string, number>();
  if (snapshot.settings.reservedCapacity === false) return left;
  const keys = new Set<string>();
  for (const types of snapshot.instanceTypes.values()) {
    for (const offering of reservedOf(types)) note(left, keys, offering);
  }
  for (const claim of left.size === 0 ? [] : snapshot.view.nodeClaims.values()) {
    for (const id of heldBy(claim, keys)) if (left.has(id)) left.set(id, Math.max(0, (left.get(id) ?? 0) - 1));
  }
  return left;
}

/** Lists of types last for many plans. */
const reserved = new WeakMap<readonly InstanceType[], readonly Offering[]>();

function reservedOf(types: readonly InstanceType[]): readonly Offering[] {
  const known = reserved.get(types);
  if (known !== undefined) return known;
  const found = types.flatMap(({ offerings }) => offerings.filter(({ capacityType }) => capacityType === "reserved"));
  reserved.set(types, found);
  return found;
}

/** The label that names the offering's reservation. */
export function reservationLabel({ requirements, reservationId }: Offering): string | undefined {
  if (reservationId === undefined) return undefined;
  return [...requirements.keys()].sort(byText).find((key) => {
    const r = requirements.get(key);
    return r !== undefined && !r.complement && r.values.size === 1 && r.values.has(reservationId);
  });
}

function note(left: Map<string, number>, keys: Set<string>, offering: Offering): void {
  const { reservationId, reservationCapacity = 0, capacityType } = offering;
  const key = capacityType === "reserved" ? reservationLabel(offering) : undefined;
  if (reservationId === undefined || key === undefined) return;
  keys.add(key);
  left.set(reservationId, Math.min(reservationCapacity, left.get(reservationId) ?? reservationCapacity));
}

/** Reservations that a claim may take a place of, as long as it is not launched. */
function heldBy({ spec, status, metadata }: NodeClaim, keys: ReadonlySet<string>): readonly string[] {
  const isLaunched = (status?.providerID ?? "") !== "";
  if (isLaunched || metadata.deletionTimestamp !== undefined) return [];
  return spec.requirements.flatMap(({ key, operator, values = [] }) =>
    keys.has(key) && operator === "In" ? values : [],
  );
}
