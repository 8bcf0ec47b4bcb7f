/** A path below /api or /apis, taken apart; whether such a resource is served is another question. */
export type ResourcePath = {
  group: string;
  version: string;
  plural: string;
  namespace?: string;
  name?: string;
  subresource?: string;
  /** What follows the subresource: only proxies have such. */
  rest: readonly string[];
};

/** @param segments decoded, without empty ones: ["apis", "apps", "v1", "namespaces", "default", "deployments"] */
export function readResourcePath(segments: readonly string[]): ResourcePath | undefined {
  const isCore = segments[0] === "api";
  if (!isCore && segments[0] !== "apis") return undefined;
  const [group = "", version] = isCore ? ["", segments[1]] : [segments[1], segments[2]];
  if (version === undefined) return undefined;
  return withinGroup(group, version, segments.slice(isCore ? 2 : 3));
}

/** Subresources of a namespace itself; any other word after its name is a resource inside it. */
const OF_NAMESPACES = new Set(["status", "finalize"]);

function withinGroup(group: string, version: string, segments: readonly string[]): ResourcePath | undefined {
  const [first, second, third] = segments;
  if (first === undefined) return undefined;
  const isInside = first === "namespaces" && second !== undefined && third !== undefined && !OF_NAMESPACES.has(third);
  const [plural = "", name, subresource, ...rest] = isInside ? segments.slice(2) : segments;
  return {
    group,
    version,
    plural,
    ...(isInside ? { namespace: second } : {}),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
    rest,
  };
}
