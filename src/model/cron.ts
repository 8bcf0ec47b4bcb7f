import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../base/time.ts";
import { parseDuration } from "./duration.ts";

/** When something recurs: by the calendar, or every so often from wherever one looks. */
export type CronSchedule = CalendarSchedule | { readonly everyMs: number };

/** In UTC: which minutes, hours, days and months. */
export type CalendarSchedule = {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly daysOfMonth: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly daysOfWeek: ReadonlySet<number>;
  /** With a star in either day field both must match, otherwise one is enough. */
  readonly isEitherDay: boolean;
};

export type ParsedCron = { schedule: CronSchedule } | { error: string };

/**
 * Reads five fields (minute, hour, day of month, month, day of week) or @yearly, @annually, @monthly, @weekly, @daily,
 * @midnight, @hourly, or @every with a duration. Fields know *, ?, lists, ranges, steps and English three-letter names.
 * @source github.com/robfig/cron/v3, ParseStandard with TZ=UTC
 */
export function parseCron(text: string): ParsedCron {
  const trimmed = text.trim();
  const every = /^@every (.*)$/.exec(trimmed);
  if (every !== null) return everySchedule(every[1] ?? "");
  const spec = trimmed.startsWith("@") ? DESCRIPTORS.get(trimmed) : trimmed;
  if (spec === undefined) return { error: `unrecognized descriptor: ${trimmed}` };
  const fields = spec.split(/\s+/).filter((field) => field !== "");
  if (fields.length !== 5) return { error: `expected exactly 5 fields, found ${fields.length}: ${trimmed}` };
  const parsed: Field[] = [];
  for (const [index, bounds] of FIELDS.entries()) {
    const field = parseField(fields[index] ?? "", bounds);
    if (typeof field === "string") return { error: field };
    parsed.push(field);
  }
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = parsed as [Field, Field, Field, Field, Field];
  return {
    schedule: {
      minutes: minutes.values,
      hours: hours.values,
      daysOfMonth: daysOfMonth.values,
      months: months.values,
      daysOfWeek: daysOfWeek.values,
      isEitherDay: !daysOfMonth.hasStar && !daysOfWeek.hasStar,
    },
  };
}

/** At least a second, and whole ones. */
function everySchedule(duration: string): ParsedCron {
  const ms = parseDuration(duration);
  if (ms === undefined) return { error: `failed to parse duration: @every ${duration}` };
  return { schedule: { everyMs: Math.max(SECOND_MS, Math.floor(ms / SECOND_MS) * SECOND_MS) } };
}

/** The first time after `ms` (not at it), in milliseconds since 1970; undefined when none comes in five years. */
export function nextAfterMs(schedule: CronSchedule, ms: number): number | undefined {
  if ("everyMs" in schedule) return Math.floor(ms / SECOND_MS) * SECOND_MS + schedule.everyMs;
  const start = Math.floor(ms / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  const firstDay = Math.floor(start / DAY_MS);
  const lastYear = civilDate(firstDay).year + 5;
  for (let day = firstDay; ; day += 1) {
    const date = civilDate(day);
    if (date.year > lastYear) return undefined;
    if (!matchesDay(schedule, date, day)) continue;
    const fromMinute = day === firstDay ? (start - day * DAY_MS) / MINUTE_MS : 0;
    const minuteOfDay = firstMinute(schedule, fromMinute);
    if (minuteOfDay !== undefined) return day * DAY_MS + minuteOfDay * MINUTE_MS;
  }
}

type Bounds = { min: number; max: number; names: readonly string[] };
type Field = { values: ReadonlySet<number>; hasStar: boolean };

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: readonly Bounds[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: WEEKDAYS },
];
const DESCRIPTORS: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
  ["@monthly", "0 0 1 * *"],
  ["@weekly", "0 0 * * 0"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@hourly", "0 * * * *"],
]);

function parseField(text: string, bounds: Bounds): Field | string {
  const values = new Set<number>();
  let hasStar = false;
  const parts = text.split(",").filter((part) => part !== "");
  if (parts.length === 0) return `empty field: ${text}`;
  for (const part of parts) {
    const range = parseRange(part, bounds);
    if (typeof range === "string") return range;
    for (let value = range.start; value <= range.end; value += range.step) values.add(value);
    hasStar ||= range.isStar;
  }
  return { values, hasStar };
}

function parseRange(
  text: string,
  bounds: Bounds,
): { start: number; end: number; step: number; isStar: boolean } | string {
  const [span = "", stepText, ...tooManySteps] = text.split("/");
  if (tooManySteps.length > 0) return `too many slashes: ${text}`;
  const [low = "", high, ...tooManyEnds] = span.split("-");
  const isAll = low === "*" || low === "?";
  if (!isAll && tooManyEnds.length > 0) return `too many hyphens: ${text}`;
  const start = isAll ? bounds.min : parseNumber(low, bounds);
  const step = stepText === undefined ? 1 : parseNumber(stepText, NO_NAMES);
  // "N/step" runs from N to the end of the field.
  const openEnd = isAll || (high === undefined && stepText !== undefined);
  const end = openEnd ? bounds.max : high === undefined ? start : parseNumber(high, bounds);
  if (start === undefined || end === undefined || step === undefined) return `failed to parse number: ${text}`;
  if (start < bounds.min) return `beginning of range (${start}) below minimum (${bounds.min}): ${text}`;
  if (end > bounds.max) return `end of range (${end}) above maximum (${bounds.max}): ${text}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${text}`;
  if (step === 0) return `step of range should be a positive number: ${text}`;
  return { start, end, step, isStar: isAll && step === 1 };
}

const NO_NAMES: Bounds = { min: 0, max: 0, names: [] };

function parseNumber(text: string, { min, names }: Bounds): number | undefined {
  const name = names.indexOf(text.toLowerCase());
  if (name >= 0) return name + min;
  return /^\+?[0-9]+$/.test(text) ? Number(text) : undefined;
}

function matchesDay(
  schedule: CalendarSchedule,
  { month, day }: { month: number; day: number },
  epochDay: number,
): boolean {
  if (!schedule.months.has(month)) return false;
  const isDayOfMonth = schedule.daysOfMonth.has(day);
  // 1 January 1970 was a Thursday.
  const isDayOfWeek = schedule.daysOfWeek.has((((epochDay + 4) % 7) + 7) % 7);
  return schedule.isEitherDay ? isDayOfMonth || isDayOfWeek : isDayOfMonth && isDayOfWeek;
}

function firstMinute(schedule: CalendarSchedule, from: number): number | undefined {
  for (let hour = Math.floor(from / 60); hour < HOURS_PER_DAY; hour += 1) {
    if (!schedule.hours.has(hour)) continue;
    for (let minute = Math.max(from - hour * 60, 0); minute < 60; minute += 1) {
      if (schedule.minutes.has(minute)) return hour * 60 + minute;
    }
  }
  return undefined;
}

const HOURS_PER_DAY = DAY_MS / HOUR_MS;

/** Days since 1970 to the Gregorian date, counting years from March so that the leap day comes last. */
function civilDate(epochDay: number): { year: number; month: number; day: number } {
  const shifted = epochDay + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}
