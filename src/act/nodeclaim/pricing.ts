import { HOUR_MS } from "../../base/time.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import { NODE_CLAIMS } from "../../model/kinds.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, NODE_POOL_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { isTrue } from "../../plan/lifecycle/conditions.ts";
import { after, type Controller, onChange } from "../../runtime/controller.ts";
import { classOf } from "../node-class/node-class.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";

/** Keeps what each launched claim costs; prices are looked at again every hour. */
export function pricingController(needs: Needs): Controller {
  const { mirror, memory, provider, metrics } = needs;
  const typesOf = async (nodePool: string): Promise<readonly InstanceType[]> => {
    const pool = mirror.live.nodePools.get(nodePool);
    if (pool === undefined || !isServed(provider, pool)) return [];
    try {
      return await provider.instanceTypes(pool, classOf(mirror.live, pool.spec.template.spec.nodeClassRef));
    } catch (error) {
      metrics.count("karpenter_nodepools_cost_tracker_errors_total", { nodepool: nodePool });
      throw error;
    }
  };
  return {
    name: "state.pricing",
    workers: 10,
    keysFor({ kind, key, before, after: now }) {
      if (kind !== NODE_CLAIMS) return [];
      const isNews =
        now === undefined || (isTrue(now, "Launched") && (before === undefined || !isTrue(before, "Launched")));
      return isNews ? [key] : [];
    },
    async reconcile(key) {
      const claim = mirror.live.nodeClaims.get(key);
      const nodePool = claim?.metadata.labels?.[NODE_POOL_LABEL];
      if (claim === undefined || nodePool === undefined) {
        memory.setPrice(key, undefined);
        return onChange;
      }
      const types = await typesOf(nodePool);
      memory.setPrice(key, { nodePool, pricePerHour: priceOf(claim, types) });
      return after(HOUR_MS, "prices change");
    },
  };
}

/** 0 when the type, or the way it was bought, is not offered any more. */
function priceOf({ metadata: { labels = {} } }: NodeClaim, types: readonly InstanceType[]): number {
  const type = types.find(({ name }) => name === labels[INSTANCE_TYPE_LABEL]);
  const offering = type?.offerings.find(
    ({ zone, capacityType }) => zone === labels[ZONE_LABEL] && capacityType === labels[CAPACITY_TYPE_LABEL],
  );
  return offering?.priceUsdPerHour ?? 0;
}
