import type { InstanceType } from "../../../src/model/instance-type.ts";
import type { KubeObject } from "../../../src/model/object.ts";
import type { NodeClaim } from "../../../src/model/resources/node-claim.ts";
import type { RolloutPace } from "../../../src/plan/what-if/rollout.ts";
import { planWhatIf, type WhatIf } from "../../../src/plan/what-if/what-if.ts";
import type { PlanSettings } from "../../../src/snapshot/snapshot.ts";
import { asCluster } from "../file-cluster.ts";
import { snapshotOf } from "../plan-cluster.ts";
import { blastRadius, driftsOf, type FieldEffect } from "./drifts.ts";
import { goneNodes, type Losses, withLosses, withoutNodes } from "./losses.ts";
import { overlay } from "./overlay.ts";

export type ChangeInput = {
  base: readonly KubeObject[];
  files: readonly KubeObject[];
  removals: readonly string[];
  losses: Losses;
  instanceTypes: readonly InstanceType[];
  nowMs: number;
  settings: Partial<PlanSettings>;
  pace: RolloutPace;
};

export type ChangedCluster = {
  /** As it would be: for the plans of what is taken away. */
  objects: KubeObject[];
  instanceTypes: readonly InstanceType[];
  whatIf: WhatIf;
  fields: readonly FieldEffect[];
  notes: readonly string[];
  solveMs: number;
};

/** The change laid over the cluster, and what would come of it. */
export function changedCluster(input: ChangeInput): ChangedCluster {
  const { instanceTypes, nowMs, settings, losses, pace } = input;
  const present = asCluster(input.base, () => false).objects;
  const { objects, changes, notes } = overlay(present, input.files, input.removals);
  const gone = goneNodes(present, changes, losses);
  const after = withoutNodes(objects, gone);
  const offered = withLosses(instanceTypes, losses);
  const claims = after.filter(({ kind }) => kind === "NodeClaim") as unknown as NodeClaim[];
  const context = { claims, nowMs };
  const startMs = performance.now();
  const whatIf = planWhatIf({
    before: snapshotOf({ objects: present, instanceTypes, nowMs, settings }),
    after: snapshotOf({ objects: after, instanceTypes: offered, nowMs, settings }),
    gone,
    drifts: driftsOf(changes, context),
    pace,
  });
  const solveMs = Math.round((performance.now() - startMs) * 100) / 100;
  return { objects: after, instanceTypes: offered, whatIf, fields: blastRadius(changes, context), notes, solveMs };
}
