import { nearestName } from "../../../base/nearest-name.ts";
import { byText } from "../../../base/order.ts";
import { CAPACITY_TYPE_LABEL, NODE_POOL_LABEL } from "../../../model/labels.ts";
import {
  allows,
  formatRequirement,
  formatRequirements,
  incompatibility,
  intersectAll,
  type Requirements,
} from "../../../model/requirements.ts";
import { formatTaint, untoleratedHardTaint } from "../../../model/taints.ts";
import type { Snapshot } from "../../../snapshot/snapshot.ts";
import { requiredTerms } from "../../fit/levels.ts";
import type { IdlePool, Pool } from "../pools.ts";
import type { ClusterFacts } from "../reduce.ts";
import { isSoldOut, typeMisfit } from "../shapes/columns.ts";
import { minValuesOutOfReach } from "../shapes/min-values.ts";
import { nearestMiss, ruledOutText } from "../shapes/type-funnel.ts";
import { type NumberedClass, needOf, tolerates } from "../stages.ts";
import { amountText } from "./texts.ts";

/** A stable code, and a sentence with its numbers. */
export type Reason = { code: string; reason: string };

/** Codes from "nearly" to "not at all": a refusal bears the one that came closest. */
const CLOSENESS = [
  "LimitsReached",
  "MinValuesNotMet",
  "NoInstanceTypeFits",
  "ReservationsUsedUp",
  "NoOfferingAvailable",
  "RequirementsNotMet",
  "TaintsNotTolerated",
  "NoNodePools",
] as const;
type Code = (typeof CLOSENESS)[number];
type PoolReason = {
  code: Code;
  text: string;
  /** Nothing else is in the way. */
  isAlmost?: boolean;
  /** The pool has nothing of the kind at all. */
  isFar?: boolean;
};

const POOLS_NAMED_MAX = 5;
const REASONS_TOLD_MAX = 10;
const VALUES_NAMED_MAX = 6;
/** "100M" of cpu are 100 million cores; "100m" are a tenth of one. */
const CPU_SLIP_MILLI = 1e9;

/** Why no pod of the class fits on anything that can be bought: pool by pool, those that come closest first. */
export function explainHopeless(
  one: NumberedClass,
  reduction: ClusterFacts,
  idle: readonly IdlePool[],
  snapshot: Snapshot,
): Reason {
  const asked = poolsAsked(one);
  const missing = [...(asked ?? [])].filter((name) => !snapshot.view.nodePools.has(name)).sort(byText);
  if (missing.length > 0 && missing.length === asked?.size) return withoutSuch(missing, snapshot);
  const isMeant = (name: string): boolean => asked === undefined || asked.has(name);
  const out = idle.filter(({ nodePool }) => isMeant(nodePool));
  const reasons = reduction.pools
    .map((pool, index) => ({ pool, index }))
    .filter(({ pool }) => isMeant(pool.name))
    .map(({ pool, index }) => ({ pool: pool.name, ...poolReason(one, pool, index, reduction, snapshot) }))
    .sort((a, b) => closeness(a) - closeness(b));
  const [closest] = reasons;
  if (closest === undefined) return withoutPools(out, reduction.nodesOpen);
  if (closest.code === "RequirementsNotMet" && isRepelled(one, reduction)) return repelledReason(one);
  const others = out.slice(0, POOLS_NAMED_MAX).map(({ nodePool, reason }) => `; NodePool ${nodePool}: ${reason}`);
  return { code: closest.code, reason: `${sentence(reasons, others.length > 0)}${others.join("")}` };
}

/** True when some pool has what the pod asks for, were it not for the domains that running pods keep it out of. */
function isRepelled({ avoidedDomains, sample }: NumberedClass, { pools }: ClusterFacts): boolean {
  if (avoidedDomains.length === 0) return false;
  const terms = requiredTerms(sample.spec);
  return pools.some((pool) => terms.some((term) => someTypeMeets(pool, intersectAll(pool.requirements, term))));
}

