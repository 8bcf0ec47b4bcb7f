import { someOf } from "../../base/some-of.ts";
import { MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import type { ProvisionPlan } from "../../plan/provision/provision-plan.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { Needs } from "../ports.ts";
import type { Created } from "./create-claims.ts";
import { podsByEffectiveZone } from "./effective-zones.ts";

const FAILED_SCHEDULING_DEDUPE_MS = 5 * MINUTE_MS;
const NO_TYPES_DEDUPE_MS = MINUTE_MS;
const NOMINATION_MIN_MS = 10 * SECOND_MS;
const PENDING_BY_ZONE = "karpenter_scheduler_pending_pods_by_effective_zone_count";
const CONTROLLER = { controller: "provisioner" };

/** Tells of a plan that has been carried out: nominations, events, metrics, logs. */
export function reportPlan(
  needs: Needs,
  snapshot: Snapshot,
  plan: ProvisionPlan,
  { created, durationMs }: { created: readonly Created[]; durationMs: number },
): void {
  tellPlaces(needs, snapshot, plan, created);
  recordRefusals(needs, snapshot, plan);
  const { metrics, log } = needs;
  metrics.observe("karpenter_scheduler_scheduling_duration_seconds", durationMs / SECOND_MS, CONTROLLER);
  metrics.gauge("karpenter_scheduler_unschedulable_pods_count", plan.unschedulable.length, CONTROLLER);
  metrics.gauge("karpenter_scheduler_ignored_pods_count", plan.ignored.length);
  showZones(needs, snapshot);
  const placed = [...plan.newNodeClaims, ...plan.existingNodes].flatMap(({ pods }) => pods);
  if (created.length === 0 && plan.unschedulable.length === 0) return;
  log.info("planned pods", {
    Pods: someOf([...placed, ...plan.unschedulable.map(({ pod }) => pod)], 5),
    nodeclaims: created.length,
    "pod-count": placed.length,
    "unschedulable-count": plan.unschedulable.length,
    duration: `${durationMs}ms`,
  });
}

function showZones({ metrics }: Needs, snapshot: Snapshot): void {
  metrics.forget(PENDING_BY_ZONE, CONTROLLER);
  for (const [zone, count] of podsByEffectiveZone(snapshot)) {
    metrics.gauge(PENDING_BY_ZONE, count, { ...CONTROLLER, zone });
  }
}

/** The node or claim is left alone until the pods that are expected on it had time to come. */
export function nominate({ memory, clock, settings }: Needs, name: string): void {
  memory.nominate(name, clock.nowMs() + Math.max(2 * settings.batchMaxDurationMs, NOMINATION_MIN_MS));
}

/** Pods are told where they are expected. */
function tellPlaces(needs: Needs, { view }: Snapshot, plan: ProvisionPlan, created: readonly Created[]): void {
  const { events } = needs;
  const targets = [
    ...plan.existingNodes.map(({ name, pods }) => ({ name, pods, text: targetText(view, name) })),
    ...created.map(({ planned: { name, pods } }) => ({ name, pods, text: `nodeclaim/${name}` })),
  ];
  for (const { name, pods, text } of targets) {
    nominate(needs, name);
    for (const key of pods) {
      const pod = view.pods.get(key);
      if (pod === undefined) continue;
      events.record({ object: pod, type: "Normal", reason: "Nominated", message: `Expected on ${text}` });
    }
  }
}

function targetText(view: Snapshot["view"], name: string): string {
  const node = view.nodes.get(name);
  if (node === undefined) return `nodeclaim/${name}`;
  const claim = node.spec.providerID === undefined ? undefined : view.claimByProviderId.get(node.spec.providerID);
  return claim === undefined ? `node/${name}` : `nodeclaim/${claim}, node/${name}`;
}

function recordRefusals({ events }: Needs, { view }: Snapshot, plan: ProvisionPlan): void {
  for (const { pod: key, reason } of plan.unschedulable) {
    const pod = view.pods.get(key);
    if (pod === undefined) continue;
    events.record({
      object: pod,
      type: "Warning",
      reason: "FailedScheduling",
      message: `No node can take this pod: ${reason}`,
      dedupeMs: FAILED_SCHEDULING_DEDUPE_MS,
    });
  }
  for (const { nodePool, reason } of plan.poolsWithoutTypes) {
    const pool = view.nodePools.get(nodePool);
    if (pool === undefined) continue;
    events.record({
      object: pool,
      type: "Warning",
      reason: "NoCompatibleInstanceTypes",
      message: `No instance type is left for this pool: ${reason}`,
      dedupeMs: NO_TYPES_DEDUPE_MS,
    });
  }
}
