import { HOUR_MS, MINUTE_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/telemetry.ts";
import { ec2Region } from "../ec2/catalogue.ts";
import type { AwsApi } from "./aws-api.ts";

const REFRESH_MS = 12 * HOUR_MS;
/** After a failure the old prices stand, and it is tried again. */
const RETRY_MS = 5 * MINUTE_MS;
/** For a region that the catalogue does not know: prices differ less than a plan without prices would. */
const FALLBACK_REGION = "us-east-1";

export type PriceNeeds = {
  aws: AwsApi;
  clock: Clock;
  log: Log;
  region: string;
  /** No price list can be reached: spot prices come from EC2 itself, all others from the catalogue. */
  isIsolated: boolean;
};

/**
 * What types cost in the region, in US dollars per hour (in China in yuan). Refreshed when somebody asks and the
 * prices are old; a failure keeps what is known.
 * @source reference of the AWS provider, section 3
 */
export class Prices {
  readonly #needs: PriceNeeds;
  readonly #onDemand: Map<string, number>;
  readonly #spot = new Map<string, number>();
  #nextMs = 0;
  #version = 0;
  #refreshing: Promise<void> | undefined;

  constructor(needs: PriceNeeds) {
    this.#needs = needs;
    const catalogue = ec2Region(needs.region) ?? ec2Region(FALLBACK_REGION);
    this.#onDemand = new Map((catalogue?.types ?? []).map(({ facts, usdPerHour }) => [facts.name, usdPerHour]));
  }

  /** Changes with every refresh. */
  get version(): number {
    return this.#version;
  }

  onDemand(type: string): number | undefined {
    return this.#onDemand.get(type);
  }

  /** Until spot prices are known for the first time, the on-demand price stands in. */
  spot(type: string, zone: string): number | undefined {
    return this.#spot.size === 0 ? this.#onDemand.get(type) : this.#spot.get(`${type} ${zone}`);
  }

  /** Makes sure that prices are not older than they should be. Never fails. */
  async refresh(): Promise<void> {
    if (this.#needs.clock.nowMs() < this.#nextMs) return;
    this.#refreshing ??= this.#load().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #load(): Promise<void> {
    const { clock } = this.#needs;
    const results = await Promise.allSettled([this.#loadOnDemand(), this.#loadSpot()]);
    const failures = results.filter((result) => result.status === "rejected");
    for (const { reason } of failures) {
      this.#needs.log.error("prices cannot be had; those that are known stand", { error: reason });
    }
    this.#nextMs = clock.nowMs() + (failures.length === 0 ? REFRESH_MS : RETRY_MS);
    this.#version += 1;
  }

  /** A type that the answer lacks keeps its price. */
  async #loadOnDemand(): Promise<void> {
    const { aws, region, isIsolated } = this.#needs;
    if (isIsolated || region.startsWith("us-gov-")) return;
    const prices = await aws.onDemandPrices();
    for (const { instanceType, usdPerHour } of prices) this.#onDemand.set(instanceType, usdPerHour);
  }

  async #loadSpot(): Promise<void> {
    const prices = await this.#needs.aws.describeSpotPrices();
    for (const { instanceType, zone, usdPerHour } of prices) this.#spot.set(`${instanceType} ${zone}`, usdPerHour);
  }
}
