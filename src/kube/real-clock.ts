import type { Clock } from "../ports/clock.ts";

/** Longer delays overflow the runtime's timers, which then fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** The machine's time. */
export function realClock(): Clock {
  return REAL_CLOCK;
}

const REAL_CLOCK: Clock = {
  nowMs: () => Date.now(),
  sleep(ms, signal) {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const onAbort = (): void => {
        cancel();
        resolve();
      };
      const cancel = REAL_CLOCK.after(ms, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  },
  after(ms, run) {
    let timer: NodeJS.Timeout;
    const arm = (restMs: number): void => {
      timer = setTimeout(
        () => (restMs > TIMER_MAX_MS ? arm(restMs - TIMER_MAX_MS) : run()),
        Math.min(Math.max(0, restMs), TIMER_MAX_MS),
      );
    };
    arm(ms);
    return () => clearTimeout(timer);
  },
};
