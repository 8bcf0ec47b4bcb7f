import { byText } from "../src/base/order.ts";
import { SECOND_MS } from "../src/base/time.ts";
import type { InstanceType } from "../src/model/instance-type.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL } from "../src/model/labels.ts";
import { intersectAll, intersects, requirement, requirementsOf, withRequirement } from "../src/model/requirements.ts";
import { addResources, fits } from "../src/model/resources.ts";
import { scoresOf } from "../src/plan/disrupt/balanced.ts";
import { poolBudgets } from "../src/plan/disrupt/budgets.ts";
import { findCandidates } from "../src/plan/disrupt/candidates.ts";
import type { ConsolidationOptions, ConsolidationPlan, Rejection } from "../src/plan/disrupt/consolidate.ts";
import { type Consolidatee, closedTargets, consolidatees } from "../src/plan/disrupt/consolidate-candidates.ts";
import type { Move } from "../src/plan/disrupt/consolidate-move.ts";
import { withinRoom } from "../src/plan/disrupt/consolidate-search.ts";
import type { ConsolidationPolicy } from "../src/plan/disrupt/consolidation-policy.ts";
import { rehome } from "../src/plan/disrupt/rehome.ts";
import { openOfferings, underPrice } from "../src/plan/disrupt/replacement-prices.ts";
import type { PlannedClaim } from "../src/plan/provision/provision-plan.ts";
import type { Snapshot } from "../src/snapshot/snapshot.ts";

/** Nodes of one command at most. */
const WINDOW = 100;

/**
 * Underutilized nodes by the rules of the Go project, for comparison: the nodes that cost most for their trouble first; as
 * long a beginning of that list as can go at once for at most one cheaper node; if no two can, the first single one that
 * can. Any saving will do, and nothing is waited for. What-ifs are our own plans; several new nodes are taken together
 * where one type holds them all.
 * @source reference of disruption, sections 5, 8 to 10
 */
export const UPSTREAM: ConsolidationPolicy = { plan: planUpstream, check: checkUpstream, apartMs: 10 * SECOND_MS };

function planUpstream(snapshot: Snapshot, options: ConsolidationOptions): ConsolidationPlan {
  const budgets = poolBudgets(snapshot, "Underutilized");
  const room = new Map([...budgets].map(([name, { remaining }]) => [name, remaining]));
  const eligible = ableOf(snapshot, options);
  const open = withinRoom([...eligible].sort(byRatio), room);
  const move = multiNode(snapshot, open, options) ?? singleNode(snapshot, open, options);
  return {
    moves: move === undefined ? [] : [move],
    eligible,
    kept: [],
    budgets,
    rejected: [],
    nextMs: Number.POSITIVE_INFINITY,
  };
}

function checkUpstream(
  snapshot: Snapshot,
  claims: ReadonlySet<string>,
  options: ConsolidationOptions,
): Move | Rejection {
  const budgets = poolBudgets(snapshot, "Underutilized");
  const room = new Map([...budgets].map(([name, { remaining }]) => [name, remaining]));
  const members = ableOf(snapshot, options).filter(({ claimName }) => claims.has(claimName));
  if (members.length < claims.size) return { kind: "rejected", cause: "churn", reason: "a candidate is none any more" };
  if (withinRoom(members, room).length < members.length) {
    return { kind: "rejected", cause: "budget", reason: "the budgets do not allow it" };
  }
  return compute(snapshot, members, options) ?? { kind: "rejected", cause: "scheduling", reason: "it pays no more" };
}

function ableOf(snapshot: Snapshot, { underway, paused }: ConsolidationOptions): Consolidatee[] {
  const { able } = consolidatees(snapshot, findCandidates(snapshot, underway).candidates);
  return able.filter(({ poolName }) => paused?.has(poolName) !== true);
}

function byRatio(a: Consolidatee, b: Consolidatee): number {
  return b.price / b.disruptionCost - a.price / a.disruptionCost || byText(a.claimName, b.claimName);
}

/** Binary search for the longest beginning that can go. */
function multiNode(snapshot: Snapshot, open: readonly Consolidatee[], options: ConsolidationOptions): Move | undefined {
  if (open.length < 2) return undefined;
  let [least, most] = [1, open.length <= WINDOW ? open.length - 1 : WINDOW];
  let best: Move | undefined;
  while (least <= most) {
    const middle = Math.floor((least + most) / 2);
    const members = open.slice(0, middle + 1);
    const move = compute(snapshot, members, options);
    if (move !== undefined && (move.command.replacements.length === 0 || isOtherType(snapshot, move))) {
      best = move;
      least = middle + 1;
    } else most = middle - 1;
  }
  return best;
}

