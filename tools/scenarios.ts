import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { planScenarios } from "../apps/cli/plan-scenarios.ts";
import type { InstanceType } from "../src/model/instance-type.ts";
import { instanceTypesFromKwokFile } from "../src/providers/kwok/instance-types.ts";
import {
  compareScenario,
  type Reference,
  readPlan,
  type Scenario,
  type Totals,
  totalsOf,
  type Verdict,
} from "./scenarios-compare.ts";

const USAGE = `Plans every scenario of a folder and compares with the results beside them.

usage: npm run scenarios -- [FOLDER] [OPTION...]

  FOLDER          holds scenarios/NAME.json and results/NAME.json (default: ../shared/scenarios beside the checkout)
  --only TEXT     only scenarios with TEXT in their name
  --plans DIR     judges the plans in DIR/NAME.json instead of making them
  --keep DIR      writes the plans there and leaves them
  --json          prints every verdict and the totals as JSON

exit code: 0 nothing is wrong, 1 a plan is missing, breaks a rule, leaves more pods or costs more, 2 wrong use
`;
const DEFAULT_FOLDER = new URL("../../shared/scenarios/", import.meta.url).pathname;

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  let parsed: ReturnType<typeof readArgs>;
  try {
    parsed = readArgs(args);
  } catch (cause) {
    process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = parsed;
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const folder = resolve(positionals[0] ?? DEFAULT_FOLDER);
  if (!existsSync(join(folder, "scenarios"))) {
    process.stdout.write(`skipped: there is no folder ${folder}/scenarios\n`);
    // Somebody who names a folder wants it; without one there is simply nothing to do.
    return positionals.length > 0 ? 2 : 0;
  }
  const names = (await readdir(join(folder, "scenarios")))
    .filter((file) => file.endsWith(".json") && file.includes(values.only ?? ""))
    .map((file) => file.replace(/\.json$/, ""))
    .sort();
  const own =
    values.plans === undefined && values.keep === undefined ? await mkdtemp(join(tmpdir(), "plans-")) : undefined;
  const plans = resolve(values.plans ?? values.keep ?? own ?? "");
  try {
    if (values.plans === undefined) await planAll(folder, names, plans);
    const verdicts = await judgeAll(folder, names, plans);
    report(verdicts, values.json === true);
    return verdicts.every(({ outcome }) => outcome === "fine" || outcome === "skipped") ? 0 : 1;
  } finally {
    if (own !== undefined) await rm(own, { recursive: true });
  }
}

function readArgs(args: string[]) {
  return parseArgs({
    args,
    allowPositionals: true,
    options: {
      only: { type: "string" },
      plans: { type: "string" },
      keep: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
}

/** Catalogues are shared: a folder without its own uses the default one's. */
function catalogsOf(folder: string): string {
  const own = join(folder, "catalogs");
  return existsSync(own) ? own : join(DEFAULT_FOLDER, "catalogs");
}

/** One at a time: a scenario that ends in an exception counts as missing, and the others are still planned. */
async function planAll(folder: string, names: readonly string[], out: string): Promise<void> {
  const io = {
    out: () => undefined,
    err: () => undefined,
    stdin: async () => "",
    env: {},
    cwd: process.cwd(),
    terminal: undefined,
  };
  for (const name of names) {
    const scenarios = [join(folder, "scenarios", `${name}.json`)];
    try {
      await planScenarios({ scenarios, catalogs: catalogsOf(folder), out }, io);
    } catch (cause) {
      process.stderr.write(`${name}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`);
    }
  }
}

async function judgeAll(folder: string, names: readonly string[], plans: string): Promise<Verdict[]> {
  const catalogs = new Map<string, readonly InstanceType[]>();
  const read = async (...path: string[]): Promise<unknown> => JSON.parse(await readFile(join(...path), "utf8"));
  const verdicts: Verdict[] = [];
  for (const name of names) {
    const scenario = (await read(folder, "scenarios", `${name}.json`)) as Scenario;
    const { instanceTypes: file } = scenario;
    const types = catalogs.get(file) ?? instanceTypesFromKwokFile(await read(catalogsOf(folder), file), file);
    catalogs.set(file, types);
    const go = (await read(folder, "results", `${name}.json`)) as Reference;
    verdicts.push(compareScenario({ ...scenario, name }, types, await readPlan(plans, name), go));
  }
  return verdicts;
}

function report(verdicts: readonly Verdict[], asJson: boolean): void {
  const totals = totalsOf(verdicts);
  if (asJson) {
    process.stdout.write(`${JSON.stringify({ verdicts, totals }, null, 1)}\n`);
    return;
  }
  const wrong = verdicts.filter(({ outcome }) => outcome !== "fine" && outcome !== "skipped");
  const width = Math.max(0, ...wrong.map(({ name }) => name.length));
  for (const { name, outcome, reason } of wrong) {
    process.stdout.write(`${name.padEnd(width)}  ${outcome.toUpperCase().padEnd(8)} ${reason}\n`);
  }
  process.stdout.write(`${wrong.length > 0 ? "\n" : ""}${summary(totals)}`);
}

function summary(t: Totals): string {
  const percent = (a: number, b: number): string => (b === 0 ? "-" : `${(((a - b) / b) * 100).toFixed(2)} %`);
  const ratio = (a: number, b: number): string => (b === 0 ? "-" : (a / b).toFixed(3));
  const rows: [string, string][] = [
    [
      "cases",
      `${t.cases}: ${t.missing} missing, ${t.invalid} invalid, ${t.left} left, ${t.dearer} dearer, ${t.stiff} stiff`,
    ],
    ["pods left", `fewer than Go in ${t.fewerLeft} cases, more in ${t.left}`],
    [
      "price",
      `${t.price.toFixed(4)} in ${t.compared} cases: ${percent(t.price, t.goPrice)} against Go, ${percent(t.price, t.bestKnown)} against the best known (${t.worseThanBestKnown} cases above it)`,
    ],
    ["nodes", `${t.nodes}, ${ratio(t.nodes, t.goNodes)} of Go's ${t.goNodes}`],
    ["time", `${t.solveMs.toFixed(0)} ms, Go ${t.goSolveMs.toFixed(0)} ms`],
    [
      "disruption",
      t.disruptionSkipped === t.disruption
        ? `${t.disruption} cases skipped: not planned by this command`
        : `${t.disruption} cases, ${t.disruptionSkipped} skipped, ${t.dearerFleet} dearer: ${t.finalPrice.toFixed(4)}, ${percent(t.finalPrice, t.goFinalPrice)} against Go, ${percent(t.finalPrice, t.bestFleet)} against the best known`,
    ],
  ];
  return rows.map(([name, text]) => `${name.padEnd(12)}${text}\n`).join("");
}
