import type { NodeClaim } from "../model/resources/node-claim.ts";

/** What befalls an instance from outside; the names are values of upstream's metric labels. */
export type InterruptionKind =
  | "spot_interrupted"
  | "capacity_reservation_interrupted"
  | "rebalance_recommendation"
  | "scheduled_change"
  | "instance_stopped"
  | "instance_terminated"
  /** Of no interest, or not understood. */
  | "no_op";

/** What a cloud says about some of its instances. */
export type InterruptionNotice = {
  /** Unique among the notices of a queue. */
  id: string;
  kind: InterruptionKind;
  providerIds: readonly string[];
  /** When the cloud wrote it: what the instance is given counts from here. */
  sentAtMs: number;
};

/** Where a cloud leaves its notices. Each comes at least once, in any order. */
export interface NoticeQueue {
  /** After an empty answer the queue is asked again so much later. */
  readonly idleMs: number;
  /** Some notices that nobody has removed; may wait a few seconds for the first. One that is not removed comes again. */
  receive(): Promise<readonly InterruptionNotice[]>;
  /** It has been dealt with. A second call does nothing. */
  remove(notice: InterruptionNotice): Promise<void>;
}

/** What a provider hears of interruptions. */
export interface Interruptions extends NoticeQueue {
  /**
   * What a notice says of the market: a spot offering that is taken from one instance is not to be had for some minutes,
   * a reservation that is withdrawn has no room.
   */
  note(notice: InterruptionNotice, claim: NodeClaim): void;
}