function repelledReason({ avoidedDomains }: NumberedClass): Reason {
  const texts = avoidedDomains.map(({ key, domains }) => `${key} ${domains.slice(0, VALUES_NAMED_MAX).join(", ")}`);
  return {
    code: "PodAntiAffinityUnsatisfiable",
    reason: `the anti-affinity of running pods keeps it out of ${texts.join(" and ")}, and it can run nowhere else`,
  };
}

function closeness({ code, isAlmost, isFar }: PoolReason): number {
  if (isAlmost === true) return CLOSENESS.indexOf("LimitsReached") + 0.5;
  return CLOSENESS.indexOf(isFar === true ? "RequirementsNotMet" : code) + (isFar === true ? 0.5 : 0);
}

/** Names of the pools that the pod asks for; undefined when it leaves that open. */
function poolsAsked(one: NumberedClass): ReadonlySet<string> | undefined {
  const terms = one.levels.at(-1)?.terms ?? [];
  const asked = terms.map((term) => term.get(NODE_POOL_LABEL));
  if (asked.length === 0 || asked.some((r) => r === undefined || r.complement)) return undefined;
  return new Set(asked.flatMap((r) => [...(r?.values ?? [])]));
}

function withoutSuch(names: readonly string[], { view }: Snapshot): Reason {
  const texts = names.map((name) => {
    const near = nearestName(name, [...view.nodePools.keys()].sort(byText));
    return `there is no NodePool ${name}${near === undefined ? "" : `, perhaps ${near} is meant`}`;
  });
  return { code: "RequirementsNotMet", reason: `its node selector asks for a pool by name: ${texts.join("; ")}` };
}

/** Why no pod of a class fits on anything that can be bought. */
export type ExplainHopeless = (one: NumberedClass) => Reason;

/** Why a pod that would fit was left over. */
export function explainLeft(one: NumberedClass, reduction: ClusterFacts, hopeless: ExplainHopeless): Reason {
  const { shapeTable, kinds, pools } = reduction;
  const open = new Set(
    kinds.flatMap((kind, k) => (shapeTable.holds(k, needOf(one, reduction.dimensions)) ? [kind.pool] : [])),
  );
  const limited = shapeTable.limitNames.filter(({ pool }) => open.has(pool));
  const reservations = shapeTable.limitNames.flatMap(({ pool, resource }) => (pool < 0 ? [resource] : []));
  if (limited.length === 0 && open.size > 0 && reservations.length > 0) {
    return { code: "ReservationsUsedUp", reason: `the plan uses up the reservations ${reservations.join(", ")}` };
  }
  if (limited.length === 0) {
    const { code, reason } = hopeless(one);
    const isPool = code !== "NoNodePools";
    return {
      code: isPool ? code : "ExistingNodesFull",
      reason: `the nodes that would take it are full, and on a new one: ${reason}`,
    };
  }
  const texts = [...new Set(limited.map(({ pool }) => pool))].map((pool) => limitText(pools[pool]));
  return { code: "LimitsReached", reason: `the plan reaches the limits of ${texts.join("; ")}` };
}

/** The requirement by which a pool rules out every type. */
export function explainPoolWithoutTypes(pool: Pool): Reason {
  const count = `all ${pool.types.length} instance types`;
  const alone = [...pool.requirements.keys()].sort(byText).filter((key) => !someTypeMeets(pool, only(pool, key)));
  const [first] = alone;
  if (first !== undefined) {
    return { code: "NoInstanceTypesMatch", reason: `${requirementText(pool, first)} rules out ${count}` };
  }
  if (someTypeMeets(pool, pool.requirements)) {
    return {
      code: "NoOfferingAvailable",
      reason: `no offering that meets its requirements is to be had at the moment`,
    };
  }
  const freed = [...pool.requirements.keys()].sort(byText).find((key) => someTypeMeets(pool, without(pool, key)));
  const which = freed === undefined ? formatRequirements(ownRequirements(pool)) : requirementText(pool, freed);
  return { code: "NoInstanceTypesMatch", reason: `${which}, together with the other requirements, rules out ${count}` };
}

