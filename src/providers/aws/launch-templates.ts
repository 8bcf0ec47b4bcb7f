import { settleAll } from "../../base/settle-all.ts";
import { MINUTE_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/telemetry.ts";
import { type AwsApi, isAlreadyThere, isNotFound, type LaunchTemplateData, type Tags } from "./aws-api.ts";
import { CLUSTER_TAG, NODE_CLASS_TAG } from "./pure/labels.ts";
import { launchTemplateName } from "./pure/launch-template.ts";

/** A template that nobody has used for so long is taken away. */
const UNUSED_MS = 5 * MINUTE_MS;

/** The launch templates of the cluster: found again by their names, made when missing, taken away when unused. */
export class LaunchTemplates {
  readonly #aws: AwsApi;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #clusterName: string;
  /** By name: when it was used last. */
  readonly #usedMs = new Map<string, number>();
  readonly #ensuring = new Map<string, Promise<void>>();

  constructor({ aws, clock, log, clusterName }: { aws: AwsApi; clock: Clock; log: Log; clusterName: string }) {
    this.#aws = aws;
    this.#clock = clock;
    this.#log = log;
    this.#clusterName = clusterName;
  }

  /** The name of a template with this data, which is there. */
  async ensure(data: LaunchTemplateData, tags: Tags): Promise<string> {
    const name = launchTemplateName(data);
    if (!this.#usedMs.has(name)) {
      const ensuring = this.#ensuring.get(name) ?? this.#make(name, data, tags);
      this.#ensuring.set(name, ensuring);
      await ensuring.finally(() => this.#ensuring.delete(name));
    }
    this.#usedMs.set(name, this.#clock.nowMs());
    return name;
  }

  /** EC2 does not know it (any more). */
  forget(name: string): void {
    this.#usedMs.delete(name);
  }

  /** Takes away the cluster's templates that have not been used for a while, also those of earlier processes. */
  async collect(): Promise<void> {
    const there = await this.#ofCluster([]);
    const nowMs = this.#clock.nowMs();
    const unused = there.filter(({ name }) => {
      const usedMs = this.#usedMs.get(name);
      // One that this process has not used may be another's that leads no more: it gets its time, too.
      if (usedMs === undefined) this.#usedMs.set(name, nowMs);
      return usedMs !== undefined && nowMs - usedMs >= UNUSED_MS;
    });
    await settleAll(unused.map(({ name }) => this.#delete(name)));
  }

  /** Takes away all templates that were made for the class. */
  async deleteOf(className: string): Promise<void> {
    const there = await this.#ofCluster([{ name: `tag:${NODE_CLASS_TAG}`, values: [className] }]);
    await settleAll(there.map(({ name }) => this.#delete(name)));
  }

  #ofCluster(more: readonly { name: string; values: readonly string[] }[]): Promise<{ name: string }[]> {
    return this.#aws.describeLaunchTemplates({
      filters: [{ name: `tag:${CLUSTER_TAG}`, values: [this.#clusterName] }, ...more],
    });
  }

  /** Creating one that is there is refused, and then all is well: that is one call less than looking first. */
  async #make(name: string, data: LaunchTemplateData, tags: Tags): Promise<void> {
    try {
      await this.#aws.createLaunchTemplate({ name, data, tags });
      this.#log.debug("created launch template", { "launch-template-name": name });
    } catch (error) {
      if (!isAlreadyThere(error)) throw error;
    }
  }

  async #delete(name: string): Promise<void> {
    this.#usedMs.delete(name);
    try {
      await this.#aws.deleteLaunchTemplate(name);
      this.#log.debug("deleted launch template", { "launch-template-name": name });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
