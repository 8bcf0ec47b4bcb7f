import { byText } from "../../base/order.ts";
import { MINUTE_MS, parseTime, SECOND_MS } from "../../base/time.ts";
import { parseNillableDuration } from "../../model/duration.ts";
import { NODE_POOL_LABEL } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { findCondition, isTrue } from "../lifecycle/conditions.ts";
import { type Blocked, type Candidate, findCandidates } from "./candidates.ts";
import type { DisruptionCommand } from "./command.ts";
import { rehome } from "./rehome.ts";

/** A replacement comes up and a node drains within this, as a rule. */
const TURN_MS = 15 * MINUTE_MS;
/** A node is not replaced earlier than this share of its time before its end. */
const LEAD_SHARE_MAX = 0.1;
/** A node whose pods had no other place is not tried again before. */
const RETRY_MS = 10 * SECOND_MS;
/** So many nodes are tried in one plan. */
const TRIES_MAX = 10;

export type ExpirationPlan = {
  /** At most one node of each pool, and one node with pods in all. */
  commands: DisruptionCommand[];
  /** Nodes that should go now and must not: they go at their hour. */
  blocked: Blocked[];
  stuck: { candidate: Candidate; reason: string }[];
};

export type ExpirationOptions = {
  underway: ReadonlySet<string>;
  /** When each claim was last tried in vain, by name: others go before it. */
  lastTriedMs: ReadonlyMap<string, number>;
  paused: ReadonlySet<string>;
};

/**
 * Nodes that are near the end of their time, replaced while there is still some: in each pool one after the other, the
 * oldest first, begun just early enough that each has a turn before its hour. What is not replaced by then is deleted
 * at its hour, whatever stands in the way.
 * @source reference of disruption, section 15. There is no replacing before the hour.
 */
export function planExpiration(
  snapshot: Snapshot,
  { underway, lastTriedMs, paused }: ExpirationOptions,
): ExpirationPlan {
  const { nowMs } = snapshot;
  const plan: ExpirationPlan = { commands: [], blocked: [], stuck: [] };
  const due = dueClaims([...snapshot.view.nodeClaims.values()], nowMs);
  if (due.size === 0) return plan;
  const found = findCandidates(snapshot, underway, "eventual");
  plan.blocked = found.blocked.filter(
    ({ claim }) => due.has(claim.metadata.name) && claim.metadata.deletionTimestamp === undefined,
  );
  const busy = busyPools(snapshot);
  const triedMs = ({ claim }: Candidate): number => lastTriedMs.get(claim.metadata.name) ?? Number.MIN_SAFE_INTEGER;
  const waiting = found.candidates
    .filter(({ claim, pool }) => due.has(claim.metadata.name) && pool.spec.replicas === undefined)
    .filter((candidate) => nowMs - triedMs(candidate) >= RETRY_MS)
    .filter(({ pool }) => !busy.has(pool.metadata.name) && !paused.has(pool.metadata.name))
    .sort(
      (a, b) =>
        triedMs(a) - triedMs(b) ||
        endMs(a.claim) - endMs(b.claim) ||
        byText(a.claim.metadata.name, b.claim.metadata.name),
    );
  const avoid = new Set([...due, ...drifted(snapshot)]);
  for (const candidate of waiting.slice(0, TRIES_MAX)) {
    if (busy.has(candidate.pool.metadata.name)) continue;
    const { replacements, moves, problem } = rehome(snapshot, {
      leaving: new Set([candidate.claim.metadata.name]),
      avoid,
    });
    if (problem !== undefined) {
      plan.stuck.push({ candidate, reason: problem });
      continue;
    }
    busy.add(candidate.pool.metadata.name);
    plan.commands.push({ reason: "Expired", consolidationType: "", candidates: [candidate], replacements, moves });
    // The next plan is made with this one's room taken.
    if (moves.size > 0) break;
  }
  return plan;
}

/** A claim is never changed in place: its times are read once. */
const knownLives = new WeakMap<NodeClaim, { earliestMs: number; endMs: number }>();

/** When the claim's time is over, infinity for "Never", and the earliest time to begin to replace it. */
function lifeOf(claim: NodeClaim): { earliestMs: number; endMs: number } {
  const known = knownLives.get(claim);
  if (known !== undefined) return known;
  const lifeMs = parseNillableDuration(claim.spec.expireAfter ?? "Never") ?? Number.POSITIVE_INFINITY;
  const end = (parseTime(claim.metadata.creationTimestamp) ?? Number.POSITIVE_INFINITY) + lifeMs;
  const life = { earliestMs: Number.isFinite(end) ? end - lifeMs * LEAD_SHARE_MAX : end, endMs: end };
  knownLives.set(claim, life);
  return life;
}

function endMs(claim: NodeClaim): number {
  return lifeOf(claim).endMs;
}

/** Names of the claims that should be on their way out by now. */
export function dueClaims(claims: readonly NodeClaim[], nowMs: number): ReadonlySet<string> {
  // Most nodes live for weeks: nothing is counted while none can be due.
  if (!claims.some((claim) => lifeOf(claim).earliestMs <= nowMs)) return new Set();
  const starts = startTimes(claims);
  return new Set([...starts.keys()].filter((name) => (starts.get(name) ?? Number.POSITIVE_INFINITY) <= nowMs));
}

/**
 * When to begin with each claim, by name: counted back from the last to end, each has a turn of its own before those of
 * its pool that end later, but none begins earlier than its share allows.
 */
function startTimes(claims: readonly NodeClaim[]): ReadonlyMap<string, number> {
  const ending = claims
    .filter((claim) => claim.metadata.deletionTimestamp === undefined && Number.isFinite(endMs(claim)))
    .sort((a, b) => endMs(b) - endMs(a) || byText(b.metadata.name, a.metadata.name));
  const starts = new Map<string, number>();
  const nextOfPool = new Map<string, number>();
  for (const claim of ending) {
    const pool = claim.metadata.labels?.[NODE_POOL_LABEL] ?? "";
    const latestMs = Math.min(endMs(claim), nextOfPool.get(pool) ?? Number.POSITIVE_INFINITY) - TURN_MS;
    const startMs = Math.max(lifeOf(claim).earliestMs, latestMs);
    nextOfPool.set(pool, startMs);
    starts.set(claim.metadata.name, startMs);
  }
  return starts;
}

/** Pools of which an expired node is being replaced, or has not had its turn to drain. */
function busyPools({ view, nowMs }: Snapshot): Set<string> {
  const busy = new Set<string>();
  for (const claim of view.nodeClaims.values()) {
    const reason = findCondition(claim, "DisruptionReason");
    if (reason?.status !== "True" || reason.reason !== "Expired") continue;
    const deletedMs = parseTime(claim.metadata.deletionTimestamp ?? "");
    if (deletedMs !== undefined && nowMs - deletedMs > TURN_MS) continue;
    busy.add(claim.metadata.labels?.[NODE_POOL_LABEL] ?? "");
  }
  return busy;
}

function drifted({ view }: Snapshot): string[] {
  return [...view.nodeClaims.values()].filter((claim) => isTrue(claim, "Drifted")).map(({ metadata }) => metadata.name);
}
