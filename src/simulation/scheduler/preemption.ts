import { byText } from "../../base/order.ts";
import type { Pod } from "../../model/core.ts";
import type { Amounts } from "../cache/amounts.ts";
import { whyNot } from "./filters.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodNeeds } from "./pod-needs.ts";

/** The pods of less priority that have to go so that a pod fits, the least important first; none if that is no help. */
export function victimsFor(needs: PodNeeds, info: NodeInfo): Pod[] {
  const priority = needs.pod.spec.priority ?? 0;
  const reasons = whyNot(needs, info);
  const isOnlyRoom =
    reasons.length > 0 && reasons.every((why) => why.startsWith("Insufficient") || why === "Too many pods");
  if (!isOnlyRoom || needs.pod.spec.preemptionPolicy === "Never") return [];
  const lesser = [...info.pods.values()].filter(({ pod }) => (pod.spec.priority ?? 0) < priority);
  lesser.sort((a, b) => (a.pod.spec.priority ?? 0) - (b.pod.spec.priority ?? 0) || byText(a.key, b.key));
  const missing = missingAmounts(needs, info);
  const victims: Pod[] = [];
  for (const { pod, amounts } of lesser) {
    if (!Object.values(missing).some((amount) => amount > 0)) break;
    const helps = Object.keys(missing).some((name) => (missing[name] ?? 0) > 0 && (amounts[name] ?? 0) > 0);
    if (!helps) continue;
    for (const name in missing) missing[name] = (missing[name] ?? 0) - (amounts[name] ?? 0);
    // Those that are on their way out already make room without being told.
    if (pod.metadata.deletionTimestamp === undefined) victims.push(pod);
  }
  return Object.values(missing).some((amount) => amount > 0) ? [] : victims;
}

function missingAmounts({ amounts }: PodNeeds, { used, allocatable }: NodeInfo): Amounts {
  const missing: Amounts = {};
  for (const name in amounts) missing[name] = (amounts[name] ?? 0) + (used[name] ?? 0) - (allocatable[name] ?? 0);
  return missing;
}
