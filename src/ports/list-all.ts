import type { Kind } from "../model/kinds.ts";
import type { KubeObject } from "../model/object.ts";
import type { KubeApi, ListOptions } from "./kube-api.ts";

const PAGE_SIZE = 500;

export type ListAllOptions = Pick<ListOptions, "namespace" | "fieldSelector" | "labelSelector">;

/** Every object of a kind as the server has it at this moment, page by page. */
export async function listAll<T extends KubeObject>(
  api: Pick<KubeApi, "list">,
  kind: Kind<T>,
  options: ListAllOptions = {},
): Promise<T[]> {
  const items: T[] = [];
  for await (const page of pagesOf(api, kind, options)) items.push(...page);
  return items;
}

/** The pages themselves, for a reader that keeps only a part of each object. */
export async function* pagesOf<T extends KubeObject>(
  api: Pick<KubeApi, "list">,
  kind: Kind<T>,
  options: ListAllOptions = {},
): AsyncGenerator<T[]> {
  let next: string | undefined;
  do {
    const page = await api.list(kind, {
      ...options,
      limit: PAGE_SIZE,
      ...(next === undefined ? {} : { continue: next }),
    });
    yield page.items;
    next = page.continue === "" ? undefined : page.continue;
  } while (next !== undefined);
}
