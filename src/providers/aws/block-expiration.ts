import { MINUTE_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Interruptions } from "../../ports/interruptions.ts";
import type { Instances } from "./instances.ts";
import { providerIdOf } from "./pure/instance.ts";
import type { ReservationCounts } from "./reservation-counts.ts";
import { stateNotices } from "./state-notices.ts";

type Needs = { clock: Clock; instances: Instances; reservations: ReservationCounts };

/** Instances in capacity blocks whose end is near: they go while their pods still have the time to move. */
export function blockExpirations({ clock, instances, reservations }: Needs): Interruptions {
  return stateNotices({
    name: "capacityreservation.expiration",
    clock,
    periodMs: MINUTE_MS,
    look: async () =>
      reservations.expiring(clock.nowMs()).flatMap(({ id, sinceMs }) =>
        instances.inReservation(id).map((one) => ({
          id: `capacity_block_expiring/${one.id}`,
          kind: "capacity_block_expiring" as const,
          providerIds: [providerIdOf(one.zone, one.id)],
          sentAtMs: sinceMs,
        })),
      ),
  });
}
