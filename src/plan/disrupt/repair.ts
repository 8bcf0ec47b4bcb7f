import { MINUTE_MS, parseTime } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";

/** What a provider takes for a sick node. */
type RepairPolicy = { conditionType: string; conditionStatus: string; tolerationMs: number };

type Sickness = {
  conditionType: string;
  /** When it has been tolerated for long enough. */
  dueMs: number;
};

/** Of the policies that the node's conditions meet, the one that is due first; undefined: the node is well. */
export function sicknessOf(node: Node, policies: readonly RepairPolicy[]): Sickness | undefined {
  let first: Sickness | undefined;
  for (const { conditionType, conditionStatus, tolerationMs } of policies) {
    const condition = node.status?.conditions?.find(
      ({ type, status }) => type === conditionType && status === conditionStatus,
    );
    if (condition === undefined) continue;
    const dueMs = (parseTime(condition.lastTransitionTime ?? "") ?? 0) + tolerationMs;
    if (first === undefined || dueMs < first.dueMs) first = { conditionType, dueMs };
  }
  return first;
}

/** More sick nodes than this share (rounded up) are no accident of single machines. */
const SICK_SHARE_MAX = 0.2;

/** Whether so many nodes of a pool (or of the cluster) are sick that replacing them would rather do harm. */
export function isSickTogether(nodes: readonly Node[], policies: readonly RepairPolicy[]): boolean {
  const sick = nodes.filter((node) => sicknessOf(node, policies) !== undefined).length;
  return sick > Math.ceil(nodes.length * SICK_SHARE_MAX);
}

/** A node that may not be repaired now is looked at again so often. */
export const REPAIR_RECHECK_MS = 5 * MINUTE_MS;
