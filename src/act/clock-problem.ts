import { MINUTE_MS, SECOND_MS } from "../base/time.ts";
import type { Needs } from "./ports.ts";

/** Clocks of machines that are looked after differ by less. */
const SKEW_MAX_MS = 2 * MINUTE_MS;

/**
 * What is wrong with this process's clock, in words; undefined: it agrees with the API server's. With a clock that has
 * jumped, nodes would be too old, or would have been silent or sick for too long, all at once.
 */
export function clockProblem({ api }: Pick<Needs, "api">): string | undefined {
  const skewMs = api.clockSkewMs?.() ?? 0;
  if (Math.abs(skewMs) <= SKEW_MAX_MS) return undefined;
  const [hours, rest] = [Math.floor(Math.abs(skewMs) / (60 * MINUTE_MS)), Math.abs(skewMs) % (60 * MINUTE_MS)];
  const amount = `${hours > 0 ? `${hours} h ` : ""}${Math.floor(rest / MINUTE_MS)} min`;
  return `the clock of the controller is ${amount} ${skewMs < 0 ? "ahead of" : "behind"} the API server's`;
}

/** While the clock is wrong, what depends on ages is looked at again so often. */
export const CLOCK_RECHECK_MS = 30 * SECOND_MS;
