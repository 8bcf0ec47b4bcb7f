import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ProviderTask } from "../../ports/cloud-provider.ts";
import type { Log, Metrics } from "../../ports/telemetry.ts";
import { ec2Region } from "../ec2/catalogue.ts";
import type { AwsApi } from "./aws-api.ts";
import type { OwnPrices } from "./pure/own-prices.ts";

const REFRESH_MS = 12 * HOUR_MS;
/** After a failure the old prices stand, and it is tried again; a file of one's own is read again as often. */
const PERIOD_MS = 5 * MINUTE_MS;
/** For a region that the catalogue does not know: prices differ less than a plan without prices would. */
const FALLBACK_REGION = "us-east-1";

export type PriceNeeds = {
  aws: AwsApi;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  region: string;
  /** No price list can be reached: spot prices come from EC2 itself, all others from the catalogue. */
  isIsolated: boolean;
  /** Reads the file of prices that the user has; absent: there is none. */
  readOwnPrices?: (() => OwnPrices) | undefined;
};
type Source = "on-demand" | "spot";

/**
 * What types cost in the region, in US dollars per hour (in China in yuan). A failure keeps what is known; what the user
 * has written down goes before all that AWS tells.
 * @source reference of the AWS provider, section 3
 */
export class Prices {
  readonly #needs: PriceNeeds;
  readonly #onDemand: Map<string, number>;
  readonly #spot = new Map<string, number>();
  /** When AWS answered last. */
  readonly #answeredMs = new Map<Source, number>();
  #own: OwnPrices | undefined;
  #nextMs = 0;
  #version = 0;
  #loading: Promise<void> | undefined;

  /** @throws UserError when the user's file cannot be used */
  constructor(needs: PriceNeeds) {
    this.#needs = needs;
    const catalogue = ec2Region(needs.region) ?? ec2Region(FALLBACK_REGION);
    this.#onDemand = new Map((catalogue?.types ?? []).map(({ facts, usdPerHour }) => [facts.name, usdPerHour]));
    this.#own = needs.readOwnPrices?.();
  }

  /** Changes with every refresh. */
  get version(): number {
    return this.#version;
  }

  onDemand(type: string): number | undefined {
    const listed = this.#onDemand.get(type);
    return this.#own === undefined ? listed : this.#own.price({ type, capacityType: "on-demand", zone: "" }, listed);
  }

  /** Until spot prices are known for the first time, the on-demand price stands in. */
  spot(type: string, zone: string): number | undefined {
    const listed = this.#spot.size === 0 ? this.#onDemand.get(type) : this.#spot.get(`${type} ${zone}`);
    return this.#own === undefined ? listed : this.#own.price({ type, capacityType: "spot", zone }, listed);
  }

  /** Makes sure that AWS was asked once. Nobody waits for later refreshes: old prices are better than no plan. */
  async ready(): Promise<void> {
    if (this.#nextMs > 0) return;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
  }

  task(): ProviderTask {
    return {
      name: "providers.pricing",
      run: async () => {
        await this.ready();
        if (this.#needs.clock.nowMs() >= this.#nextMs) await this.#load();
        this.#readOwn();
        this.#showAge();
        return { afterMs: PERIOD_MS };
      },
    };
  }

  async #load(): Promise<void> {
    const { clock, log } = this.#needs;
    const results = await Promise.allSettled([this.#loadOnDemand(), this.#loadSpot()]);
    const failures = results.filter((result) => result.status === "rejected");
    for (const { reason } of failures) log.error("prices cannot be had; those that are known stand", { error: reason });
    this.#nextMs = clock.nowMs() + (failures.length === 0 ? REFRESH_MS : PERIOD_MS);
    this.#version += 1;
  }

  /** A type that the answer lacks keeps its price; an empty answer is none. */
  async #loadOnDemand(): Promise<void> {
    const { aws, region, isIsolated } = this.#needs;
    if (isIsolated || region.startsWith("us-gov-")) return;
    const prices = await aws.onDemandPrices();
    for (const { instanceType, usdPerHour } of prices) this.#onDemand.set(instanceType, usdPerHour);
    if (prices.length > 0) this.#answeredMs.set("on-demand", this.#needs.clock.nowMs());
  }

  async #loadSpot(): Promise<void> {
    const prices = await this.#needs.aws.describeSpotPrices();
    for (const { instanceType, zone, usdPerHour } of prices) this.#spot.set(`${instanceType} ${zone}`, usdPerHour);
    if (prices.length > 0) this.#answeredMs.set("spot", this.#needs.clock.nowMs());
  }

  /** The file may change, as a mounted ConfigMap does. One with mistakes changes nothing. */
  #readOwn(): void {
    const { readOwnPrices, log } = this.#needs;
    if (readOwnPrices === undefined) return;
    try {
      const now = readOwnPrices();
      if (now.key !== this.#own?.key) this.#version += 1;
      this.#own = now;
    } catch (error) {
      log.error("the file of prices cannot be used; its last good state stands", { error });
    }
  }

  #showAge(): void {
    const { clock, metrics } = this.#needs;
    for (const [source, atMs] of this.#answeredMs) {
      const seconds = (clock.nowMs() - atMs) / SECOND_MS;
      metrics.gauge("karpenter_cloudprovider_price_age_seconds", seconds, { capacity_type: source });
    }
  }
}
