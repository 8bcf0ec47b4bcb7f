import type { ClusterView } from "../model/cluster-view.ts";
import type { InstanceType } from "../model/instance-type.ts";
import type { Memory, PlanSettings, Snapshot } from "./snapshot.ts";
import { stateNodesOf } from "./state-nodes.ts";

export type SnapshotInput = {
  nowMs: number;
  /** Per NodePool name, what its provider can launch for it, by name. */
  instanceTypes: ReadonlyMap<string, readonly InstanceType[]>;
  /** Core's and the providers' labels. */
  wellKnownLabels: ReadonlySet<string>;
  memory?: Memory;
  settings?: Partial<PlanSettings>;
};

export const NO_MEMORY: Memory = Object.freeze({ markedForDeletion: new Set<string>(), nominatedUntilMs: new Map() });

export const DEFAULT_PLAN_SETTINGS: PlanSettings = Object.freeze({
  preferencePolicy: "Respect",
  minValuesPolicy: "Strict",
});

/**
 * One frozen value: all that a plan may look at. Nothing is copied but the list of nodes, so it is cheap to take; it stays
 * true to the moment because a view's objects are never changed in place.
 */
export function takeSnapshot(view: ClusterView, input: SnapshotInput): Snapshot {
  const memory = input.memory ?? NO_MEMORY;
  return Object.freeze({
    nowMs: input.nowMs,
    view,
    stateNodes: stateNodesOf(view, memory, input.instanceTypes),
    instanceTypes: input.instanceTypes,
    wellKnownLabels: input.wellKnownLabels,
    memory,
    settings: { ...DEFAULT_PLAN_SETTINGS, ...input.settings },
  });
}
