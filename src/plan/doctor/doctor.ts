import { byText } from "../../base/order.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { planProvisioning } from "../provision/plan-provisioning.ts";
import { type Finding, SEVERITIES } from "./finding.ts";
import { nodeChecks } from "./node-checks.ts";
import { poolChecks } from "./pool-checks.ts";
import { workloadChecks } from "./workload-checks.ts";

/**
 * All that can be told from the objects that plans look at, in no order.
 * @param protectedDays pods that have kept their node for so many days or more are told
 */
export function examine(snapshot: Snapshot, { protectedDays }: { protectedDays: number }): Finding[] {
  const plan = planProvisioning(snapshot);
  return [...poolChecks(snapshot, plan), ...workloadChecks(snapshot, plan, protectedDays), ...nodeChecks(snapshot)];
}

/** Worst first, then by code and object. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  return [...findings].sort(
    (a, b) =>
      SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
      byText(a.code, b.code) ||
      byText(a.object, b.object) ||
      byText(a.evidence, b.evidence),
  );
}
