import process from "node:process";

/** One thing that is measured. It gives a line per size. */
export type Bench = {
  name: string;
  /** The function that is measured, for profiles; without it everything counts. */
  root?: string;
  run(): BenchLine[] | Promise<BenchLine[]>;
};

/** Quality stands beside time: faster but dearer is a step back. Units are in the names. */
export type BenchLine = Readonly<Record<string, number | string>>;

export type Times = {
  /** By the clock, the median of the runs after the first. */
  ms: number;
  /** Of this thread on the processor, the least that one of them took: what other programs do shows less in it. */
  cpuMs: number;
  /** The same of the first run, when nothing has been compiled yet for what it does. */
  firstCpuMs: number;
};

/** Times of so many runs after a first one. @param prepare makes what a run works on, at nobody's expense */
export function timesOf<T>(runs: number, prepare: () => T, run: (prepared: T) => void): Times {
  const [first, ...others] = Array.from({ length: runs + 1 }, () => timeOf(prepare(), run));
  const walls = others.map(({ wallMs }) => wallMs).sort((a, b) => a - b);
  return {
    ms: round(walls[Math.floor(walls.length / 2)] ?? 0),
    cpuMs: round(Math.min(...others.map(({ cpuMs }) => cpuMs))),
    firstCpuMs: round(first?.cpuMs ?? 0),
  };
}

function timeOf<T>(prepared: T, run: (prepared: T) => void): { wallMs: number; cpuMs: number } {
  const wall = performance.now();
  const cpu = process.threadCpuUsage();
  run(prepared);
  const { user, system } = process.threadCpuUsage(cpu);
  return { wallMs: performance.now() - wall, cpuMs: (user + system) / 1_000 };
}

export function heapMb(): number {
  return round(process.memoryUsage().heapUsed / 2 ** 20);
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
