import { isReschedulable } from "../../model/pod-predicates.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { disruptionLabels } from "../nodeclaim/claim-metrics.ts";
import type { Needs } from "../ports.ts";

/** Counts the pods that have to find another node because the claim goes. */
export function countMovedPods(
  { mirror, metrics }: Pick<Needs, "mirror" | "metrics">,
  claim: NodeClaim,
  reason: string,
  consolidationPolicy = "",
): void {
  const nodeName = mirror.live.nodeByProviderId.get(claim.status?.providerID ?? "") ?? "";
  let moved = 0;
  for (const key of mirror.live.podsByNode.get(nodeName) ?? []) {
    const pod = mirror.live.pods.get(key);
    if (pod !== undefined && isReschedulable(pod)) moved += 1;
  }
  if (moved === 0) return;
  metrics.count(
    "karpenter_pods_disruption_initiated_total",
    disruptionLabels(claim, reason, consolidationPolicy),
    moved,
  );
}
