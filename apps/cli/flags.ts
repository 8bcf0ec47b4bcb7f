import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { UserError } from "../../src/base/errors.ts";
import { parseTime } from "../../src/base/time.ts";

/**
 * Reads the flags of a command.
 * @throws UserError KARP_BAD_FLAG naming the flag, for unknown ones, missing values and stray words
 */
export function readFlags<T extends ParseArgsOptionsConfig>(command: string, args: string[], options: T) {
  try {
    return parseArgs({ args, options, allowPositionals: false, strict: true }).values;
  } catch (cause) {
    const what = cause instanceof Error ? (cause.message.split(". ")[0] ?? "") : String(cause);
    throw new UserError({
      code: "KARP_BAD_FLAG",
      what: `karpenter ${command}: ${what}`,
      remedy: `"karpenter ${command} --help" lists the flags`,
      cause,
    });
  }
}

/**
 * A whole number given as a flag.
 * @throws UserError KARP_BAD_FLAG when it is none or outside the range (both ends included)
 */
export function numberFlag(command: string, name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UserError({
    code: "KARP_BAD_FLAG",
    what: `karpenter ${command}: --${name} is "${text}", not a whole number from ${min} to ${max}`,
    remedy: `give a whole number from ${min} to ${max}`,
  });
}

/**
 * A moment given as a flag; without one it is now.
 * @throws UserError KARP_BAD_FLAG
 */
export function momentFlag(command: string, text: string | undefined): number {
  if (text === undefined) return Date.now();
  const nowMs = parseTime(text);
  if (nowMs !== undefined) return nowMs;
  throw new UserError({
    code: "KARP_BAD_FLAG",
    what: `karpenter ${command}: --now is "${text}", not a time such as 2026-01-01T12:00:00Z`,
    remedy: `"karpenter ${command} --help" lists the flags`,
  });
}

/** "-f a b" means "-f a -f b": a shell's wildcard after -f gives all its files. */
export function spread(args: readonly string[]): string[] {
  const result: string[] = [];
  let flag: string | undefined;
  for (const arg of args) {
    if (["-f", "--filename", "--scenario", "--snapshot"].includes(arg)) {
      flag = arg;
      result.push(arg);
    } else if (arg.startsWith("-") && arg !== "-") {
      flag = undefined;
      result.push(arg);
    } else {
      if (flag !== undefined && result.at(-1) !== flag) result.push(flag);
      result.push(arg);
    }
  }
  return result;
}
