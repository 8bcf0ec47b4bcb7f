import type { Pod } from "../../model/core.ts";
import type { Requirements } from "../../model/requirements.ts";
import type { StateNode } from "../../snapshot/snapshot.ts";
import type { HostUse } from "./host-rules.ts";

/** Rules by which pods take countable things of their node that are no resources, and may be kept to some places. */
export type AmountRules = {
  /** Equal for pods that ask the same; "" for a pod that asks nothing. */
  keyOf(pod: Pod): string;
  of(pod: Pod): AmountDemand;
  roomOfNode(node: StateNode): HostUse;
  /** @param name of an instance type */
  roomOfType(name: string): HostUse;
};

export type AmountDemand = {
  /** The pod's node must be in one of them; undefined: anywhere. */
  places: readonly Requirements[] | undefined;
  use: HostUse;
  /** Hostnames of nodes that it must not go to. */
  avoidedHosts: readonly string[];
};

/** Both at once. Only the first may know places and hosts to avoid. */
export function bothAmountRules(a: AmountRules, b: AmountRules | undefined): AmountRules {
  if (b === undefined) return a;
  return {
    keyOf: (pod) => `${a.keyOf(pod)}${b.keyOf(pod)}`,
    of(pod) {
      const own = a.of(pod);
      return { ...own, use: new Map([...own.use, ...b.of(pod).use]) };
    },
    roomOfNode: (node) => new Map([...a.roomOfNode(node), ...b.roomOfNode(node)]),
    roomOfType: (name) => new Map([...a.roomOfType(name), ...b.roomOfType(name)]),
  };
}
