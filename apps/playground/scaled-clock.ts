import type { Clock } from "../../src/ports/clock.ts";

/** A clock that runs `speed` times as fast as another, from the moment it is made. */
export function scaledClock(clock: Clock, speed: number): Clock {
  if (speed === 1) return clock;
  const startMs = clock.nowMs();
  return {
    nowMs: () => startMs + (clock.nowMs() - startMs) * speed,
    sleep: (ms, signal) => clock.sleep(ms / speed, signal),
    after: (ms, run) => clock.after(ms / speed, run),
  };
}
