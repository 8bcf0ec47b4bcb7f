import type { Snapshot } from "../../snapshot/snapshot.ts";
import { type Consolidatee, priceOfNode } from "./consolidate-candidates.ts";
import { disruptionCost } from "./eviction-cost.ts";

/** A move must bring this much of its pool's price for each share of the pool's pods that it disturbs. */
const SCORE_MIN = 0.5;

type Totals = { price: number; disruption: number };

/**
 * Why a pool with the policy Balanced does not take part in the move: what it saves of the pool's price is too little for
 * what it disturbs of the pool. Undefined: none objects. Savings are shared among pools by the price of what they give.
 * @source reference of disruption, section 7
 */
export function unbalanced(snapshot: Snapshot, members: readonly Consolidatee[], savings: number): string | undefined {
  const total = members.reduce((sum, { price }) => sum + price, 0);
  const pools = new Map(members.map(({ poolName, candidate }) => [poolName, candidate.pool]));
  for (const [name, pool] of pools) {
    if (pool.spec.disruption?.consolidationPolicy !== "Balanced") continue;
    const own = members.filter(({ poolName }) => poolName === name);
    const share = total > 0 ? own.reduce((sum, { price }) => sum + price, 0) / total : 0;
    const score = scoreOf(
      savings * share,
      own.reduce((sum, one) => sum + one.disruptionCost, 0),
      totalsOf(snapshot, name),
    );
    if (score < SCORE_MIN)
      return `NodePool ${name} is Balanced: the score is ${score.toFixed(2)}, and ${SCORE_MIN} is asked for`;
  }
  return undefined;
}

export function scoreOf(savings: number, disruption: number, totals: Totals): number {
  if (savings <= 0 || totals.price <= 0 || totals.disruption <= 0) return 0;
  if (disruption <= 0) return Number.POSITIVE_INFINITY;
  return savings / totals.price / (disruption / totals.disruption);
}

function totalsOf(snapshot: Snapshot, poolName: string): Totals {
  const totals: Totals = { price: 0, disruption: 0 };
  for (const state of snapshot.stateNodes) {
    if (state.nodePool !== poolName || !state.managed) continue;
    totals.price += priceOfNode(snapshot, state);
    totals.disruption += disruptionCost(state.podKeys.flatMap((key) => snapshot.view.pods.get(key) ?? []));
  }
  return totals;
}
