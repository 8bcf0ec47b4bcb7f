import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Needs } from "../ports.ts";

/** Tells on a claim and its node that they go, and why: whoever misses them reads it in the events. */
export function tellRemoval({ events, mirror }: Pick<Needs, "events" | "mirror">, claim: NodeClaim, why: string): void {
  const { nodes, nodeByProviderId } = mirror.live;
  const node = nodes.get(nodeByProviderId.get(claim.status?.providerID ?? "") ?? "");
  for (const object of node === undefined ? [claim] : [node, claim]) {
    events.record({
      object,
      type: "Normal",
      reason: "DisruptionTerminating",
      message: `${object.kind} is being disrupted: ${why}`,
      dedupeValues: [object.metadata.uid, why],
    });
  }
}
