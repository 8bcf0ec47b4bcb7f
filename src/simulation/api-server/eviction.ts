import { formatTime } from "../../base/time.ts";
import type { LabelSelector } from "../../model/core.ts";
import { matchesLabelSelector } from "../../model/label-selector.ts";
import { type DeletionOptions, deleteObject } from "./deletion.ts";
import type { Write } from "./engine.ts";
import type { Stored } from "./event-log.ts";
import { isObject, listAt, numberAt, objectAt, objectsAt, textAt } from "./json.ts";
import { badRequest, refusal, tooManyRequests } from "./refusals.ts";
import type { RawObject, StatusBody } from "./requests.ts";
import { storedOf, storeVersion, writeOf } from "./writes.ts";

const SUCCESS: StatusBody = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
const DISRUPTED_PODS_MAX = 2_000;

/**
 * Deletes a pod if its disruption budget allows it, and takes the disruption off the budget.
 * @throws ApiError 429 when the budget does not allow it now, 500 when the pod has several budgets
 * @source k8s.io/kubernetes pkg/registry/core/pod/storage/eviction.go
 */
export function evictPod(write: Write, name: string, body: unknown): StatusBody {
  if (!isObject(body)) throw badRequest("the body of the request must be an Eviction");
  const named = textAt(objectAt(body, "metadata"), "name") ?? "";
  if (named !== "" && named !== name) throw badRequest("name in URL does not match name in Eviction object");
  const options = optionsOf(write, body);
  const { object: pod } = storedOf(write, name);
  if (needsBudget(pod)) spendBudget(write, pod, options.dryRun);
  deleteObject(write, name, options);
  return SUCCESS;
}

function optionsOf(write: Write, body: unknown): DeletionOptions {
  const given = objectAt(body, "deleteOptions");
  const grace = numberAt(given, "gracePeriodSeconds");
  const preconditions = objectAt(given, "preconditions") as DeletionOptions["preconditions"];
  const policy = textAt(given, "propagationPolicy");
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(preconditions === undefined ? {} : { preconditions }),
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    dryRun: write.query.dryRun === true || listAt(given, "dryRun").includes("All"),
  };
}

/** Pods that have ended, wait for a node, or are going anyway can be evicted at any time. */
function needsBudget(pod: RawObject): boolean {
  const phase = textAt(objectAt(pod, "status"), "phase");
  const isOver = phase === "Succeeded" || phase === "Failed" || phase === "Pending";
  return !isOver && pod.metadata.deletionTimestamp === undefined;
}

function spendBudget(write: Write, pod: RawObject, isDryRun: boolean): void {
  const budgets = budgetsOf(write, pod);
  const [budget] = budgets;
  if (budget === undefined) return;
  if (budgets.length > 1) {
    throw refusal(
      500,
      "",
      "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
      {},
    );
  }
  const status = objectAt(budget.object, "status");
  if (!isReady(pod)) {
    const isAlwaysAllowed = textAt(objectAt(budget.object, "spec"), "unhealthyPodEvictionPolicy") === "AlwaysAllow";
    const healthy = numberAt(status, "currentHealthy") ?? 0;
    const desired = numberAt(status, "desiredHealthy") ?? 0;
    if (isAlwaysAllowed || (healthy >= desired && desired > 0)) return;
  }
  spend(write, pod, budget, isDryRun);
}

function spend(write: Write, pod: RawObject, budget: Stored, isDryRun: boolean): void {
  const status = objectAt(budget.object, "status") ?? {};
  const { name, generation = 0 } = budget.object.metadata;
  const allowed = numberAt(status, "disruptionsAllowed") ?? 0;
  const disrupted = objectAt(status, "disruptedPods") ?? {};
  if ((numberAt(status, "observedGeneration") ?? 0) < generation) {
    throw refused(`The disruption budget ${name} is still being processed by the server.`, 10);
  }
  if (allowed < 0 || Object.keys(disrupted).length > DISRUPTED_PODS_MAX) {
    throw refusal(
      403,
      "Forbidden",
      `pods "${pod.metadata.name}" is forbidden: pdb disruptions allowed is negative`,
      {},
    );
  }
  if (allowed === 0) {
    const desired = numberAt(status, "desiredHealthy") ?? 0;
    const healthy = numberAt(status, "currentHealthy") ?? 0;
    throw refused(`The disruption budget ${name} needs ${desired} healthy pods and has ${healthy} currently`);
  }
  if (isDryRun) return;
  const nowMs = write.engine.clock.nowMs();
  const next: RawObject = {
    ...budget.object,
    status: {
      ...status,
      disruptionsAllowed: allowed - 1,
      disruptedPods: { ...disrupted, [pod.metadata.name]: formatTime(nowMs) },
    },
  };
  storeVersion(budgetWrite(write), budget, next);
}

function refused(message: string, retryAfterSeconds?: number): Error {
  return tooManyRequests(
    "Cannot evict pod as it would violate the pod's disruption budget.",
    [{ reason: "DisruptionBudget", message }],
    retryAfterSeconds,
  );
}

function budgetWrite(write: Write): Write {
  const resource = write.engine.registry.ofKind({ group: "policy", version: "v1", plural: "poddisruptionbudgets" });
  const namespace = write.namespace ?? "";
  return writeOf(write.engine, { verb: "update", resource, namespace, subresource: "status", user: "kube-apiserver" });
}

function budgetsOf(write: Write, pod: RawObject): Stored[] {
  const { table } = budgetWrite(write);
  const found: Stored[] = [];
  for (const key of table.keysIn(pod.metadata.namespace ?? "")) {
    const stored = table.get(key);
    const selector = objectAt(objectAt(stored?.object, "spec"), "selector") as LabelSelector | undefined;
    if (stored !== undefined && matchesLabelSelector(selector, pod.metadata.labels)) found.push(stored);
  }
  return found;
}

function isReady(pod: RawObject): boolean {
  return objectsAt(objectAt(pod, "status"), "conditions").some((c) => c["type"] === "Ready" && c["status"] === "True");
}
