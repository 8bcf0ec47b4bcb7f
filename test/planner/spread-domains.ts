import type { Pod } from "../../src/model/core.ts";
import type { InstanceType } from "../../src/model/instance-type.ts";
import { normalizedLabel } from "../../src/model/labels.ts";
import { allows, type Requirements, requirementsOf } from "../../src/model/requirements.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";
import type { RandomCluster } from "./arbitraries.ts";
import { isTolerated, type Launch, launchesOf, launchMeets, nodeTermsOf } from "./judge-labels.ts";
import { poolLabels, requestsOf } from "./judge-places.ts";

/**
 * The domains that spread rules count, as text: per pod and rule the values of its label on all nodes that could be bought
 * for it. Where a new one comes up, a spread has to make use of it, whatever it costs.
 */
export function spreadDomains(cluster: RandomCluster): string {
  const lines: string[] = [];
  for (const object of cluster.objects) {
    if (object.kind !== "Pod") continue;
    const pod = object as Pod;
    for (const { topologyKey } of pod.spec.topologySpreadConstraints ?? []) {
      const key = normalizedLabel(topologyKey);
      lines.push(`${pod.metadata.name} ${key} ${[...valuesFor(pod, key, cluster)].sort().join()}`);
    }
  }
  return lines.join("\n");
}

/**
 * The type without the offerings that would bring some spread a domain it does not have: so that more choice is compared, and
 * not another rule.
 */
export function withoutNewDomains(cluster: RandomCluster, type: InstanceType): InstanceType {
  const before = spreadDomains(cluster);
  const offerings = type.offerings.filter((offering) => {
    const types = [...cluster.types, { ...type, offerings: [offering] }];
    return spreadDomains({ ...cluster, types }) === before;
  });
  return { ...type, offerings };
}

function valuesFor(pod: Pod, key: string, { objects, types }: RandomCluster): ReadonlySet<string> {
  const values = new Set<string>();
  const requests = requestsOf(pod);
  const large = types.filter(({ allocatable }) =>
    Object.keys(requests).every((name) => (requests[name] ?? 0) <= (allocatable[name] ?? 0)),
  );
  for (const object of objects) {
    if (object.kind !== "NodePool") continue;
    const pool = object as NodePool;
    const { taints = [], requirements = [] } = pool.spec.template.spec;
    if (!isTolerated(taints, pod.spec.tolerations)) continue;
    const allowed = requirementsOf(requirements);
    for (const launch of large.flatMap(launchesOf)) {
      const labels = { ...launch.labels, ...poolLabels(pool) };
      if (!launchMeets(launch, allowed) || !isWanted(pod, { ...launch, labels })) continue;
      for (const value of valuesOf(key, labels, allowed)) values.add(value);
    }
  }
  return values;
}

function isWanted({ spec }: Pod, { labels }: Launch): boolean {
  return nodeTermsOf(spec).some((term) =>
    term.every(([key, r]) => labels[key] === undefined || allows(r, labels[key] ?? "")),
  );
}

function valuesOf(key: string, labels: Launch["labels"], allowed: Requirements): readonly string[] {
  const value = labels[key];
  return value === undefined ? [...(allowed.get(key)?.values ?? [])] : [value];
}
