import { Random } from "../../../base/random.ts";
import { construct, type Room } from "./packing-construct.ts";
import type { FilledNode, Packing, PackingProblem, Portion, StepBudget } from "./packing-problem.ts";

/** What an improvement goes by. */
export type Aims = {
  values: Float64Array;
  costs: Float64Array;
  budget: StepBudget;
  /** Attempts at most; the budget may end it sooner. */
  attempts: number;
  seed: number;
};

/** Open nodes beside the ruined ones that an attempt looks into for free room. */
const NEIGHBOURS_MAX = 6;
const RUINED_MAX = 5;
/** After so many attempts without a gain the rest is not worth its time. */
const PATIENCE = 400;
const PATIENCE_PER_NODE = 10;

/**
 * Ruin and recreate: a few nodes are emptied and their pods placed anew, with some noise; what is not worse stays.
 * @param packing complete: nodes of the problem's bins and shapes; not changed
 */
export function improve(problem: PackingProblem, packing: Packing, aims: Aims): Packing {
  if (aims.budget.left <= 0 || packing.nodes.length === 0) return packing;
  const fleet = fleetOf(problem, packing);
  const random = new Random(aims.seed);
  const patience = PATIENCE + PATIENCE_PER_NODE * fleet.nodes.length;
  let lastGain = 0;
  for (let attempt = 0; attempt < aims.attempts && aims.budget.left > 0 && fleet.nodes.length > 0; attempt += 1) {
    if (tryOnce(problem, fleet, aims, random)) lastGain = attempt;
    if (attempt - lastGain > patience) break;
  }
  return {
    nodes: fleet.nodes.map(cheapestShape(problem, aims.costs)),
    left: fleet.left,
    leftTotal: fleet.leftTotal,
    cost: costOf(fleet, aims),
  };
}

/** The packing while it is being changed. */
type Fleet = {
  nodes: FilledNode[];
  /** Free room per node, same order. */
  rooms: Float64Array[];
  left: Int32Array;
  leftTotal: number;
  limitLeft: Float64Array;
};

function fleetOf(problem: PackingProblem, packing: Packing): Fleet {
  const limitLeft = Float64Array.from(problem.limitLeft);
  for (const node of packing.nodes) addLimits(problem, limitLeft, node, -1);
  return {
    nodes: [...packing.nodes],
    rooms: packing.nodes.map((node) => roomOf(problem, node)),
    left: packing.left,
    leftTotal: packing.leftTotal,
    limitLeft,
  };
}

/** What a node still has room for. */
export function roomOf(problem: PackingProblem, node: FilledNode): Float64Array {
  const { dims, need } = problem;
  const [table, row] = node.bin >= 0 ? [problem.binRoom, node.bin] : [problem.capacity, node.shape];
  const room = table.slice(row * dims, (row + 1) * dims);
  for (const { podClass, count } of node.content) {
    for (let d = 0; d < dims; d += 1) room[d] = (room[d] ?? 0) - count * (need[podClass * dims + d] ?? 0);
  }
  return room;
}

function addLimits(problem: PackingProblem, limitLeft: Float64Array, node: FilledNode, sign: 1 | -1): void {
  if (node.shape < 0) return;
  for (let l = 0; l < problem.limits; l += 1) {
    limitLeft[l] = (limitLeft[l] ?? 0) + sign * (problem.limitUse[node.shape * problem.limits + l] ?? 0);
  }
}

/** @returns whether something was gained */
function tryOnce(problem: PackingProblem, fleet: Fleet, aims: Aims, random: Random): boolean {
  const ruined = chooseRuined(fleet, aims, random);
  const demand = Int32Array.from(fleet.left);
  const limitLeft = Float64Array.from(fleet.limitLeft);
  let costBefore = 0;
  for (const index of ruined) {
    const node = at(fleet.nodes, index);
    for (const { podClass, count } of node.content) demand[podClass] = (demand[podClass] ?? 0) + count;
    addLimits(problem, limitLeft, node, 1);
    costBefore += nodeCost(node, aims.costs);
  }
  const { rooms, indexes } = roomsAround(problem, fleet, ruined, random);
  const values = withNoise(aims.values, demand, random);
  const result = construct(problem, { demand, values, costs: aims.costs, limitLeft, rooms, budget: aims.budget });
  const isWorse =
    result.leftTotal > fleet.leftTotal || (result.leftTotal === fleet.leftTotal && result.cost > costBefore + 1e-9);
  if (isWorse) return false;
  const isGain = result.leftTotal < fleet.leftTotal || result.cost < costBefore - 1e-9;
  for (const { index, node, room } of result.refilled) {
    const target = indexes[index] ?? -1;
    if (target >= 0) replaceAt(fleet, target, node, room);
    else append(fleet, node, room);
  }
  for (const node of result.nodes) append(fleet, node, roomOf(problem, node));
  for (const index of [...ruined].sort((a, b) => b - a)) removeAt(fleet, index);
  fleet.left = result.left;
  fleet.leftTotal = result.leftTotal;
  fleet.limitLeft = result.limitLeft;
  return isGain;
}

