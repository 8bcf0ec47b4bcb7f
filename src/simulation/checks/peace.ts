import { SECOND_MS } from "../../base/time.ts";
import { DAEMON_SETS, NODE_CLAIMS, NODE_POOLS, NODES, PODS } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { type Amounts, addTo, podAmounts } from "../cache/amounts.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import { DEPLOYMENTS, JOBS, STATEFUL_SETS } from "../workloads/kinds.ts";
import type { Judge, JudgeNeeds } from "./judge.ts";

/** Commands of one plan begin within so long, and count as one move. */
const ONE_MOVE_MS = 45 * SECOND_MS;
/** USD per hour: smaller differences are those of adding up. */
const PRICE_STEP = 1e-6;

/** A move by consolidation: when it began, what all nodes cost then, and what the pods asked for. */
type Round = { atMs: number; usdPerHour: number; demand: string };

/**
 * Law 5: the world gets quiet: no move that the next move undoes. While users want the same and the cloud sells the same,
 * a move and the next one together have made the bill lower; what brings the bill back to where it was, or above, goes in
 * circles. What moves nodes for other reasons (age, death, a command that was given up) begins the count anew.
 */
export function judgePeace({ clock, state, stockChanges, priceChanges, priceOf, report }: JudgeNeeds): Judge {
  let rounds: Round[] = [];
  const market = (): number => stockChanges() + priceChanges();
  let changes = market();
  const disturb = (): void => {
    rounds = [];
  };
  for (const kind of [DEPLOYMENTS, STATEFUL_SETS, JOBS, DAEMON_SETS, NODE_POOLS]) {
    state.of<KubeObject>(kind).onChange((before, after) => {
      if (before?.metadata.generation !== after?.metadata.generation) disturb();
    });
  }
  const begin = (): void => {
    const last = rounds.at(-1);
    if (last !== undefined && clock.nowMs() - last.atMs < ONE_MOVE_MS) return;
    const usdPerHour = billOf(state, priceOf);
    // While nodes are on their way, nobody knows what the bill is.
    if (usdPerHour === undefined) {
      disturb();
      return;
    }
    const round = { atMs: clock.nowMs(), usdPerHour, demand: demandOf(state) };
    if (last !== undefined && last.demand !== round.demand) disturb();
    if (changes !== market()) disturb();
    changes = market();
    const before = rounds.at(-2);
    rounds.push(round);
    if (before === undefined || round.usdPerHour < before.usdPerHour - PRICE_STEP) return;
    const [was, is] = [before, round].map(({ usdPerHour }) => usdPerHour.toFixed(4));
    report("peace", `two moves in a row brought nothing: all nodes cost ${was} per hour before, ${is} after`);
  };
  state.of(NODE_CLAIMS).onChange((before, after) => {
    const [wasChosen, isChosen] = [isUnderutilized(before), isUnderutilized(after)];
    if (isChosen && !wasChosen) begin();
    const isGivenUp = wasChosen && !isChosen && after !== undefined;
    const isGoing = after === undefined || isLeaving(after);
    const goesOtherwise = isGoing && before !== undefined && !isLeaving(before) && !wasChosen;
    if (isGivenUp || goesOtherwise) disturb();
  });
  return {};
}

/** USD per hour of all nodes that stay; undefined while some are still to come. */
function billOf(state: ClusterState, priceOf: JudgeNeeds["priceOf"]): number | undefined {
  const nodes = new Map([...state.of(NODES).values()].map((node) => [node.spec.providerID ?? "", node]));
  let usdPerHour = 0;
  for (const claim of state.of(NODE_CLAIMS).values()) {
    if (isLeaving(claim)) continue;
    const node = nodes.get(claim.status?.providerID ?? "");
    if (node === undefined) return undefined;
    usdPerHour += priceOf(node);
  }
  return usdPerHour;
}

/** What all pods ask for that come back when they are evicted. */
function demandOf(state: ClusterState): string {
  const wanted: Amounts = {};
  for (const { metadata, spec, status } of state.of(PODS).values()) {
    const isOver = status?.phase === "Succeeded" || status?.phase === "Failed";
    const isDaemon = metadata.ownerReferences?.some(({ kind }) => kind === "DaemonSet") === true;
    if (metadata.deletionTimestamp === undefined && !isOver && !isDaemon) addTo(wanted, podAmounts(spec));
  }
  return JSON.stringify(Object.entries(wanted).sort());
}

function isUnderutilized(claim: NodeClaim | undefined): boolean {
  return (claim?.status?.conditions ?? []).some(
    ({ type, status, reason }) => type === "DisruptionReason" && status === "True" && reason === "Underutilized",
  );
}

function isLeaving({ metadata }: NodeClaim): boolean {
  return metadata.deletionTimestamp !== undefined;
}