function singleNode(
  snapshot: Snapshot,
  open: readonly Consolidatee[],
  options: ConsolidationOptions,
): Move | undefined {
  for (const one of open) {
    const move = compute(snapshot, [one], options);
    if (move !== undefined) return move;
  }
  return undefined;
}

/** What is bought must be cheaper than the cheapest node of one of its types that goes. */
function isOtherType(snapshot: Snapshot, { members, command }: Move): boolean {
  const listed = new Set(command.replacements.flatMap(({ instanceTypes }) => instanceTypes));
  const shared = members.filter(({ candidate }) => listed.has(candidate.state.labels[INSTANCE_TYPE_LABEL] ?? ""));
  if (shared.length === 0) return true;
  const most = Math.min(...shared.map(({ price }) => price));
  return underPrice(snapshot, command.replacements, most).kind === "priced";
}

function compute(
  snapshot: Snapshot,
  members: readonly Consolidatee[],
  { spotToSpot }: ConsolidationOptions,
): Move | undefined {
  const leaving = new Set(members.map(({ claimName }) => claimName));
  const { replacements, moves, problem } = rehome(snapshot, { leaving, avoid: closedTargets(snapshot) });
  if (problem !== undefined) return undefined;
  const one = asOne(snapshot, replacements);
  if (one === undefined) return undefined;
  const isAllSpot = members.every(({ isSpot }) => isSpot);
  const allowsSpot = one.some(({ requirements }) => mayBeSpot(requirements));
  if (isAllSpot && allowsSpot && one.length > 0 && !spotToSpot) return undefined;
  const price = members.reduce((sum, member) => sum + member.price, 0);
  const priced = underPrice(snapshot, one, price);
  if (priced.kind === "refused") return undefined;
  const [first] = priced.claims;
  const targets = new Set(replacements.map(({ name }) => name));
  const sorted = [...members].sort((a, b) => byText(a.claimName, b.claimName));
  return {
    kind: "move",
    members: sorted,
    command: {
      reason: "Underutilized",
      consolidationType: members.length > 1 ? "multi" : "single",
      candidates: sorted.map(({ candidate }) => candidate),
      replacements: priced.claims,
      moves: new Map([...moves].map(([key, to]) => [key, first !== undefined && targets.has(to) ? first.name : to])),
    },
    planned: one,
    scores: scoresOf(snapshot, sorted, price - priced.price),
    savings: price - priced.price,
    gain: price - priced.price,
    stragglers: 0,
  };
}

function mayBeSpot(specs: PlannedClaim["requirements"]): boolean {
  const allowed = requirementsOf(specs).get(CAPACITY_TYPE_LABEL);
  return allowed === undefined || (allowed.complement ? !allowed.values.has("spot") : allowed.values.has("spot"));
}

/** At most one node; undefined where no type holds all. */
function asOne(snapshot: Snapshot, claims: readonly PlannedClaim[]): PlannedClaim[] | undefined {
  const [first, ...others] = claims;
  if (first === undefined || others.length === 0) return [...claims];
  if (others.some(({ nodePool }) => nodePool !== first.nodePool)) return undefined;
  let within = withoutTypes(first);
  for (const other of others) {
    if (intersects(within, withoutTypes(other)) !== undefined) return undefined;
    within = intersectAll(within, withoutTypes(other));
  }
  const requests = addResources(first.requests, ...others.map(({ requests: own }) => own));
  const types = (snapshot.instanceTypes.get(first.nodePool) ?? [])
    .filter(({ allocatable }) => fits(requests, allocatable))
    .map((type) => ({ name: type.name, price: leastPrice(type, within) }))
    .filter(({ price }) => Number.isFinite(price))
    .sort((a, b) => a.price - b.price || byText(a.name, b.name));
  const [cheapest] = types;
  if (cheapest === undefined) return undefined;
  const instanceTypes = types.map(({ name }) => name);
  const all = withRequirement(within, requirement(INSTANCE_TYPE_LABEL, "In", instanceTypes));
  const requirements = [...all].map(([key, { values, complement }]) => {
    return { key, operator: complement ? ("NotIn" as const) : ("In" as const), values: [...values].sort(byText) };
  });
  const pods = claims.flatMap((claim) => claim.pods).sort(byText);
  return [{ ...first, requirements, requests, pods, instanceTypes, cheapestPrice: cheapest.price }];
}

function withoutTypes({ requirements }: PlannedClaim) {
  return requirementsOf(requirements.filter(({ key }) => key !== INSTANCE_TYPE_LABEL));
}

function leastPrice(type: InstanceType, within: ReturnType<typeof requirementsOf>): number {
  const open = openOfferings(type, withRequirement(within, requirement(INSTANCE_TYPE_LABEL, "In", [type.name])));
  return Math.min(...open.map(({ priceUsdPerHour }) => priceUsdPerHour));
}
