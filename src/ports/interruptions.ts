import type { NodeClaim } from "../model/resources/node-claim.ts";

/** What befalls an instance from outside; the names are values of upstream's metric labels. */
export type InterruptionKind =
  | "spot_interrupted"
  | "capacity_reservation_interrupted"
  | "rebalance_recommendation"
  | "scheduled_change"
  | "instance_stopped"
  | "instance_terminated"
  /** The machine does not work, by the cloud's own look at it from inside and outside. */
  | "instance_status"
  | "system_status"
  /** The cloud will restart, stop or end it. */
  | "event_status"
  /** The time for which its capacity was bought is about to end. */
  | "capacity_block_expiring"
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
  /** Of its controller, in logs and metrics. */
  readonly name: string;
  /** Whether notices are messages of a queue; otherwise they are states that a look has found. */
  readonly isQueue: boolean;
  /**
   * What a notice says of the market: a spot offering that is taken from one instance is not to be had for some minutes,
   * a reservation that is withdrawn has no room.
   */
  note(notice: InterruptionNotice, claim: NodeClaim): void;
}
