import process from "node:process";
import { parseArgs } from "node:util";
import { askBenches } from "./ask.bench.ts";
import { awsBenches } from "./aws.bench.ts";
import type { Bench } from "./bench.ts";
import { churnBenches } from "./churn.bench.ts";
import { disruptionBenches } from "./disruption.bench.ts";
import { planBenches } from "./plan.bench.ts";
import { playgroundBenches } from "./playground.bench.ts";
import { profiled, summaryText } from "./profile.ts";
import { replanBenches } from "./replan.bench.ts";
import { simulationBenches } from "./simulation.bench.ts";

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    toy: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    help: { type: "boolean", default: false, short: "h" },
  },
});
const { toy } = values;

/** Every benchmark of the product, in the order they run. */
const benches: readonly Bench[] = [
  ...planBenches({ toy }),
  ...replanBenches({ toy }),
  ...disruptionBenches({ toy }),
  ...playgroundBenches({ toy }),
  ...simulationBenches({ toy }),
  ...churnBenches({ toy }),
  ...awsBenches({ toy }),
  ...askBenches({ toy }),
];

const HELP = `npm run bench [-- NAME...] [-- --toy] [-- --profile]

A line of JSON per measurement.
  NAME       only benches whose name contains one of these
  --toy      small sizes
  --profile  tells where the time goes instead: for plans the phases of making one, each with its share, and the
             functions that took longest
  -h, --help this text

Benches:
${benches.map(({ name }) => `  ${name}\n`).join("")}`;

if (values.help) process.stdout.write(HELP);
for (const bench of values.help ? [] : benches) {
  if (wanted.length > 0 && !wanted.some((name) => bench.name.includes(name))) continue;
  if (values.profile) {
    const summary = await profiled(bench.root ?? "", () => bench.run());
    process.stdout.write(`${bench.name}\n${summaryText(summary)}\n`);
    continue;
  }
  for (const line of await bench.run()) process.stdout.write(`${JSON.stringify({ name: bench.name, ...line })}\n`);
}
