import { type Bootstrap, labelPairs, taintText } from "./bootstrap.ts";

/** The kubelet's settings as flags, for images that take no configuration file. */
export function kubeletArgs({ labels, taints, maxPods, kubelet }: Bootstrap): string {
  const list = (values: Readonly<Record<string, string>> | undefined, sign: string): string | undefined => {
    const entries = Object.entries(values ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    return entries.length === 0 ? undefined : `"${entries.map(([key, value]) => `${key}${sign}${value}`).join(",")}"`;
  };
  const quoted = (texts: readonly string[]) => (texts.length === 0 ? undefined : `"${texts.join(",")}"`);
  const flags: readonly [string, string | number | boolean | undefined][] = [
    ["node-labels", quoted(labelPairs(labels))],
    ["register-with-taints", quoted(taints.map(taintText))],
    ["max-pods", maxPods],
    ["pods-per-core", kubelet.podsPerCore],
    ["system-reserved", list(kubelet.systemReserved, "=")],
    ["kube-reserved", list(kubelet.kubeReserved, "=")],
    ["eviction-hard", list(kubelet.evictionHard, "<")],
    ["eviction-soft", list(kubelet.evictionSoft, "<")],
    ["eviction-soft-grace-period", list(kubelet.evictionSoftGracePeriod, "=")],
    ["eviction-max-pod-grace-period", kubelet.evictionMaxPodGracePeriod],
    ["image-gc-high-threshold", kubelet.imageGCHighThresholdPercent],
    ["image-gc-low-threshold", kubelet.imageGCLowThresholdPercent],
    ["cpu-cfs-quota", kubelet.cpuCFSQuota],
  ];
  return flags
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `--${name}=${value}`)
    .join(" ");
}