function withoutPools(idle: readonly IdlePool[], nodes: number): Reason {
  const which = idle.map(({ nodePool, reason }) => `NodePool ${nodePool} ${reason}`).slice(0, POOLS_NAMED_MAX);
  const room = nodes === 0 ? "" : ` and none of the ${nodes} nodes takes it`;
  return {
    code: "NoNodePools",
    reason:
      which.length === 0 ? `there is no NodePool${room}` : `there is no usable NodePool${room}: ${which.join("; ")}`,
  };
}

function poolReason(
  one: NumberedClass,
  pool: Pool,
  index: number,
  reduction: ClusterFacts,
  snapshot: Snapshot,
): PoolReason {
  const last = one.levels.length - 1;
  const kinds = reduction.kinds.flatMap((kind, k) => {
    const isMet = kind.pool === index && (one.levelTerms[last] ?? []).some((term) => kind.meets[term] === 1);
    return isMet ? [k] : [];
  });
  if (!tolerates(one, last, pool.taints)) return taintReason(one, pool, kinds, reduction);
  if (kinds.length === 0) return requirementReason(one, pool, index, reduction, snapshot);
  const { text, ...rest } = sizeReason(one, pool, kinds, reduction);
  return { ...rest, text: `${text}${ruledOutText(pool, one.levels[last]?.terms ?? [])}` };
}

/** A taint, and whether that is all that is in the way. */
function taintReason(one: NumberedClass, pool: Pool, kinds: readonly number[], reduction: ClusterFacts): PoolReason {
  const taint = untoleratedHardTaint(pool.taints, one.sample.spec.tolerations) ?? pool.taints[0];
  const text = `the taint ${taint === undefined ? "" : formatTaint(taint)} is not tolerated`;
  const need = needOf(one, reduction.dimensions);
  const holding = kinds
    .flatMap((k) => reduction.kindTypes[k] ?? [])
    .filter(({ type, room }) => need.every((amount, d) => amount <= (room[d] ?? 0)) && !exceeds(pool, type));
  if (holding.length === 0) return { code: "TaintsNotTolerated", text };
  const cheapest = holding.reduce((best, type) => (type.price < best.price ? type : best));
  const count = new Set(holding.map(({ type }) => type)).size;
  const which = count === 1 ? cheapest.name : `${cheapest.name} or ${count - 1} more of its types`;
  return { code: "TaintsNotTolerated", text: `${text}, or ${which} would take it`, isAlmost: true };
}

function requirementReason(
  one: NumberedClass,
  pool: Pool,
  index: number,
  reduction: ClusterFacts,
  snapshot: Snapshot,
): PoolReason {
  const columns = reduction.columns[index]?.count ?? 0;
  if (columns === 0) {
    const { code, reason } = explainPoolWithoutTypes(pool);
    return { code: code === "NoOfferingAvailable" ? code : "RequirementsNotMet", text: reason };
  }
  const terms = one.levels.at(-1)?.terms ?? [];
  const [term] = terms;
  if (terms.length > 0 && terms.every(wantsReserved)) {
    return { code: "ReservationsUsedUp", text: "asks for reserved capacity, and no reservation has a place left" };
  }
  if (term === undefined) return { code: "RequirementsNotMet", text: "its node affinity contradicts itself" };
  const misfit = incompatibility(pool.requirements, term, knownLabels(pool, snapshot));
  const alternatives = terms.length > 1 ? ` (and ${terms.length - 1} more alternatives)` : "";
  const ruledOut = ruledOutText(pool, terms);
  if (misfit === undefined && terms.some((one) => isSoldOut(pool, intersectAll(pool.requirements, one)))) {
    return {
      code: "NoOfferingAvailable",
      text: `everything with ${formatRequirements(term)} is sold out${alternatives}${ruledOut}`,
    };
  }
  if (misfit === undefined) {
    return {
      code: "RequirementsNotMet",
      text: `nothing that it offers has ${formatRequirements(term)}${alternatives}${offeredText(pool, term)}${ruledOut}`,
    };
  }
  const asked = term.get(misfit.key);
  const has = pool.requirements.get(misfit.key);
  const hint = misfit.hint === undefined ? "" : `, perhaps ${misfit.hint} is meant`;
  const offered =
    has === undefined ? `the pool does not define ${misfit.key}${hint}` : `the pool has ${formatRequirement(has)}`;
  return {
    code: "RequirementsNotMet",
    text: `asks for ${asked === undefined ? misfit.key : formatRequirement(asked)}, but ${offered}${alternatives}`,
  };
}

