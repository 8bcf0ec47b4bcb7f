import type { Node, Taint, Toleration } from "../../model/core.ts";
import { matchesAnyTerm } from "../cache/selectors.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodNeeds } from "./pod-needs.ts";

/** Why a pod cannot run on a node, in the words of kube-scheduler; more than one for resources. Empty: it can. */
export function whyNot(needs: PodNeeds, info: NodeInfo): string[] {
  const { spec } = needs.pod;
  const { node } = info;
  if (spec.nodeName !== undefined && spec.nodeName !== "" && spec.nodeName !== info.name) {
    return ["node(s) didn't match the requested node name"];
  }
  if (node.spec.unschedulable === true && !isTolerated(UNSCHEDULABLE, spec.tolerations)) {
    return ["node(s) were unschedulable"];
  }
  const taint = untoleratedTaint(node, spec.tolerations);
  if (taint !== undefined) return [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`];
  if (!matchesNodeAffinity(needs, node)) return ["node(s) didn't match Pod's node affinity/selector"];
  if (!info.hasPortsFor(needs)) return ["node(s) didn't have free ports for the requested pod ports"];
  return tooLittle(needs, info);
}

const NOT_READY: Taint = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };
const UNSCHEDULABLE: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

export function matchesNodeAffinity({ pod }: PodNeeds, node: Node): boolean {
  const { labels } = node.metadata;
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {})) if (labels?.[key] !== value) return false;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesAnyTerm(required.nodeSelectorTerms, labels, node.metadata.name);
}

/** A node that has never said it is ready counts as tainted before the taint is there. */
function untoleratedTaint(node: Node, tolerations: readonly Toleration[] | undefined): Taint | undefined {
  const hard = (node.spec.taints ?? []).filter(({ effect }) => effect !== "PreferNoSchedule");
  const hasReported = node.status?.conditions?.some(({ type }) => type === "Ready") ?? false;
  return (hasReported ? hard : [...hard, NOT_READY]).find((taint) => !isTolerated(taint, tolerations));
}

export function isTolerated(taint: Taint, tolerations: readonly Toleration[] | undefined): boolean {
  return (tolerations ?? []).some((toleration) => tolerates(toleration, taint));
}

export function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== "" && effect !== taint.effect) return false;
  if (key !== undefined && key !== "" && key !== taint.key) return false;
  if (operator === "Exists") return true;
  return key !== undefined && key !== "" && (value ?? "") === (taint.value ?? "");
}

function tooLittle({ amounts }: PodNeeds, { used, allocatable }: NodeInfo): string[] {
  const reasons: string[] = [];
  for (const name in amounts) {
    const amount = amounts[name] ?? 0;
    if (amount === 0 || amount + (used[name] ?? 0) <= (allocatable[name] ?? 0)) continue;
    reasons.push(name === "pods" ? "Too many pods" : `Insufficient ${name}`);
  }
  return reasons;
}
