import { NODE_POOLS } from "../../model/kinds.ts";
import { nodePoolProblems } from "../../model/resources/node-pool-problems.ts";
import { budgetProblems, poolWithBudgetProblems, poolWithProblems } from "../../plan/nodepool/validation.ts";
import { type Controller, onChange } from "../../runtime/controller.ts";
import type { Needs } from "../ports.ts";
import { patchObject, SHARED_OBJECT_BACKOFF_MS } from "../write.ts";

/** Shows in each pool, also in one that no provider here serves, what its schema could not refuse. */
export function nodePoolValidationController(needs: Needs): Controller {
  const { mirror, provider, clock, events } = needs;
  const limits = { wellKnown: provider.wellKnownLabels };
  return {
    name: "nodepool.validation",
    workers: 10,
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor: ({ kind, key, after }) => (kind === NODE_POOLS && after !== undefined ? [key] : []),
    async reconcile(key) {
      const pool = mirror.live.nodePools.get(key);
      if (pool === undefined) return onChange;
      const nowMs = clock.nowMs();
      const unreadable = budgetProblems(pool, nowMs);
      const judged = poolWithProblems(pool, nodePoolProblems(pool, limits), nowMs);
      await patchObject(needs, NODE_POOLS, pool, poolWithBudgetProblems(judged, unreadable, nowMs), "status");
      if (unreadable.length > 0) {
        const message = `The disruption budgets cannot be read, so nothing is disrupted: ${unreadable.join("; ")}`;
        events.record({ object: pool, type: "Warning", reason: "UnreadableBudget", message });
      }
      return onChange;
    },
  };
}
