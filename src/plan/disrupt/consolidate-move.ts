import { byText } from "../../base/order.ts";
import { MINUTE_MS } from "../../base/time.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL } from "../../model/labels.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { PlannedClaim } from "../provision/provision-plan.ts";
import { afterCommand } from "./after-command.ts";
import { asScheduled } from "./as-scheduled.ts";
import { objection, type PoolScore, scoresOf } from "./balanced.ts";
import type { DisruptionCommand } from "./command.ts";
import type { Consolidatee, KeptCode } from "./consolidate-candidates.ts";
import { costOfMove, costPerHour, leastSaving, prematureMs } from "./move-cost.ts";
import { rehome } from "./rehome.ts";
import type { RehomingFloor } from "./rehoming-floor.ts";
import { dollars, underPrice } from "./replacement-prices.ts";

/** Nodes that go, and what comes instead: checked, and paying back by itself. */
export type Move = {
  kind: "move";
  members: readonly Consolidatee[];
  command: DisruptionCommand;
  /** The replacements as they were planned, before their types were narrowed to what pays. */
  planned: readonly PlannedClaim[];
  /** How many nodes are likely to be bought besides, since the scheduler does not do as planned: their price is taken off. */
  stragglers: number;
  /** How the pools of the members look at it, one each. */
  scores: readonly PoolScore[];
  /** USD per hour that the bill falls by. */
  savings: number;
  /** The same, with what a node less and an eviction are worth: what moves are compared by. */
  gain: number;
};

export type NoMove = {
  kind: "none";
  code: KeptCode;
  reason: string;
  /** Of a move that comes too early: it pays from then on. */
  afterMs?: number;
  /** Where no plan was made, since it is too early in any case: makes it. `afterMs` is the least that may come of it. */
  planned?: () => Move | NoMove;
  /** Of a move that a pool objects to. */
  scores?: readonly PoolScore[];
};

export type MoveRules = {
  /** Names of claims whose nodes take no pods, see closedTargets. */
  closed: ReadonlySet<string>;
  /** USD per hour that every node counts as dearer than it is, as in provisioning. */
  surchargePerNode: number;
  spotToSpot: boolean;
  /** What evicting a usual pod is worth: moves wait until their nodes have been quiet long enough for it. 0: they do not. */
  evictionCostUsd: number;
};

/** A single spot node makes way for another only while there are so many cheaper types: else it would be back soon. */
const SPOT_TYPES_MIN = 15;
/** USD per hour: smaller differences are those of adding up. */
const PRICE_STEP = 1e-9;
/** Effort of the search for nodes for pods that the scheduler leaves without room. */
const STRAGGLER_STEPS = 20_000;

export type MoveOptions = {
  /** Effort of the search for new nodes; undefined: as in provisioning. */
  steps?: number;
  /** Nodes that take none of the pods, since they are to go as well. */
  leavingToo?: readonly Consolidatee[];
  /** Tells early that no plan can pay, so that none is made. */
  floor?: RehomingFloor;
  /** Only what gains more than this is worth a plan. */
  gainToBeat?: number | undefined;
};

/** What would come of taking exactly these nodes away. */
export function moveOf(
  snapshot: Snapshot,
  members: readonly Consolidatee[],
  rules: MoveRules,
  { steps, leavingToo = [], floor, gainToBeat }: MoveOptions = {},
): Move | NoMove {
  const sorted = [...members].sort((a, b) => byText(a.claimName, b.claimName));
  const offered = isGated(sorted, rules) ? withoutSpot(snapshot) : snapshot;
  const hopeless = floor === undefined ? undefined : hopelessFrom(floor.of(sorted, offered), sorted, rules, gainToBeat);
  if (hopeless?.afterMs !== undefined) {
    return {
      ...hopeless,
      planned: () => moveOf(snapshot, members, rules, { leavingToo, ...(steps === undefined ? {} : { steps }) }),
    };
  }
  if (hopeless !== undefined) return hopeless;
  const settings = steps === undefined ? offered.settings : { ...offered.settings, searchSteps: steps };
  const leaving = new Set(sorted.map(nameOf));
  const avoid = leavingToo.length === 0 ? rules.closed : new Set([...rules.closed, ...leavingToo.map(nameOf)]);
  const { replacements, moves, problem } = rehome({ ...offered, settings }, { leaving, avoid });
  if (problem !== undefined) return none("NoOtherPlace", problem);
  return paying(offered, sorted, { planned: replacements, moves }, rules);
}

