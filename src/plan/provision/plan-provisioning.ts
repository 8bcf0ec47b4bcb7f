import { byText } from "../../base/order.ts";
import type { Pod } from "../../model/core.ts";
import { keyOf } from "../../model/object.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { type PodsToPlace, podsToPlace } from "../fit/pods-to-place.ts";
import { specKey } from "../fit/spec-key.ts";
import { type OwnRule, ownRulesOf, type RuleReading } from "../fit/topology-rules.ts";
import { bestDeal, type DealtPacking } from "./dealing/best-deal.ts";
import { lowerBound } from "./packing/lower-bound.ts";
import type { Packing } from "./packing/packing-problem.ts";
import type { SearchOptions } from "./packing/packing-search.ts";
import { ClaimMaker, deal } from "./planned-claims.ts";
import { type Pool, poolsOf } from "./pools.ts";
import type { PlannedClaim, ProvisionPlan, Refusal } from "./provision-plan.ts";
import { clusterFacts, type Reduction } from "./reduce.ts";
import { hasColumns } from "./shapes/columns.ts";
import { minValuesOutOfReach } from "./shapes/min-values.ts";
import {
  type ExplainHopeless,
  explainHopeless,
  explainLeft,
  explainPoolWithoutTypes,
  type Reason,
} from "./words/refusals.ts";

const DEFAULT_SURCHARGE = 0.01;
const DEFAULT_STEPS = 10_000_000;
/** Fewer nodes may cost at most this share more. */
const SURCHARGE_SHARE_MAX = 0.01;

/** Which nodes to buy for the pods that fit nowhere. Pure: equal snapshots give equal plans. */
export function planProvisioning(snapshot: Snapshot): ProvisionPlan {
  // 1. Which pods are to be placed, and which are refused before any node is looked at.
  const { pods, refused, ignored } = podsToPlace(snapshot);
  // 2. Where nodes can be bought.
  const { pools, idle } = poolsOf(snapshot);
  if (pods.length === 0) return planForNobody(snapshot, { refused, ignored }, pools);
  // 3. Pods become classes, types become shapes, nodes become bins; rules between pods are dealt with domain by domain.
  // 4. Which nodes to buy and what goes where, in numbers.
  const {
    reduction,
    packing,
    deal: dealt,
    wishesLeftOut,
  } = decide(snapshot, pods, pools, {
    surchargePerNode: snapshot.settings.surchargePerNode ?? DEFAULT_SURCHARGE,
    surchargeShareMax: SURCHARGE_SHARE_MAX,
    steps: snapshot.settings.searchSteps ?? DEFAULT_STEPS,
  });
  // 5. The numbers get their names back.
  const hopeless: ExplainHopeless = (one) => explainHopeless(one, reduction, idle, snapshot);
  const named = nameAll(snapshot, reduction, packing, hopeless);
  // 6. Every pod that stays behind gets its reason.
  const unschedulable: Refusal[] = [
    ...refuseEach(refused),
    ...dealt.hopeless.flatMap((one) => refuseAll(one.pods, hopeless(one))),
    ...dealt.undealt.flatMap((one) => refuseAll(one.pods, one.why(hopeless))),
    ...named.refusals,
  ];
  return {
    newNodeClaims: named.claims,
    existingNodes: named.existing,
    unschedulable: unschedulable.sort((a, b) => byText(a.pod, b.pod)),
    ignored: [...ignored].sort(byText),
    poolsWithoutTypes: withoutTypes(snapshot, pools, (index) => (reduction.columns[index]?.count ?? 0) > 0),
    remarks: remarksOf(wishesLeftOut),
    pricePerHour: sumOfPrices(named.claims),
    pricePhases: packing.phases ?? [],
    lowerBoundPerHour: Math.min(lowerBound(reduction.boundProblem, named.placed), sumOfPrices(named.claims)),
  };
}

/** Without pods to place there is nothing to search: what remains is to say which pools are of no use. */
function planForNobody(
  snapshot: Snapshot,
  { refused, ignored }: Omit<PodsToPlace, "pods">,
  pools: readonly Pool[],
): ProvisionPlan {
  return {
    newNodeClaims: [],
    existingNodes: [],
    unschedulable: refuseEach(refused).sort((a, b) => byText(a.pod, b.pod)),
    ignored: [...ignored].sort(byText),
    poolsWithoutTypes: withoutTypes(snapshot, pools, (index) => pools[index] !== undefined && hasColumns(pools[index])),
    remarks: [],
    pricePerHour: 0,
    pricePhases: [],
    lowerBoundPerHour: 0,
  };
}

function withoutTypes(
  { settings }: Snapshot,
  pools: readonly Pool[],
  hasTypes: (index: number) => boolean,
): ProvisionPlan["poolsWithoutTypes"] {
  return pools.flatMap((pool, index) => {
    if (!hasTypes(index)) return [{ nodePool: pool.name, ...explainPoolWithoutTypes(pool) }];
    const reason = settings.minValuesPolicy === "Strict" ? minValuesOutOfReach(pool) : undefined;
    return reason === undefined ? [] : [{ nodePool: pool.name, code: "MinValuesNotMet", reason }];
  });
}

function refuseEach(refused: PodsToPlace["refused"]): Refusal[] {
  return refused.map(({ pod, problem }) => ({ pod: keyOf(pod), ...problem }));
}

