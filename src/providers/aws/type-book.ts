import { byText } from "../../base/order.ts";
import { HOUR_MS, MINUTE_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ProviderTask } from "../../ports/cloud-provider.ts";
import type { Log } from "../../ports/telemetry.ts";
import type { Ec2Facts } from "../ec2/facts.ts";
import type { AwsApi } from "./aws-api.ts";

const REFRESH_MS = 12 * HOUR_MS;
/** After a failure, or an empty answer. */
const RETRY_MS = 5 * MINUTE_MS;

export type SoldType = { facts: Ec2Facts; zones: readonly string[] };

/** The types that EC2 has in the region, and where it sells them. What was known once stands until better is known. */
export class TypeBook {
  readonly #aws: AwsApi;
  readonly #clock: Clock;
  readonly #log: Log;
  #types: readonly SoldType[] = [];
  #nextMs = 0;
  #version = 0;
  #loading: Promise<void> | undefined;

  constructor({ aws, clock, log }: { aws: AwsApi; clock: Clock; log: Log }) {
    this.#aws = aws;
    this.#clock = clock;
    this.#log = log;
  }

  get version(): number {
    return this.#version;
  }

  /** In order of their names. Nobody waits for refreshes. @throws AwsError as long as nothing is known at all */
  async types(): Promise<readonly SoldType[]> {
    if (this.#types.length === 0) await this.#loadOnce();
    return this.#types;
  }

  task(): ProviderTask {
    return {
      name: "providers.instancetype",
      run: async () => {
        if (this.#clock.nowMs() >= this.#nextMs) await this.#loadOnce();
        return { afterMs: Math.max(1, this.#nextMs - this.#clock.nowMs()) };
      },
    };
  }

  #loadOnce(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    try {
      const [facts, offerings] = await Promise.all([
        this.#aws.describeInstanceTypes(),
        this.#aws.describeInstanceTypeOfferings(),
      ]);
      const zones = new Map<string, string[]>();
      for (const { instanceType, zone } of offerings)
        zones.set(instanceType, [...(zones.get(instanceType) ?? []), zone]);
      const types = facts
        .map((one) => ({ facts: one, zones: (zones.get(one.name) ?? []).sort(byText) }))
        .sort((a, b) => byText(a.facts.name, b.facts.name));
      // An empty answer is a fault of the answer, not the end of EC2.
      if (types.length > 0) this.#types = types;
      this.#nextMs = this.#clock.nowMs() + (types.length > 0 ? REFRESH_MS : RETRY_MS);
      this.#version += 1;
    } catch (error) {
      if (this.#types.length === 0) throw error;
      this.#log.error("instance types cannot be had; those that are known stand", { error });
      this.#nextMs = this.#clock.nowMs() + RETRY_MS;
    }
  }
}
