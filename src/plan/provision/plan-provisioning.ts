import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { ProvisionPlan } from "./provision-plan.ts";

/** Which nodes to buy for the pods that fit nowhere. Pure: equal snapshots give equal plans. */
export function planProvisioning(_snapshot: Snapshot): ProvisionPlan {
  return {
    newNodeClaims: [],
    existingNodes: [],
    unschedulable: [],
    ignored: [],
    poolsWithoutTypes: [],
    pricePerHour: 0,
    lowerBoundPerHour: 0,
  };
}
