import type { Random } from "../../base/random.ts";

/** Which faults a world has, and how often: chances are per call, watch event or watch. 0 is never. */
export type FaultMix = {
  /** Usual time of a request, and of an answer or event back, each drawn from 0 to this. */
  latencyMaxMs: number;
  /** 500 or 503: nothing was done. */
  refused: number;
  /** 429 with a time to wait. */
  throttled: number;
  /** 409 on a write, though nobody else wrote. */
  conflict: number;
  /** The write happened, the answer did not come. */
  lostReply: number;
  slowReply: number;
  slowReplyMaxMs: number;
  lateEvent: number;
  lateEventMaxMs: number;
  /** A watch ends without a word, with what was on its way. Chance per event. */
  droppedWatch: number;
  /** 410: only a new list helps. Chance per event. */
  expiredWatch: number;
  /** The cloud refuses, or does it and its answer is lost. */
  cloudRefused: number;
  cloudLostReply: number;
  /** Mean time between two crashes of the product; 0 is never. */
  crashEveryMs: number;
  /** Mean time between two moments at which the product stands still for longer than its Lease lasts; 0 is never. */
  stallEveryMs: number;
  /** Mean time between two spells of minutes in which a process can write but hears nothing: its watches fail; 0 is never. */
  deafEveryMs: number;
};

export const NO_FAULTS: FaultMix = {
  latencyMaxMs: 0,
  refused: 0,
  throttled: 0,
  conflict: 0,
  lostReply: 0,
  slowReply: 0,
  slowReplyMaxMs: 0,
  lateEvent: 0,
  lateEventMaxMs: 0,
  droppedWatch: 0,
  expiredWatch: 0,
  cloudRefused: 0,
  cloudLostReply: 0,
  crashEveryMs: 0,
  stallEveryMs: 0,
  deafEveryMs: 0,
};

/**
 * Draws a mix: each fault is in or out with even chance, so that every seed meets another combination, and a fault that
 * hides another does not hide it everywhere.
 */
export function drawFaultMix(random: Random): FaultMix {
  const often = (most: number): number => (random.chance(0.5) ? random.fraction() * most : 0);
  return {
    latencyMaxMs: random.pick([0, 2, 20, 80]),
    refused: often(0.04),
    throttled: often(0.03),
    conflict: often(0.05),
    lostReply: often(0.05),
    slowReply: often(0.03),
    slowReplyMaxMs: random.pick([1_000, 5_000, 20_000]),
    lateEvent: often(0.05),
    lateEventMaxMs: random.pick([500, 3_000, 15_000]),
    droppedWatch: often(0.01),
    expiredWatch: often(0.005),
    cloudRefused: often(0.1),
    cloudLostReply: often(0.1),
    crashEveryMs: random.chance(0.6) ? random.between(5, 40) * 60_000 : 0,
    stallEveryMs: random.chance(0.3) ? random.between(10, 40) * 60_000 : 0,
    deafEveryMs: random.chance(0.3) ? random.between(20, 60) * 60_000 : 0,
  };
}
