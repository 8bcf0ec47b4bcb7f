import { UserError } from "../../../src/base/errors.ts";
import type { WhatIf } from "../../../src/plan/what-if/what-if.ts";

/** A bound that a pipeline sets: the command ends with 1 when it is passed. */
export type FailOn = { text: string; isPassed(whatIf: WhatIf): boolean };

type Measure = { value(whatIf: WhatIf): number; whole(whatIf: WhatIf): number };

/** What can be bounded: its amount, and what a share of it is a share of. */
const MEASURES: Readonly<Record<string, Measure>> = {
  unschedulable: { value: ({ stuck }) => stuck.length, whole: ({ podsRunning }) => podsRunning },
  drift: { value: ({ drifted, held }) => drifted.length + held.length, whole: ({ nodes }) => nodes.before },
  gone: { value: ({ gone }) => gone.length, whole: ({ nodes }) => nodes.before },
  held: { value: ({ held }) => held.length, whole: ({ nodes }) => nodes.before },
  moved: { value: ({ moved }) => moved.length, whole: ({ podsRunning }) => podsRunning },
  cost: {
    value: ({ priceUsdPerHour: { before, after } }) => after - before,
    whole: ({ priceUsdPerHour: { before } }) => before,
  },
};

/**
 * "unschedulable,drift>10%,cost>5%": without a bound, anything at all is too much. Cost is in USD per hour, or in per cent
 * of what it is; drift and gone are nodes.
 * @throws UserError KARP_BAD_FLAG
 */
export function readFailOn(text: string): FailOn[] {
  return text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "")
    .map((one) => {
      const [, name = "", amount, percent] = /^([a-z]+)(?:>(\d+(?:\.\d+)?)(%?))?$/.exec(one) ?? [];
      const measure = Object.hasOwn(MEASURES, name) ? MEASURES[name] : undefined;
      if (measure === undefined) {
        throw new UserError({
          code: "KARP_BAD_FLAG",
          what: `karpenter plan: --fail-on has "${one}"`,
          remedy: `write ${Object.keys(MEASURES).join(", ")}, each alone or as in "drift>10%", "cost>2.5"`,
        });
      }
      return {
        text: one,
        isPassed: (whatIf) => measure.value(whatIf) > bound(measure, whatIf, amount, percent === "%"),
      };
    });
}

function bound(measure: Measure, whatIf: WhatIf, amount: string | undefined, isShare: boolean): number {
  // A difference of prices that comes from adding up is none.
  if (amount === undefined) return 1e-6;
  return isShare ? (Number(amount) / 100) * measure.whole(whatIf) + 1e-9 : Number(amount);
}
