import { InvariantError, RetryError } from "../base/errors.ts";
import type { KubeObject } from "../model/object.ts";
import { isExpired, type Watch, type WatchEnd, type WatchEvent } from "../ports/kube-api.ts";
import { errorOfEvent, refusalOf } from "./answers.ts";
import { limits } from "./limits.ts";
import { linesOf } from "./lines.ts";
import type { Transport } from "./transport.ts";

type RawEvent = { type?: unknown; object?: unknown };

/** Reads one watch from `path` until it ends or is stopped. Each event is one call of `onEvent`, in order. */
export function httpWatch<T extends KubeObject>(
  transport: Transport,
  path: string,
  onEvent: (event: WatchEvent<T>) => void,
): Watch {
  const stopping = new AbortController();
  const { signal } = stopping;
  const run = async (): Promise<WatchEnd> => {
    try {
      return await readEvents(transport, path, signal, onEvent);
    } catch (error) {
      if (signal.aborted) return { reason: "stopped" };
      return isExpired(error) ? { reason: "expired" } : { reason: "failed", error };
    } finally {
      // The connection goes with the watch, also when an event could not be read.
      stopping.abort();
    }
  };
  return { ended: run(), stop: () => stopping.abort() };
}

async function readEvents<T extends KubeObject>(
  transport: Transport,
  path: string,
  signal: AbortSignal,
  onEvent: (event: WatchEvent<T>) => void,
): Promise<WatchEnd> {
  const { code, retryAfterSeconds, body } = await transport.open(path, signal);
  if (code !== 200) throw refusalOf({ code, retryAfterSeconds, text: await body.text() });
  const lines = linesOf(body, limits.watchLineBytesMax)[Symbol.asyncIterator]();
  for (;;) {
    const line = await nextLine(lines);
    if (signal.aborted) return { reason: "stopped" };
    if (line === undefined) return { reason: "closed" };
    onEvent(eventOf<T>(line));
    if (signal.aborted) return { reason: "stopped" };
  }
}

/** @throws RetryError when the connection broke */
async function nextLine(lines: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  try {
    const next = await lines.next();
    return next.done === true ? undefined : next.value;
  } catch (error) {
    if (error instanceof RetryError) throw error;
    throw new RetryError(`the watch broke off: ${error instanceof Error ? error.message : error}`, 0, error);
  }
}

/** @throws ApiError for an ERROR event, RetryError for what is no event at all */
function eventOf<T extends KubeObject>(line: Buffer): WatchEvent<T> {
  const { type, object } = parsed(line);
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object: object as T };
    case "BOOKMARK":
      return { type, resourceVersion: (object as T).metadata.resourceVersion };
    case "ERROR":
      throw errorOfEvent(object);
    default:
      throw new InvariantError("a watch tells of four kinds of events and errors", type);
  }
}

function parsed(line: Buffer): RawEvent {
  try {
    return JSON.parse(line.toString("utf8")) as RawEvent;
  } catch (error) {
    throw new RetryError("the watch sent what is not JSON", 0, error);
  }
}
