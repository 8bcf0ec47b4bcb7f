import { formatTime, parseTime } from "../base/time.ts";

/** Why nodes are taken away by choice, or because of their age. */
export const PAUSABLE_REASONS = ["Underutilized", "Empty", "Drifted", "Expired"] as const;
export type PausableReason = (typeof PAUSABLE_REASONS)[number];

/** A stop of disruption that ends by itself. */
export type DisruptionPause = {
  untilMs: number;
  /** Empty: all of them. */
  reasons: readonly PausableReason[];
  /** Who and why; "" where nothing is said. */
  note: string;
};

/**
 * "TIME [REASON,...] [# who and why]", as in "2026-03-04T18:00:00Z Drifted # ann: image 42 is bad". The time is a must: a
 * pause that nobody ends is a cluster that nobody updates.
 */
export function parseDisruptionPause(text: string): DisruptionPause | { problem: string } {
  const hash = text.indexOf("#");
  const note = hash < 0 ? "" : text.slice(hash + 1).trim();
  const [time = "", list = "", ...rest] = (hash < 0 ? text : text.slice(0, hash)).trim().split(/\s+/);
  const untilMs = parseTime(time);
  if (untilMs === undefined) return { problem: `"${time}" is no time as in 2026-03-04T18:00:00Z` };
  if (rest.length > 0) return { problem: `"${rest.join(" ")}" follows the reasons without a #` };
  const reasons: PausableReason[] = [];
  for (const name of list === "" ? [] : list.split(",")) {
    const reason = PAUSABLE_REASONS.find((known) => known === name);
    if (reason === undefined) return { problem: `"${name}" is none of ${PAUSABLE_REASONS.join(", ")}` };
    reasons.push(reason);
  }
  return { untilMs, reasons, note };
}

/** In words, for conditions and events. */
export function formatDisruptionPause({ untilMs, reasons, note }: DisruptionPause): string {
  const what = reasons.length === 0 ? "Disruption" : `Disruption (${reasons.join(", ")})`;
  return `${what} is paused until ${formatTime(untilMs)}${note === "" ? "" : `: ${note}`}`;
}
