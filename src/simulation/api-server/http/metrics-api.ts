import { formatTime } from "../../../base/time.ts";
import type { ApiServer } from "../api-server.ts";
import { notFound } from "../refusals.ts";
import type { ObjectListBody, RawObject } from "../requests.ts";
import type { ResourceDefinition } from "../resource-definitions.ts";
import type { Usage, UsageSource } from "./sources.ts";

const READ = ["get", "list"] as const;
const metricsResource = (kind: string, plural: string, namespaced: boolean): ResourceDefinition => ({
  group: "metrics.k8s.io",
  version: "v1beta1",
  kind,
  plural,
  namespaced,
  listKind: `${kind}List`,
  singular: "",
  shortNames: [],
  categories: [],
  verbs: [...READ],
  subresources: [],
  hasStatus: false,
  hasGeneration: false,
});
export const METRICS_RESOURCES: readonly ResourceDefinition[] = [
  metricsResource("NodeMetrics", "nodes", false),
  metricsResource("PodMetrics", "pods", true),
];

export type MetricsQuery = { namespace?: string; name?: string; labelSelector?: string; fieldSelector?: string };

/**
 * What metrics-server would answer about nodes or pods: usage of what is there and has been measured.
 * @throws ApiError 404 for one that has not been measured
 */
export function usageOf(
  server: ApiServer,
  source: UsageSource,
  resource: ResourceDefinition,
  query: MetricsQuery,
  nowMs: number,
): unknown {
  const core = server.resource("", "v1", resource.plural);
  if (core === undefined) throw notFound(resource, query.name ?? "");
  const { namespace, name, labelSelector, fieldSelector } = query;
  const { body } = server.handle({
    verb: name === undefined ? "list" : "get",
    resource: core,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    query: {
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    },
  });
  const measure = resource.plural === "nodes" ? ofNode : ofPod;
  if (name !== undefined) {
    const measured = measure(source, body as RawObject, nowMs);
    if (measured === undefined) throw notFound(resource, name);
    return measured;
  }
  const items = (body as ObjectListBody).items.flatMap((object) => measure(source, object, nowMs) ?? []);
  return { kind: resource.listKind, apiVersion: "metrics.k8s.io/v1beta1", metadata: {}, items };
}

function ofNode(source: UsageSource, node: RawObject, nowMs: number): unknown {
  const usage = source.ofNode(node.metadata.name);
  return usage === undefined ? undefined : { ...header("NodeMetrics", node, nowMs), usage: quantities(usage) };
}

function ofPod(source: UsageSource, pod: RawObject, nowMs: number): unknown {
  const containers = source.ofPod(pod.metadata.namespace ?? "", pod.metadata.name);
  if (containers === undefined) return undefined;
  return {
    ...header("PodMetrics", pod, nowMs),
    containers: containers.map((usage) => ({ name: usage.container, usage: quantities(usage) })),
  };
}

function header(kind: string, { metadata }: RawObject, nowMs: number): Record<string, unknown> {
  const { name, namespace, labels } = metadata;
  return {
    kind,
    apiVersion: "metrics.k8s.io/v1beta1",
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      creationTimestamp: formatTime(nowMs),
    },
    timestamp: formatTime(nowMs),
    window: "20s",
  };
}

const quantities = ({ cpuMilli, memoryBytes }: Usage): Record<string, string> => ({
  cpu: `${Math.round(cpuMilli)}m`,
  memory: `${Math.round(memoryBytes / 1024)}Ki`,
});
