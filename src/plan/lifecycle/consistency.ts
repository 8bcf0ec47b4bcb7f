import { byText } from "../../base/order.ts";
import type { Node } from "../../model/core.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { formatAmount, parseResources } from "../../model/resources.ts";

const SHARE_MIN = 0.9;

/** Requested resources of which a node has noticeably less than its claim was promised, one sentence each. */
export function consistencyProblems(claim: NodeClaim, node: Node): string[] {
  const requested = parseResources(claim.spec.resources?.requests);
  const expected = parseResources(claim.status?.capacity);
  const actual = parseResources(node.status?.capacity);
  return Object.keys(requested)
    .sort(byText)
    .flatMap((name) => {
      const [promised, has] = [expected[name] ?? 0, actual[name] ?? 0];
      if ((requested[name] ?? 0) === 0 || promised === 0 || has / promised >= SHARE_MIN) return [];
      const percent = ((100 * has) / promised).toFixed(1);
      return [
        `${formatAmount(name, promised)} of ${name} were expected, the node has ${formatAmount(name, has)} (${percent}%)`,
      ];
    });
}

/** Nodes that say they are one and the same instance. */
export function twinProblems(nodes: readonly Node[]): string[] {
  if (nodes.length < 2) return [];
  const names = nodes.map(({ metadata }) => metadata.name).sort(byText);
  return [`nodes ${names.join(", ")} have the same provider id`];
}
