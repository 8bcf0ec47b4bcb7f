import { DAY_MS, MINUTE_MS } from "../../base/time.ts";
import { NODE_CLAIMS } from "../../model/kinds.ts";
import { NODE_POOL_LABEL } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { expiry } from "../../plan/disrupt/expiry.ts";
import { pausedFor } from "../../plan/disrupt/paused-pools.ts";
import { after, type Controller, onChange } from "../../runtime/controller.ts";
import { clockProblem } from "../clock-problem.ts";
import { countMovedPods } from "../disruption/count-moved-pods.ts";
import { pausesNow } from "../disruption/pause.ts";
import { tellRemoval } from "../disruption/tell-removal.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";
import { deleteObject } from "../write.ts";
import { countDisrupted } from "./claim-metrics.ts";

/** Deletes claims that have outlived their expireAfter: those that could not be replaced in time. */
export function expirationController(needs: Needs): Controller {
  const { mirror, provider, clock, metrics, log } = needs;
  return {
    name: "nodeclaim.expiration",
    workers: 1,
    keysFor: ({ kind, key, after: now }) => (kind === NODE_CLAIMS && now !== undefined ? [key] : []),
    async reconcile(key) {
      const claim = mirror.live.nodeClaims.get(key);
      if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return onChange;
      if (!isServed(provider, claim)) return onChange;
      const state = expiry(claim, clock.nowMs());
      if (state.kind === "never") return onChange;
      // Thirty days are more than a timer holds.
      if (state.kind === "later") return after(Math.min(state.afterMs, DAY_MS), "it is not old enough yet");
      if (isPaused(needs, claim)) return after(MINUTE_MS, "disruption is paused");
      await deleteObject(needs, NODE_CLAIMS, claim);
      tellRemoval(needs, claim, `Expired: it is older than its expireAfter of ${claim.spec.expireAfter ?? ""}`);
      countDisrupted(metrics, claim, "expired");
      countMovedPods(needs, claim, "expired");
      log.info("deleting expired nodeclaim", { NodeClaim: key });
      return onChange;
    },
  };
}

function isPaused(needs: Needs, claim: NodeClaim): boolean {
  const pool = needs.mirror.live.nodePools.get(claim.metadata.labels?.[NODE_POOL_LABEL] ?? "");
  if (pool === undefined) return clockProblem(needs) !== undefined;
  return pausedFor(pausesNow(needs, [pool]), "Expired").size > 0;
}
