import { byText } from "../../base/order.ts";
import type { Pod } from "../../model/core.ts";
import { CAPACITY_TYPE_LABEL, HOSTNAME_LABEL, INSTANCE_TYPE_LABEL } from "../../model/labels.ts";
import { keyOf } from "../../model/object.ts";
import {
  anyValue,
  intersectAll,
  type Requirement,
  type Requirements,
  requirement,
  toSpecs,
  withRequirement,
} from "../../model/requirements.ts";
import { addResources, type Resources } from "../../model/resources.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { claimName } from "./claim-name.ts";
import { podsOfUnits } from "./packing/packed-class.ts";
import { type FilledNode, leastPriceHolding, type Packing } from "./packing/packing-problem.ts";
import type { Pool } from "./pools.ts";
import type { PlannedClaim } from "./provision-plan.ts";
import type { Reduction } from "./reduce.ts";
import {
  type ClaimType,
  ClaimTypes,
  capacityTypesOf,
  LAUNCH_PRICE_FACTOR,
  pinned,
  worthListing,
} from "./shapes/claim-types.ts";
import { unmetMinValues } from "./shapes/min-values.ts";
import { reservationLabel } from "./shapes/reservations.ts";
import { type ShapeFacts, shapeReason } from "./words/shape-reason.ts";

/** A node of the packing with the pods that it got, by name. */
export type DealtNode = { node: FilledNode; pods: readonly Pod[] };

/** Gives each node of the packing its pods: of a class the oldest first. Leftovers are the youngest. */
export function deal(
  reduction: Reduction,
  packing: Packing,
): { dealt: DealtNode[]; left: Map<number, readonly Pod[]> } {
  const next = new Int32Array(reduction.classes.length);
  const dealt = packing.nodes.map((node) => {
    const pods: Pod[] = [];
    for (const { podClass, count } of node.content) {
      const from = next[podClass] ?? 0;
      const one = reduction.classes[podClass];
      if (one !== undefined) pods.push(...podsOfUnits(one, from, count));
      next[podClass] = from + count;
    }
    return { node, pods };
  });
  const left = new Map<number, readonly Pod[]>();
  reduction.classes.forEach(({ pods, unit }, c) => {
    const placed = (next[c] ?? 0) * unit;
    if (placed < pods.length) left.set(c, pods.slice(placed));
  });
  return { dealt, left };
}

/** A node and what its pods take together, per dimension. */
type NodeNeed = { node: FilledNode; need: Float64Array };
/** What the terms of a node's pods leave open: requirements, and the types within them. */
type OpenClaim = { all: Requirements; types: readonly ClaimType[] };
/** All of a claim but its pods: nodes with equal content share it. */
type ClaimPattern = Omit<PlannedClaim, "name" | "pods">;

/** Makes NodeClaims of bought nodes. */
export class ClaimMaker {
  readonly #snapshot: Snapshot;
  readonly #reduction: Reduction;
  readonly #types: ClaimTypes;
  readonly #slack: readonly Slack[];
  /** By content and shape; undefined: no claim can be made of it. */
  readonly #patterns = new Map<FilledNode["content"], Map<number, ClaimPattern | undefined>>();
  readonly #open = new Map<string, OpenClaim>();
  readonly #alone = new Map<number, number>();

  constructor(snapshot: Snapshot, reduction: Reduction, packing: Packing) {
    this.#snapshot = snapshot;
    this.#reduction = reduction;
    this.#types = new ClaimTypes(reduction);
    this.#slack = slackOf(reduction, packing);
  }

