import { settleAll } from "../../base/settle-all.ts";
import { MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import { NODE_CLAIMS, NODE_POOLS } from "../../model/kinds.ts";
import { NODE_POOL_LABEL } from "../../model/labels.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { planStaticScaleDown } from "../../plan/disrupt/static-scale-down.ts";
import { isTrue } from "../../plan/lifecycle/conditions.ts";
import { planStaticPool } from "../../plan/provision/static-pool.ts";
import { after, type Change, type Controller, onChange } from "../../runtime/controller.ts";
import { refreshCluster } from "../disruption/start.ts";
import { tellRemoval } from "../disruption/tell-removal.ts";
import { countDisrupted } from "../nodeclaim/claim-metrics.ts";
import type { Needs } from "../ports.ts";
import { isServed, snapshotNow } from "../snapshot-now.ts";
import { deleteObject } from "../write.ts";
import { createClaims } from "./create-claims.ts";

const RECHECK_MS = MINUTE_MS;

/** Keeps as many nodes in each static pool as its `replicas` say: what is lacking is bought, pods or not. */
export function staticProvisioningController(needs: Needs): Controller {
  return {
    name: "static.provisioning",
    workers: 10,
    keysFor: (change) => staticPoolOf(needs, change),
    async reconcile(key) {
      const pool = servedPool(needs, key);
      if (pool === undefined || pool.metadata.deletionTimestamp !== undefined) return onChange;
      if (!isTrue(pool, "Ready")) return after(RECHECK_MS, "the pool is not ready");
      const snapshot = await snapshotNow(needs);
      const planned = planStaticPool(snapshot, pool);
      if (planned.length === 0) return after(RECHECK_MS, "nodes may go");
      const result = await createClaims(needs, snapshot, { newNodeClaims: planned }, { isLastAttempt: false });
      return after(result.kind === "stale" ? SECOND_MS : RECHECK_MS, "the number of nodes is looked at again");
    },
  };
}

/** Takes the nodes of a static pool away that are more than its `replicas`. They drain as every node does. */
export function staticScaleDownController(needs: Needs): Controller {
  const { memory, metrics, log } = needs;
  return {
    name: "static.deprovisioning",
    workers: 10,
    keysFor: (change) => staticPoolOf(needs, change),
    async reconcile(key) {
      const known = servedPool(needs, key);
      if (known === undefined || planStaticScaleDown(await snapshotNow(needs), known).length === 0) {
        return known === undefined ? onChange : after(RECHECK_MS, "nodes may become too many");
      }
      await refreshCluster(needs);
      const pool = servedPool(needs, key);
      const excess = pool === undefined ? [] : planStaticScaleDown(await snapshotNow(needs), pool);
      memory.markForDeletion(excess.map(({ metadata }) => metadata.name));
      await settleAll(
        excess.map(async (claim) => {
          try {
            await deleteObject(needs, NODE_CLAIMS, claim);
          } catch (error) {
            memory.unmarkForDeletion([claim.metadata.name]);
            throw error;
          }
          tellRemoval(needs, claim, `Overprovisioned: NodePool ${key} has more nodes than its replicas`);
          countDisrupted(metrics, claim, "overprovisioned");
          log.info("deleting a nodeclaim too many", { NodePool: key, NodeClaim: claim.metadata.name });
        }),
      );
      return after(RECHECK_MS, "nodes may become too many");
    },
  };
}

function servedPool({ mirror, provider }: Needs, name: string): NodePool | undefined {
  const pool = mirror.live.nodePools.get(name);
  return pool?.spec.replicas === undefined || !isServed(provider, pool) ? undefined : pool;
}

function staticPoolOf({ mirror }: Needs, { kind, key, before, after: now }: Change): readonly string[] {
  const name = kind === NODE_POOLS ? key : kind === NODE_CLAIMS ? poolLabel(now ?? before) : undefined;
  return name !== undefined && mirror.live.nodePools.get(name)?.spec.replicas !== undefined ? [name] : [];
}

function poolLabel(claim: Change["after"]): string | undefined {
  return claim?.metadata.labels?.[NODE_POOL_LABEL];
}
