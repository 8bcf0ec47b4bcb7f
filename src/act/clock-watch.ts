import { MINUTE_MS, SECOND_MS } from "../base/time.ts";
import type { Clock } from "../ports/clock.ts";

const PERIOD_MS = 10 * SECOND_MS;
/** A busy process is late by less. */
const JUMP_MIN_MS = 2 * MINUTE_MS;

/**
 * Calls `onJump` once when the clock has gone on by far more or less than a timer says. Whatever was remembered with a
 * time means nothing then: the process has to begin anew.
 * @returns ends the watching
 */
export function watchClock(clock: Clock, onJump: (jumpMs: number) => void): () => void {
  let cancel = (): void => undefined;
  const look = (): void => {
    const beforeMs = clock.nowMs();
    cancel = clock.after(PERIOD_MS, () => {
      const jumpMs = clock.nowMs() - beforeMs - PERIOD_MS;
      if (Math.abs(jumpMs) < JUMP_MIN_MS) look();
      else onJump(jumpMs);
    });
  };
  look();
  return () => cancel();
}
