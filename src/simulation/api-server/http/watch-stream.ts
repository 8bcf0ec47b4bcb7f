import type { ServerResponse } from "node:http";
import type { ApiServer } from "../api-server.ts";
import { expired } from "../refusals.ts";
import type { ApiRequest, RawObject, RawWatch, RawWatchEvent } from "../requests.ts";

/** Turns an event's object into what this watcher asked for; `isFirst` tells whether it is the first of the stream. */
export type EventForm = {
  key: string;
  /** What the form depends on besides the object (the second, for ages); a text made under another stamp is made anew. */
  stamp(): number;
  toBody(object: RawObject, isFirst: boolean): unknown;
};

/** A consumer that reads so slowly that this much piles up is cut off: it has to list again. */
const PENDING_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Streams a watch as lines of JSON until either side ends it.
 * @throws ApiError when the watch cannot start: nothing has been written then
 */
export function streamWatch(
  { server, texts }: { server: ApiServer; texts: EventTexts },
  request: ApiRequest,
  response: ServerResponse,
  form: EventForm,
): void {
  let isFirst = true;
  let isOver = false;
  let watch: RawWatch | undefined;
  const end = (status?: unknown): void => {
    if (isOver) return;
    isOver = true;
    watch?.stop();
    if (status === undefined) response.end();
    else response.end(`${JSON.stringify({ type: "ERROR", object: status })}\n`);
  };
  watch = server.watch(request, {
    onEvent: (event) => {
      if (isOver) return;
      response.write(lineOf(texts, event, form, isFirst));
      isFirst = false;
      if (response.writableLength > PENDING_BYTES_MAX) end(expired("the watch is too slow to keep up").status);
    },
    onEnd: (ending) => end(ending.reason === "failed" ? ending.error.status : undefined),
  });
  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-cache, private" });
  // Clients wait for the headers before they go on, and the first event may be long in coming.
  response.flushHeaders();
  response.on("close", () => {
    isOver = true;
    watch.stop();
  });
}

type Line = { stamp: number; text: Buffer };
/** Every event goes to many watchers at about the same time: its text is made once per form. The latest are kept. */
export type EventTexts = Map<RawObject, Map<string, Line>>;
const TEXTS_MAX = 256;

function lineOf(texts: EventTexts, event: RawWatchEvent, form: EventForm, isFirst: boolean): Buffer {
  const key = `${event.type} ${form.key} ${isFirst}`;
  const stamp = form.stamp();
  const known = texts.get(event.object) ?? new Map<string, Line>();
  const line = known.get(key);
  if (line !== undefined && line.stamp === stamp) return line.text;
  const text = Buffer.from(`${JSON.stringify({ type: event.type, object: form.toBody(event.object, isFirst) })}\n`);
  for (const oldest of texts.keys()) {
    if (texts.size < TEXTS_MAX) break;
    texts.delete(oldest);
  }
  texts.set(event.object, known.set(key, { stamp, text }));
  return text;
}
