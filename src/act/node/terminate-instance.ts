import { parseTime, SECOND_MS } from "../../base/time.ts";
import { NODE_CLAIMS } from "../../model/kinds.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import {
  findCondition,
  isTrue,
  NODE_CLAIM_CONDITIONS,
  setCondition,
  withConditions,
} from "../../plan/lifecycle/conditions.ts";
import { InstanceNotFoundError } from "../../ports/cloud-provider.ts";
import type { Needs } from "../ports.ts";
import { patchObject } from "../write.ts";

/** A cloud is asked so often whether an instance is gone; the first time sooner, as some are quick. */
const POLL_MS = 5 * SECOND_MS;
const FIRST_POLL_MS = SECOND_MS;

export type Termination = { isGone: boolean; waitMs: number; claim: NodeClaim };

/** Ends the claim's instance, or goes on with that; notes in the claim that it is on its way out. */
export async function terminateInstance(needs: Needs, claim: NodeClaim): Promise<Termination> {
  const { provider, clock, log } = needs;
  try {
    await provider.delete(claim);
  } catch (error) {
    if (!(error instanceof InstanceNotFoundError)) throw error;
    return { isGone: true, waitMs: 0, claim };
  }
  if (isTrue(claim, "InstanceTerminating")) return { isGone: false, waitMs: POLL_MS, claim };
  log.info("terminating instance", { NodeClaim: claim.metadata.name, "provider-id": claim.status?.providerID });
  const condition = { type: "InstanceTerminating", status: "True" } as const;
  const conditions = setCondition(claim, NODE_CLAIM_CONDITIONS, condition, clock.nowMs());
  const noted = await patchObject(needs, NODE_CLAIMS, claim, withConditions(claim, conditions), "status");
  return { isGone: false, waitMs: FIRST_POLL_MS, claim: noted };
}

/** How long the instance took to go, in seconds, where that is known. */
export function instanceTerminationSeconds(claim: NodeClaim, nowMs: number): number | undefined {
  const sinceMs = parseTime(findCondition(claim, "InstanceTerminating")?.lastTransitionTime ?? "");
  return sinceMs === undefined ? undefined : (nowMs - sinceMs) / SECOND_MS;
}
