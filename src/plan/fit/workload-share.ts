import type { ClusterView } from "../../model/cluster-view.ts";
import type { Pod } from "../../model/core.ts";
import { isActive } from "../../model/pod-predicates.ts";
import type { StateNode } from "../../snapshot/snapshot.ts";
import type { AmountRules } from "./amount-rules.ts";

type Workload = { thing: string; most: number };

/**
 * The bound on how much of one workload a single node carries, so that losing a node never takes most of it: of the pods
 * of one controller at most this share, but always one. Undefined without a bound.
 * @param share above 0, below 1; 1 is no bound
 */
export function workloadShareOf(pods: readonly Pod[], view: ClusterView, share = 1): AmountRules | undefined {
  if (share >= 1) return undefined;
  const owners = new Set(pods.flatMap((pod) => ownerOf(pod) ?? []));
  const sizes = new Map<string, number>();
  for (const pod of view.pods.values()) {
    const owner = isActive(pod) ? ownerOf(pod) : undefined;
    if (owner !== undefined && owners.has(owner)) sizes.set(owner, (sizes.get(owner) ?? 0) + 1);
  }
  const workloads = new Map<string, Workload>();
  for (const [owner, size] of sizes) {
    if (size > 1)
      workloads.set(owner, { thing: `pods of workload ${owner}`, most: Math.max(1, Math.floor(size * share)) });
  }
  const room = new Map([...workloads.values()].map(({ thing, most }) => [thing, most]));
  return {
    keyOf: (pod) => workloads.get(ownerOf(pod) ?? "")?.thing ?? "",
    of(pod) {
      const workload = workloads.get(ownerOf(pod) ?? "");
      const use = new Map(workload === undefined ? [] : [[workload.thing, 1] as const]);
      return { places: undefined, use, avoidedHosts: [] };
    },
    roomOfNode(node) {
      const left = new Map(room);
      for (const thing of thingsOn(node, view, workloads)) left.set(thing, (left.get(thing) ?? 0) - 1);
      return left;
    },
    roomOfType: () => room,
  };
}

function thingsOn(node: StateNode, view: ClusterView, workloads: ReadonlyMap<string, Workload>): string[] {
  return node.podKeys.flatMap((key) => {
    const pod = view.pods.get(key);
    return pod === undefined ? [] : (workloads.get(ownerOf(pod) ?? "")?.thing ?? []);
  });
}

function ownerOf(pod: Pod): string | undefined {
  return pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
}
