import { MINUTE_MS } from "../../base/time.ts";
import type { CapacityType } from "../../model/instance-type.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClassView } from "./pure/class-view.ts";

type Offering = { type: string; zone: string; capacityType: CapacityType };

/** So long nobody asks again; each refusal soon after the last one doubles it. */
const TTL_MS = { first: 3 * MINUTE_MS, most: 12 * MINUTE_MS };
/** A refusal so long after the end of the last one is a first one. */
const FORGIVEN_MS = 15 * MINUTE_MS;

/**
 * What EC2 has refused a short while ago. It is forgotten after three minutes: the only way to learn that there is
 * capacity again is to ask. What was asked for in vain is asked for more and more seldom, up to every twelve minutes.
 * @source reference of the AWS provider, section 2.1; there it is three minutes each time
 */
export class UnavailableOfferings {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();
  /** Of what was refused lately: for how long the last time, and until when. */
  readonly #refused = new Map<string, { ttlMs: number; untilMs: number }>();
  #version = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Changes whenever something is marked or forgotten. */
  version(): number {
    const nowMs = this.#clock.nowMs();
    for (const [key, untilMs] of this.#untilMs) {
      if (untilMs > nowMs) continue;
      this.#untilMs.delete(key);
      this.#version += 1;
    }
    for (const [key, { untilMs }] of this.#refused) if (nowMs - untilMs >= FORGIVEN_MS) this.#refused.delete(key);
    return this.#version;
  }

  /** @param placementGroupId only instances in the group are refused; others may be had */
  markOffering({ type, zone, capacityType }: Offering, placementGroupId?: string): void {
    this.#mark([capacityType, type, zone, placementGroupId ?? ""].join(":"));
  }

  markCapacityType(capacityType: CapacityType): void {
    this.#mark(capacityType);
  }

  markSubnet(id: string): void {
    this.#mark(id);
  }

  isSubnetMarked(id: string): boolean {
    return this.#has(id);
  }

  /** A zone counts as full when every subnet of the class in it does. */
  isUnavailable({ type, zone, capacityType }: Offering, { subnets, placementGroup }: ClassView): boolean {
    if (this.#untilMs.size === 0) return false;
    if (this.#has(capacityType)) return true;
    if (this.#has([capacityType, type, zone, ""].join(":"))) return true;
    if (placementGroup !== undefined && this.#has([capacityType, type, zone, placementGroup.id].join(":"))) return true;
    const inZone = subnets.filter((subnet) => subnet.zone === zone);
    return inZone.length > 0 && inZone.every(({ id }) => this.#has(id));
  }

  #has(key: string): boolean {
    return (this.#untilMs.get(key) ?? 0) > this.#clock.nowMs();
  }

  #mark(key: string): void {
    const nowMs = this.#clock.nowMs();
    // Several launches that were under way may hear of the same refusal.
    if ((this.#untilMs.get(key) ?? 0) > nowMs) return;
    const last = this.#refused.get(key);
    const isAgain = last !== undefined && nowMs - last.untilMs < FORGIVEN_MS;
    const ttlMs = isAgain ? Math.min(TTL_MS.most, last.ttlMs * 2) : TTL_MS.first;
    this.#untilMs.set(key, nowMs + ttlMs);
    this.#refused.set(key, { ttlMs, untilMs: nowMs + ttlMs });
    this.#version += 1;
  }
}