/** Two to five nodes: half the time led by one of the worst for their value, of a few looked at. */
function chooseRuined(fleet: Fleet, aims: Aims, random: Random): Set<number> {
  const last = fleet.nodes.length - 1;
  const ruined = new Set<number>();
  const wanted = Math.min(random.between(2, RUINED_MAX), fleet.nodes.length);
  if (random.chance(0.5)) {
    let worst = random.between(0, last);
    for (let look = 0; look < 4; look += 1) {
      const other = random.between(0, last);
      if (worth(at(fleet.nodes, other), aims) > worth(at(fleet.nodes, worst), aims)) worst = other;
    }
    ruined.add(worst);
  }
  for (let look = 0; look < wanted * 3 && ruined.size < wanted; look += 1) ruined.add(random.between(0, last));
  return ruined;
}

/** Cost per value: the higher, the worse. */
function worth(node: FilledNode, aims: Aims): number {
  let value = 0;
  for (const { podClass, count } of node.content) value += count * (aims.values[podClass] ?? 0);
  return nodeCost(node, aims.costs) / Math.max(value, 1e-12);
}

function nodeCost(node: FilledNode, costs: Float64Array): number {
  return node.shape < 0 ? 0 : (costs[node.shape] ?? 0);
}

function costOf(fleet: Fleet, aims: Aims): number {
  let sum = 0;
  for (const node of fleet.nodes) sum += nodeCost(node, aims.costs);
  return sum;
}

/** Free room for the pods: the ruined bins, emptied, and some other nodes as they are. */
function roomsAround(
  problem: PackingProblem,
  fleet: Fleet,
  ruined: ReadonlySet<number>,
  random: Random,
): { rooms: Room[]; indexes: number[] } {
  const rooms: Room[] = [];
  const indexes: number[] = [];
  for (const index of ruined) {
    const node = at(fleet.nodes, index);
    if (node.bin < 0) continue;
    rooms.push({ shape: -1, bin: node.bin, room: roomOf(problem, { ...node, content: [] }), content: [] });
    indexes.push(-1);
  }
  const looks = Math.min(NEIGHBOURS_MAX, fleet.nodes.length);
  const seen = new Set(ruined);
  for (let look = 0; look < looks; look += 1) {
    const index = random.between(0, fleet.nodes.length - 1);
    if (seen.has(index)) continue;
    seen.add(index);
    const node = at(fleet.nodes, index);
    rooms.push({ shape: node.shape, bin: node.bin, room: at(fleet.rooms, index), content: node.content });
    indexes.push(index);
  }
  return { rooms, indexes };
}

function withNoise(values: Float64Array, demand: Int32Array, random: Random): Float64Array {
  const noisy = Float64Array.from(values);
  for (let c = 0; c < noisy.length; c += 1) {
    if ((demand[c] ?? 0) > 0) noisy[c] = (noisy[c] ?? 0) * (0.7 + 0.6 * random.fraction());
  }
  return noisy;
}

/** The same content in the cheapest shape that every class on it accepts. */
export function cheapestShape(problem: PackingProblem, costs: Float64Array): (node: FilledNode) => FilledNode {
  return (node) => {
    if (node.shape < 0) return node;
    const need = needOf(problem, node.content);
    let best = node.shape;
    for (let k = 0; k < problem.kinds; k += 1) {
      if (!accepts(problem, node.content, k)) continue;
      for (const s of problem.shapesOf[k] ?? []) {
        if (
          (costs[s] ?? 0) < (costs[best] ?? 0) - 1e-12 &&
          fitsShape(problem, s, need) &&
          takesNoMore(problem, s, node.shape)
        )
          best = s;
      }
    }
    return best === node.shape ? node : { ...node, shape: best };
  };
}

function needOf(problem: PackingProblem, content: readonly Portion[]): Float64Array {
  const { dims, need } = problem;
  const sum = new Float64Array(dims);
  for (const { podClass, count } of content) {
    for (let d = 0; d < dims; d += 1) sum[d] = (sum[d] ?? 0) + count * (need[podClass * dims + d] ?? 0);
  }
  return sum;
}

function accepts(problem: PackingProblem, content: readonly Portion[], kind: number): boolean {
  let opens = false;
  for (const { podClass, stage } of content) {
    const at = problem.stages[podClass]?.[stage];
    if (at === undefined || at.guest[kind] !== 1) return false;
    opens ||= at.own[kind] === 1;
  }
  return opens;
}

function fitsShape(problem: PackingProblem, shape: number, need: Float64Array): boolean {
  const { dims, capacity } = problem;
  for (let d = 0; d < dims; d += 1) if ((need[d] ?? 0) > (capacity[shape * dims + d] ?? 0)) return false;
  return true;
}

function takesNoMore(problem: PackingProblem, shape: number, than: number): boolean {
  const { limits, limitUse } = problem;
  for (let l = 0; l < limits; l += 1) {
    if ((limitUse[shape * limits + l] ?? 0) > (limitUse[than * limits + l] ?? 0)) return false;
  }
  return true;
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no item ${index} of ${items.length}`);
  return item;
}

function append(fleet: Fleet, node: FilledNode, room: Float64Array): void {
  fleet.nodes.push(node);
  fleet.rooms.push(room);
}

function replaceAt(fleet: Fleet, index: number, node: FilledNode, room: Float64Array): void {
  fleet.nodes[index] = node;
  fleet.rooms[index] = room;
}

/** The last one takes its place: order among nodes means nothing. */
function removeAt(fleet: Fleet, index: number): void {
  const node = fleet.nodes.pop();
  const room = fleet.rooms.pop();
  if (index < fleet.nodes.length && node !== undefined && room !== undefined) replaceAt(fleet, index, node, room);
}
