import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../../ports/clock.ts";
import type { ApiServer } from "../api-server.ts";
import type { ResourceDefinition } from "../resource-definitions.ts";
import type { Accept } from "./accept.ts";
import type { OpenApi } from "./openapi.ts";
import type { ForwardSource, LogSource, UsageSource } from "./sources.ts";
import type { EventTexts } from "./watch-stream.ts";

/** What every request of one served API can use. */
export type Served = {
  server: ApiServer;
  clock: Pick<Clock, "nowMs">;
  logs: LogSource | undefined;
  usage: UsageSource | undefined;
  forward: ForwardSource | undefined;
  openApi: OpenApi;
  texts: EventTexts;
  /** Resources that this side answers by itself, beside those of the core. */
  virtual: readonly ResourceDefinition[];
};

/** One request. */
export type Call = {
  served: Served;
  request: IncomingMessage;
  response: ServerResponse;
  method: string;
  url: URL;
  segments: readonly string[];
  accept: Accept;
};

/** What every handler returns, so that none forgets to answer. */
export type Answered = "answered";

/** Writes a whole answer as JSON. */
export function answerJson(
  call: Call,
  code: number,
  body: unknown,
  headers: Record<string, string | string[]> = {},
): Answered {
  return answerText(call, code, JSON.stringify(body), { "content-type": "application/json", ...headers });
}

export function answerText(
  call: Call,
  code: number,
  text: string,
  headers: Record<string, string | string[]> = { "content-type": "text/plain; charset=utf-8" },
): Answered {
  return answerBytes(call, code, Buffer.from(text), headers);
}

export function answerBytes(
  call: Call,
  code: number,
  bytes: Buffer,
  headers: Record<string, string | string[]>,
): Answered {
  call.response.writeHead(code, {
    "cache-control": "no-cache, private",
    ...headers,
    "content-length": String(bytes.length),
  });
  call.response.end(bytes);
  return "answered";
}
