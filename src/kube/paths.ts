import type { Kind } from "../model/kinds.ts";
import { ApiError, type Ref } from "../ports/kube-api.ts";

/** Query parameters; undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The path of a kind's collection, in one namespace or in all. */
export function collectionPath(kind: Kind, namespace: string | undefined, query: Query = {}): string {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const inNamespace = kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${inNamespace}/${kind.plural}${queryText(query)}`;
}

/**
 * The path of a kind's collection that an object is created in.
 * @throws ApiError 400 for a kind that has namespaces, without one: on the wire that would be another request
 */
export function createPath(kind: Kind, namespace: string | undefined, query: Query = {}): string {
  checkNamespace(kind, namespace, "during creation");
  return collectionPath(kind, namespace, query);
}

/** The path of one object. @throws ApiError as createPath */
export function objectPath(kind: Kind, { name, namespace }: Ref, subresource = "", query: Query = {}): string {
  checkNamespace(kind, namespace, "when a resource name is provided");
  const below = subresource === "" ? "" : `/${subresource}`;
  return `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}${below}${queryText(query)}`;
}

function checkNamespace(kind: Kind, namespace: string | undefined, when: string): void {
  if (!kind.namespaced || (namespace !== undefined && namespace !== "")) return;
  throw new ApiError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: `an empty namespace may not be set ${when}`,
    reason: "BadRequest",
    code: 400,
  });
}

function queryText(query: Query): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== "" && value !== false)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}
