import process from "node:process";
import { SECOND_MS } from "../base/time.ts";
import type { Clock } from "../ports/clock.ts";
import type { Metrics } from "../ports/telemetry.ts";

/** Sets what the process uses, under the names that every client library has for it; to be called before each exposition. */
export function processMetrics(metrics: Metrics, clock: Clock): () => void {
  const startSeconds = Math.round(clock.nowMs() / SECOND_MS - process.uptime());
  let countedSeconds = 0;
  return () => {
    const { user, system } = process.cpuUsage();
    const cpuSeconds = (user + system) / 1e6;
    metrics.count("process_cpu_seconds_total", {}, cpuSeconds - countedSeconds);
    countedSeconds = cpuSeconds;
    metrics.gauge("process_resident_memory_bytes", process.memoryUsage.rss());
    metrics.gauge("process_start_time_seconds", startSeconds);
  };
}
