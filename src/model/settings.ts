import { UserError } from "../base/errors.ts";
import type { TopologySpreadConstraint } from "./core.ts";
import { SETTINGS_TABLE, type SettingRow, type SettingValues } from "./settings-table.ts";
import type { Parsed } from "./settings-values.ts";

export type Settings = SettingValues & {
  /** Constraints of pods that have none, read from schedulerConfig: see withSchedulerConfig. Absent: there are none. */
  defaultSpread?: readonly TopologySpreadConstraint[];
  /** What was accepted but has no effect, one sentence each. */
  warnings: readonly string[];
};

type Env = Readonly<Record<string, string | undefined>>;
type Mistake = { isNotBuilt: boolean; text: string };

/**
 * The settings of one start: a flag goes before its variable, that before the default.
 * @param argv the arguments after the command, as `--name=value`, `--name value` (not for booleans) or `-name`
 * @throws UserError naming every mistake at once: KARP_BAD_SETTINGS, or KARP_FEATURE_NOT_BUILT when all of them ask
 *   for features that this version does not have
 * @source reference of the core operator's settings; where it ignores an unreadable variable, we also warn
 */
export function parseSettings({ argv, env }: { argv: readonly string[]; env: Env }): Settings {
  const mistakes: Mistake[] = [];
  const warnings: string[] = [];
  const given = readFlags(argv, mistakes);
  const values: Record<string, unknown> = {};
  for (const [key, row] of rows()) {
    values[key] = settle({ row, flagText: given.get(row.flag), env, mistakes, warnings });
  }
  const settings = { ...(values as SettingValues), warnings };
  refuseImpossible(settings, mistakes);
  if (mistakes.length > 0) throw problemOf(mistakes);
  return settings;
}

/** What holds when nothing is given. */
export function defaultSettings(): Settings {
  return parseSettings({ argv: [], env: {} });
}

/** Whether the arguments ask for help, which goes before everything else. */
export function asksForHelp(argv: readonly string[]): boolean {
  return argv.some((argument) => /^--?(h|help)$/.test(argument));
}

/** One row per setting, as `--help` and the documentation print it. */
export function settingsHelp(): { flag: string; variable: string; type: string; default: string; meaning: string }[] {
  return rows().map(([, row]) => ({
    flag: row.flag,
    variable: row.variable,
    type: row.type.name,
    default: row.type.print(row.default),
    meaning: row.meaning,
  }));
}

function rows(): [string, SettingRow<unknown>][] {
  return Object.entries(SETTINGS_TABLE) as unknown as [string, SettingRow<unknown>][];
}

/** The text given for each flag; the last one wins, a lone switch means true. */
function readFlags(argv: readonly string[], mistakes: Mistake[]): Map<string, string> {
  const byFlag = new Map(rows().map(([, row]) => [row.flag, row]));
  const given = new Map<string, string>();
  for (let i = 0; i < argv.length; i += 1) {
    const argument = argv[i] ?? "";
    const [, name, , inlineText] = /^--?([^-=][^=]*)(=([\s\S]*))?$/.exec(argument) ?? [];
    if (name === undefined) {
      mistakes.push(wrong(`"${argument}" is not a flag`));
      continue;
    }
    const row = byFlag.get(name);
    const takesNext = inlineText === undefined && usesNext(row, argv[i + 1]);
    const text = inlineText ?? (takesNext ? argv[i + 1] : row?.type.isSwitch ? "true" : undefined);
    if (takesNext) i += 1;
    if (row === undefined) mistakes.push(wrong(unknownFlag(name, [...byFlag.keys()])));
    else if (text === undefined) mistakes.push(wrong(`--${name} lacks its value`));
    else given.set(name, text);
  }
  return given;
}

/** Whether the next argument is the flag's value; an unknown flag takes what looks like one, to complain once. */
function usesNext(row: SettingRow<unknown> | undefined, next: string | undefined): boolean {
  if (next === undefined) return false;
  return row === undefined ? !next.startsWith("-") : !row.type.isSwitch;
}

function unknownFlag(name: string, flags: readonly string[]): string {
  const words = new Set(name.toLowerCase().split(/[-_]/));
  const sharedWords = (flag: string) => flag.split("-").filter((word) => words.has(word)).length;
  const near = flags.filter((flag) => sharedWords(flag) > 0).sort((a, b) => sharedWords(b) - sharedWords(a));
  return `there is no flag --${name}${near.length > 0 ? ` (near: --${near.slice(0, 2).join(", --")})` : ""}`;
}

type Given = {
  row: SettingRow<unknown>;
  flagText: string | undefined;
  env: Env;
  mistakes: Mistake[];
  warnings: string[];
};

function settle(given: Given): unknown {
  const { row, flagText, env, mistakes, warnings } = given;
  const variableText = env[row.variable];
  if (flagText !== undefined) {
    const parsed = row.type.parse(flagText);
    if ("value" in parsed) return accepted(given, parsed.value, `--${row.flag}`);
    mistakes.push(wrong(`--${row.flag} is "${flagText}"; expected ${parsed.expected}`));
    return row.default;
  }
  if (variableText === undefined) return row.default;
  const parsed: Parsed<unknown> = (row.type.parseVariable ?? row.type.parse)(variableText);
  if ("value" in parsed) return accepted(given, parsed.value, row.variable);
  const text = `${row.variable} is "${variableText}"; expected ${parsed.expected}`;
  if (row.type.isStrictVariable) mistakes.push(wrong(text));
  else if (variableText !== "") warnings.push(`${text}; the default ${row.type.print(row.default)} is used`);
  return row.default;
}

function accepted({ row, env, mistakes, warnings }: Given, value: unknown, source: string): unknown {
  for (const what of row.notBuilt?.(value) ?? []) {
    mistakes.push({ isNotBuilt: true, text: `${source}: ${what} is not part of this version` });
  }
  for (const what of row.warnings?.(value, env) ?? []) warnings.push(`${source}: ${what}`);
  return row.settled === undefined ? value : row.settled(value);
}

function refuseImpossible(settings: SettingValues, mistakes: Mistake[]): void {
  const { leaseDurationMs, leaseRenewDeadlineMs, leaseRetryMs } = settings;
  if (leaseDurationMs <= leaseRenewDeadlineMs || leaseRenewDeadlineMs <= leaseRetryMs) {
    mistakes.push(wrong("--lease-duration must be longer than --lease-renew-deadline, that longer than --lease-retry"));
  }
  if (settings.metricsPort !== 0 && settings.metricsPort === settings.healthProbePort) {
    mistakes.push(wrong(`--metrics-port and --health-probe-port are both ${settings.metricsPort}`));
  }
}

function wrong(text: string): Mistake {
  return { isNotBuilt: false, text };
}

function problemOf(mistakes: readonly Mistake[]): UserError {
  const what = mistakes.map(({ text }) => text).join("\n  ");
  if (mistakes.every(({ isNotBuilt }) => isNotBuilt)) {
    return new UserError({
      code: "KARP_FEATURE_NOT_BUILT",
      what,
      remedy: "take this setting out; docs/differences.md lists what this version covers",
    });
  }
  return new UserError({
    code: "KARP_BAD_SETTINGS",
    what,
    remedy: 'correct the settings named above; "karpenter controller --help" lists all of them',
  });
}