  /** The claim, or undefined when it could not keep to the pool's minValues. */
  make({ node, pods }: DealtNode): PlannedClaim | undefined {
    const ofContent = this.#patterns.get(node.content) ?? new Map<number, ClaimPattern | undefined>();
    this.#patterns.set(node.content, ofContent);
    if (!ofContent.has(node.shape)) ofContent.set(node.shape, this.#pattern(node));
    const pattern = ofContent.get(node.shape);
    if (pattern === undefined) return undefined;
    const uids = pods.map((pod) => pod.metadata.uid).sort(byText);
    return { ...pattern, name: claimName(pattern.nodePool, uids), pods: pods.map(keyOf).sort(byText) };
  }

  #pattern(node: FilledNode): ClaimPattern | undefined {
    const { shapeTable, kinds, kindDaemons, pools } = this.#reduction;
    const kind = shapeTable.numbers.kindOf[node.shape] ?? 0;
    const poolIndex = kinds[kind]?.pool ?? 0;
    const pool = pools[poolIndex];
    if (pool === undefined) return undefined;
    const need = needOfNode(this.#reduction, node);
    const { all, holding, candidates } = this.#opened({ node, need }, kind, pool);
    const isEnough = (types: readonly ClaimType[]): boolean => unmetMinValues(pool, all, types).size === 0;
    const types = worthListing(holding, this.#snapshot.settings.launchPriceFactor ?? LAUNCH_PRICE_FACTOR, isEnough);
    const unmet = unmetMinValues(pool, all, types);
    const isStrict = this.#snapshot.settings.minValuesPolicy === "Strict";
    const [chosen] = types;
    if (chosen === undefined || (unmet.size > 0 && isStrict)) return undefined;
    return {
      nodePool: pool.name,
      instanceTypes: types.map(({ name }) => name),
      requirements: toSpecs(emitted(all, types, unmet)),
      requests: requestsOf(
        this.#reduction,
        node,
        (kindDaemons[kind] ?? []).map(({ requests }) => requests),
      ),
      labels: labelsOf(pool, all, types, this.#snapshot.wellKnownLabels),
      cheapestPrice: chosen.price,
      minValuesRelaxed: unmet.size > 0,
      why: this.#why(node, kind, { candidates, chosen, need }),
    };
  }

  #why(
    node: FilledNode,
    kind: number,
    choice: Pick<ShapeFacts, "candidates" | "chosen" | "need">,
  ): PlannedClaim["why"] {
    const { kinds, classes, topology } = this.#reduction;
    const pinnedKeys = new Set(node.content.flatMap(({ podClass }) => classes[podClass]?.pinned ?? []));
    const apart = node.content.reduce((sum, { podClass, count }) => sum + count * this.#priceAlone(podClass), 0);
    const isAlone = node.content.reduce((sum, { count }) => sum + count, 0) === 1;
    const facts = {
      ...choice,
      apartUsdPerHour: isAlone || !Number.isFinite(apart) ? undefined : apart,
      reservation: kinds[kind]?.reservation,
      pinned: [...pinnedKeys].map((key) => topology.keys[key] ?? "").sort(byText),
    };
    return shapeReason(facts, this.#reduction);
  }

  /** The cheapest node for one of the class alone, wherever its pods may open one. */
  #priceAlone(podClass: number): number {
    const known = this.#alone.get(podClass);
    if (known !== undefined) return known;
    const { problem, stages } = this.#reduction;
    let least = Number.POSITIVE_INFINITY;
    for (let kind = 0; kind < problem.kinds; kind += 1) {
      if (stages[podClass]?.some(({ own }) => own[kind] === 1) !== true) continue;
      least = Math.min(least, leastPriceHolding(problem, kind, podClass));
    }
    this.#alone.set(podClass, least);
    return least;
  }

  /** The claim's requirements, and the types within them that hold the pods: as many as the pods leave open. */
  #opened(
    content: NodeNeed,
    kind: number,
    pool: Pool,
  ): { all: Requirements; holding: readonly ClaimType[]; candidates: readonly ClaimType[] } {
    const { kinds, shapeTable } = this.#reduction;
    const poolIndex = kinds[kind]?.pool ?? 0;
    const planned = shapeTable.typeOf[content.node.shape] ?? 0;
    const terms = chosenTerms(this.#reduction, content.node, kind);
    const id = `${kind} ${terms.join()}`;
    const open = this.#open.get(id) ?? this.#openClaim(terms, kind, pool);
    this.#open.set(id, open);
    let { all } = open;
    const holding = this.#holding(content, poolIndex, open.types);
    if (holding.some(({ type }) => type === planned)) return { all, holding, candidates: open.types };
    const { labels, types } = pinned(this.#reduction, kind, planned);
    for (const label of labels) all = withRequirement(all, label);
    return { all, holding: this.#holding(content, poolIndex, types), candidates: types };
  }

  #openClaim(terms: readonly number[], kind: number, pool: Pool): OpenClaim {
    const { kinds, table } = this.#reduction;
    let all = pool.requirements;
    for (const term of terms) all = intersectAll(all, table.terms[term] ?? new Map());
    const reservation = reservationOf(this.#reduction, kind);
    if (reservation !== undefined) all = withRequirement(all, reservation);
    return { all, types: this.#types.of(kinds[kind]?.pool ?? 0, terms, kinds[kind]?.reservation) };
  }

  /** Types with room for the node's pods whose size the limits can bear, in the given order. */
  #holding({ node, need }: NodeNeed, poolIndex: number, types: readonly ClaimType[]): readonly ClaimType[] {
    const asked = Int32Array.from(need.keys()).filter((d) => (need[d] ?? 0) > 0);
    const holding = types.filter(({ room }) => covers(room, need, asked));
    const slack = this.#slack.filter((one) => one.pool === poolIndex && one.resource !== "nodes");
    if (slack.length === 0) return holding;
    const { typeOf, numbers } = this.#reduction.shapeTable;
    const planned = typeOf[node.shape] ?? 0;
    const capacityOf = (type: number) => this.#reduction.pools[poolIndex]?.types[type]?.capacity ?? {};
    const counted = slack.map(({ limit }) => numbers.limitUse[node.shape * numbers.limits + limit] ?? 0);
    return holding.filter(
      ({ type }) =>
        type === planned ||
        slack.every(({ resource, amount }, l) => (capacityOf(type)[resource] ?? 0) <= (counted[l] ?? 0) + amount),
    );
  }
}

/** @param asked the dimensions in which something is needed */
function covers(room: Float64Array, need: Float64Array, asked: Int32Array): boolean {
  for (let i = 0; i < asked.length; i += 1) {
    const d = asked[i] ?? 0;
    if ((need[d] ?? 0) > (room[d] ?? 0)) return false;
  }
  return true;
}

/** What ties a node to its reservation. */
function reservationOf({ kinds, columns }: Reduction, kind: number): Requirement | undefined {
  const { pool = 0, columns: own = [], reservation } = kinds[kind] ?? {};
  const offering = columns[pool]?.offeringOf[own[0] ?? 0];
  const key = reservation === undefined || offering === undefined ? undefined : reservationLabel(offering);
  return key === undefined ? undefined : requirement(key, "In", [reservation ?? ""]);
}

/** What each claim of a pool may take of a limit beyond what was counted, so that all together stay within it. */
type Slack = { pool: number; resource: string; limit: number; amount: number };

function slackOf({ shapeTable, kinds }: Reduction, packing: Packing): readonly Slack[] {
  const { limits, limitLeft, limitUse, kindOf } = shapeTable.numbers;
  return shapeTable.limitNames.map(({ pool, resource }, l) => {
    let left = limitLeft[l] ?? 0;
    let claims = 0;
    for (const { shape } of packing.nodes) {
      if (shape < 0 || kinds[kindOf[shape] ?? 0]?.pool !== pool) continue;
      claims += 1;
      left -= limitUse[shape * limits + l] ?? 0;
    }
    return { pool, resource, limit: l, amount: Math.floor(Math.max(0, left) / Math.max(1, claims)) };
  });
}

/**
 * Per class on the node the first of its alternatives that the kind meets, and the domains that its rules were planned for;
 * sorted, without repeats.
 */
function chosenTerms(reduction: Reduction, node: FilledNode, kind: number): number[] {
  const { classes, stages, kinds, topology } = reduction;
  const chosen = new Set<number>();
  const meets = kinds[kind]?.meets;
  const chooseFrom = (terms: readonly number[] | undefined): boolean => {
    const term = terms?.find((one) => meets?.[one] === 1);
    if (term !== undefined) chosen.add(term);
    return term !== undefined;
  };
  for (const { podClass, stage } of node.content) {
    const one = classes[podClass];
    if (one === undefined) continue;
    const level = stages[podClass]?.[stage]?.level ?? 0;
    if (one.unit === 1 && one.parts.length === 1) chooseFrom(one.levelTerms[level]);
    else for (const { levelTerms } of one.parts) levelTerms.some(chooseFrom);
    for (const key of one.pinned) {
      const pin = topology.pinTerms[key]?.[topology.kindValue[key]?.[kind] ?? -1];
      if (pin !== undefined) chosen.add(pin);
    }
  }
  return [...chosen].sort((a, b) => a - b);
}

function needOfNode({ problem: { dims, sparse } }: Reduction, node: FilledNode): Float64Array {
  const need = new Float64Array(dims);
  for (const { podClass, count } of node.content) {
    const end = sparse.start[podClass + 1] ?? 0;
    for (let i = sparse.start[podClass] ?? 0; i < end; i += 1) {
      const d = sparse.dim[i] ?? 0;
      need[d] = (need[d] ?? 0) + count * (sparse.amount[i] ?? 0);
    }
  }
  return need;
}

function emitted(all: Requirements, types: readonly ClaimType[], unmet: ReadonlyMap<string, number>): Requirements {
  const kept = new Map<string, Requirement>([...all].filter(([key]) => key !== HOSTNAME_LABEL));
  const byType = requirement(
    INSTANCE_TYPE_LABEL,
    "In",
    types.map(({ name }) => name),
  );
  const byCapacity = requirement(CAPACITY_TYPE_LABEL, "In", capacityTypesOf(types));
  const narrowed = new Map(withRequirement(withRequirement(kept, byType), byCapacity));
  for (const [key, reached] of unmet) {
    const r = narrowed.get(key);
    if (r !== undefined) narrowed.set(key, { ...r, minValues: reached });
  }
  return narrowed;
}

function requestsOf(reduction: Reduction, node: FilledNode, daemons: readonly Resources[]): Resources {
  const sum: Record<string, number> = { ...addResources(...daemons) };
  for (const { podClass, count } of node.content) {
    const requests = reduction.classes[podClass]?.requests ?? {};
    for (const name of Object.keys(requests)) sum[name] = (sum[name] ?? 0) + count * (requests[name] ?? 0);
  }
  return Object.fromEntries(
    Object.entries(sum)
      .filter(([, amount]) => amount > 0)
      .sort(([a], [b]) => byText(a, b)),
  );
}

/** The template's labels, and one value for every label of the user's own that the requirements leave to us. */
function labelsOf(
  pool: Pool,
  all: Requirements,
  types: readonly ClaimType[],
  wellKnown: ReadonlySet<string>,
): Record<string, string> {
  const labels: Record<string, string> = { ...pool.labels };
  for (const [key, r] of all) {
    const isTypes = types.some(({ type }) => pool.types[type]?.requirements.has(key));
    if (labels[key] !== undefined || wellKnown.has(key) || key === HOSTNAME_LABEL || isTypes) continue;
    const value = anyValue(r);
    if (value !== "" || r.values.has("")) labels[key] = value;
  }
  return labels;
}
