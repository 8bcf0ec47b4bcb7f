import type { PlannedClaim } from "../provision/provision-plan.ts";
import type { CommandReason } from "./budgets.ts";
import type { Candidate } from "./candidates.ts";

/** A decision to take nodes away, with what is bought first in their place. Pure data: planning makes it, act carries it out. */
export type DisruptionCommand = {
  reason: CommandReason;
  /** Of the metric's label: "empty", "multi" or "single"; "" for reasons other than consolidation. */
  consolidationType: "" | "empty" | "multi" | "single";
  /** At least one, in order of name. */
  candidates: readonly Candidate[];
  /** Bought first; the candidates go only when all of them are initialized. Empty: nothing needs to be bought. */
  replacements: readonly PlannedClaim[];
  /**
   * Key of each pod that must find another place to the name of the node, or of the replacement, that has one for it.
   * A pod on a candidate that would come back elsewhere and is not named here makes the command void.
   */
  moves: ReadonlyMap<string, string>;
};

/** As metrics and logs name it. */
export function decisionOf({ replacements }: Pick<DisruptionCommand, "replacements">): "delete" | "replace" {
  return replacements.length === 0 ? "delete" : "replace";
}
