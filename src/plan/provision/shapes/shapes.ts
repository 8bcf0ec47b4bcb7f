import { byText } from "../../../base/order.ts";
import type { HostUse } from "../../fit/host-rules.ts";
import { addAmounts, type Dimensions } from "../packing/dimensions.ts";
import type { Pool } from "../pools.ts";
import type { Columns } from "./columns.ts";
import type { LaunchKind } from "./launch-kinds.ts";

/** An instance type as it is within a kind: at its cheapest offering there, with what pods get of it. */
export type KindType = {
  type: number;
  name: string;
  price: number;
  /** What is left for pods, per dimension. */
  room: Float64Array;
  /** Bit per capacity type that is to be had: see CAPACITY_TYPE_BITS. */
  capacityTypes: number;
};

export const CAPACITY_TYPE_BITS = { "on-demand": 1, spot: 2, reserved: 4 } as const;

/** What an empty node of a type has for pods and daemons, per dimension; by type (its place in the pool's list). */
export type TypeRooms = (type: number) => Float64Array;

/** Worked out for a type when it is asked for, and once for all kinds. */
export function typeRoomsOf(
  pool: Pool,
  dimensions: Dimensions,
  { hostRoom, roomOfType }: { hostRoom: HostUse; roomOfType(name: string): HostUse },
): TypeRooms {
  const known: Float64Array[] = [];
  const everywhere = new Float64Array(dimensions.names.length);
  addAmounts(dimensions, everywhere, 0, hostRoom);
  return (type) => {
    const before = known[type];
    if (before !== undefined) return before;
    const room = Float64Array.from(everywhere);
    const source = pool.types[type];
    if (source !== undefined) {
      addAmounts(dimensions, room, 0, source.allocatable);
      addAmounts(dimensions, room, 0, roomOfType(source.name));
    }
    known[type] = room;
    return room;
  };
}

/** The types of a kind, cheapest first, then by name. @param overhead what daemons take, per dimension */
export function kindTypesOf(
  pool: Pool,
  kind: LaunchKind,
  columns: Columns,
  rooms: TypeRooms,
  overhead: Float64Array,
): readonly KindType[] {
  const types = new Map<number, KindType>();
  for (const column of kind.columns) {
    const type = columns.typeOf[column] ?? 0;
    const price = columns.priceOf[column] ?? 0;
    const bit = CAPACITY_TYPE_BITS[columns.offeringOf[column]?.capacityType ?? "on-demand"];
    const known = types.get(type);
    if (known !== undefined) {
      known.price = Math.min(known.price, price);
      known.capacityTypes |= bit;
      continue;
    }
    const room = Float64Array.from(rooms(type));
    for (let d = 0; d < room.length; d += 1) room[d] = (room[d] ?? 0) - (overhead[d] ?? 0);
    types.set(type, { type, name: pool.types[type]?.name ?? "", price, room, capacityTypes: bit });
  }
  return [...types.values()].sort((a, b) => a.price - b.price || byText(a.name, b.name));
}

/** A type's share of the pool's limits, in the order of their names; `nodes` is one. */
export function limitUseOf(pool: Pool, type: number, names: readonly string[]): number[] {
  const capacity = pool.types[type]?.capacity ?? {};
  return names.map((name) => (name === "nodes" ? 1 : (capacity[name] ?? 0)));
}

/** What one can buy of a kind: as much room as `room`, at this price, by at least one type. */
export type Shape = { room: Float64Array; price: number; type: number; use: readonly number[] };

/**
 * The shapes that no other one makes superfluous: as much room for no more money, and no more of a limit that is near.
 * Given and returned cheapest first.
 */
export function withoutDominated(shapes: readonly Shape[], nearLimits: readonly boolean[]): readonly Shape[] {
  const kept: Shape[] = [];
  for (const shape of shapes) {
    if (!kept.some((other) => dominates(other, shape, nearLimits))) kept.push(shape);
  }
  return kept;
}

function dominates(a: Shape, b: Shape, nearLimits: readonly boolean[]): boolean {
  for (let d = 0; d < b.room.length; d += 1) if ((a.room[d] ?? 0) < (b.room[d] ?? 0)) return false;
  return b.use.every((use, l) => nearLimits[l] !== true || (a.use[l] ?? 0) <= use);
}
