import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runSeed, type SeedResult } from "./seed-run.ts";

/*
 * Runs simulated worlds: `node test/seeds.ts --from 1 --count 300`, each in a second or less, on all cores.
 * `--seed N --history` tells one world's story. With `--ec2` nodes are instances of a simulated EC2. Exits with 1 when a world fails.
 */

const { values } = parseArgs({
  options: {
    from: { type: "string", default: "1" },
    count: { type: "string", default: "300" },
    jobs: { type: "string", default: String(availableParallelism()) },
    seed: { type: "string" },
    history: { type: "boolean", default: false },
    ec2: { type: "boolean", default: false },
    child: { type: "boolean", default: false },
  },
});
const [from, count, jobs] = [Number(values.from), Number(values.count), Number(values.jobs)];

if (values.seed !== undefined) process.exitCode = await tellOne(Number(values.seed));
else if (values.child) await runAll(from, count, jobs);
else process.exitCode = await share(from, count, jobs);

async function tellOne(seed: number): Promise<number> {
  const result = await attempt(seed);
  if (values.history) for (const line of result.history) console.log(line);
  console.log(summary(result));
  return result.failures.length === 0 ? 0 : 1;
}

/** Every `step`-th seed of the range, one JSON line each: what a child process does. */
async function runAll(first: number, end: number, step: number): Promise<void> {
  for (let seed = first; seed < end; seed += step) {
    const { history: _, ...result } = await attempt(seed);
    console.log(JSON.stringify(result));
  }
}

async function attempt(seed: number): Promise<SeedResult> {
  try {
    return await runSeed(seed, { onEc2: values.ec2 });
  } catch (e) {
    const text = e instanceof Error ? (e.stack ?? e.message) : String(e);
    const numbers = { claims: 0, calls: 0, lives: 0, lines: 0, usd: 0 };
    return { seed, failures: [`broke: ${text}`], numbers, history: [] };
  }
}

async function share(first: number, wanted: number, processes: number): Promise<number> {
  const startMs = performance.now();
  const results: Omit<SeedResult, "history">[] = [];
  const onResult = (result: Omit<SeedResult, "history">): void => {
    results.push(result);
    if (result.failures.length > 0) console.log(summary(result));
  };
  const codes = await Promise.all(
    Array.from({ length: Math.min(processes, wanted) }, (_, i) =>
      runChild([first + i, first + wanted, processes], onResult),
    ),
  );
  const failed = results.filter(({ failures }) => failures.length > 0).map(({ seed }) => seed);
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  const claims = results.reduce((sum, { numbers }) => sum + numbers.claims, 0);
  const lives = results.reduce((sum, { numbers }) => sum + numbers.lives, 0);
  console.log(
    `${results.length} worlds in ${seconds} s: ${claims} claims, ${lives} lives of the product, ${failed.length} failed`,
  );
  if (failed.length > 0) console.log(`to look at one: node test/seeds.ts --seed ${Math.min(...failed)} --history`);
  return failed.length === 0 && results.length === wanted && codes.every((code) => code === 0) ? 0 : 1;
}

function runChild(
  [first, end, step]: [number, number, number],
  onResult: (result: Omit<SeedResult, "history">) => void,
): Promise<number> {
  const range = [
    "--from",
    String(first),
    "--count",
    String(end),
    "--jobs",
    String(step),
    ...(values.ec2 ? ["--ec2"] : []),
  ];
  // As many worlds as cores are under way: threads of the collector would only take turns with them.
  const flags = ["--single-threaded-gc", "--max-semi-space-size=64"];
  const child = spawn(process.execPath, [...flags, import.meta.filename, "--child", ...range], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let rest = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onResult(JSON.parse(line) as Omit<SeedResult, "history">);
  });
  return new Promise((resolve) => {
    child.on("close", (code) => resolve(code ?? 1));
  });
}

function summary({ seed, failures, numbers }: Omit<SeedResult, "history">): string {
  const { claims, calls, lives, lines, usd } = numbers;
  const head = `seed ${seed}: ${failures.length === 0 ? "fine" : "FAILED"} (${claims} claims, ${calls} calls, ${lives} lives, ${lines} lines, ${usd} USD)`;
  return [head, ...failures.map((failure) => `  ${failure}`)].join("\n");
}
