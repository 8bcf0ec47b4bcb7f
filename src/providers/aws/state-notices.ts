import type { Clock } from "../../ports/clock.ts";
import type { InterruptionNotice, Interruptions } from "../../ports/interruptions.ts";

type Options = {
  name: string;
  clock: Clock;
  periodMs: number;
  /** Everything that is so now. */
  look(): Promise<readonly InterruptionNotice[]>;
};

/** States that are found by looking, told like messages of a queue: each once for as long as it lasts. */
export function stateNotices({ name, clock, periodMs, look }: Options): Interruptions {
  /** Ids of what was dealt with and is still so. */
  let known = new Set<string>();
  let nextMs = Number.NEGATIVE_INFINITY;
  return {
    name,
    isQueue: false,
    idleMs: periodMs,
    async receive() {
      // Asked again after some were dealt with: the next look is not due yet.
      if (clock.nowMs() < nextMs) return [];
      const now = await look();
      nextMs = clock.nowMs() + periodMs / 2;
      known = new Set(now.map(({ id }) => id).filter((id) => known.has(id)));
      return now.filter(({ id }) => !known.has(id));
    },
    async remove({ id }) {
      known.add(id);
    },
    note: () => undefined,
  };
}
