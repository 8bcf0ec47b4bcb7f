import { closeSync, openSync, writeSync } from "node:fs";
import { UserError } from "../base/errors.ts";

export type LogSinks = {
  /** Writes one line to every sink; when that fails, says so once per sink where such things go. */
  write(line: string): void;
  close(): void;
};

type Sink = { path: string; write(text: string): void; close(): void };

/**
 * Opens the places of --log-output-paths: "stdout", "stderr", or a file to append to ("file://" may stand before it).
 * @param errorPaths where failures to write are told, in the same notation
 * @throws UserError KARP_LOG_PATH for a file that cannot be opened
 */
export function openLogSinks(paths: readonly string[], errorPaths: readonly string[]): LogSinks {
  const sinks = paths.map(openSink);
  const errorSinks = errorPaths.map(openSink);
  const failed = new Set<string>();
  return {
    write(line) {
      for (const sink of sinks) {
        try {
          sink.write(`${line}\n`);
        } catch (error) {
          if (failed.has(sink.path)) continue;
          failed.add(sink.path);
          tell(errorSinks, `cannot write logs to ${sink.path}: ${error instanceof Error ? error.message : error}\n`);
        }
      }
    },
    close() {
      for (const sink of [...sinks, ...errorSinks]) sink.close();
    },
  };
}

function tell(sinks: readonly Sink[], text: string): void {
  for (const sink of sinks) {
    try {
      sink.write(text);
    } catch {
      // There is no other place left to tell it.
    }
  }
}

function openSink(path: string): Sink {
  if (path === "stdout" || path === "stderr") {
    const stream = process[path];
    return { path, write: (text) => void stream.write(text), close: () => undefined };
  }
  try {
    const file = openSync(path.replace(/^file:\/\//, ""), "a");
    return { path, write: (text) => void writeSync(file, text), close: () => closeSync(file) };
  } catch (cause) {
    throw new UserError({
      code: "KARP_LOG_PATH",
      what: `logs cannot be written to "${path}": ${cause instanceof Error ? cause.message : cause}`,
      remedy: "give stdout, stderr or a file in a folder that exists and may be written to",
      cause,
    });
  }
}