/** Spot nodes make way only for nodes that are none. */
function isGated(members: readonly Consolidatee[], { spotToSpot }: MoveRules): boolean {
  return !spotToSpot && members.every(({ isSpot }) => isSpot);
}

/** Why no plan is made, where even the least that new nodes can cost is too much. */
function hopelessFrom(
  floorUsd: number,
  members: readonly Consolidatee[],
  rules: MoveRules,
  gainToBeat = Number.NEGATIVE_INFINITY,
): NoMove | undefined {
  const price = priceOf(members);
  const most = price + rules.surchargePerNode * members.length - floorUsd;
  const least = leastSaving(members);
  if (most < least - PRICE_STEP) {
    const reason = `its pods would cost ${dollars(floorUsd)} per hour elsewhere at least, and it costs ${dollars(price)}`;
    return tooDear({ code: "NotCheaper", reason }, isGated(members, rules));
  }
  const costUsd = costOfMove(members, 0, rules.evictionCostUsd);
  // What is saved at most would have to wait: what is saved really has to wait at least as long.
  const early = prematureMs(members, costUsd, Math.max(most, PRICE_STEP));
  if (early > 0) return tooEarly(Math.min(price, most), costUsd, early);
  const gain = most - least - costPerHour(members, costUsd);
  return gain < gainToBeat - PRICE_STEP ? none("NotTried", "other nodes promised more") : undefined;
}

function tooDear({ code, reason }: { code: KeptCode; reason: string }, isSpotGated: boolean): NoMove {
  return isSpotGated ? none("SpotToSpotOff", `${GATED}; without, ${reason}`) : none(code, reason);
}

function priceOf(members: readonly Consolidatee[]): number {
  return members.reduce((sum, one) => sum + one.price, 0);
}

/** Where the pods go. */
type Rehoused = {
  planned: readonly PlannedClaim[];
  moves: DisruptionCommand["moves"];
  /** Whether the scheduler was followed already, for a plan of which this is a part, and left no pod without room. */
  isFollowed?: boolean;
};

/** The plan as a move, if it pays back and keeps to the rules. */
export function paying(
  snapshot: Snapshot,
  members: readonly Consolidatee[],
  { planned, moves, isFollowed = false }: Rehoused,
  rules: MoveRules,
): Move | NoMove {
  const price = priceOf(members);
  const priced = underPrice(snapshot, planned, price);
  if (priced.kind === "refused") return tooDear(priced, isGated(members, rules));
  const isSpotToSpot = rules.spotToSpot && members.length === 1 && members.every(({ isSpot }) => isSpot);
  const poor = priced.claims.find((claim) => isSpotClaim(claim) && claim.instanceTypes.length < SPOT_TYPES_MIN);
  if (isSpotToSpot && poor !== undefined) {
    const reason = `only ${poor.instanceTypes.length} types are cheaper; a spot node makes way for another from ${SPOT_TYPES_MIN} on`;
    return none("TooFewSpotTypes", reason);
  }
  const command: DisruptionCommand = {
    reason: "Underutilized",
    consolidationType: members.length > 1 ? "multi" : "single",
    candidates: members.map(({ candidate }) => candidate),
    replacements: isSpotToSpot ? priced.claims.map(fewest) : priced.claims,
    moves,
  };
  const worth = worthOf(snapshot, members, { command, savings: price - priced.price, planned, isFollowed }, rules);
  if ("code" in worth) return worth;
  const scores = scoresOf(snapshot, members, worth.savings);
  const against = objection(scores);
  if (against !== undefined) return { ...none("NotBalanced", against), scores };
  return { kind: "move", members, command, planned, scores, ...worth };
}

type Worth = Pick<Move, "savings" | "gain" | "stragglers">;

