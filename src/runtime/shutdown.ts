import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/telemetry.ts";

export type ShutdownStep = { name: string; run(): Promise<void> };

/**
 * Runs the steps one after the other, also after one that failed. When the grace has passed, the rest is left out: to
 * give the Lease back while work goes on would let two work at once.
 * @returns whether every step ended well in time; never rejects
 */
export async function shutDown(needs: {
  steps: readonly ShutdownStep[];
  graceMs: number;
  clock: Clock;
  log: Log;
}): Promise<boolean> {
  const { steps, graceMs, clock, log } = needs;
  const untilMs = clock.nowMs() + graceMs;
  let isClean = true;
  for (const { name, run } of steps) {
    const ending = new AbortController();
    const late = clock.sleep(Math.max(0, untilMs - clock.nowMs()), ending.signal).then(() => "late" as const);
    const ended = run().then(
      () => "clean" as const,
      (error: unknown) => {
        log.error("a step of the shutdown failed", { step: name, error });
        return "failed" as const;
      },
    );
    const result = await Promise.race([ended, late]);
    ending.abort();
    if (result === "late") {
      log.error("the shutdown took too long", { step: name, graceMs });
      return false;
    }
    isClean &&= result === "clean";
  }
  return isClean;
}
