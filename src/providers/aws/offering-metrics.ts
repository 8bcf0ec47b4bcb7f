import type { InstanceType } from "../../model/instance-type.ts";
import type { Metrics } from "../../ports/telemetry.ts";

const PREFIX = "karpenter_cloudprovider_instance_type";
type Sample = { labels: Record<string, string>; available: boolean; usdPerHour: number };

/** What can be bought, and for how much: an offering counts as available when it is for any of the classes. */
export class OfferingMetrics {
  readonly #metrics: Metrics;
  #shown: readonly (readonly InstanceType[])[] = [];

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** @param lists the types of each class; as long as they are the very same, nothing is to be done */
  show(lists: readonly (readonly InstanceType[])[]): void {
    if (lists.length === this.#shown.length && lists.every((list, i) => list === this.#shown[i])) return;
    this.#shown = lists;
    const offerings = new Map<string, Sample>();
    for (const type of lists.flat()) {
      const labels = { instance_type: type.name };
      this.#metrics.gauge(`${PREFIX}_cpu_cores`, (type.capacity["cpu"] ?? 0) / 1_000, labels);
      this.#metrics.gauge(`${PREFIX}_memory_bytes`, type.capacity["memory"] ?? 0, labels);
      for (const { capacityType, zone, available, priceUsdPerHour } of type.offerings) {
        const key = `${type.name} ${capacityType} ${zone}`;
        const before = offerings.get(key)?.available ?? false;
        offerings.set(key, {
          labels: { ...labels, capacity_type: capacityType, zone },
          available: available || before,
          usdPerHour: priceUsdPerHour,
        });
      }
    }
    for (const name of ["available", "price_estimate"]) this.#metrics.forget(`${PREFIX}_offering_${name}`, {});
    for (const { labels, available, usdPerHour } of offerings.values()) {
      this.#metrics.gauge(`${PREFIX}_offering_available`, available ? 1 : 0, labels);
      this.#metrics.gauge(`${PREFIX}_offering_price_estimate`, usdPerHour, labels);
    }
  }
}
