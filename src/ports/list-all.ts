import type { Kind } from "../model/kinds.ts";
import type { KubeObject } from "../model/object.ts";
import type { KubeApi, ListOptions } from "./kube-api.ts";

const PAGE_SIZE = 500;

/** Every object of a kind as the server has it at this moment, page by page. */
export async function listAll<T extends KubeObject>(
  api: Pick<KubeApi, "list">,
  kind: Kind<T>,
  options: Pick<ListOptions, "namespace" | "fieldSelector" | "labelSelector"> = {},
): Promise<T[]> {
  const items: T[] = [];
  let next: string | undefined;
  do {
    const page = await api.list(kind, {
      ...options,
      limit: PAGE_SIZE,
      ...(next === undefined ? {} : { continue: next }),
    });
    items.push(...page.items);
    next = page.continue === "" ? undefined : page.continue;
  } while (next !== undefined);
  return items;
}
