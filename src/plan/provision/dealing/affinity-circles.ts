import type { Pod } from "../../../model/core.ts";
import type { ClusterFacts } from "../reduce.ts";
import type { NumberedClass } from "../stages.ts";
import type { Reason } from "../words/refusals.ts";

/**
 * Parts the classes that can be bound in some order from those in a circle: pods that must be near others which wait for
 * them. The scheduler lets a pod be the first of its group only where its own rule is about itself, so none of a circle could
 * ever come first, wherever its pods were planned.
 */
export function withoutCircles({ podClasses, topology }: ClusterFacts): {
  classes: readonly NumberedClass[];
  refused: readonly { pods: readonly Pod[]; reason: Reason }[];
} {
  const { rules, totals } = topology;
  if (!rules.some(({ kind }) => kind === "near")) return { classes: podClasses, refused: [] };
  const isThere = rules.map((_, rule) => (totals[rule] ?? 0) > 0);
  const waitsFor = ({ topology: own }: NumberedClass) =>
    (own?.owns ?? []).find(
      ({ rule, isWish }) =>
        !isWish && rules[rule]?.kind === "near" && isThere[rule] !== true && own?.selectedBy.includes(rule) !== true,
    );
  let waiting = podClasses;
  for (;;) {
    const next = waiting.filter((one) => {
      if (waitsFor(one) !== undefined) return true;
      for (const rule of one.topology?.selectedBy ?? []) isThere[rule] = true;
      return false;
    });
    if (next.length === waiting.length) break;
    waiting = next;
  }
  // What nobody is selected by is no circle: the deal tells that better.
  const sought = new Set(waiting.flatMap(({ topology: own }) => own?.selectedBy ?? []));
  const circle = new Set(waiting.filter((one) => sought.has(waitsFor(one)?.rule ?? -1)));
  return {
    classes: circle.size === 0 ? podClasses : podClasses.filter((one) => !circle.has(one)),
    refused: [...circle].map((one) => ({ pods: one.pods, reason: circleReason(waitsFor(one)?.text ?? "") })),
  };
}

function circleReason(rule: string): Reason {
  return {
    code: "PodAffinityUnsatisfiable",
    reason: `${rule}: such pods wait, in a circle, for this one, so that none of them can ever come first`,
  };
}
