import { readFile, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { parseTime } from "../../src/base/time.ts";
import type { InstanceType } from "../../src/model/instance-type.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { instanceTypesFromKwokFile } from "../../src/providers/kwok/instance-types.ts";
import type { PlanSettings } from "../../src/snapshot/snapshot.ts";
import type { Io } from "./io.ts";
import { EXIT } from "./io.ts";
import { makeFolder } from "./make-folder.ts";
import { planJson, timedPlan } from "./plan-cluster.ts";
import { disruptionJson, timedDisruption } from "./plan-disruption.ts";

/** A cluster at one moment, as a scenario file describes it. */
type Scenario = {
  name: string;
  kind?: string;
  objects: KubeObject[];
  instanceTypes: string;
  now: string;
  options?: Partial<Pick<PlanSettings, "preferencePolicy" | "minValuesPolicy">> & { spotToSpotConsolidation?: boolean };
};

export type ScenarioFlags = { scenarios: readonly string[]; catalogs: string; out: string };

/**
 * Plans every scenario in this one process and writes OUT/NAME.json each.
 * @throws UserError KARP_BAD_SCENARIO, KARP_BAD_INSTANCE_TYPES, KARP_CANNOT_WRITE
 */
export async function planScenarios({ scenarios, catalogs, out }: ScenarioFlags, io: Io): Promise<number> {
  await makeFolder(resolve(io.cwd, out));
  const types = new Map<string, readonly InstanceType[]>();
  for (const file of scenarios) {
    const scenario = await readScenario(resolve(io.cwd, file), file);
    const result = planOf(scenario, await catalogue(scenario));
    await writeFile(join(resolve(io.cwd, out), `${scenario.name}.json`), `${JSON.stringify(result, null, 1)}\n`);
    io.err(`${scenario.name}: ${summary(result)}\n`);
  }
  return EXIT.fine;

  async function catalogue({ instanceTypes: name }: Scenario): Promise<readonly InstanceType[]> {
    const known = types.get(name);
    if (known !== undefined) return known;
    const path = join(resolve(io.cwd, catalogs), name);
    const read = instanceTypesFromKwokFile(await readJson(path, path), path);
    types.set(name, read);
    return read;
  }
}

function planOf(scenario: Scenario, instanceTypes: readonly InstanceType[]): Record<string, unknown> {
  const nowMs = parseTime(scenario.now) ?? 0;
  const { preferencePolicy, minValuesPolicy } = scenario.options ?? {};
  const settings: Partial<PlanSettings> = {
    ...(preferencePolicy === undefined ? {} : { preferencePolicy }),
    ...(minValuesPolicy === undefined ? {} : { minValuesPolicy }),
  };
  const input = { objects: scenario.objects, instanceTypes, nowMs, settings };
  if (scenario.kind !== "disruption") return planJson(timedPlan(input));
  const spotToSpot = scenario.options?.spotToSpotConsolidation === true;
  return disruptionJson(timedDisruption({ ...input, spotToSpot, steady: true }));
}

function summary(result: Record<string, unknown>): string {
  const count = (field: string): number => (result[field] as unknown[]).length;
  const price = ((result["pricePerHour"] ?? result["finalPricePerHour"]) as number).toFixed(4);
  if (result["finalNodes"] !== undefined) {
    const before = (result["initialPricePerHour"] as number).toFixed(4);
    return `${count("commands")} commands, $${before}/h becomes $${price}/h, ${count("finalNodes")} nodes, ${result["solveMs"]} ms`;
  }
  return `${count("newNodeClaims")} nodes, $${price}/h, ${count("unschedulable")} pods refused, ${result["solveMs"]} ms`;
}

async function readScenario(path: string, file: string): Promise<Scenario> {
  const json = (await readJson(path, file)) as Partial<Scenario> | null;
  const missing = (["objects", "instanceTypes", "now"] as const).filter((field) => json?.[field] === undefined);
  if (json === null || typeof json !== "object" || missing.length > 0 || !Array.isArray(json.objects)) {
    throw badScenario(file, `it lacks ${missing.length > 0 ? missing.join(", ") : "a list of objects"}`);
  }
  return { ...(json as Scenario), name: json.name ?? basename(file).replace(/\.json$/, "") };
}

async function readJson(path: string, file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as unknown;
  } catch (cause) {
    throw badScenario(file, cause instanceof Error ? cause.message : String(cause));
  }
}

function badScenario(file: string, what: string): UserError {
  return new UserError({
    code: "KARP_BAD_SCENARIO",
    what: `${file} cannot be read as a scenario: ${what}`,
    remedy: "a scenario is one JSON file with objects, instanceTypes (a file name in --catalogs) and now",
  });
}
