import type { InstanceType } from "../../src/model/instance-type.ts";
import { WELL_KNOWN_LABELS } from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { planProvisioning } from "../../src/plan/provision/plan-provisioning.ts";
import type { ProvisionPlan } from "../../src/plan/provision/provision-plan.ts";
import type { PlanSettings, Snapshot } from "../../src/snapshot/snapshot.ts";
import { takeSnapshot } from "../../src/snapshot/take-snapshot.ts";
import { viewOf } from "../../src/snapshot/view-of.ts";

/** A plan, and how long it took. */
export type TimedPlan = ProvisionPlan & { solveMs: number };

export type ClusterInput = {
  objects: readonly KubeObject[];
  /** Of every pool, whatever its node class. */
  instanceTypes: readonly InstanceType[];
  nowMs: number;
  settings?: Partial<PlanSettings>;
  /** Tell what each phase of the search came to. */
  explainsPrice?: boolean;
};

/** A snapshot of the objects in files. Labels that the types define count as well-known, as their provider would say. */
export function snapshotOf({ objects, instanceTypes, nowMs, settings }: ClusterInput): Snapshot {
  const view = viewOf(objects);
  const wellKnown = new Set(WELL_KNOWN_LABELS);
  for (const { requirements, offerings } of instanceTypes) {
    for (const key of requirements.keys()) wellKnown.add(key);
    for (const offering of offerings) for (const key of offering.requirements.keys()) wellKnown.add(key);
  }
  return takeSnapshot(view, {
    nowMs,
    instanceTypes: new Map([...view.nodePools.keys()].map((name) => [name, instanceTypes])),
    wellKnownLabels: wellKnown,
    ...(settings === undefined ? {} : { settings }),
  });
}

export function timedPlan(input: ClusterInput): TimedPlan {
  const snapshot = snapshotOf(input);
  const before = performance.now();
  const plan = planProvisioning(snapshot);
  const pricePhases = input.explainsPrice === true ? plan.pricePhases : [];
  return { ...plan, pricePhases, solveMs: Math.round((performance.now() - before) * 100) / 100 };
}

/** The plan as `-o json` prints it: the field names are a contract. */
export function planJson(plan: TimedPlan): Record<string, unknown> {
  return {
    newNodeClaims: plan.newNodeClaims.map((claim) => ({
      name: claim.name,
      nodePool: claim.nodePool,
      pods: claim.pods,
      instanceTypes: claim.instanceTypes,
      requirements: claim.requirements,
      requests: claim.requests,
      labels: claim.labels,
      cheapestPrice: claim.cheapestPrice,
      minValuesRelaxed: claim.minValuesRelaxed,
      why: claim.why,
    })),
    existingNodes: plan.existingNodes,
    unschedulable: plan.unschedulable,
    ignored: plan.ignored,
    poolsWithoutTypes: plan.poolsWithoutTypes,
    remarks: plan.remarks,
    pricePerHour: plan.pricePerHour,
    solveMs: plan.solveMs,
    lowerBoundPerHour: plan.lowerBoundPerHour,
    ...(plan.pricePhases.length === 0 ? {} : { pricePhases: plan.pricePhases }),
  };
}
