import type { PlanSettings } from "../../../snapshot/snapshot.ts";
import type { Dimensions } from "../packing/dimensions.ts";
import type { PackingProblem } from "../packing/packing-problem.ts";
import type { Pool } from "../pools.ts";
import type { LaunchKind } from "./launch-kinds.ts";
import { minValuesShapes } from "./min-values.ts";
import { rungsOf } from "./rungs.ts";
import { type KindType, limitUseOf, type Shape, withoutDominated } from "./shapes.ts";

/** The shapes of all kinds, as the packing problem wants them. */
export type ShapeTable = {
  numbers: Pick<
    PackingProblem,
    | "shapes"
    | "capacity"
    | "largest"
    | "price"
    | "kindOf"
    | "shapesOf"
    | "rungsOf"
    | "limits"
    | "limitUse"
    | "limitLeft"
  >;
  /** Per shape: index into its pool's types of the cheapest one. */
  typeOf: Int32Array;
  /** Limits in order: which pool, which resource. Reservations come last, their pool is -1. */
  limitNames: readonly { pool: number; resource: string }[];
  /** True when some shape of the kind has room for the need. */
  holds(kind: number, need: Float64Array): boolean;
};

export type ShapeInput = {
  minValuesPolicy: PlanSettings["minValuesPolicy"];
  pools: readonly Pool[];
  kinds: readonly LaunchKind[];
  kindTypes: readonly (readonly KindType[])[];
  dimensions: Dimensions;
  /** What all pods together ask for, per dimension. */
  demand: Float64Array;
  /** Per class: what one pod takes, and the terms of all its levels. */
  classes: readonly { need: Float64Array; terms: readonly number[] }[];
};

/** A limit further away than this many times the pods' demand is not weighed when shapes are compared. */
const NEAR_LIMIT = 4;
/** So many nodes are far away, too. */
const NEAR_NODES = 100;

/** @param keepsChoice false: as if no pool had minValues */
export function shapeTableOf(input: ShapeInput, keepsChoice: boolean): ShapeTable {
  const { pools, kinds, dimensions } = input;
  const limitNames = limitsOf(input);
  const perKind = kinds.map((_, k) => shapesOfKind(input, k, keepsChoice));
  const shapes = perKind.reduce((sum, list) => sum + list.length, 0);
  const dims = dimensions.names.length;
  const limits = limitNames.length;
  const numbers = {
    shapes,
    capacity: new Float64Array(shapes * dims),
    largest: new Float64Array(dims),
    price: new Float64Array(shapes),
    kindOf: new Int32Array(shapes),
    shapesOf: [] as Int32Array[],
    limits,
    limitUse: new Float64Array(shapes * limits),
    limitLeft: Float64Array.from(
      limitNames,
      ({ pool, resource }) =>
        (pool < 0 ? pools[0]?.reservations.get(resource) : pools[pool]?.remaining?.[resource]) ?? 0,
    ),
  };
  const typeOf = new Int32Array(shapes);
  let next = 0;
  perKind.forEach((list, k) => {
    numbers.shapesOf.push(Int32Array.from(list, (_, index) => next + index));
    const firstLimit = limitNames.findIndex(({ pool }) => pool === kinds[k]?.pool);
    const reserved = limitNames.findIndex(({ pool, resource }) => pool < 0 && resource === kinds[k]?.reservation);
    for (const shape of list) {
      numbers.capacity.set(shape.room, next * dims);
      for (let d = 0; d < dims; d += 1) numbers.largest[d] = Math.max(numbers.largest[d] ?? 0, shape.room[d] ?? 0);
      numbers.price[next] = shape.price;
      numbers.kindOf[next] = k;
      shape.use.forEach((use, l) => {
        numbers.limitUse[next * limits + firstLimit + l] = use;
      });
      if (reserved >= 0) numbers.limitUse[next * limits + reserved] = 1;
      typeOf[next] = shape.type;
      next += 1;
    }
  });
  return {
    numbers: { ...numbers, rungsOf: rungsOf(numbers, dims) },
    typeOf,
    limitNames,
    holds: (kind, need) => perKind[kind]?.some(({ room }) => covers(room, need)) ?? false,
  };
}

