import { byText } from "../../base/order.ts";
import { PartedMap } from "../../base/parted-map.ts";
import type { PodSpec, Taint } from "../../model/core.ts";
import { EKS_COMPUTE_TYPE_LABEL } from "../../model/labels.ts";
import { addResources, type Resources } from "../../model/resources.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { MovingCrowd } from "./crowd.ts";
import { type Daemon, toleratesAll } from "./daemons.ts";
import { labelMisfit } from "./label-fit.ts";
import { nodeLoad } from "./node-load.ts";
import { NumberedColumn } from "./numbered-column.ts";
import type { PodProfile } from "./pod-profile.ts";

/** Cpu, memory and pods: what every pod takes some of. */
export const CORE = ["cpu", "memory", "pods"] as const;
/** Labels that plans have asked for and that are kept up to date; beyond that all are forgotten. */
const LABELS_MAX = 16;

/** Bits of a node's state. */
export const IS_MARKED = 1;
export const IS_DELETING = 2;
export const IS_INITIALIZED = 4;
export const IS_FARGATE = 8;

/** What a node has left when its daemons have come, whatever is to be placed, and the daemons that are still to come. */
export type Spare = { free: Resources; toCome: readonly PodSpec[] };

/**
 * The nodes of a snapshot in columns, in the snapshot's order. Kept from one snapshot to the next, and through what-ifs: only what
 * is about nodes that are others is worked out anew. Good until the table of another snapshot is asked for.
 */
export class NodeTable {
  #nodes: readonly StateNode[] = [];
  #view: Snapshot["view"] | undefined;
  #states = new Uint8Array();
  readonly #taints = new NumberedColumn<readonly Taint[], StateNode>(({ taints }) => taints, taintsText);
  readonly #labels = new Map<string, NumberedColumn<string | undefined, StateNode>>();
  readonly #crowd = new MovingCrowd();
  #daemons: readonly Daemon[] = [];
  #spares: (Spare | undefined)[] = [];
  #core = new Float64Array();
  /** No spare is missing. */
  #isSpareKnown = true;

  get nodes(): readonly StateNode[] {
    return this.#nodes;
  }

  /** Per node the bits of its state. */
  get states(): Uint8Array {
    return this.#states;
  }

  get taints(): Pick<NumberedColumn<readonly Taint[], StateNode>, "numbers" | "values"> {
    return this.#taints;
  }

