import { setImmediate as nextTurn } from "node:timers/promises";
import type { InstanceType, Offering } from "../../src/model/instance-type.ts";
import {
  CAPACITY_TYPE_LABEL,
  HOSTNAME_LABEL,
  INSTANCE_TYPE_LABEL,
  WELL_KNOWN_LABELS,
  ZONE_LABEL,
} from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { requirementsOf } from "../../src/model/requirements.ts";
import { parseResources } from "../../src/model/resources.ts";
import { planProvisioning } from "../../src/plan/provision/plan-provisioning.ts";
import type { Snapshot } from "../../src/snapshot/snapshot.ts";
import { takeSnapshot } from "../../src/snapshot/take-snapshot.ts";
import { viewOf } from "../../src/snapshot/view-of.ts";

const ROUNDS = 3;
const PODS = 720;
const TYPES = 50;
const ZONES = ["zone-1", "zone-2", "zone-3"];

/**
 * Plans for a made-up cluster, while a process that has just started has nothing to do: code that has run some times is
 * compiled, and the first plan that counts then takes a third of the time. Between rounds everybody else has a turn.
 */
export async function rehearsePlans(): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    await nextTurn();
    planProvisioning(madeUpSnapshot());
  }
}

/** Pods of every sort: plain, spread over zones and over hosts, near their own kind, apart from each other. */
function madeUpSnapshot(): Snapshot {
  const pods = Array.from({ length: PODS }, (_, index) => pod(index));
  return takeSnapshot(viewOf([nodePool(), ...pods]), {
    nowMs: 0,
    instanceTypes: new Map([["rehearsal", Array.from({ length: TYPES }, (_, index) => instanceType(index + 1))]]),
    wellKnownLabels: new Set(WELL_KNOWN_LABELS),
    settings: { searchSteps: 1 },
  });
}

function nodePool(): KubeObject {
  const status = { conditions: [{ type: "Ready", status: "True", reason: "", message: "", lastTransitionTime: "" }] };
  const nodeClassRef = { group: "karpenter.sh", kind: "NodeClass", name: "rehearsal" };
  const spec = { template: { spec: { nodeClassRef } } };
  return { apiVersion: "karpenter.sh/v1", kind: "NodePool", metadata: named("rehearsal"), spec, status } as KubeObject;
}

function pod(index: number): KubeObject {
  const app = `app-${index % 35}`;
  const requests = { cpu: `${100 + 200 * (index % 7)}m`, memory: `${128 + 384 * (index % 11)}Mi` };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...named(`pod-${index}`), namespace: "rehearsal", labels: { app } },
    spec: { containers: [{ name: "app", resources: { requests } }], ...rulesOf(index % 5, app) },
    status: { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] },
  } as unknown as KubeObject;
}

function rulesOf(sort: number, app: string): object {
  const labelSelector = { matchLabels: { app } };
  const required = (topologyKey: string) => ({
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector }],
  });
  const spread = (topologyKey: string) => ({
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey, whenUnsatisfiable: "DoNotSchedule", labelSelector }],
  });
  if (sort === 1) return spread(ZONE_LABEL);
  if (sort === 2) return spread(HOSTNAME_LABEL);
  if (sort === 3) return { affinity: { podAffinity: required(ZONE_LABEL) } };
  if (sort === 4) return { affinity: { podAntiAffinity: required(HOSTNAME_LABEL) } };
  return {};
}

function instanceType(size: number): InstanceType {
  const name = `type-${size}`;
  const capacity = parseResources({ cpu: size, memory: `${2 * size}Gi`, pods: "110" });
  const offerings = ZONES.flatMap((zone) => [
    offering(zone, "on-demand", 0.03 * size),
    offering(zone, "spot", 0.02 * size),
  ]);
  const requirements = requirementsOf([
    { key: INSTANCE_TYPE_LABEL, operator: "In", values: [name] },
    { key: ZONE_LABEL, operator: "In", values: ZONES },
    { key: CAPACITY_TYPE_LABEL, operator: "In", values: ["on-demand", "spot"] },
  ]);
  return { name, requirements, offerings, capacity, overhead: {}, allocatable: capacity };
}

function offering(zone: string, capacityType: Offering["capacityType"], priceUsdPerHour: number): Offering {
  const requirements = requirementsOf([
    { key: ZONE_LABEL, operator: "In", values: [zone] },
    { key: CAPACITY_TYPE_LABEL, operator: "In", values: [capacityType] },
  ]);
  return { requirements, zone, capacityType, priceUsdPerHour, available: true };
}

function named(name: string) {
  return { name, uid: name, resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };
}
