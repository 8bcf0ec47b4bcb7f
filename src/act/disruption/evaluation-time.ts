import type { Labels, Metrics } from "../../ports/telemetry.ts";

/** How long one look for something to disrupt took; also under the name that guides to Karpenter alert on. */
export function observeEvaluation(metrics: Metrics, seconds: number, labels: Labels): void {
  metrics.observe("karpenter_voluntary_disruption_decision_evaluation_duration_seconds", seconds, labels);
  metrics.observe("karpenter_disruption_evaluation_duration_seconds", seconds, labels);
}
