import { formatAmount } from "../../../model/resources.ts";
import type { PlannedClaim } from "../provision-plan.ts";
import type { Reduction } from "../reduce.ts";
import type { ClaimType } from "../shapes/claim-types.ts";
import { worstShortage } from "../shapes/type-funnel.ts";
import { amountText, shareText } from "./texts.ts";

export type ShapeFacts = {
  /** Types that meet what pool and pods ask for, cheapest first, large enough or not. */
  candidates: readonly ClaimType[];
  /** The first of those that hold the pods. */
  chosen: ClaimType;
  /** What the pods take together, per dimension. */
  need: Float64Array;
  /** What the pods would cost with a node for each; undefined where one pod is all. */
  apartUsdPerHour: number | undefined;
  reservation: string | undefined;
  /** Labels whose value rules between pods decided. */
  pinned: readonly string[];
};

/** Why a node has the shape that it has: what it is full of, what the next cheaper type lacks, what parting the pods costs. */
export function shapeReason(facts: ShapeFacts, { dimensions: { names } }: Reduction): PlannedClaim["why"] {
  const { chosen, need, apartUsdPerHour, reservation, pinned } = facts;
  const fullest = worstShortage(chosen.room, need);
  const { code, text } = choiceOf(facts, names);
  const parts = [
    `its ${names[fullest.dimension] ?? "room"} is ${shareText(fullest.shortage)} full`,
    text,
    ...(apartUsdPerHour === undefined ? [] : [`one node per pod: ${dollars(apartUsdPerHour)}`]),
    ...(reservation === undefined ? [] : [`in reservation ${reservation}`]),
    ...(pinned.length === 0 ? [] : [`${pinned.join(" and ")} set by rules between pods`]),
  ];
  return { code, reason: parts.join("; ") };
}

function choiceOf({ candidates, chosen, need }: ShapeFacts, names: readonly string[]): { code: string; text: string } {
  const at = candidates.indexOf(chosen);
  const cheaper = candidates[at - 1];
  if (cheaper === undefined) return { code: "CheapestOfAll", text: "no type that meets its requirements is cheaper" };
  const { dimension, shortage, has } = worstShortage(cheaper.room, need);
  const which = `the next cheaper, ${cheaper.name} (${dollars(cheaper.price)}),`;
  if (shortage <= 1) return { code: "CheapestWithinLimits", text: `${which} would exceed the limits of the pool` };
  const name = names[dimension] ?? "";
  const wanted = amountText(name, need[dimension] ?? 0);
  return { code: "CheapestFit", text: `${which} has ${formatAmount(name, has)} of ${wanted}` };
}

function dollars(usdPerHour: number): string {
  return `$${usdPerHour.toFixed(4)}`;
}
