import { parseTime, SECOND_MS } from "../../base/time.ts";
import { NODES } from "../../model/kinds.ts";
import { ZONE_LABEL } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Clock } from "../../ports/clock.ts";
import type { InterruptionKind, InterruptionNotice, NoticeQueue } from "../../ports/interruptions.ts";
import { isNotFound } from "../../ports/kube-api.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import type { ClusterWriter } from "../cache/cluster-writer.ts";
import type { Kubelets } from "../kubelet/kubelets.ts";

/** An offering, or a part of it: absent fields mean all. */
export type StockOut = { instanceType?: string; zone?: string; capacityType?: string };

type Machines = {
  end(providerId: string): void;
  announce(kind: InterruptionKind, providerId: string): void;
};

type Offering = { instanceType: string; zone: string; capacityType: string };

/** So many notices come at once, and one that was received is hidden for so long. */
const NOTICES_MAX = 10;
const HIDDEN_MS = 20 * SECOND_MS;

/** What changes in the simulated cloud: offerings sell out and change their price, instances die, images are released. */
export class CloudControl {
  readonly #soldOut = new Map<string, StockOut>();
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #notices = new Map<string, { notice: InterruptionNotice; visibleMs: number }>();
  #noticeNumber = 0;
  #stillborn = 0;
  #stockChanges = 0;
  /** By "family zone": what spot costs there, as a part of its usual price. */
  readonly #spotFactors = new Map<string, number>();
  #priceChanges = 0;
  readonly #onPrices: (() => void)[] = [];
  #imageSinceMs = Number.NEGATIVE_INFINITY;
  readonly #closedZones = new Set<string>();

  /** Where instances are more than their nodes: they end there, and that is where their notices go. */
  machines: Machines | undefined;

  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
  }

  /** @param id to take it back with `restock` */
  sellOut(id: string, what: StockOut): void {
    this.#soldOut.set(id, what);
    this.#stockChanges += 1;
  }

  restock(id: string): void {
    this.#soldOut.delete(id);
    this.#stockChanges += 1;
  }

  restockAll(): void {
    this.#soldOut.clear();
    this.#stockChanges += 1;
  }

  /** How often something sold out or came back. */
  get stockChanges(): number {
    return this.#stockChanges;
  }

  /** @param family of instance types, such as m7i. @param factor 1 is the usual price */
  setSpotPrice(family: string, zone: string, factor: number): void {
    this.#spotFactors.set(`${family} ${zone}`, factor);
    this.#priceChanges += 1;
    for (const run of this.#onPrices) run();
  }

  /** How often prices have changed. */
  get priceChanges(): number {
    return this.#priceChanges;
  }

  onPrices(run: () => void): void {
    this.#onPrices.push(run);
  }

  /** What an offering costs at the moment, as a part of its usual price. */
  readonly priceFactor = ({ instanceType, zone, capacityType }: Offering): number => {
    if (capacityType !== "spot" || this.#spotFactors.size === 0) return 1;
    return this.#spotFactors.get(`${instanceType.split(".")[0]} ${zone}`) ?? 1;
  };

  /** Claims that were made before no longer have the newest image. */
  releaseImage(): void {
    this.#imageSinceMs = this.#clock.nowMs();
  }

  /** The node class does not select any subnet in this zone any more. */
  closeSubnet(zone: string): void {
    this.#closedZones.add(zone);
  }

  openSubnet(zone: string): void {
    this.#closedZones.delete(zone);
  }

  /** For the provider: why a claim's instance is no longer what would be launched now. */
  readonly driftReason = ({ metadata }: NodeClaim): string | undefined => {
    if (this.#closedZones.has(metadata.labels?.[ZONE_LABEL] ?? "")) return "SubnetDrift";
    const createdMs = parseTime(metadata.creationTimestamp) ?? Number.POSITIVE_INFINITY;
    return createdMs < this.#imageSinceMs ? "AMIDrift" : undefined;
  };

  /** The next `count` instances never come up: they are paid for, but no Node ever appears. */
  loseNext(count: number): void {
    this.#stillborn = count;
  }

  /** Whether the instance that is about to come up is one that never does. */
  takeStillborn(): boolean {
    if (this.#stillborn === 0) return false;
    this.#stillborn -= 1;
    return true;
  }

  /** For the provider: whether an offering cannot be bought at the moment. */
  readonly isSoldOut = (offering: Offering): boolean => {
    for (const { instanceType, zone, capacityType } of this.#soldOut.values()) {
      const matches =
        (instanceType ?? offering.instanceType) === offering.instanceType &&
        (zone ?? offering.zone) === offering.zone &&
        (capacityType ?? offering.capacityType) === offering.capacityType;
      if (matches) return true;
    }
    return false;
  };

  /**
   * The queue of notices about instances, as every process of the product sees it: what one has received and not removed
   * comes again after a while.
   */
  readonly notices: NoticeQueue = {
    idleMs: 2 * SECOND_MS,
    receive: () => {
      const nowMs = this.#clock.nowMs();
      const due = [...this.#notices.values()].filter(({ visibleMs }) => visibleMs <= nowMs).slice(0, NOTICES_MAX);
      for (const one of due) one.visibleMs = nowMs + HIDDEN_MS;
      return Promise.resolve(due.map(({ notice }) => notice));
    },
    remove: ({ id }) => {
      this.#notices.delete(id);
      return Promise.resolve();
    },
  };

  /** Announces what befalls an instance. */
  announce(kind: InterruptionKind, providerId: string): void {
    if (this.machines !== undefined) {
      this.machines.announce(kind, providerId);
      return;
    }
    this.#noticeNumber += 1;
    const id = `notice-${this.#noticeNumber}`;
    const sentAtMs = this.#clock.nowMs();
    this.#notices.set(id, { notice: { id, kind, providerIds: [providerId], sentAtMs }, visibleMs: sentAtMs });
  }

  /** The instance of a node is gone at once: its kubelet with it, and the cloud's controller removes the Node. */
  kill(
    nodeName: string,
    { kubelets, writer, state }: { kubelets: Kubelets; writer: ClusterWriter; state: ClusterState },
  ): void {
    const node = state.of(NODES).get(nodeName);
    if (this.machines !== undefined) {
      this.machines.end(node?.spec.providerID ?? "");
      return;
    }
    kubelets.kill(nodeName);
    if (node === undefined) return;
    writer.patch(NODES, { name: nodeName }, { metadata: { finalizers: null } });
    try {
      writer.delete(NODES, { name: nodeName });
    } catch (e) {
      // With its last finalizer it may have vanished already.
      if (!isNotFound(e)) throw e;
    }
  }
}
