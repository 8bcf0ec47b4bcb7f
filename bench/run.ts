import process from "node:process";
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

/** Every benchmark of the product, in the order they run. */
const toy = process.argv.includes("--toy");
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

/**
 * `npm run bench [-- NAME...] [-- --toy] [-- --profile]`: a line of JSON per measurement; names choose those that contain
 * one of them, --toy takes small sizes, --profile tells where the time goes: for plans the phases of making one, each with
 * its share, and the functions that took longest.
 */
const isProfile = process.argv.includes("--profile");
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
for (const bench of benches) {
  if (wanted.length > 0 && !wanted.some((name) => bench.name.includes(name))) continue;
  if (isProfile) {
    const summary = await profiled(bench.root ?? "", () => bench.run());
    process.stdout.write(`${bench.name}\n${summaryText(summary)}\n`);
    continue;
  }
  for (const line of await bench.run()) process.stdout.write(`${JSON.stringify({ name: bench.name, ...line })}\n`);
}