/** What the pool has of a label of which nothing that the pod asks for exists, where that is a short list. */
function offeredText(pool: Pool, term: Requirements): string {
  for (const [key, asked] of [...term].sort(([a], [b]) => byText(a, b))) {
    const own = pool.requirements.get(key);
    const all = pool.types.flatMap(({ requirements }) => [...(requirements.get(key)?.values ?? [])]);
    const offered = [...new Set(all)].filter((value) => own === undefined || allows(own, value)).sort(byText);
    if (offered.length === 0 || offered.length > VALUES_NAMED_MAX) continue;
    if (!offered.some((value) => allows(asked, value))) return `, only ${offered.join(", ")}`;
  }
  return "";
}

function wantsReserved(term: Requirements): boolean {
  const r = term.get(CAPACITY_TYPE_LABEL);
  return r !== undefined && allows(r, "reserved") && !allows(r, "on-demand") && !allows(r, "spot");
}

/** Labels that the pool's types define, with the well-known ones. */
function knownLabels(pool: Pool, snapshot: Snapshot): ReadonlySet<string> {
  const known = new Set(snapshot.wellKnownLabels);
  for (const type of pool.types) for (const key of type.requirements.keys()) known.add(key);
  return known;
}

function sizeReason(one: NumberedClass, pool: Pool, kinds: readonly number[], reduction: ClusterFacts): PoolReason {
  const need = needOf(one, reduction.dimensions);
  const types = kinds.flatMap((k) => reduction.kindTypes[k] ?? []);
  const names = reduction.dimensions.names;
  const count = new Set(types.map(({ type }) => type)).size;
  for (const [d, name] of names.entries()) {
    const largest = types.reduce((most, { room }) => Math.max(most, room[d] ?? 0), 0);
    if ((need[d] ?? 0) > largest) {
      return tooSmall(pool, name, { wanted: need[d] ?? 0, largest, count });
    }
  }
  const holding = types.filter(({ room }) => names.every((_, d) => (need[d] ?? 0) <= (room[d] ?? 0)));
  if (holding.length === 0) {
    const asked = names.flatMap((name, d) =>
      (need[d] ?? 0) > 0 && name !== "pods" ? [amountText(name, need[d] ?? 0)] : [],
    );
    const miss = nearestMiss(types, need);
    const nearest =
      miss === undefined
        ? ""
        : `; the nearest is ${miss.name} with ${amountText(names[miss.dimension] ?? "", miss.has)} for pods`;
    return { code: "NoInstanceTypeFits", text: `none of ${count} types has ${asked.join(" and ")} together${nearest}` };
  }
  if (pool.remaining !== undefined && holding.every(({ type }) => exceeds(pool, type))) {
    return { code: "LimitsReached", text: `every type that holds it would exceed the limits of ${limitText(pool)}` };
  }
  const outOfReach = minValuesOutOfReach(pool);
  if (outOfReach !== undefined) return { code: "MinValuesNotMet", text: outOfReach };
  const minimums = [...pool.minValues].map(([key, least]) => `${least} values of ${key}`);
  return { code: "MinValuesNotMet", text: `the types that hold it do not offer ${minimums.join(" and ")}` };
}

