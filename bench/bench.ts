import process from "node:process";

/** One thing that is measured. It gives a line per size. */
export type Bench = { name: string; run(): BenchLine[] | Promise<BenchLine[]> };

/** Quality stands beside time: faster but dearer is a step back. Units are in the names. */
export type BenchLine = Readonly<Record<string, number | string>>;

/** The median of some runs in milliseconds, after one run that nobody counts. */
export function medianMs(runs: number, run: () => void): number {
  run();
  const times = Array.from({ length: runs }, () => {
    const before = performance.now();
    run();
    return performance.now() - before;
  }).sort((a, b) => a - b);
  return round(times[Math.floor(times.length / 2)] ?? 0);
}

export function heapMb(): number {
  return round(process.memoryUsage().heapUsed / 2 ** 20);
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