/** The pools' limits, then the reservations in which something can be bought. */
function limitsOf({ pools, kinds }: ShapeInput): readonly { pool: number; resource: string }[] {
  const ofPools = pools.flatMap(({ remaining }, pool) =>
    Object.keys(remaining ?? {})
      .sort()
      .map((resource) => ({ pool, resource })),
  );
  const reservations = new Set(kinds.flatMap(({ reservation }) => reservation ?? []));
  return [...ofPools, ...[...reservations].sort().map((resource) => ({ pool: -1, resource }))];
}

function shapesOfKind(input: ShapeInput, k: number, keepsChoice: boolean): readonly Shape[] {
  const { pools, kinds, kindTypes, minValuesPolicy } = input;
  const kind = kinds[k];
  const pool = kind === undefined ? undefined : pools[kind.pool];
  if (kind === undefined || pool === undefined) return [];
  const names = Object.keys(pool.remaining ?? {}).sort();
  const near = nearLimits(pool, input);
  const isWithin = (use: readonly number[]): boolean =>
    use.every((amount, l) => amount <= (pool.remaining?.[names[l] ?? ""] ?? 0));
  const typesWithin = () => (kindTypes[k] ?? []).filter(({ type }) => isWithin(limitUseOf(pool, type, names)));
  const types = names.length === 0 ? (kindTypes[k] ?? []) : typesWithin();
  const alone = types.map(({ room, price, type }) => ({ room, price, type, members: [type] }));
  const shared = keepsChoice && pool.minValues.size > 0 ? minValuesShapes(pool, types) : alone;
  const isRelaxed = minValuesPolicy === "BestEffort" && !holdsAsMuch(shared, alone, input, kind);
  const shapes = isRelaxed ? alone : shared;
  const affordable = shapes
    .filter(({ room }) => !isOverdrawn(room))
    .map(({ room, price, type, members }) => {
      const use = names.length === 0 ? NO_USE : mostUse(members.map((member) => limitUseOf(pool, member, names)));
      return { room, price, type, use };
    });
  return withoutDominated(affordable, near);
}

const NO_USE: readonly number[] = [];

/** Daemons take more than there is. */
function isOverdrawn(room: Float64Array): boolean {
  for (let d = 0; d < room.length; d += 1) if (!((room[d] ?? 0) >= 0)) return true;
  return false;
}

/** Limit by limit, the most that any of the types takes. */
function mostUse(uses: readonly (readonly number[])[]): readonly number[] {
  const [first = [], ...others] = uses;
  return first.map((amount, l) => others.reduce((most, use) => Math.max(most, use[l] ?? 0), amount));
}

/** True when every class that may come to the kind and fits one of the types alone also fits a shared shape. */
function holdsAsMuch(
  shared: readonly Pick<Shape, "room">[],
  alone: readonly Pick<Shape, "room">[],
  { classes }: ShapeInput,
  kind: LaunchKind,
): boolean {
  if (shared === alone) return true;
  return classes.every(({ need, terms }) => {
    if (!terms.some((term) => kind.meets[term] === 1)) return true;
    return shared.some(({ room }) => covers(room, need)) || !alone.some(({ room }) => covers(room, need));
  });
}

/** Per limit of the pool, in order of name: whether it is near enough to be weighed when shapes are compared. */
export function nearLimits(
  { remaining = {} }: Pool,
  input: Pick<ShapeInput, "dimensions" | "demand">,
): readonly boolean[] {
  const names = Object.keys(remaining).sort();
  return names.map((name) => isNear(input, name, remaining[name] ?? 0));
}

function isNear(
  { dimensions, demand }: Pick<ShapeInput, "dimensions" | "demand">,
  resource: string,
  remaining: number,
): boolean {
  if (resource === "nodes") return remaining < NEAR_NODES;
  const d = dimensions.index.get(resource);
  return d === undefined || remaining < NEAR_LIMIT * (demand[d] ?? 0);
}

function covers(room: Float64Array, need: Float64Array): boolean {
  for (let d = 0; d < need.length; d += 1) if ((need[d] ?? 0) > (room[d] ?? 0)) return false;
  return true;
}
