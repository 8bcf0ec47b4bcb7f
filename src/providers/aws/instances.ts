import { byText } from "../../base/order.ts";
import { SECOND_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import { type AwsApi, type Ec2Instance, isNotFound } from "./aws-api.ts";
import { Batch } from "./batch.ts";
import { CLUSTER_TAG, NODE_CLASS_TAG, NODE_POOL_TAG } from "./pure/labels.ts";

const BATCH = { idleMs: 100, maxMs: SECOND_MS, itemsMax: 500 };
/** States in which an instance is still there; it may cost money, and be found by its tags. */
const PRESENT = ["pending", "running", "stopping", "stopped", "shutting-down"];

/** The cluster's instances: asked for in batches, remembered as last seen. */
export class Instances {
  readonly #aws: AwsApi;
  readonly #clusterName: string;
  readonly #seen = new Map<string, Ec2Instance>();
  readonly #describe: Batch<string, Ec2Instance | undefined>;
  readonly #terminate: Batch<string, string | undefined>;

  constructor({ aws, clock, clusterName }: { aws: AwsApi; clock: Clock; clusterName: string }) {
    this.#aws = aws;
    this.#clusterName = clusterName;
    const key = () => "";
    this.#describe = new Batch({ clock, ...BATCH, key, run: (ids) => this.#describeAll(ids) });
    this.#terminate = new Batch({ clock, ...BATCH, key, run: (ids) => this.#terminateAll(ids) });
  }

  /** As EC2 tells now, also for a while when it is terminated; undefined: EC2 does not know it. */
  find(id: string): Promise<Ec2Instance | undefined> {
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
    this.#seen.clear();
    for (const one of instances) this.#seen.set(one.id, one);
    return instances.sort((a, b) => byText(a.id, b.id));
  }

  /** The state afterwards; undefined: EC2 does not know it. */
  terminate(id: string): Promise<string | undefined> {
    return this.#terminate.add(id);
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
