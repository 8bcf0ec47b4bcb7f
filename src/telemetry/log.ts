import type { Clock } from "../ports/clock.ts";
import type { Log, LogFields } from "../ports/telemetry.ts";

export type LogLevel = "debug" | "info" | "error";
export type LogOptions = {
  /** The least important level that is written. */
  level: LogLevel;
  /** Gets one line of JSON, without its line end. */
  write(line: string): void;
  clock: Clock;
  /** First seven digits of the source's revision, where known. */
  commit?: string;
};

/**
 * Writes each record as one line of JSON: level, time, logger, message, commit, caller (at level debug only), then the
 * fields. Of equal messages in one second the first 100 are written, then every 100th.
 * @source reference of the core operator's settings, "Logging"
 */
export function createLog(options: LogOptions): Log {
  return new JsonLog(options, new Sampler(options.clock), "controller", {});
}

/** Drops everything. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  error: () => undefined,
  with: () => silentLog,
};

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, error: 2 };

class JsonLog implements Log {
  readonly #options: LogOptions;
  readonly #sampler: Sampler;
  readonly #logger: string;
  readonly #fields: LogFields;

  constructor(options: LogOptions, sampler: Sampler, logger: string, fields: LogFields) {
    this.#options = options;
    this.#sampler = sampler;
    this.#logger = logger;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    // The event recorder's debug records repeat every event that is published anyway.
    if (!this.#logger.endsWith(".events")) this.#write("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write("info", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#write("error", message, fields);
  }

  with({ logger, ...fields }: LogFields): Log {
    const name = typeof logger === "string" ? `${this.#logger}.${logger}` : this.#logger;
    return new JsonLog(this.#options, this.#sampler, name, { ...this.#fields, ...fields });
  }

  #write(level: LogLevel, message: string, fields: LogFields | undefined): void {
    const { clock, commit, write } = this.#options;
    if (RANKS[level] < RANKS[this.#options.level] || !this.#sampler.lets(level, message)) return;
    const head: Record<string, unknown> = {
      level: level.toUpperCase(),
      time: new Date(clock.nowMs()).toISOString(),
      logger: this.#logger,
      message,
      ...(commit === undefined ? {} : { commit }),
      ...(this.#options.level === "debug" ? { caller: callerOf() } : {}),
    };
    write(lineOf(head, { ...this.#fields, ...fields }));
  }
}

/** Lets the first 100 of a second pass and every 100th after, per level and message. */
class Sampler {
  readonly #clock: Clock;
  #second = 0;
  #counts = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  lets(level: LogLevel, message: string): boolean {
    const second = Math.floor(this.#clock.nowMs() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#counts.clear();
    }
    const key = `${level} ${message}`;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count <= 100 || count % 100 === 0;
  }
}

function lineOf(head: Record<string, unknown>, fields: LogFields): string {
  try {
    return JSON.stringify({ ...head, ...fields, ...head }, plain);
  } catch (error) {
    // A field that cannot be written must not hide the message.
    return JSON.stringify({ ...head, unwritable: textOf(error) });
  }
}

/** For JSON.stringify: errors as their text, the rest that JSON lacks in the nearest form. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error) return textOf(value);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}

/** What went wrong, without a stack: message, and of several errors all messages. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError) return `${error.message}: ${error.errors.map(textOf).join("; ")}`;
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? textOf(error.cause) : "";
  // Many messages quote their cause already.
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

/** "folder/file.ts:12" of the code that logs. */
function callerOf(): string {
  const here: { stack?: string } = {};
  Error.captureStackTrace(here, callerOf);
  const frames = (here.stack ?? "").split("\n").slice(1);
  const outside = frames.find((frame) => !frame.includes("/telemetry/log.ts")) ?? "";
  return /([^/\\(]+[/\\][^/\\(]+:\d+):\d+\)?$/.exec(outside)?.[1] ?? "unknown";
}
