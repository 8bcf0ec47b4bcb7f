import { type Ec2NodeClassSpec, familyOf } from "./ami-family.ts";
import { kubeletOf, kubeletProblem } from "./kubelet.ts";
import { reservedTag } from "./tags.ts";
import { userDataOf } from "./user-data/user-data.ts";

/** What is wrong with a class by itself, whatever AWS says. */
export function specProblem(
  spec: Ec2NodeClassSpec,
  allowsExpressions: boolean,
): { reason: string; message: string } | undefined {
  const family = familyOf(spec);
  const kubelet = kubeletProblem(spec.kubelet, family, allowsExpressions);
  if (kubelet !== undefined) return kubelet;
  const tag = reservedTag(spec.tags);
  if (tag !== undefined) {
    return { reason: "TagValidationFailed", message: `the tag "${tag}" is set by Karpenter: take it out of spec.tags` };
  }
  const userData = userDataOf(family, {
    cluster: { name: "", endpoint: "", caBundle: "" },
    labels: {},
    taints: [],
    rawKubelet: spec.kubelet ?? {},
    kubelet: kubeletOf(spec.kubelet),
    maxPods: 0,
    hasRaid0: false,
    ...(spec.userData === undefined ? {} : { userData: spec.userData }),
  });
  return "problem" in userData
    ? { reason: "UserDataInvalid", message: `userData cannot be merged: ${userData.problem}` }
    : undefined;
}
