import type { InstanceType, Offering } from "../../model/instance-type.ts";
import type { Instance } from "../../ports/cloud-provider.ts";
import { isReservationLabel } from "./instance-type.ts";

/** Places taken, per reservation. */
export type PlacesTaken = ReadonlyMap<string, number>;

export const NO_PLACES_TAKEN: PlacesTaken = new Map();

/** The labels by which the types' offerings name reservations; empty: there are none, and nothing has to be counted. */
export function reservationLabels(types: readonly InstanceType[]): readonly string[] {
  const labels = new Set<string>();
  for (const { offerings } of types) {
    for (const { reservationId, requirements } of offerings) {
      if (reservationId === undefined) continue;
      for (const key of requirements.keys()) if (isReservationLabel(key)) labels.add(key);
    }
  }
  return [...labels];
}

/** Every instance in a reservation takes a place of it. Instances of one provider id count once. */
export function placesTaken(instances: readonly Instance[], labels: readonly string[]): PlacesTaken {
  const taken = new Map<string, number>();
  for (const one of new Map(instances.map((instance) => [instance.providerId, instance])).values()) {
    for (const label of labels) {
      const id = one.labels[label];
      if (id !== undefined) taken.set(id, (taken.get(id) ?? 0) + 1);
    }
  }
  return taken;
}

/** Places of the offering's reservation that are free; undefined for an offering that is in none. */
export function placesLeft(
  { reservationId, reservationCapacity = 0 }: Offering,
  taken: PlacesTaken,
): number | undefined {
  if (reservationId === undefined) return undefined;
  return Math.max(0, reservationCapacity - (taken.get(reservationId) ?? 0));
}