  label(key: string): Pick<NumberedColumn<string | undefined, StateNode>, "numbers" | "values"> {
    const known = this.#labels.get(key);
    if (known !== undefined) return known;
    if (this.#labels.size >= LABELS_MAX) this.#labels.clear();
    const made = new NumberedColumn<string | undefined, StateNode>(
      ({ labels }) => labels[key],
      (value) => value,
    );
    made.follow(this.#nodes, new Int32Array(this.#nodes.length).fill(-1));
    this.#labels.set(key, made);
    return made;
  }

  /** Profiles of the pods that run. */
  profiles(): Iterable<PodProfile> {
    return this.#crowd.profiles();
  }

  /** Calls `visit` for every node with such pods: its place, and how many there are. */
  onNodes(profile: PodProfile, visit: (node: number, pods: number) => void): void {
    this.#crowd.onNodes(profile, visit);
  }

  /** Per node what is left for pods of each of CORE; may be negative. */
  freeCore(daemons: readonly Daemon[]): Float64Array {
    this.#spareAll(daemons);
    return this.#core;
  }

  spareOf(node: number, daemons: readonly Daemon[]): Spare {
    this.#spareAll(daemons);
    return this.#spares[node] ?? NOTHING;
  }

  follow({ view, stateNodes }: Pick<Snapshot, "view" | "stateNodes">): void {
    this.#view = view;
    if (stateNodes === this.#nodes) return;
    const from = placesBefore(this.#nodes, stateNodes);
    this.#nodes = stateNodes;
    const before = this.#states;
    this.#states = Uint8Array.from(stateNodes, (state, i) => {
      const place = from[i] ?? -1;
      return place >= 0 ? (before[place] ?? 0) : stateBits(state);
    });
    this.#taints.follow(stateNodes, from);
    for (const column of this.#labels.values()) column.follow(stateNodes, from);
    this.#crowd.follow(view, stateNodes, from);
    this.#moveSpares(from);
    this.#isSpareKnown = false;
  }

  #moveSpares(from: Int32Array): void {
    const [spares, core] = [this.#spares, this.#core];
    this.#spares = Array.from(from, (place) => (place >= 0 ? spares[place] : undefined));
    this.#core = new Float64Array(from.length * CORE.length);
    for (let i = 0; i < from.length; i += 1) {
      const place = from[i] ?? -1;
      if (place < 0) continue;
      for (let d = 0; d < CORE.length; d += 1) this.#core[i * CORE.length + d] = core[place * CORE.length + d] ?? 0;
    }
  }

  #spareAll(daemons: readonly Daemon[]): void {
    if (daemons === this.#daemons && this.#isSpareKnown) return;
    if (daemons !== this.#daemons) this.#spares.fill(undefined);
    this.#daemons = daemons;
    this.#isSpareKnown = true;
    for (let i = 0; i < this.#spares.length; i += 1) {
      const node = this.#nodes[i];
      if (this.#spares[i] !== undefined || node === undefined || this.#view === undefined) continue;
      const spare = spareOf(this.#view, node, daemons);
      this.#spares[i] = spare;
      for (const [d, name] of CORE.entries()) this.#core[i * CORE.length + d] = spare.free[name] ?? 0;
    }
  }
}

const NOTHING: Spare = { free: {}, toCome: [] };

/** One per mirror (or cluster from files): it follows from snapshot to snapshot, and back after a what-if. */
const tables = new WeakMap<object, NodeTable>();

export function nodeTableOf(snapshot: Pick<Snapshot, "view" | "stateNodes">): NodeTable {
  const { view } = snapshot;
  const cluster = view.nodes instanceof PartedMap ? view.nodes.original : view;
  const table = tables.get(cluster) ?? new NodeTable();
  tables.set(cluster, table);
  table.follow(snapshot);
  return table;
}

/** Per node its place in the list before, -1 where it is not the same object. Both lists are in order of name. */
function placesBefore(before: readonly StateNode[], nodes: readonly StateNode[]): Int32Array {
  let next = 0;
  return Int32Array.from(nodes, (node) => {
    while (before[next] !== node && byText(before[next]?.name ?? node.name, node.name) < 0) next += 1;
    if (before[next] !== node) return -1;
    next += 1;
    return next - 1;
  });
}

function stateBits({ markedForDeletion, node, initialized, labels }: StateNode): number {
  return (
    (markedForDeletion ? IS_MARKED : 0) |
    (node?.metadata.deletionTimestamp !== undefined ? IS_DELETING : 0) |
    (initialized ? IS_INITIALIZED : 0) |
    (labels[EKS_COMPUTE_TYPE_LABEL] === "fargate" ? IS_FARGATE : 0)
  );
}

function taintsText(taints: readonly Taint[]): string {
  let text = "";
  for (const { key, value, effect } of taints) text += `${key}=${value ?? ""}:${effect}\n`;
  return text;
}

function spareOf(view: Snapshot["view"], node: StateNode, daemons: readonly Daemon[]): Spare {
  const load = nodeLoad(view, node);
  const own = daemons.filter((daemon) => runsOn(daemon, node));
  const coming = stillToCome(own, load.daemonRequests);
  const free: Record<string, number> = {};
  for (const name of Object.keys(node.allocatable)) {
    free[name] = (node.allocatable[name] ?? 0) - (load.requests[name] ?? 0) - (coming[name] ?? 0);
  }
  return { free, toCome: own.filter(({ uid }) => !load.daemonOwners.has(uid)).map(({ spec }) => spec) };
}

/** What daemons will take that are not there yet. */
function stillToCome(daemons: readonly Daemon[], present: Resources): Resources {
  const wanted = addResources(...daemons.map((daemon) => daemon.requests));
  const rest: Record<string, number> = {};
  for (const name of Object.keys(wanted)) rest[name] = Math.max(0, (wanted[name] ?? 0) - (present[name] ?? 0));
  return rest;
}

function runsOn(daemon: Daemon, node: StateNode): boolean {
  return toleratesAll(daemon, node.taints) && daemon.terms.some((term) => labelMisfit(term, node.labels) === undefined);
}
