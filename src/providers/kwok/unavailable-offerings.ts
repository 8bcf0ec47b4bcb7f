import { MINUTE_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";

export type OfferingName = { instanceType: string; zone: string; capacityType: string };

/** As long as EC2's users are used to. */
const UNAVAILABLE_MS = 3 * MINUTE_MS;

/** Offerings that a notice has told are not to be had for a while. */
export class UnavailableOfferings {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  mark(offering: OfferingName): void {
    this.#untilMs.set(keyOf(offering), this.#clock.nowMs() + UNAVAILABLE_MS);
  }

  /** Whether there may be any: those of which nobody asked for long are forgotten here. */
  hasAny(): boolean {
    for (const [key, untilMs] of this.#untilMs) if (this.#clock.nowMs() >= untilMs) this.#untilMs.delete(key);
    return this.#untilMs.size > 0;
  }

  has(offering: OfferingName): boolean {
    if (this.#untilMs.size === 0) return false;
    const key = keyOf(offering);
    const untilMs = this.#untilMs.get(key);
    if (untilMs === undefined) return false;
    if (this.#clock.nowMs() < untilMs) return true;
    this.#untilMs.delete(key);
    return false;
  }
}

function keyOf({ instanceType, zone, capacityType }: OfferingName): string {
  return `${capacityType}:${instanceType}:${zone}`;
}
