import { byText } from "../../base/order.ts";
import { someOf } from "../../base/some-of.ts";
import { findCondition } from "../lifecycle/conditions.ts";
import type { Candidate } from "./candidates.ts";
import type { DisruptionCommand } from "./command.ts";

const NAMES_MAX = 3;

/** Why a node of the command goes and what becomes of its pods, as its claim tells in `kubectl describe`. */
export function storyOf(command: DisruptionCommand, candidate: Candidate): string {
  return `${causeOf(command, candidate)}; ${whatComes(command)}`;
}

function causeOf({ reason }: DisruptionCommand, { claim }: Candidate): string {
  switch (reason) {
    case "Empty":
      return "Empty: no pod on it would come back elsewhere";
    case "Underutilized":
      return "Underutilized: its pods can be had for less";
    case "Drifted":
      return `Drifted: ${lowerFirst(findCondition(claim, "Drifted")?.message ?? "")}`;
    case "Expired":
      return `Expired: its expireAfter of ${claim.spec.expireAfter ?? ""} is nearly over`;
  }
}

function whatComes({ replacements, moves }: DisruptionCommand): string {
  if (replacements.length > 0)
    return `replaced by ${someOf(
      replacements.map(({ name }) => name),
      NAMES_MAX,
    )}`;
  const targets = [...new Set(moves.values())].sort(byText);
  return targets.length === 0 ? "nothing comes instead" : `its pods have room on ${someOf(targets, NAMES_MAX)}`;
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