/** What the move brings for what it costs, once the scheduler has had its way with the pods. */
function worthOf(
  snapshot: Snapshot,
  members: readonly Consolidatee[],
  { command, savings, planned, isFollowed }: Pick<Move, "command" | "savings" | "planned"> & { isFollowed: boolean },
  { surchargePerNode, evictionCostUsd }: MoveRules,
): Worth | NoMove {
  const gross = savings + surchargePerNode * (members.length - planned.length);
  const least = leastSaving(members);
  if (gross <= least) {
    const reason = `going elsewhere would save ${dollars(savings)} per hour, too little for moving ${command.moves.size} pods`;
    return none("NotCheaper", reason);
  }
  const costUsd = costOfMove(members, planned.length, evictionCostUsd);
  const early = prematureMs(members, costUsd, gross);
  if (early > 0) return tooEarly(savings, costUsd, early);
  const stragglers = isFollowed ? [] : stragglersOf(snapshot, command);
  if (stragglers === undefined) return none("TooTight", "the scheduler would not fill the other nodes as planned");
  const more = stragglers.reduce((sum, { cheapestPrice }) => sum + cheapestPrice, 0);
  const left = gross - least - costPerHour(members, costUsd) - more - surchargePerNode * stragglers.length;
  if (left > 0) return { savings: savings - more, gain: left, stragglers: stragglers.length };
  const reason = `the scheduler would not fill the other nodes as planned: nodes for pods without room would cost ${dollars(more)} per hour, and ${dollars(savings)} are saved`;
  return none("TooTight", reason);
}

export function tooEarly(savings: number, costUsd: number, afterMs: number): NoMove {
  const minutes = Math.ceil(afterMs / MINUTE_MS);
  const reason = `going elsewhere would save at most ${dollars(savings)} per hour; for moving, which costs ${dollars(costUsd)}, it has not been quiet long enough: another ${minutes} min`;
  return { ...none("TooEarly", reason), afterMs };
}

/** What would have to be bought for pods that the scheduler leaves without room; undefined: nothing holds them. */
function stragglersOf(snapshot: Snapshot, command: DisruptionCommand): readonly PlannedClaim[] | undefined {
  const placement = asScheduled(snapshot, command);
  if (placement.size === command.moves.size) return [];
  const [first] = command.candidates;
  const podKeys = [...command.moves.keys()].filter((key) => !placement.has(key));
  const settled = afterCommand(snapshot, { ...command, moves: placement });
  const stateNodes = settled.stateNodes.map((state) =>
    state.name === first?.state.name ? { ...state, podKeys } : state,
  );
  const searchSteps = Math.min(STRAGGLER_STEPS, snapshot.settings.searchSteps ?? STRAGGLER_STEPS);
  const settings = { ...snapshot.settings, searchSteps };
  const leaving = new Set([first?.claim.metadata.name ?? ""]);
  const { replacements, problem } = rehome({ ...settled, stateNodes, settings }, { leaving });
  return problem === undefined ? replacements : undefined;
}

const GATED = "a spot node makes way for another only with the feature gate SpotToSpotConsolidation";

function nameOf({ claimName }: Consolidatee): string {
  return claimName;
}

function none(code: KeptCode, reason: string): NoMove {
  return { kind: "none", code, reason };
}

function isSpotClaim({ requirements }: PlannedClaim): boolean {
  return requirements.some(({ key, values }) => key === CAPACITY_TYPE_LABEL && values?.includes("spot") === true);
}

/** The cheapest fifteen: with all of them the next cheapest would follow soon. Where minValues ask for more, all stay. */
function fewest(claim: PlannedClaim): PlannedClaim {
  if (!isSpotClaim(claim) || claim.requirements.some(({ minValues }) => minValues !== undefined)) return claim;
  const instanceTypes = claim.instanceTypes.slice(0, SPOT_TYPES_MIN);
  const requirements = claim.requirements.map((spec) =>
    spec.key === INSTANCE_TYPE_LABEL ? { ...spec, values: [...instanceTypes].sort(byText) } : spec,
  );
  return { ...claim, instanceTypes, requirements };
}

const soldOut = new WeakMap<Snapshot["instanceTypes"], Snapshot["instanceTypes"]>();

/** The snapshot in which no spot capacity is to be had. */
function withoutSpot(snapshot: Snapshot): Snapshot {
  let instanceTypes = soldOut.get(snapshot.instanceTypes);
  if (instanceTypes === undefined) {
    const known = new Map<readonly InstanceType[], readonly InstanceType[]>();
    const without = (types: readonly InstanceType[]): readonly InstanceType[] => {
      const done = known.get(types) ?? types.map(onDemandOnly);
      known.set(types, done);
      return done;
    };
    instanceTypes = new Map([...snapshot.instanceTypes].map(([pool, types]) => [pool, without(types)]));
    soldOut.set(snapshot.instanceTypes, instanceTypes);
  }
  return { ...snapshot, instanceTypes };
}

function onDemandOnly(type: InstanceType): InstanceType {
  return {
    ...type,
    offerings: type.offerings.map((one) => (one.capacityType === "spot" ? { ...one, available: false } : one)),
  };
}
