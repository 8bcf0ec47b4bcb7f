import { byText } from "../../base/order.ts";
import { SECOND_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Metrics } from "../../ports/telemetry.ts";
import { type AwsApi, type Ec2Instance, isNotFound } from "./aws-api.ts";
import { Batch } from "./batch.ts";
import { CLUSTER_TAG, NODE_CLASS_TAG, NODE_POOL_TAG } from "./pure/labels.ts";
import type { ZonalShift } from "./zonal-shift.ts";

const BATCH = { idleMs: 100, maxMs: SECOND_MS, itemsMax: 500 };
/** States in which an instance is still there; it may cost money, and be found by its tags. */
const PRESENT = ["pending", "running", "stopping", "stopped", "shutting-down"];

type InstancesNeeds = { aws: AwsApi; clock: Clock; metrics: Metrics; clusterName: string; shift: ZonalShift };

/** The cluster's instances: asked for in batches, remembered as last seen. */
export class Instances {
  readonly #aws: AwsApi;
  readonly #clusterName: string;
  readonly #shift: ZonalShift;
  readonly #metrics: Metrics;
  readonly #seen = new Map<string, Ec2Instance>();
  readonly #describe: Batch<string, Ec2Instance | undefined>;
  readonly #terminate: Batch<string, string | undefined>;

  constructor({ aws, clock, metrics, clusterName, shift }: InstancesNeeds) {
    this.#aws = aws;
    this.#shift = shift;
    this.#clusterName = clusterName;
    const key = () => "";
    const common = { clock, metrics, ...BATCH, key };
    this.#describe = new Batch({ ...common, name: "describe_instances", run: (ids) => this.#describeAll(ids) });
    this.#terminate = new Batch({ ...common, name: "terminate_instances", run: (ids) => this.#terminateAll(ids) });
    this.#metrics = metrics;
  }

  /** As EC2 tells now, also for a while when it is terminated; undefined: EC2 does not know it. */
  async find(id: string): Promise<Ec2Instance | undefined> {
    const seen = this.#seen.get(id);
    // What EC2 says of a zone in trouble is not to be relied on.
    if (seen !== undefined && this.#shift.isZoneShifted(seen.zone)) return seen;
    return this.#describe.add(id);
  }

  /** As EC2 tells now; undefined: terminated, or not there. */
  async get(id: string): Promise<Ec2Instance | undefined> {
    const instance = await this.find(id);
    return instance?.state === "terminated" ? undefined : instance;
  }

  /** As last seen, when it was seen at all. */
  async seen(id: string): Promise<Ec2Instance | undefined> {
    return this.#seen.get(id) ?? (await this.get(id));
  }

  /** As last seen, without asking. */
  remembered(id: string): Ec2Instance | undefined {
    return this.#seen.get(id);
  }

  /** As last seen. */
  inReservation(reservationId: string): Ec2Instance[] {
    return [...this.#seen.values()].filter((one) => one.capacityReservationId === reservationId);
  }

  /** The capacity reservation of an instance, as last seen; it is forgotten with this. */
  takeReservation(id: string): string | undefined {
    const seen = this.#seen.get(id);
    this.#seen.delete(id);
    return seen?.capacityReservationId;
  }

  /** All that Karpenter made for this cluster, in order of id. */
  async list(): Promise<Ec2Instance[]> {
    const instances = await this.#aws.describeInstances({
      filters: [
        { name: "tag-key", values: [NODE_POOL_TAG] },
        { name: "tag-key", values: [NODE_CLASS_TAG] },
        { name: `tag:${CLUSTER_TAG}`, values: [this.#clusterName] },
        { name: "instance-state-name", values: PRESENT },
      ],
    });
    const listed = new Set(instances.map(({ id }) => id));
    const unheard = [...this.#seen.values()].filter(
      ({ id, zone }) => !listed.has(id) && this.#shift.isZoneShifted(zone),
    );
    this.#seen.clear();
    for (const one of [...instances, ...unheard]) this.#seen.set(one.id, one);
    return [...this.#seen.values()].sort((a, b) => byText(a.id, b.id));
  }

  /** The state afterwards; undefined: EC2 does not know it. */
  async terminate(id: string): Promise<string | undefined> {
    try {
      return await this.#terminate.add(id);
    } catch (error) {
      const zone = this.#seen.get(id)?.zone ?? "";
      this.#metrics.count("karpenter_cloudprovider_instance_termination_failures_total", {
        zone,
        zone_id: this.#shift.zoneIdOf(zone),
      });
      throw error;
    }
  }

  async #describeAll(ids: readonly string[]): Promise<PromiseSettledResult<Ec2Instance | undefined>[]> {
    const found = await this.#togetherOrSingly(ids, async (some) => this.#aws.describeInstances({ ids: some }));
    for (const result of found.values()) {
      if (result.status === "fulfilled" && result.value !== undefined) this.#seen.set(result.value.id, result.value);
    }
    return ids.map((id) => found.get(id) ?? { status: "fulfilled", value: undefined });
  }

  async #terminateAll(ids: readonly string[]): Promise<PromiseSettledResult<string | undefined>[]> {
    const ended = await this.#togetherOrSingly(ids, (some) => this.#aws.terminateInstances(some));
    return ids.map((id) => {
      const result = ended.get(id);
      if (result?.status === "rejected") return result;
      return { status: "fulfilled", value: result?.value?.state };
    });
  }

  /** One unknown id spoils a call for all: then each is asked for by itself. */
  async #togetherOrSingly<T extends { id: string }>(
    ids: readonly string[],
    call: (ids: readonly string[]) => Promise<readonly T[]>,
  ): Promise<Map<string, PromiseSettledResult<T | undefined>>> {
    const unique = [...new Set(ids)];
    try {
      const all = await call(unique);
      return new Map(all.map((one) => [one.id, { status: "fulfilled", value: one }]));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      if (unique.length === 1) return new Map();
    }
    const singles = await Promise.allSettled(unique.map((id) => call([id])));
    const found = new Map<string, PromiseSettledResult<T | undefined>>();
    for (const [i, id] of unique.entries()) {
      const result = singles[i];
      if (result?.status === "fulfilled") found.set(id, { status: "fulfilled", value: result.value[0] });
      else if (isNotFound(result?.reason)) found.set(id, { status: "fulfilled", value: undefined });
      else found.set(id, { status: "rejected", reason: result?.reason });
    }
    return found;
  }
}
