import type { Kind } from "../model/kinds.ts";
import type { Ref } from "../ports/kube-api.ts";

/** Query parameters; undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The path of a kind's collection, in one namespace or in all. */
export function collectionPath(kind: Kind, namespace: string | undefined, query: Query = {}): string {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const inNamespace = kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${inNamespace}/${kind.plural}${queryText(query)}`;
}

/** The path of one object; that of a namespaced kind is in "default" unless it says otherwise. */
export function objectPath(kind: Kind, { name, namespace }: Ref, subresource = "", query: Query = {}): string {
  const below = subresource === "" ? "" : `/${subresource}`;
  return `${collectionPath(kind, namespace ?? "default")}/${encodeURIComponent(name)}${below}${queryText(query)}`;
}

function queryText(query: Query): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== "" && value !== false)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}