function tooSmall(
  pool: Pool,
  name: string,
  { wanted, largest, count }: Record<"wanted" | "largest" | "count", number>,
): PoolReason {
  const larger = pool.tooLarge === 0 ? "" : ` (${pool.tooLarge} more are above the bound of node size)`;
  const isSlip = name === "cpu" && wanted >= CPU_SLIP_MILLI;
  const needs = `needs ${amountText(name, wanted)}${isSlip ? ' (a million cores: is "m" meant, not "M"?)' : ""}`;
  if (largest <= 0) {
    const none = count === 1 ? "the only type has none" : `none of ${count} types has any`;
    return { code: "NoInstanceTypeFits", text: `${needs}; ${none}${larger}`, isFar: true };
  }
  const which = count === 1 ? "the only type has" : `the largest of ${count} types has`;
  return { code: "NoInstanceTypeFits", text: `${needs}; ${which} ${amountText(name, largest)} for pods${larger}` };
}

function exceeds(pool: Pool, type: number): boolean {
  const capacity = pool.types[type]?.capacity ?? {};
  return Object.entries(pool.remaining ?? {}).some(
    ([name, left]) => (name === "nodes" ? 1 : (capacity[name] ?? 0)) > left,
  );
}

function limitText(pool: Pool | undefined): string {
  if (pool === undefined) return "a pool";
  const limits = pool.object.spec.limits ?? {};
  const parts = Object.keys(limits)
    .sort(byText)
    .map((name) => {
      const left = amountText(name, pool.remaining?.[name] ?? 0);
      return `${name} ${limits[name] ?? ""} (${left.split(" ")[0] ?? "0"} left before this plan)`;
    });
  return `NodePool ${pool.name}: ${parts.join(", ")}`;
}

/** One sentence for all pools; equal reasons are told once, and a single one for itself unless it has to be told apart. */
function sentence(reasons: readonly { pool: string; text: string }[], isToldApart: boolean): string {
  const byReason = new Map<string, string[]>();
  for (const { pool, text } of reasons) byReason.set(text, [...(byReason.get(text) ?? []), pool]);
  if (byReason.size === 1 && !isToldApart) return [...byReason.keys()][0] ?? "";
  const told = [...byReason].slice(0, REASONS_TOLD_MAX);
  const untold = [...byReason.values()].slice(REASONS_TOLD_MAX).flat().length;
  const parts = told.map(([text, pools]) => {
    const named = pools.slice(0, POOLS_NAMED_MAX).join(", ");
    const more = pools.length > POOLS_NAMED_MAX ? ` and ${pools.length - POOLS_NAMED_MAX} more` : "";
    return `NodePool ${named}${more}: ${text}`;
  });
  return `${parts.join("; ")}${untold === 0 ? "" : `; and ${untold} more NodePools`}`;
}

function only(pool: Pool, key: string): Requirements {
  return new Map([...pool.requirements].filter(([other]) => other === key));
}

function without(pool: Pool, key: string): Requirements {
  return new Map([...pool.requirements].filter(([other]) => other !== key));
}

/** Without the labels that every node of the pool simply gets. */
function ownRequirements(pool: Pool): Requirements {
  return new Map([...pool.requirements].filter(([key]) => pool.labels[key] === undefined));
}

function requirementText(pool: Pool, key: string): string {
  const r = pool.requirements.get(key);
  return r === undefined ? key : formatRequirement(r);
}

function someTypeMeets(pool: Pool, requirements: Requirements): boolean {
  return pool.types.some(
    (type) =>
      typeMisfit(requirements, type) === undefined &&
      type.offerings.some((offering) => incompatibility(requirements, offering.requirements, ALL_KEYS) === undefined),
  );
}

/** An offering may say more than a pool asks for. */
const ALL_KEYS: ReadonlySet<string> = {
  has: () => true,
  [Symbol.iterator]: () => [].values(),
} as unknown as ReadonlySet<string>;
