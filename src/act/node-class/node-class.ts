import type { ClusterView, NodeClass } from "../../model/cluster-view.ts";
import { NODE_POOLS } from "../../model/kinds.ts";
import type { Change } from "../../runtime/controller.ts";

type ClassRef = { group: string; kind: string; name: string };

export function classOf(view: ClusterView, { group, kind, name }: ClassRef): NodeClass | undefined {
  return view.nodeClasses.get(`${group}/${kind}/${name}`);
}

/** The label by which claims and nodes name their node class: "karpenter.kwok.sh/kwoknodeclass". */
export function classLabelOf({ group, kind }: ClassRef): string {
  return `${group}/${kind.toLowerCase()}`;
}

/** The pool that changed, or all pools of a node class that did. */
export function poolKeys(view: ClusterView, { kind, key, after }: Change): readonly string[] {
  if (kind === NODE_POOLS) return after === undefined ? [] : [key];
  const keys: string[] = [];
  for (const [name, pool] of view.nodePools) {
    const ref = pool.spec.template.spec.nodeClassRef;
    if (ref.name === key && ref.kind === kind.kind && ref.group === kind.group) keys.push(name);
  }
  return keys;
}
