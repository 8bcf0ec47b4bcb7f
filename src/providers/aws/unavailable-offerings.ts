import { MINUTE_MS } from "../../base/time.ts";
import type { CapacityType } from "../../model/instance-type.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClassView } from "./pure/class-view.ts";

type Offering = { type: string; zone: string; capacityType: CapacityType };

const TTL_MS = 3 * MINUTE_MS;

/**
 * What EC2 has refused a short while ago. It is forgotten after three minutes: the only way to learn that there is
 * capacity again is to ask.
 * @source reference of the AWS provider, section 2.1
 */
export class UnavailableOfferings {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();
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
    this.#untilMs.set(key, this.#clock.nowMs() + TTL_MS);
    this.#version += 1;
  }
}
