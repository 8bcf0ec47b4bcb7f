import { parse } from "yaml";
import { UserError } from "../base/errors.ts";
import { schedulerConfigOf } from "../model/scheduler-config.ts";
import type { Settings } from "../model/settings.ts";

/**
 * The settings with the default spread constraints that their text `schedulerConfig` (YAML or JSON) describes.
 * @throws UserError KARP_BAD_SETTINGS naming every mistake in it
 */
export function withSchedulerConfig(settings: Settings): Settings {
  const config = schedulerConfigOf(parsed(settings.schedulerConfig));
  if ("mistakes" in config) throw badConfig(config.mistakes);
  return config.defaultSpread.length === 0 ? settings : { ...settings, defaultSpread: config.defaultSpread };
}

function parsed(text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch (cause) {
    throw badConfig([cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause)]);
  }
}

function badConfig(mistakes: readonly string[]): UserError {
  return new UserError({
    code: "KARP_BAD_SETTINGS",
    what: `--scheduler-config cannot be used: ${mistakes.join("; ")}`,
    remedy:
      "write podTopologySpread.defaultConstraints, a list of constraints with maxSkew, topologyKey and whenUnsatisfiable",
  });
}
