import { byText } from "../../base/order.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { DisruptionCommand } from "./command.ts";
import { planConsolidation } from "./consolidate.ts";
import { type Kept, priceOfNode } from "./consolidate-candidates.ts";
import { planEmptiness } from "./emptiness.ts";
import { pausedFor, pausedPools } from "./paused-pools.ts";

export type DisruptionPlan = {
  /** What would be done at once, in this order. */
  commands: readonly DisruptionCommand[];
  /** Managed nodes that stay, and why, in order of name. */
  kept: readonly Kept[];
  /** USD per hour of all managed nodes, now and when the commands are carried out. */
  initialPrice: number;
  finalPrice: number;
};

export type DisruptionOptions = {
  /** Whether a spot node may make way for a cheaper spot node. */
  spotToSpot: boolean;
};

/** All that would be disrupted by choice at this moment: empty nodes first, then nodes that are too dear. */
export function planDisruption(snapshot: Snapshot, { spotToSpot }: DisruptionOptions): DisruptionPlan {
  const pauses = pausedPools(snapshot.view.nodePools.values(), undefined, snapshot.nowMs);
  const empty = planEmptiness(snapshot, { underway: new Set(), paused: pausedFor(pauses, "Empty") });
  const commands: DisruptionCommand[] = [];
  if (empty.chosen.length > 0) {
    commands.push({
      reason: "Empty",
      consolidationType: "empty",
      candidates: empty.chosen,
      replacements: [],
      moves: new Map(),
    });
  }
  const going = new Set(empty.chosen.map(({ claim }) => claim.metadata.name));
  const rest = withoutEmpty(snapshot, going);
  const { moves, kept } = planConsolidation(rest, {
    underway: new Set(),
    spotToSpot,
    paused: pausedFor(pauses, "Underutilized"),
  });
  commands.push(...moves.map(({ command }) => command));
  const initialPrice = sum(
    snapshot.stateNodes.filter(({ managed }) => managed).map((state) => priceOfNode(snapshot, state)),
  );
  const gone = sum(commands.flatMap(({ candidates }) => candidates.map(({ state }) => priceOfNode(snapshot, state))));
  const bought = sum(commands.flatMap(({ replacements }) => replacements.map(({ cheapestPrice }) => cheapestPrice)));
  return {
    commands,
    kept: kept
      .filter(({ claim }) => !going.has(claim.metadata.name))
      .sort((a, b) => byText(a.state.name, b.state.name)),
    initialPrice: rounded(initialPrice),
    finalPrice: rounded(initialPrice - gone + bought),
  };
}

/** The snapshot in which these nodes are about to go. */
function withoutEmpty(snapshot: Snapshot, going: ReadonlySet<string>): Snapshot {
  if (going.size === 0) return snapshot;
  const stateNodes = snapshot.stateNodes.map((state) =>
    going.has(state.claim?.metadata.name ?? "") ? { ...state, markedForDeletion: true } : state,
  );
  return { ...snapshot, stateNodes };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}

/** To millionths: what adding up floating numbers leaves behind is no price. */
function rounded(price: number): number {
  return Math.round(price * 1e6) / 1e6;
}
