import { InvariantError } from "../../base/errors.ts";
import { NODE_POOLS } from "../../model/kinds.ts";
import { NODE_POOL_LABEL } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { poolAfterEdit, poolAfterOutcome, ringOf, withOutcome } from "../../plan/nodepool/registration-health.ts";
import { type Controller, onChange } from "../../runtime/controller.ts";
import { workerCount } from "../../runtime/worker-count.ts";
import { classOf, poolKeys } from "../node-class/node-class.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";
import { patchObject, SHARED_OBJECT_BACKOFF_MS } from "../write.ts";

/** Forgets how registrations went when a pool or its class is edited. */
export function nodePoolRegistrationHealthController(needs: Needs): Controller {
  const { mirror, provider, clock, memory, settings } = needs;
  return {
    name: "nodepool.registrationhealth",
    workers: workerCount({ min: 10, max: 1_000, cpuMilli: settings.cpuRequestsMilli }),
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor: (change) => poolKeys(mirror.live, change),
    async reconcile(key) {
      const pool = mirror.live.nodePools.get(key);
      if (pool === undefined || !isServed(provider, pool)) return onChange;
      const generation = classOf(mirror.live, pool.spec.template.spec.nodeClassRef)?.metadata.generation;
      const next = poolAfterEdit(pool, generation, clock.nowMs());
      if (next === pool) return onChange;
      memory.registrations.set(pool.metadata.uid, []);
      await patchObject(needs, NODE_POOLS, pool, next, "status");
      return onChange;
    },
  };
}

/**
 * Notes in the claim's pool that its node came, or did not. It informs only, so a refused write is let go: the next
 * outcome writes it.
 */
export async function recordRegistration(needs: Needs, claim: NodeClaim, isSuccess: boolean): Promise<void> {
  const { mirror, memory, clock, log } = needs;
  const name = claim.metadata.labels?.[NODE_POOL_LABEL];
  const pool = name === undefined ? undefined : mirror.live.nodePools.get(name);
  if (pool === undefined) return;
  const { uid } = pool.metadata;
  if (!(claim.metadata.ownerReferences ?? []).some((owner) => owner.uid === uid)) return;
  const ring = withOutcome(memory.registrations.get(uid) ?? ringOf(pool), isSuccess);
  memory.registrations.set(uid, ring);
  try {
    await patchObject(needs, NODE_POOLS, pool, poolAfterOutcome(pool, ring, claim, clock.nowMs()), "status");
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    log.debug("the pool's registration health was not written", { NodePool: name, error });
  }
}
