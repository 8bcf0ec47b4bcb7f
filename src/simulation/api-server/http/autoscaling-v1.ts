import { type JsonObject, numberAt, objectAt, objectsAt } from "../json.ts";
import type { RawObject } from "../requests.ts";
import type { ResourceDefinition } from "../resource-definitions.ts";

/** `kubectl autoscale` still speaks autoscaling/v1: the same objects in an older form. They are stored as v2. */
export const AUTOSCALING_V1: ResourceDefinition = {
  group: "autoscaling",
  version: "v1",
  kind: "HorizontalPodAutoscaler",
  plural: "horizontalpodautoscalers",
  namespaced: true,
  listKind: "HorizontalPodAutoscalerList",
  singular: "horizontalpodautoscaler",
  shortNames: ["hpa"],
  categories: ["all"],
  verbs: ["create", "delete", "get", "list", "update"],
  subresources: [],
  hasStatus: true,
  hasGeneration: false,
};

/** A v1 object as v2: the one percentage becomes a metric of its own. */
export function autoscalerToV2(v1: unknown): unknown {
  const spec = objectAt(v1, "spec");
  if (spec === undefined) return v1;
  const { targetCPUUtilizationPercentage: percent, ...rest } = spec;
  const metrics = typeof percent === "number" ? [cpuMetric(percent)] : undefined;
  return {
    ...(v1 as JsonObject),
    apiVersion: "autoscaling/v2",
    spec: metrics === undefined ? rest : { ...rest, metrics },
    status: undefined,
  };
}

const cpuMetric = (averageUtilization: number): JsonObject => ({
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization } },
});

/** A v2 object as v1. Metrics other than the average use of cpu are left out, as v1 cannot say them. */
export function autoscalerToV1(v2: RawObject): RawObject {
  const { metrics: _metrics, behavior: _behavior, ...spec } = objectAt(v2, "spec") ?? {};
  const cpu = objectsAt(objectAt(v2, "spec"), "metrics")
    .map((metric) => objectAt(metric, "resource"))
    .find((resource) => resource?.["name"] === "cpu");
  const percent = numberAt(objectAt(cpu, "target"), "averageUtilization");
  const status = objectAt(v2, "status");
  return {
    ...v2,
    apiVersion: "autoscaling/v1",
    spec: percent === undefined ? spec : { ...spec, targetCPUUtilizationPercentage: percent },
    status: {
      currentReplicas: numberAt(status, "currentReplicas") ?? 0,
      desiredReplicas: numberAt(status, "desiredReplicas") ?? 0,
    },
  };
}
