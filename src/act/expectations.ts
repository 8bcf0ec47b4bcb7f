import { parseTime, SECOND_MS } from "../base/time.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import { findCondition, isTrue } from "../plan/lifecycle/conditions.ts";
import type { Needs } from "./ports.ts";

/** So long after a node is up the scheduler has bound what was meant for it. */
const ARRIVAL_MS = 10 * SECOND_MS;

/** Claims that were created although the answer was lost are ours; pods are no longer expected on claims whose node has been up for a while, or that are going away. */
export function refreshExpectations({ memory, mirror, clock }: Pick<Needs, "memory" | "mirror" | "clock">): void {
  for (const name of memory.attempted()) if (mirror.live.nodeClaims.has(name)) memory.expect(name);
  for (const name of memory.expectedClaims()) {
    const claim = mirror.live.nodeClaims.get(name);
    const isLost = claim === undefined || claim.metadata.deletionTimestamp !== undefined;
    if (isLost || (hasArrived(claim, clock.nowMs()) && !memory.isHeld(name))) memory.expectNoMore(name);
  }
}

/** Its node has been up for a while. */
export function hasArrived(claim: NodeClaim, nowMs: number): boolean {
  if (!isTrue(claim, "Initialized")) return false;
  const sinceMs = parseTime(findCondition(claim, "Initialized")?.lastTransitionTime ?? "") ?? 0;
  return nowMs - sinceMs >= ARRIVAL_MS;
}
