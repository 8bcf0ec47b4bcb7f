import process from "node:process";
import type { Bench } from "./bench.ts";
import { planBenches } from "./plan.bench.ts";

/** Every benchmark of the product, in the order they run. */
const benches: readonly Bench[] = [...planBenches({ toy: false })];

/** `npm run bench [NAME...]`: a line of JSON per measurement; names choose those that contain one of them. */
const wanted = process.argv.slice(2);
for (const bench of benches) {
  if (wanted.length > 0 && !wanted.some((name) => bench.name.includes(name))) continue;
  for (const line of await bench.run()) process.stdout.write(`${JSON.stringify({ name: bench.name, ...line })}\n`);
}
