import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { DAY_MS } from "../src/base/time.ts";
import { inChildren } from "./sim/children.ts";
import { attemptSeed, type JudgeOptions, judgeSeed, type Verdict } from "./sim/judge-seed.ts";
import { readKept } from "./sim/keep.ts";
import { isKnownToFail } from "./sim/known-failures.ts";
import { runMutants } from "./sim/mutants.ts";
import type { SeedOptions } from "./sim/run-seed.ts";
import { seedList } from "./sim/seed-list.ts";
import { optionsOf } from "./sim/shrink.ts";

const HELP = `npm run sim -- [options]: runs the whole product in simulated worlds, one per seed, on all cores

  --seeds N         how many worlds (300)
  --from N          the first seed (1)
  --share 3/10      every tenth of these seeds from the third on, to spread them over machines
  --days D          how long each story goes on, in simulated days, such as 1 or 0.5 (two hours)
  --twice P         the part of the worlds that runs twice and must be the same line by line (0.05)
  --failures DIR    where failing seeds are kept with a shrunken history (karpenter-sim in the system's temporary folder)
  --shrink N        worlds that may be run to shrink a failing one (40)
  --known           the worlds of test/sim/known-failures.ts must fail, and no other
  --first           ends with the first failure
  --ec2             nodes are instances of a simulated EC2 account
  --jobs N          processes (one per core)
  --seed N          one world; with --trace its whole history
  --mutants         runs careless versions of the product instead, up to --seeds worlds each (40): all must be found out
  --only TEXT       of these only those with TEXT in their name
  --replay FILE     a kept failure, shrunken as it is; with --trace its history

Ends with 1 when a world fails.`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    // As it was called before.
    count: { type: "string" },
    from: { type: "string", default: "1" },
    share: { type: "string", default: "1/1" },
    days: { type: "string", default: String(1 / 12) },
    twice: { type: "string", default: "0.05" },
    failures: { type: "string", default: join(tmpdir(), "karpenter-sim") },
    shrink: { type: "string", default: "40" },
    known: { type: "boolean", default: false },
    first: { type: "boolean", default: false },
    jobs: { type: "string", default: String(availableParallelism()) },
    seed: { type: "string" },
    replay: { type: "string" },
    mutants: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    ec2: { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
    child: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const storyMs = Number(values.days) * DAY_MS;
const onEc2 = values.ec2;
const judgeOptions: JudgeOptions = {
  world: { storyMs, onEc2 },
  twice: Number(values.twice),
  folder: values.failures,
  shrinkRunsMax: Number(values.shrink),
};

if (values.help) console.log(HELP);
else if (values.child) serve();
else if (values.mutants) {
  const { only, days, jobs } = values;
  const survivors = await runMutants({ only, days, jobs, from: Number(values.from), seeds: seedCount(40) });
  process.exitCode = survivors === 0 ? 0 : 1;
} else if (values.replay !== undefined) {
  const { seed, shrunken } = readKept(values.replay);
  process.exitCode = await tell(seed, { ...optionsOf(shrunken), onEc2 });
} else if (values.seed !== undefined) process.exitCode = await tell(Number(values.seed), { storyMs, onEc2 });
else process.exitCode = await sweep();

function seedCount(usual: number): number {
  return Number(values.seeds ?? values.count ?? usual);
}

/** Judges the seeds that the parent sends, one after the other. */
function serve(): void {
  process.on("message", (seed: number) => {
    judgeSeed(seed, judgeOptions).then(
      (verdict) => process.send?.(verdict),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}

async function tell(seed: number, options: SeedOptions): Promise<number> {
  const { history, ...result } = await attemptSeed(seed, options);
  if (values.trace) for (const line of history) console.log(line);
  console.log(lineOf({ ...result, cpuMs: 0, isTwice: false }));
  return result.failures.length === 0 ? 0 : 1;
}

async function sweep(): Promise<number> {
  const startMs = performance.now();
  const seeds = seedList({
    from: Number(values.from),
    seeds: seedCount(300),
    share: values.share,
  });
  const verdicts: Verdict[] = [];
  await inChildren(seeds, Number(values.jobs), process.argv.slice(2), (verdict) => {
    verdicts.push(verdict);
    console.log(lineOf(verdict));
    return !(values.first && verdict.failures.length > 0);
  });
  const failed = verdicts.filter(({ failures }) => failures.length > 0);
  const isExpected = (seed: number): boolean => values.known && isKnownToFail(seed, onEc2);
  const healed = verdicts.filter(({ seed, failures }) => failures.length === 0 && isExpected(seed));
  for (const { seed } of healed)
    console.log(`seed ${seed} does not fail any more: take it off test/sim/known-failures.ts`);
  const unexpected = failed.filter(({ seed }) => !isExpected(seed));
  const sum = (of: (verdict: Verdict) => number): number => verdicts.reduce((total, verdict) => total + of(verdict), 0);
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  const perWorld = (sum(({ cpuMs }) => cpuMs) / 1_000 / Math.max(1, verdicts.length)).toFixed(1);
  console.log(
    `${verdicts.length} worlds in ${seconds} s (${perWorld} s of a core each): ${sum(({ numbers }) => numbers.claims)} claims, ` +
      `${sum(({ numbers }) => numbers.lives)} lives of the product, ${verdicts.filter(({ isTwice }) => isTwice).length} ran twice, ${failed.length} failed, of which ${failed.length - unexpected.length} are known`,
  );
  return unexpected.length + healed.length === 0 && verdicts.length === seeds.length ? 0 : 1;
}

function lineOf({ seed, failures, numbers, cpuMs, isTwice, kept }: Verdict): string {
  const { claims, calls, lives, lines, usd, nodesMost } = numbers;
  const time = cpuMs === 0 ? "" : `, ${(cpuMs / 1_000).toFixed(1)} s`;
  const head = `seed ${seed}: ${failures.length === 0 ? "fine" : "FAILED"} (${nodesMost} nodes at most, ${claims} claims, ${calls} calls, ${lives} lives, ${lines} lines, ${usd} USD${isTwice ? ", twice" : ""}${time})`;
  const shrunken =
    kept === undefined ? [] : [`  shrunken: npm run sim -- --replay ${kept.path} --trace`, ...indented(kept.failures)];
  return [head, ...indented(failures), ...shrunken].join("\n");
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
