/**
 * How many keys a controller works on at once, growing with the CPU request from `min` (1 core) to `max` (60 cores).
 * @source reference of the core operator's settings, worker scaling
 */
export function workerCount({ min, max, cpuMilli }: { min: number; max: number; cpuMilli: number }): number {
  const cores = Math.ceil(cpuMilli / 1_000);
  const wanted = min + Math.floor(((max - min) / 59) * (cores - 1));
  return Math.min(max, Math.max(min, wanted));
}
