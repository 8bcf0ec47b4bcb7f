import type { ResourceDefinition, SubresourceDefinition } from "../resource-definitions.ts";
import { unknownPath } from "./http-refusals.ts";

/** The one content type by which clients know that the answer is aggregated. */
export const AGGREGATED_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** What this server claims to be. */
export const VERSION = {
  major: "1",
  minor: "34",
  gitVersion: "v1.34.1",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "2025-09-09T19:43:15Z",
  goVersion: "",
  compiler: "",
  platform: "linux/amd64",
};

/** GET /api (the core group alone) or /apis (all others), every resource at once. */
export function aggregatedDiscovery(all: readonly ResourceDefinition[], isCore: boolean): unknown {
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    metadata: {},
    items: groupsOf(all, isCore).map(({ name, versions }) => ({
      metadata: { name, creationTimestamp: null },
      versions: versions.map((version) => ({
        version,
        resources: inGroupVersion(all, name, version).map(aggregatedResource),
        freshness: "Current",
      })),
    })),
  };
}

/** GET /api for clients that know nothing newer. */
export function coreVersions(address: string): unknown {
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: address }],
  };
}

/** GET /apis for clients that know nothing newer. */
export function groupList(all: readonly ResourceDefinition[]): unknown {
  return { kind: "APIGroupList", apiVersion: "v1", groups: groupsOf(all, false).map(groupEntry) };
}

/** GET /apis/GROUP. @throws ApiError 404 */
export function oneGroup(all: readonly ResourceDefinition[], name: string): unknown {
  const group = groupsOf(all, false).find((g) => g.name === name);
  if (group === undefined) throw unknownPath();
  return { kind: "APIGroup", apiVersion: "v1", ...groupEntry(group) };
}

/** GET /api/v1, /apis/GROUP/VERSION. @throws ApiError 404 */
export function resourceList(all: readonly ResourceDefinition[], group: string, version: string): unknown {
  const found = inGroupVersion(all, group, version);
  if (found.length === 0) throw unknownPath();
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: groupVersion(group, version),
    resources: found.flatMap(classicResources),
  };
}

type Group = { name: string; versions: string[] };

/** In the order in which the resources come, which decides what a short name means; newer versions first. */
function groupsOf(all: readonly ResourceDefinition[], isCore: boolean): Group[] {
  const groups = new Map<string, Set<string>>();
  for (const { group, version } of all) {
    if ((group === "") !== isCore) continue;
    const versions = groups.get(group) ?? new Set();
    groups.set(group, versions.add(version));
  }
  return [...groups].map(([name, versions]) => ({ name, versions: [...versions].sort(byVersion) }));
}

/** v2 before v1 before v1beta1 before v1alpha1. */
export function byVersion(a: string, b: string): number {
  return rank(b) - rank(a);
}
function rank(version: string): number {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return -1;
  const stage = match[2] === undefined ? 2 : match[2] === "beta" ? 1 : 0;
  return stage * 1_000_000 + Number(match[1]) * 1_000 + Number(match[3] ?? 0);
}

const inGroupVersion = (all: readonly ResourceDefinition[], group: string, version: string): ResourceDefinition[] =>
  all.filter((resource) => resource.group === group && resource.version === version);

export const groupVersion = (group: string, version: string): string =>
  group === "" ? version : `${group}/${version}`;

function groupEntry({ name, versions }: Group): Record<string, unknown> {
  const entries = versions.map((version) => ({ groupVersion: groupVersion(name, version), version }));
  return { name, versions: entries, preferredVersion: entries[0] };
}

function aggregatedResource(resource: ResourceDefinition): unknown {
  return {
    resource: resource.plural,
    responseKind: { group: resource.group, version: resource.version, kind: resource.kind },
    scope: resource.namespaced ? "Namespaced" : "Cluster",
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...optionalLists(resource),
    ...(resource.subresources.length === 0
      ? {}
      : {
          subresources: resource.subresources.map((sub) => ({
            subresource: sub.name,
            responseKind: kindOf(resource, sub),
            verbs: sub.verbs,
          })),
        }),
  };
}

function classicResources(resource: ResourceDefinition): unknown[] {
  return [
    {
      name: resource.plural,
      singularName: resource.singular,
      namespaced: resource.namespaced,
      kind: resource.kind,
      verbs: resource.verbs,
      ...optionalLists(resource),
    },
    ...resource.subresources.map((sub) => ({
      name: `${resource.plural}/${sub.name}`,
      singularName: "",
      namespaced: resource.namespaced,
      ...(sub.group === undefined ? { kind: sub.kind } : kindOf(resource, sub)),
      verbs: sub.verbs,
    })),
  ];
}

function optionalLists({ shortNames, categories }: ResourceDefinition): Record<string, readonly string[]> {
  return {
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  };
}

function kindOf(resource: ResourceDefinition, sub: SubresourceDefinition): Record<string, string> {
  return { group: sub.group ?? resource.group, version: sub.version ?? resource.version, kind: sub.kind };
}
