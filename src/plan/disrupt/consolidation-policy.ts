import { MINUTE_MS } from "../../base/time.ts";
import { checkMove, planConsolidation } from "./consolidate.ts";

/** Which underutilized nodes go: the rules, as the controller uses them. */
export type ConsolidationPolicy = {
  plan: typeof planConsolidation;
  /** Whether a planned move still holds. */
  check: typeof checkMove;
  /** Looks are at least so far apart. */
  apartMs: number;
};

/** A restless cluster is not planned over and over, and savings are per hour. */
export const CONSOLIDATION_POLICY: ConsolidationPolicy = {
  plan: planConsolidation,
  check: checkMove,
  apartMs: MINUTE_MS,
};
