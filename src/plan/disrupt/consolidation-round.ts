import { CONSOLIDATION_ROUND_ANNOTATION } from "../../model/labels.ts";
import { isOwnedByDaemonSet, isOwnedByJob, isTerminal, isTerminating } from "../../model/pod-predicates.ts";
import { podRequests } from "../../model/pod-requests.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { findCondition } from "../lifecycle/conditions.ts";

/** What the pods of the cluster ask for, apart from daemons and Jobs, which come and go. */
export type Demand = { cpuMilli: number; memoryMib: number };

type Round = Demand & { round: number };

/** Demand that has changed by more than this share of itself is another one. */
const SAME_DEMAND = 0.05;

/**
 * How many consolidations in a row a claim comes of while the pods of the cluster asked for the same all the time: each
 * node that a consolidation bought, or that had to be bought because the scheduler did not do as planned, is one round
 * further than the nodes that went. Moves that bring what they promise end by themselves; of those that do not, the
 * rounds grow. Everything is read from the claim, so that a restart forgets nothing.
 */
export function roundOf({ metadata }: NodeClaim, snapshot: Snapshot): number {
  const written = metadata.annotations?.[CONSOLIDATION_ROUND_ANNOTATION];
  const known = written === undefined ? undefined : readRound(written);
  return known !== undefined && isSame(known, demandOf(snapshot)) ? known.round : 0;
}

/** The annotation of what is bought in place of these claims. */
export function nextRound(claims: readonly NodeClaim[], snapshot: Snapshot): Record<string, string> {
  const round = 1 + Math.max(0, ...claims.map((claim) => roundOf(claim, snapshot)));
  return { [CONSOLIDATION_ROUND_ANNOTATION]: JSON.stringify({ round, ...demandOf(snapshot) }) };
}

/** The annotation of what has to be bought while a consolidation drains its nodes: its pods did not go where they were to. */
export function roundOfStragglers(snapshot: Snapshot): Record<string, string> {
  const leaving = [...snapshot.view.nodeClaims.values()].filter(
    (claim) => findCondition(claim, "DisruptionReason")?.reason === "Underutilized",
  );
  return leaving.length === 0 ? {} : nextRound(leaving, snapshot);
}

const demands = new WeakMap<Snapshot["view"], Demand>();

function demandOf({ view }: Snapshot): Demand {
  const known = demands.get(view);
  if (known !== undefined) return known;
  const demand = { cpuMilli: 0, memoryMib: 0 };
  for (const pod of view.pods.values()) {
    // A pod on its way out counts as the one that comes in its stead.
    if (isTerminal(pod) || isTerminating(pod) || isOwnedByDaemonSet(pod) || isOwnedByJob(pod)) continue;
    const { cpu = 0, memory = 0 } = podRequests(pod);
    demand.cpuMilli += cpu;
    demand.memoryMib += memory / 2 ** 20;
  }
  demand.memoryMib = Math.round(demand.memoryMib);
  demands.set(view, demand);
  return demand;
}

function isSame(a: Demand, b: Demand): boolean {
  const isNear = (x: number, y: number): boolean => Math.abs(x - y) <= SAME_DEMAND * Math.max(x, y);
  return isNear(a.cpuMilli, b.cpuMilli) && isNear(a.memoryMib, b.memoryMib);
}

/** Undefined for a text that is no round: it may have been edited. */
function readRound(text: string): Round | undefined {
  try {
    const { round, cpuMilli, memoryMib } = JSON.parse(text) as Partial<Record<keyof Round, unknown>>;
    const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
    if (!isNumber(round) || !isNumber(cpuMilli) || !isNumber(memoryMib)) return undefined;
    return { round: Math.max(0, Math.min(round, ROUNDS_MAX)), cpuMilli, memoryMib };
  } catch {
    return undefined;
  }
}

/** By then a node stays for good. */
const ROUNDS_MAX = 10;
