import type { ClusterView } from "../../model/cluster-view.ts";
import type { NodeSelectorRequirement, PersistentVolumeClaimSpec, Pod } from "../../model/core.ts";
import { CAPACITY_TYPE_LABEL, NODE_POOL_LABEL, normalizedLabel } from "../../model/labels.ts";
import { labelValueProblem, qualifiedNameProblem } from "../../model/qualified-name.ts";
import { restrictedLabelProblem } from "../../model/restricted-label.ts";
import { podVolumesOf, type VolumeClaim, volumeClaimOf } from "./pod-volumes.ts";

/** Why a pod cannot be judged at all. */
export type PodProblem = { code: string; reason: string };

/** The pod keeps off Karpenter's nodes: it must not run on a node of any pool. */
export function optsOut(pod: Pod): boolean {
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return (terms?.[0]?.matchExpressions ?? []).some(
    ({ key, operator }) => normalizedLabel(key) === NODE_POOL_LABEL && operator === "DoesNotExist",
  );
}

/**
 * What is wrong with the pod's node selector and required node affinity, before any node is looked at.
 * @source reference of the scheduling rules, section 4
 */
export function selectorProblem(pod: Pod, wellKnown: ReadonlySet<string>): PodProblem | undefined {
  const { nodeSelector = {}, affinity } = pod.spec;
  for (const key of Object.keys(nodeSelector)) {
    const problem = expressionProblem({ key, operator: "In", values: [nodeSelector[key] ?? ""] }, wellKnown);
    if (problem !== undefined) return invalid(`nodeSelector ${problem}`);
  }
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  for (const term of terms) {
    if ((term.matchFields ?? []).length > 0) return invalid("node affinity uses matchFields, which are not supported");
    for (const expression of term.matchExpressions ?? []) {
      const problem = expressionProblem(expression, wellKnown);
      if (problem !== undefined) return invalid(`node affinity ${problem}`);
    }
  }
  return undefined;
}

/**
 * What is wrong with the claims that the pod's volumes name.
 * @source reference of the scheduling rules, section 13
 */
export function volumeProblem(pod: Pod, view: ClusterView): PodProblem | undefined {
  for (const volume of pod.spec.volumes ?? []) {
    const claim = volumeClaimOf(volume, pod, view);
    if (claim === undefined) continue;
    const problem =
      claim.exists || volume.ephemeral === undefined ? claimProblem(claim, view) : unbound(claim.spec, view);
    if (problem !== undefined) {
      return { code: "VolumeClaimUnusable", reason: `PersistentVolumeClaim ${claim.name} ${problem}` };
    }
  }
  if (podVolumesOf(pod, view)?.places.length === 0) {
    return { code: "VolumesApart", reason: "its volumes can never be in one place: no node reaches all of them" };
  }
  return undefined;
}

function claimProblem({ key }: VolumeClaim, view: ClusterView): string | undefined {
  const claim = view.persistentVolumeClaims.get(key);
  if (claim === undefined) return "does not exist";
  if (claim.metadata.deletionTimestamp !== undefined) return "is being deleted";
  if (claim.status?.phase === "Lost") return "has lost its volume";
  const { volumeName = "" } = claim.spec;
  if (volumeName === "") return unbound(claim.spec, view);
  const volume = view.persistentVolumes.get(volumeName);
  if (volume === undefined) return `names the volume ${volumeName}, which does not exist`;
  if (volume.metadata.deletionTimestamp !== undefined) return `names the volume ${volumeName}, which is being deleted`;
  const isBound = claim.metadata.annotations?.["pv.kubernetes.io/bind-completed"] !== undefined;
  return isBound ? undefined : "is not bound yet";
}

/** What is wrong with a claim that has no volume yet. */
function unbound({ storageClassName = "" }: PersistentVolumeClaimSpec, view: ClusterView): string | undefined {
  if (storageClassName === "") return "is not bound and has no storage class";
  const storageClass = view.storageClasses.get(storageClassName);
  if (storageClass === undefined) return `names the storage class ${storageClassName}, which does not exist`;
  const isImmediate = (storageClass.volumeBindingMode ?? "Immediate") === "Immediate";
  return isImmediate ? `waits for its storage class ${storageClassName}, which binds at once` : undefined;
}

const OPERATORS: ReadonlySet<string> = new Set(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"]);
const CAPACITY_TYPES: ReadonlySet<string> = new Set(["spot", "on-demand", "reserved"]);

function expressionProblem(
  { key: written, operator, values = [] }: NodeSelectorRequirement,
  wellKnown: ReadonlySet<string>,
): string | undefined {
  const key = normalizedLabel(written);
  if (!OPERATORS.has(operator)) return `uses the operator ${operator} on ${key}, which is not supported`;
  const restricted = restrictedLabelProblem(key, wellKnown);
  if (restricted !== undefined) return `is not allowed: ${restricted}`;
  const name = qualifiedNameProblem(key);
  if (name !== undefined) return `has the key "${key}": ${name}`;
  for (const value of values) {
    const problem = labelValueProblem(value);
    if (problem !== undefined) return `has the value "${value}" for ${key}: ${problem}`;
  }
  if (operator === "In" && values.length === 0) return `lists no value for ${key}`;
  if (/^[GL]t/.test(operator) && (values.length !== 1 || !/^[0-9]+$/.test(values[0] ?? ""))) {
    return `compares ${key} with ${operator}, which needs exactly one whole number`;
  }
  if (key === CAPACITY_TYPE_LABEL && operator === "In" && !values.some((value) => CAPACITY_TYPES.has(value))) {
    return `asks for ${key} in [${values.join(" ")}], none of which exists`;
  }
  return undefined;
}

function invalid(reason: string): PodProblem {
  return { code: "InvalidNodeSelector", reason };
}
