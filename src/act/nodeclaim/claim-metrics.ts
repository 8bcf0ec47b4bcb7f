import { parseDuration } from "../../model/duration.ts";
import { CAPACITY_TYPE_LABEL, NODE_POOL_LABEL } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Labels, Metrics } from "../../ports/telemetry.ts";

/** The labels that counters of disrupted claims and pods share. */
export function disruptionLabels(claim: NodeClaim, reason: string, consolidationPolicy = ""): Labels {
  const { labels = {} } = claim.metadata;
  return {
    reason,
    nodepool: labels[NODE_POOL_LABEL] ?? "",
    capacity_type: labels[CAPACITY_TYPE_LABEL] ?? "",
    consolidation_policy: consolidationPolicy,
    termination_mode: terminationMode(claim),
  };
}

/** A claim is deleted by a decision of ours. */
export function countDisrupted(metrics: Metrics, claim: NodeClaim, reason: string): void {
  metrics.count("karpenter_nodeclaims_disrupted_total", disruptionLabels(claim, reason));
}

function terminationMode({ spec }: NodeClaim): "graceful" | "eventual" | "forceful" {
  if (spec.terminationGracePeriod === undefined) return "graceful";
  return (parseDuration(spec.terminationGracePeriod) ?? 0) > 0 ? "eventual" : "forceful";
}
