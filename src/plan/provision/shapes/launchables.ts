import type { InstanceType } from "../../../model/instance-type.ts";
import { formatRequirements } from "../../../model/requirements.ts";
import type { PlanSettings } from "../../../snapshot/snapshot.ts";
import type { AmountRules } from "../../fit/amount-rules.ts";
import { type Daemon, toleratesAll } from "../../fit/daemons.ts";
import { type HostRules, hostRoom, portUseOf } from "../../fit/host-rules.ts";
import { addAmounts, type Dimensions } from "../packing/dimensions.ts";
import type { Pool } from "../pools.ts";
import { type NumberedClass, needOf } from "../stages.ts";
import type { Columns } from "./columns.ts";
import { type LaunchKind, launchKindsOf } from "./launch-kinds.ts";
import { nearLimits, type ShapeTable, shapeTableOf } from "./shape-table.ts";
import { type KindType, kindTypesOf, typeRoomsOf } from "./shapes.ts";
import type { TermTable } from "./term-table.ts";

/** What can be launched, in numbers. */
export type Launchables = {
  columns: readonly Columns[];
  kinds: readonly LaunchKind[];
  /** Types of each kind, cheapest first. */
  kindTypes: readonly (readonly KindType[])[];
  /** Daemons on a node of each kind. */
  kindDaemons: readonly (readonly Daemon[])[];
  shapeTable: ShapeTable;
  /** The same with every type as it is, without regard to minValues: for the bound. */
  boundNumbers: ShapeTable["numbers"];
};

export type LaunchInput = {
  pools: readonly Pool[];
  /** With all the terms that pods and daemons ask. */
  table: TermTable;
  daemons: readonly Daemon[];
  daemonTerms: readonly (readonly number[])[];
  dimensions: Dimensions;
  hostRules: HostRules;
  amountRules: AmountRules;
  /** What all pods together ask for, per dimension. */
  demand: Float64Array;
  classes: readonly NumberedClass[];
  minValuesPolicy: PlanSettings["minValuesPolicy"];
};

type Known = { parts: readonly unknown[]; text: string; launchables: Launchables };

/** By the types of the first pool what was made of them lately, the last first. */
const lately = new WeakMap<readonly InstanceType[], Known[]>();
const KNOWN_MAX = 12;

/**
 * Made anew only when something that it follows from is another: pods that ask for the same sort of thing, one after the other,
 * choose among the same machines.
 */
export function launchablesOf(input: LaunchInput): Launchables {
  const [first] = input.pools;
  const text = first === undefined ? undefined : askedOf(input);
  if (first === undefined || text === undefined) return makeLaunchables(input);
  const parts = [input.daemons, ...input.pools.map(({ types }) => types)];
  const known = lately.get(first.types) ?? [];
  const at = known.findIndex((one) => one.text === text && isSame(one.parts, parts));
  const found = known[at] ?? { parts, text, launchables: makeLaunchables(input) };
  lately.set(first.types, [found, ...known.filter((one) => one !== found)].slice(0, KNOWN_MAX));
  return found.launchables;
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((part, i) => part === b[i]);
}

/**
 * All that it follows from besides types and daemons, as text: of pools what they say, as their objects change whenever a node
 * comes or goes. Things that every node has alike go by how much of them there is, not by their names. Undefined where it
 * follows from more than that: minValues look at the single pods, attach limits at what nodes say.
 */
function askedOf(input: LaunchInput): string | undefined {
  const { pools, table, dimensions, hostRules, amountRules } = input;
  const hasAmounts = pools.some(
    ({ types: [type] }) => type !== undefined && amountRules.roomOfType(type.name).size > 0,
  );
  if (hasAmounts || hostRules.ports.size > 0 || pools.some(({ minValues }) => minValues.size > 0)) return undefined;
  const perHost = hostRoom(hostRules);
  return JSON.stringify([
    table.terms.map(formatRequirements),
    dimensions.names.map((name) => perHost.get(name) ?? name),
    pools.map(({ requirements, taints, remaining }) => [formatRequirements(requirements), taints, remaining ?? null]),
    [...(pools[0]?.reservations ?? [])],
    pools.map((pool) => nearLimits(pool, input)),
  ]);
}

function makeLaunchables(input: LaunchInput): Launchables {
  const { pools, table, daemons, daemonTerms, dimensions, demand, classes, minValuesPolicy } = input;
  const { kinds, columns } = launchKindsOf(pools, table);
  const kindDaemons = kinds.map((kind) =>
    daemons.filter((daemon, index) => runsOnKind(daemon, daemonTerms[index] ?? [], kind, pools)),
  );
  const { hostRules, amountRules } = input;
  const perNode = { hostRoom: hostRoom(hostRules), roomOfType: amountRules.roomOfType };
  const rooms = pools.map((pool) => typeRoomsOf(pool, dimensions, perNode));
  const kindTypes = kinds.map((kind, k): readonly KindType[] => {
    const [pool, own, ofPool] = [pools[kind.pool], columns[kind.pool], rooms[kind.pool]];
    if (pool === undefined || own === undefined || ofPool === undefined) return [];
    return kindTypesOf(pool, kind, own, ofPool, overheadOf(kindDaemons[k] ?? [], input));
  });
  const needs = classes.map((one) => ({ need: needOf(one, dimensions), terms: one.levelTerms.flat() }));
  const shapeInput = { pools, kinds, kindTypes, dimensions, demand, classes: needs, minValuesPolicy };
  const shapeTable = shapeTableOf(shapeInput, true);
  const hasMinValues = pools.some(({ minValues }) => minValues.size > 0);
  const boundNumbers = hasMinValues ? shapeTableOf(shapeInput, false).numbers : shapeTable.numbers;
  return { columns, kinds, kindTypes, kindDaemons, shapeTable, boundNumbers };
}

function runsOnKind(daemon: Daemon, terms: readonly number[], kind: LaunchKind, pools: readonly Pool[]): boolean {
  return toleratesAll(daemon, pools[kind.pool]?.taints ?? []) && terms.some((term) => kind.meets[term] === 1);
}

/** What the daemons take of a node, per dimension. */
function overheadOf(daemons: readonly Daemon[], { dimensions, hostRules }: LaunchInput): Float64Array {
  const overhead = new Float64Array(dimensions.names.length);
  for (const { requests, spec } of daemons) {
    addAmounts(dimensions, overhead, 0, requests);
    addAmounts(dimensions, overhead, 0, portUseOf(spec, hostRules));
  }
  return overhead;
}
