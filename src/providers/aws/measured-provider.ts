import { SECOND_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type CloudProvider,
  InstanceNotFoundError,
  InsufficientCapacityError,
  NodeClassNotReadyError,
} from "../../ports/cloud-provider.ts";
import type { Metrics } from "../../ports/telemetry.ts";

/** The same provider; how long its calls take, and which fail, is counted. */
export function measuredProvider(
  provider: CloudProvider,
  { clock, metrics }: { clock: Clock; metrics: Metrics },
): CloudProvider {
  const measured = async <T>(method: string, call: () => Promise<T>): Promise<T> => {
    // Which controller asks is not known here.
    const labels = { controller: "", method, provider: provider.name };
    const startMs = clock.nowMs();
    try {
      return await call();
    } catch (error) {
      metrics.count("karpenter_cloudprovider_errors_total", { ...labels, error: kindOf(error) });
      throw error;
    } finally {
      metrics.observe("karpenter_cloudprovider_duration_seconds", (clock.nowMs() - startMs) / SECOND_MS, labels);
    }
  };
  return {
    ...provider,
    create: (claim, nodeClass) => measured("Create", () => provider.create(claim, nodeClass)),
    delete: (claim) => measured("Delete", () => provider.delete(claim)),
    get: (providerId) => measured("Get", () => provider.get(providerId)),
    list: () => measured("List", () => provider.list()),
    instanceTypes: (pool, nodeClass) => measured("GetInstanceTypes", () => provider.instanceTypes(pool, nodeClass)),
    driftReason: (claim, nodeClass) => measured("IsDrifted", () => provider.driftReason(claim, nodeClass)),
  };
}

function kindOf(error: unknown): string {
  if (error instanceof InsufficientCapacityError) return "InsufficientCapacityError";
  if (error instanceof InstanceNotFoundError) return "NodeClaimNotFoundError";
  return error instanceof NodeClassNotReadyError ? "NodeClassNotReadyError" : "";
}
