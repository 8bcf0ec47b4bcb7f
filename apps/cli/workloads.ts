import type { Pod } from "../../src/model/core.ts";
import type { KubeObject } from "../../src/model/object.ts";

/** What a person calls a pod's owner: "Deployment", not its ReplicaSet. */
export type WorkloadName = { kind: string; namespace: string; name: string };

/** Finds the workload at the top of each pod's owners; a pod without one is its own. */
export function workloadNames(objects: readonly KubeObject[]): (pod: Pod) => WorkloadName {
  const owners = new Map<string, { kind: string; name: string }>();
  for (const { kind, metadata } of objects) {
    const owner = kind === "ReplicaSet" || kind === "Job" ? metadata.ownerReferences?.[0] : undefined;
    if (owner !== undefined) owners.set(`${kind}/${metadata.namespace ?? "default"}/${metadata.name}`, owner);
  }
  return ({ metadata }) => {
    const namespace = metadata.namespace ?? "default";
    const owner = metadata.ownerReferences?.[0];
    if (owner === undefined) return { kind: "Pod", namespace, name: metadata.name };
    const above = owners.get(`${owner.kind}/${namespace}/${owner.name}`) ?? hashedOwner(owner, metadata.labels);
    return { kind: above.kind, namespace, name: above.name };
  };
}

/** A ReplicaSet that is not among the objects bears its Deployment's name all the same, before the template's hash. */
function hashedOwner(
  owner: { kind: string; name: string },
  labels: Readonly<Record<string, string>> | undefined,
): { kind: string; name: string } {
  const hash = labels?.["pod-template-hash"];
  if (owner.kind !== "ReplicaSet" || hash === undefined || !owner.name.endsWith(`-${hash}`)) return owner;
  return { kind: "Deployment", name: owner.name.slice(0, -hash.length - 1) };
}
