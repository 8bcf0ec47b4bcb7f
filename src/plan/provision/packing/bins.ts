import type { Snapshot } from "../../../snapshot/snapshot.ts";
import type { AmountRules } from "../../fit/amount-rules.ts";
import type { Daemon } from "../../fit/daemons.ts";
import { type HostRules, type HostUse, hostRoom, hostUseOf, portUseOf } from "../../fit/host-rules.ts";
import { nodeLoad } from "../../fit/node-load.ts";
import { CORE, IS_DELETING, IS_FARGATE, IS_INITIALIZED, IS_MARKED, type NodeTable } from "../../fit/node-table.ts";
import { addAmounts, type Dimensions } from "./dimensions.ts";

/**
 * Nodes that pods may still go to, as places in the table: initialized ones first, then by name. Those of Fargate are for their
 * own pods.
 */
export function openPlaces({ nodes, states }: NodeTable, closed: Snapshot["closed"]): Int32Array {
  const [first, last]: [number[], number[]] = [[], []];
  for (let n = 0; n < states.length; n += 1) {
    const state = states[n] ?? 0;
    if ((state & (IS_MARKED | IS_DELETING | IS_FARGATE)) !== 0) continue;
    if (closed?.has(nodes[n]?.claim?.metadata.name ?? "") === true) continue;
    ((state & IS_INITIALIZED) === 0 ? last : first).push(n);
  }
  return Int32Array.from([...first, ...last]);
}

type About = {
  snapshot: Snapshot;
  table: NodeTable;
  daemons: readonly Daemon[];
  hostRules: HostRules;
  amountRules: AmountRules;
  dimensions: Dimensions;
};

/** What nodes have left for pods, never below zero: worked out for nodes that are asked for. */
export class FreeRooms {
  readonly #about: About;
  readonly #core: Float64Array;
  readonly #empty: Float64Array;
  readonly #rooms = new Map<number, Float64Array>();
  /** Per node what the pods there take of what rules about hosts count. */
  readonly #taken: ReadonlyMap<number, readonly HostUse[]>;

  constructor(about: About) {
    const { table, daemons, hostRules, dimensions } = about;
    this.#about = about;
    this.#core = table.freeCore(daemons);
    this.#empty = new Float64Array(dimensions.names.length);
    addAmounts(dimensions, this.#empty, 0, hostRoom(hostRules));
    this.#taken = takenByProfile(about);
  }

  /** Whether there is room as far as cpu, memory and the number of pods go: all that most pods ask for. */
  hasCore(place: number, need: Float64Array): boolean {
    for (let d = 0; d < CORE.length; d += 1) {
      if ((need[d] ?? 0) > Math.max(0, this.#core[place * CORE.length + d] ?? 0)) return false;
    }
    return true;
  }

  /** The same for what only some pods ask for. @param place in the table of nodes */
  hasRest(place: number, need: Float64Array): boolean {
    const room = this.of(place);
    for (let d = CORE.length; d < need.length; d += 1) if ((need[d] ?? 0) > (room[d] ?? 0)) return false;
    return true;
  }

  /** Per dimension. */
  of(place: number): Float64Array {
    const known = this.#rooms.get(place);
    if (known !== undefined) return known;
    const room = this.#make(place);
    this.#rooms.set(place, room);
    return room;
  }

  #make(place: number): Float64Array {
    const { snapshot, table, daemons, hostRules, amountRules, dimensions } = this.#about;
    const room = Float64Array.from(this.#empty);
    const node = table.nodes[place];
    if (node === undefined) return room;
    const { free, toCome } = table.spareOf(place, daemons);
    for (const [d, name] of dimensions.names.entries()) room[d] = (room[d] ?? 0) + (free[name] ?? 0);
    addAmounts(dimensions, room, 0, amountRules.roomOfNode(node));
    for (const use of this.#taken.get(place) ?? []) addAmounts(dimensions, room, 0, use, -1);
    if (hostRules.ports.size > 0) {
      const running = hostRules.groups.length > 0 ? [] : nodeLoad(snapshot.view, node).withHostPorts;
      for (const spec of [...running, ...toCome]) addAmounts(dimensions, room, 0, portUseOf(spec, hostRules), -1);
    }
    return room.map((amount) => Math.max(0, amount));
  }
}

/** Only the nodes of pods that a rule about hosts is about are looked at. */
function takenByProfile({ table, hostRules }: About): ReadonlyMap<number, readonly HostUse[]> {
  const taken = new Map<number, HostUse[]>();
  if (hostRules.groups.length === 0) return taken;
  for (const profile of table.profiles()) {
    const use = hostUseOf(profile.sample, hostRules);
    if (use.size === 0) continue;
    table.onNodes(profile, (place, pods) => {
      const uses = taken.get(place) ?? [];
      for (let pod = 0; pod < pods; pod += 1) uses.push(use);
      taken.set(place, uses);
    });
  }
  return taken;
}
