import type { Snapshot } from "../../snapshot/snapshot.ts";
import { type Consolidatee, priceOfNode } from "./consolidate-candidates.ts";
import { disruptionCost } from "./eviction-cost.ts";

/** A move must bring this much of its pool's price for each share of the pool's pods that it disturbs. */
const SCORE_MIN = 0.5;

type Totals = { price: number; disruption: number };

/** What a move is to one of the pools that give nodes for it. */
export type PoolScore = {
  poolName: string;
  policy: string;
  /** Only a pool with the policy Balanced asks for one. */
  score?: number;
};

/**
 * How each pool looks at a move. What it saves of the pool's price, by what it disturbs of the pool, is the score. Savings
 * are shared among pools by the price of what they give.
 * @source reference of disruption, section 7
 */
export function scoresOf(snapshot: Snapshot, members: readonly Consolidatee[], savings: number): PoolScore[] {
  const total = sumOf(members, "price");
  const pools = new Map(members.map(({ poolName, candidate }) => [poolName, candidate.pool]));
  return [...pools].map(([poolName, { spec }]) => {
    const policy = spec.disruption?.consolidationPolicy ?? "WhenEmptyOrUnderutilized";
    if (policy !== "Balanced") return { poolName, policy };
    const own = members.filter((one) => one.poolName === poolName);
    const share = total > 0 ? sumOf(own, "price") / total : 0;
    const score = scoreOf(savings * share, sumOf(own, "disruptionCost"), totalsOf(snapshot, poolName));
    return { poolName, policy, score };
  });
}

/** Why a pool does not take part: too little is saved for what is disturbed. Undefined: none objects. */
export function objection(scores: readonly PoolScore[]): string | undefined {
  const against = scores.find(({ score }) => score !== undefined && score < SCORE_MIN);
  if (against === undefined) return undefined;
  return `NodePool ${against.poolName} is Balanced: the score is ${against.score?.toFixed(2)}, and ${SCORE_MIN} is asked for`;
}

function sumOf(members: readonly Consolidatee[], what: "price" | "disruptionCost"): number {
  return members.reduce((sum, one) => sum + one[what], 0);
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