type Decision = DealtPacking & { wishesLeftOut: { text: string; pods: readonly Pod[] }[] };

/** The best deal and packing. Workloads whose wishes left pods without a node give them all up, and it is done again. */
function decide(snapshot: Snapshot, pods: readonly Pod[], pools: readonly Pool[], options: SearchOptions): Decision {
  const respectsWishes = snapshot.settings.preferencePolicy === "Respect";
  const reading: RuleReading = { view: snapshot.view, respectsWishes, hasGivenUp: () => false };
  const first = bestDeal(clusterFacts(snapshot, pods, pools, reading), options);
  const givenUp = respectsWishes ? wishesInTheWay(first, reading) : new Map<string, readonly OwnRule[]>();
  if (givenUp.size === 0) return { ...first, wishesLeftOut: [...first.deal.dropped] };
  const without: RuleReading = { ...reading, hasGivenUp: (pod) => givenUp.has(specKey(pod)) };
  const final = bestDeal(clusterFacts(snapshot, pods, pools, without), options);
  const wishesLeftOut = [...givenUp].flatMap(([spec, wishes]) => {
    const same = pods.filter((pod) => specKey(pod) === spec);
    return wishes.map(({ text }) => ({ text, pods: same }));
  });
  return { ...final, wishesLeftOut: [...wishesLeftOut, ...final.deal.dropped] };
}

/** The wishes of pods that found no place, by their spec. */
function wishesInTheWay(made: DealtPacking, reading: RuleReading): ReadonlyMap<string, readonly OwnRule[]> {
  const found = new Map<string, readonly OwnRule[]>();
  for (const pod of withoutPlace(made)) {
    const spec = specKey(pod);
    if (found.has(spec)) continue;
    const wishes = ownRulesOf(pod, reading).filter(({ isWish }) => isWish);
    if (wishes.length > 0) found.set(spec, wishes);
  }
  return found;
}

function withoutPlace({ deal: dealt, reduction, packing }: DealtPacking): readonly Pod[] {
  const { left } = deal(reduction, packing);
  return [...[...left.values()].flat(), ...[...dealt.undealt, ...dealt.hopeless].flatMap((one) => one.pods)];
}

type Named = {
  claims: PlannedClaim[];
  existing: ProvisionPlan["existingNodes"];
  refusals: Refusal[];
  /** Pods placed, per class. */
  placed: Int32Array;
};

function nameAll(snapshot: Snapshot, reduction: Reduction, packing: Packing, hopeless: ExplainHopeless): Named {
  const { dealt, left } = deal(reduction, packing);
  const maker = new ClaimMaker(snapshot, reduction, packing);
  const placed = Int32Array.from(reduction.problem.demand);
  const claims: PlannedClaim[] = [];
  const existing = new Map<string, string[]>();
  const refusals: Refusal[] = [];
  for (const one of dealt) {
    if (one.node.bin >= 0) {
      const name = reduction.bins[one.node.bin]?.name ?? "";
      existing.set(name, [...(existing.get(name) ?? []), ...one.pods.map(keyOf)]);
      continue;
    }
    const claim = maker.make(one);
    if (claim !== undefined) {
      claims.push(claim);
      continue;
    }
    refusals.push(...refuseAll(one.pods, CHOICE_LOST));
    for (const { podClass, count } of one.node.content) placed[podClass] = (placed[podClass] ?? 0) - count;
  }
  for (const [c, pods] of left) {
    const podClass = reduction.classes[c];
    if (podClass === undefined) continue;
    placed[c] = (placed[c] ?? 0) - pods.length / podClass.unit;
    refusals.push(...refuseAll(pods, explainLeft(podClass, reduction, hopeless)));
  }
  return {
    claims: claims.sort((a, b) => byText(a.nodePool, b.nodePool) || byText(a.name, b.name)),
    existing: [...existing.keys()]
      .sort(byText)
      .map((name) => ({ name, pods: [...(existing.get(name) ?? [])].sort(byText) })),
    refusals,
    placed,
  };
}

const CHOICE_LOST: Reason = {
  code: "MinValuesNotMet",
  reason: "together with the other pods of its node it leaves fewer types than the pool's minValues ask for",
};

function refuseAll(pods: readonly Pod[], reason: Reason): Refusal[] {
  return pods.map((pod) => ({ pod: keyOf(pod), ...reason }));
}

function sumOfPrices(claims: readonly PlannedClaim[]): number {
  // In millionths, so that the order of adding leaves no trace.
  const millionths = claims.reduce((sum, { cheapestPrice }) => sum + Math.round(cheapestPrice * 1e6), 0);
  return millionths / 1e6;
}

function remarksOf(leftOut: readonly { text: string; pods: readonly Pod[] }[]): ProvisionPlan["remarks"] {
  const byWish = new Map<string, string[]>();
  for (const { text, pods } of leftOut) byWish.set(text, [...(byWish.get(text) ?? []), ...pods.map(keyOf)]);
  return [...byWish.keys()].sort(byText).map((wish) => ({
    code: "PreferenceLeftOut",
    reason: `${wish} cannot be met: the pods are placed without it`,
    pods: [...new Set(byWish.get(wish))].sort(byText),
  }));
}
