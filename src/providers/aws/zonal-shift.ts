import { parseTime, SECOND_MS } from "../../base/time.ts";
import { EC2_NODE_CLASSES, NODE_POOLS } from "../../model/kinds.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ProviderTask } from "../../ports/cloud-provider.ts";
import type { KubeApi } from "../../ports/kube-api.ts";
import { listAll } from "../../ports/list-all.ts";
import type { Events, Log } from "../../ports/telemetry.ts";
import type { AwsApi, Subnet } from "./aws-api.ts";

type Needs = { aws: AwsApi; kube: KubeApi; clock: Clock; log: Log; events: Events; clusterName: string };

const PERIOD_MS = 30 * SECOND_MS;

/** The zones that the cluster's owner, or AWS itself, has shifted the cluster away from with ARC. */
export class ZonalShift {
  readonly #needs: Needs;
  /** By zone id: until when. */
  #untilMs = new Map<string, number>();
  readonly #zoneIds = new Map<string, string>();
  /** Zones as they were told last. */
  #told: readonly string[] = [];
  #version = 0;
  #arn: string | undefined;

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** Changes whenever a zone is shifted away from, or is back. */
  version(): number {
    this.#forgetTheOver();
    return this.#version;
  }

  isShifted(zoneId: string | undefined): boolean {
    return zoneId !== undefined && (this.#untilMs.get(zoneId) ?? 0) > this.#needs.clock.nowMs();
  }

  /** By the zone's name in this account, as subnets tell it. */
  isZoneShifted(zone: string): boolean {
    return this.isShifted(this.#zoneIds.get(zone));
  }

  /** "" where no subnet has told it. */
  zoneIdOf(zone: string): string {
    return this.#zoneIds.get(zone) ?? "";
  }

  noteZones(subnets: readonly Subnet[]): void {
    for (const { zone, zoneId } of subnets) this.#zoneIds.set(zone, zoneId);
  }

  task(): ProviderTask {
    return {
      name: "zonalshift",
      run: async () => {
        await this.#refresh();
        return { afterMs: PERIOD_MS };
      },
    };
  }

  /** An answer replaces what was known; upstream keeps a shift that was called off as long as there is another. */
  async #refresh(): Promise<void> {
    const { aws, clusterName } = this.#needs;
    this.#arn ??= (await aws.describeCluster(clusterName)).arn;
    const shifts = await aws.zonalShifts(this.#arn);
    const now = new Map(shifts.map(({ zoneId, expiryTime }) => [zoneId, parseTime(expiryTime) ?? 0]));
    if (JSON.stringify([...now]) !== JSON.stringify([...this.#untilMs])) this.#version += 1;
    this.#untilMs = now;
    this.#forgetTheOver();
    await this.#tell();
  }

  #forgetTheOver(): void {
    for (const zoneId of this.#untilMs.keys()) {
      if (this.isShifted(zoneId)) continue;
      this.#untilMs.delete(zoneId);
      this.#version += 1;
    }
  }

  async #tell(): Promise<void> {
    const { kube, log } = this.#needs;
    const zones = [...this.#untilMs.keys()];
    const begun = zones.filter((zone) => !this.#told.includes(zone));
    const over = this.#told.filter((zone) => !zones.includes(zone));
    if (begun.length + over.length > 0) {
      const pools = (await listAll(kube, NODE_POOLS)).filter(
        ({ spec }) => spec.template.spec.nodeClassRef.kind === EC2_NODE_CLASSES.kind,
      );
      for (const zone of begun) {
        log.info("zonal shift has begun", { "zone-id": zone });
        this.#record(
          pools,
          "Warning",
          "ZonalShiftActive",
          `Nothing is launched in ${zone}: the cluster is shifted away`,
        );
      }
      for (const zone of over) {
        log.info("zonal shift is over", { "zone-id": zone });
        this.#record(pools, "Normal", "ZonalShiftCleared", `Nodes are launched in ${zone} again`);
      }
    }
    this.#told = zones;
  }

  #record(pools: readonly NodePool[], type: "Normal" | "Warning", reason: string, message: string): void {
    for (const object of pools) {
      const dedupeValues = [object.metadata.uid, message];
      this.#needs.events.record({ object, type, reason, message, dedupeValues });
    }
  }
}
