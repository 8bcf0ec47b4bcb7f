import {
  type DisruptionPause,
  formatDisruptionPause,
  type PausableReason,
  parseDisruptionPause,
} from "../../model/disruption-pause.ts";
import { DISRUPTION_PAUSE_ANNOTATION } from "../../model/labels.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";

/** A pool whose nodes stay for now. */
export type PausedPool = {
  /** Empty: for all reasons. */
  reasons: readonly PausableReason[];
  message: string;
  /** When it ends by itself; absent for one that cannot be read. */
  untilMs?: number;
  /**
   * "UnreadablePause": the annotation cannot be read. What its writer wanted is clear all the same: nothing is disrupted.
   */
  cause: "Paused" | "UnreadablePause" | "WrongClock";
};

/**
 * The pools that are paused at the moment, by name: by their own annotation, or by the setting for the whole cluster.
 * @param setting undefined: none
 */
export function pausedPools(
  pools: Iterable<NodePool>,
  setting: DisruptionPause | undefined,
  nowMs: number,
): ReadonlyMap<string, readonly PausedPool[]> {
  const paused = new Map<string, readonly PausedPool[]>();
  for (const pool of pools) {
    const own = ownPause(pool);
    const active = [own, setting]
      .filter((pause) => pause !== undefined)
      .filter((pause) => "problem" in pause || nowMs < pause.untilMs)
      .map((pause): PausedPool => {
        if (!("problem" in pause)) {
          const { reasons, untilMs } = pause;
          return { reasons, message: formatDisruptionPause(pause), untilMs, cause: "Paused" };
        }
        const message = `Disruption is paused: the annotation ${DISRUPTION_PAUSE_ANNOTATION} cannot be read: ${pause.problem}`;
        return { reasons: [], message, cause: "UnreadablePause" };
      });
    if (active.length > 0) paused.set(pool.metadata.name, active);
  }
  return paused;
}

/** Names of the pools that are paused for the reason. */
export function pausedFor(
  paused: ReadonlyMap<string, readonly PausedPool[]>,
  reason: PausableReason,
): ReadonlySet<string> {
  const concerns = ({ reasons }: PausedPool): boolean => reasons.length === 0 || reasons.includes(reason);
  return new Set([...paused].filter(([, pauses]) => pauses.some(concerns)).map(([name]) => name));
}

function ownPause({ metadata }: NodePool): ReturnType<typeof parseDisruptionPause> | undefined {
  const text = metadata.annotations?.[DISRUPTION_PAUSE_ANNOTATION];
  return text === undefined ? undefined : parseDisruptionPause(text);
}
