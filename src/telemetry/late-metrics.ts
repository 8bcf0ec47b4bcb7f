import type { Metrics } from "../ports/telemetry.ts";

/** Metrics for those who are made before the registry is: what they count until then is lost. */
export function lateMetrics(registry: () => Metrics | undefined): Metrics {
  return {
    count: (...sample) => registry()?.count(...sample),
    gauge: (...sample) => registry()?.gauge(...sample),
    forget: (...sample) => registry()?.forget(...sample),
    observe: (...sample) => registry()?.observe(...sample),
  };
}
