import type { Kind } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import { isExpired, type KubeApi } from "../../ports/kube-api.ts";

const PAGE = 500;

/** Every object of a kind, page by page. A list that outlives the server's memory is begun again, without pages. */
export async function listAll<T extends KubeObject>(api: KubeApi, kind: Kind<T>): Promise<T[]> {
  try {
    const items: T[] = [];
    let next: string | undefined;
    do {
      const page = await api.list(kind, { limit: PAGE, ...(next === undefined ? {} : { continue: next }) });
      items.push(...page.items);
      next = page.continue;
    } while (next !== undefined && next !== "");
    return items;
  } catch (error) {
    if (!isExpired(error)) throw error;
    return (await api.list(kind)).items;
  }
}
