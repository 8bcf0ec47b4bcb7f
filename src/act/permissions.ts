import { EVENTS, type Kind, LEASES, NODE_CLAIMS, NODE_POOLS, NODES, PODS } from "../model/kinds.ts";
import type { Permission } from "../ports/permission.ts";
import { watchedKinds } from "../watch/watched-kinds.ts";

type Wanted = {
  nodeClasses: readonly { group: string; kind: string }[];
  hasDefaultSpread: boolean;
  lease: { name: string; namespace: string };
};

/**
 * What mirror, controllers and leader election need, as the chart grants it; the cloud's own needs come on top. Surge is
 * left out: it is granted only where it is wanted.
 */
export function permissionsOf({ nodeClasses, hasDefaultSpread, lease }: Wanted): readonly Permission[] {
  return [
    ...watchedKinds(nodeClasses, hasDefaultSpread).map(({ kind }) => ({ kind, verbs: ["list", "watch"] })),
    on(NODE_CLAIMS, ["get", "create", "patch", "delete"]),
    on(NODE_CLAIMS, ["patch"], "status"),
    on(NODE_POOLS, ["patch"]),
    on(NODE_POOLS, ["patch"], "status"),
    on(NODES, ["get", "patch", "delete"]),
    on(PODS, ["get", "delete"]),
    on(PODS, ["create"], "eviction"),
    on(EVENTS, ["create", "patch"]),
    { ...on(LEASES, ["list"]), name: lease.name },
    { ...on(LEASES, ["create"]), namespace: lease.namespace },
    { ...on(LEASES, ["get", "update"]), ...lease },
  ];
}

function on(kind: unknown, verbs: readonly string[], subresource?: string): Permission {
  return { kind: kind as Kind, verbs, ...(subresource === undefined ? {} : { subresource }) };
}
