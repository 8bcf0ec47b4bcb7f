import { formatTime } from "../base/time.ts";
import { type DisruptionPause, parseDisruptionPause } from "./disruption-pause.ts";
import { formatDuration, parseDuration } from "./duration.ts";

/** What a text stands for, or what was expected instead. */
export type Parsed<T> = { value: T } | { expected: string };

/** How values of one type are written on the command line and in the environment. */
export type ValueType<T> = {
  readonly name: string;
  /** Of a flag. */
  parse(text: string): Parsed<T>;
  /** Of a variable, where that differs. */
  parseVariable?(text: string): Parsed<T>;
  /** A variable that does not parse ends the start too; otherwise the default stands and a warning tells. */
  readonly isStrictVariable?: boolean;
  /** May stand alone (--name), and takes a value only after "=". */
  readonly isSwitch?: boolean;
  print(value: T): string;
};

export const TEXT: ValueType<string> = { name: "string", parse: (text) => ({ value: text }), print: (value) => value };

/** An absolute address, or nothing. */
export const ADDRESS: ValueType<string> = {
  name: "URL",
  isStrictVariable: true,
  parse: (text) =>
    text === "" || /^https?:\/\/[^/\s]+/.test(text) ? { value: text } : { expected: "an address such as https://host" },
  print: (value) => value,
};

export const TEXTS: ValueType<readonly string[]> = {
  name: "comma list",
  parse: (text) => ({ value: text.split(",").filter((item) => item !== "") }),
  print: (values) => values.join(","),
};

/** Words of Go's strconv.ParseBool, which variables accept. */
const TRUE_WORDS: readonly string[] = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE_WORDS: readonly string[] = ["0", "f", "F", "FALSE", "false", "False"];

export function parseBooleanWord(text: string): boolean | undefined {
  if (TRUE_WORDS.includes(text)) return true;
  return FALSE_WORDS.includes(text) ? false : undefined;
}

export const BOOLEAN: ValueType<boolean> = {
  name: "bool",
  isSwitch: true,
  parse(text) {
    if (text === "true") return { value: true };
    return text === "false" ? { value: false } : { expected: "true or false" };
  },
  parseVariable(text) {
    const value = parseBooleanWord(text);
    return value === undefined ? { expected: "true or false" } : { value };
  },
  print: String,
};

/** A whole number from `min` to `max`, both included. */
export function wholeNumber(min: number, max: number): ValueType<number> {
  const expected =
    max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min} on` : `a whole number from ${min} to ${max}`;
  return {
    name: "int",
    parse(text) {
      const value = /^[+-]?(\d+|0[xX][0-9a-fA-F]+)$/.test(text) ? Number(text) : Number.NaN;
      return Number.isSafeInteger(value) && value >= min && value <= max ? { value } : { expected };
    },
    print: String,
  };
}

/** US dollars or another measure, at least 0. */
export const AMOUNT: ValueType<number> = {
  name: "number",
  parse(text) {
    const value = /^\+?(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
    return Number.isFinite(value) ? { value } : { expected: "a number of at least 0, as in 0.01" };
  },
  print: String,
};

/** In milliseconds, at least `minMs`. */
export function duration(minMs: number): ValueType<number> {
  return {
    name: "duration",
    parse(text) {
      const value = parseDuration(text);
      if (value !== undefined && value >= minMs) return { value };
      return { expected: `a duration of at least ${formatDuration(minMs)}, as in 10s or 1m30s` };
    },
    print: formatDuration,
  };
}

/** One of a few words, upper and lower case as written. */
export function oneOf<const T extends string>(words: readonly T[]): ValueType<T> {
  return {
    name: words.filter((word) => word !== "").join(" | "),
    isStrictVariable: true,
    parse(text) {
      const value = words.find((word) => word === text);
      return value === undefined
        ? { expected: words.map((word) => (word === "" ? '""' : word)).join(" or ") }
        : { value };
    },
    print: (value) => value,
  };
}

/** A pause of disruption in the whole cluster; nothing: none. */
export const PAUSE: ValueType<DisruptionPause | undefined> = {
  name: "pause",
  isStrictVariable: true,
  parse(text) {
    if (text.trim() === "") return { value: undefined };
    const pause = parseDisruptionPause(text);
    return "problem" in pause
      ? {
          expected: `TIME [REASON,...] [# who and why], as in "2026-03-04T18:00:00Z Drifted # bad image"; ${pause.problem}`,
        }
      : { value: pause };
  },
  print(pause) {
    if (pause === undefined) return "";
    const { untilMs, reasons, note } = pause;
    return [formatTime(untilMs), reasons.join(","), note === "" ? "" : `# ${note}`]
      .filter((part) => part !== "")
      .join(" ");
  },
};
