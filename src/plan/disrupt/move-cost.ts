import { HOUR_MS, MINUTE_MS } from "../../base/time.ts";
import type { Consolidatee } from "./consolidate-candidates.ts";

/** USD per hour that moving a usual pod must bring at the very least, however quiet the cluster is. */
const LEAST_SAVING = 0.0002;
/** About as long does what is wanted of a cluster stay the same. */
const USUAL_CALM_HOURS = 1;
/** Nodes are never asked to be quiet longer than so many times what a move takes to pay back. */
const PATIENCE_MAX = 4;
/** By so much longer nodes stay after each move that came of another one without a change in what is wanted. */
const ROUND_FACTOR = 4;
/** Also where evictions cost nothing, moves in a row get rarer and rarer. */
const ROUND_LEAST_MS = MINUTE_MS;

/** USD per hour that the move must save at least. */
export function leastSaving(members: readonly Consolidatee[]): number {
  return LEAST_SAVING * evictionsOf(members);
}

/** USD that it takes to carry a move out; starting a node is as much trouble as evicting a pod. */
export function costOfMove(members: readonly Consolidatee[], bought: number, evictionCostUsd: number): number {
  return evictionCostUsd * (evictionsOf(members) + bought);
}

/** Weighted: 1 for a usual pod. */
function evictionsOf(members: readonly Consolidatee[]): number {
  return members.reduce((sum, { disruptionCost }) => sum + disruptionCost - 1, 0);
}

/**
 * How long from now on the nodes stay as they are, since the move would come too early. Nobody knows how long what it makes
 * will last; the best guess is as long again as things have been quiet. So a move that pays back in an hour waits for an
 * hour of quiet; what pays back in less waits for less than that, in six minutes for 36 seconds; what pays back in more
 * waits for more, in two hours for four. What changes all the time is left alone. Each node counts by its price.
 * @param gainUsdPerHour above 0
 * @returns 0 when it is time
 */
export function prematureMs(members: readonly Consolidatee[], costUsd: number, gainUsdPerHour: number): number {
  const round = Math.max(...members.map((one) => one.round));
  const paybackHours = costUsd / gainUsdPerHour;
  const neededMs = HOUR_MS * paybackHours * Math.min(paybackHours / USUAL_CALM_HOURS, PATIENCE_MAX);
  const leastMs = round === 0 ? 0 : ROUND_LEAST_MS;
  return Math.max(0, Math.max(neededMs, leastMs) * ROUND_FACTOR ** round - quietOf(members));
}

/**
 * USD per hour that the move costs over the time for which its saving is likely to last: as long again as its nodes have been
 * quiet, and usually an hour. By this, of two moves that are in time, the one that brings most for what it disturbs is made.
 */
export function costPerHour(members: readonly Consolidatee[], costUsd: number): number {
  return costUsd / Math.max(USUAL_CALM_HOURS, quietOf(members) / HOUR_MS);
}

function quietOf(members: readonly Consolidatee[]): number {
  const price = members.reduce((sum, one) => sum + one.price, 0);
  return members.reduce((sum, one) => sum + (one.quietMs * one.price) / Math.max(price, 1e-9), 0);
}
