import type { Pod } from "../../model/core.ts";
import { mapKey, specKey } from "./spec-key.ts";

/** Pods with equal specs, and with equal values of the labels that somebody looks at. */
export type PodGroup = {
  /** Stands for all of them. */
  readonly sample: Pod;
  readonly pods: readonly Pod[];
  /** Equal for groups whose pods have equal specs. */
  readonly spec: number;
  /** Namespace and values of the labels that somebody looks at, as text; "" before groups are divided by them. */
  readonly labels: string;
};

/** Pods by spec: two look-ups per pod, so that whatever comes after is done once per workload. */
export function groupsBySpec(pods: readonly Pod[]): readonly PodGroup[] {
  const groups = new Map<string, PodGroup & { pods: Pod[] }>();
  for (const pod of pods) {
    const key = specKey(pod);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { sample: pod, pods: [pod], spec: groups.size, labels: "" });
    else known.pods.push(pod);
  }
  return [...groups.values()];
}

/**
 * The groups divided by namespace and labels.
 * @param labelKeys labels that are looked at; "all": every one
 */
export function dividedByLabels(
  groups: readonly PodGroup[],
  labelKeys: readonly string[] | "all",
): readonly PodGroup[] {
  return groups.flatMap(({ pods, spec }) => {
    const parts = new Map<string, PodGroup & { pods: Pod[] }>();
    for (const pod of pods) {
      const key = labelsText(pod, labelKeys);
      const known = parts.get(key);
      if (known === undefined) parts.set(key, { sample: pod, pods: [pod], spec, labels: key });
      else known.pods.push(pod);
    }
    return [...parts.values()];
  });
}

function labelsText({ metadata }: Pod, labelKeys: readonly string[] | "all"): string {
  const { namespace = "", labels = NO_LABELS } = metadata;
  if (labelKeys === "all") return `${namespace}${mapKey(labels)}`;
  let text = namespace;
  for (const key of labelKeys) text += `\t${labels[key] ?? "\n"}`;
  return text;
}

const NO_LABELS: Readonly<Record<string, string>> = {};
