import { UserError } from "../../src/base/errors.ts";
import { SETTINGS_TABLE, type SettingRow } from "../../src/model/settings-table.ts";
import type { PlanSettings } from "../../src/snapshot/snapshot.ts";

const TEXT = { type: "string" } as const;

/** The controller's settings of the search, for what-ifs on files. */
export const SEARCH_FLAGS = {
  "node-surcharge": TEXT,
  "launch-price-factor": TEXT,
  "node-cpu-max": TEXT,
  "workload-share-max": TEXT,
} as const;

/**
 * Read and settled as the controller does.
 * @throws UserError KARP_BAD_FLAG
 */
export function searchSettings(
  flags: { [K in keyof typeof SEARCH_FLAGS]?: string | undefined },
): Partial<PlanSettings> {
  const { nodeSurchargeUsdPerHour, launchPriceFactor, nodeCpuMaxMilli, workloadShareMax } = SETTINGS_TABLE;
  return {
    surchargePerNode: settingOf(nodeSurchargeUsdPerHour, flags["node-surcharge"]),
    launchPriceFactor: settingOf(launchPriceFactor, flags["launch-price-factor"]),
    nodeCpuMaxMilli: settingOf(nodeCpuMaxMilli, flags["node-cpu-max"]),
    workloadShareMax: settingOf(workloadShareMax, flags["workload-share-max"]),
  };
}

function settingOf(row: SettingRow<number>, text: string | undefined): number {
  const { flag, type, default: preset, settled = (value: number) => value } = row;
  if (text === undefined) return settled(preset);
  const read = type.parse(text);
  if ("value" in read) return settled(read.value);
  throw new UserError({
    code: "KARP_BAD_FLAG",
    what: `karpenter plan: --${flag} is "${text}", not ${read.expected}`,
    remedy: '"karpenter plan --help" lists the flags',
  });
}
