import process from "node:process";
import { buildPrograms, findPrograms, GO_MODULES, hasGo } from "./go-programs.ts";

// Builds the programs that test:cluster needs and this machine has not got yet: a few minutes the first time.
const wanted = process.argv.slice(2);
for (const module of GO_MODULES) {
  if (wanted.length > 0 && !wanted.includes(module.folder)) continue;
  if (findPrograms(module) !== undefined) continue;
  if (!hasGo()) {
    console.log(`no Go here: ${module.folder} is not built, and the tests that need it are skipped`);
    continue;
  }
  console.log(`${module.folder}: building ${Object.keys(module.programs).join(", ")}`);
  console.log(`${module.folder}: in ${await buildPrograms(module)}`);
}
